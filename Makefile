# Two commands: `make run` tries Candor out, `make test` proves it. The rest is for who works on it.
# What they do stands in tools/; this file only names it.
.PHONY: all run test bench chaos fuzz clean

all:
	@tools/deps build
	@tools/build build

run:
	@exec tools/run

test:
	@tools/deps
	@exec tools/test

bench:
	@tools/deps
	@exec tests/bench/bench

chaos:
	@tools/deps
	@exec tools/test chaos

fuzz:
	@tools/deps
	@exec tools/test fuzz-long

clean:
	rm -rf build build-clang build-asan candor
