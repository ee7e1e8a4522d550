/* Any bytes in any pieces give the same lines, and little is kept. The first byte is the limit. */
#include "fuzz/cut.h"
#include "fuzz/fuzz.h"
#include "lib/smtp/line_reader.h"

static void run(slice in, size_t max_bytes, size_t step, struct buf *log)
{
    struct line_reader r;
    struct line line;
    struct cut cut = {in, step, 0};
    slice piece;
    line_reader_init(&r, max_bytes);
    while (cut_next(&cut, &piece))
        for (enum line_event e; (e = line_reader_take(&r, &piece, &line)) != LINE_MORE;) {
            FUZZ_CHECK(line.text.n < max_bytes);
            FUZZ_CHECK(slice_find(line.text, '\n') == line.text.n);
            buf_addc(log, (char)('0' + e));
            buf_add(log, line.text);
            buf_addc(log, (char)('0' + line.is_bare_lf + 2 * line.has_bare_cr + 4 * line.has_nul));
        }
    FUZZ_CHECK(r.partial.n <= max_bytes);
    FUZZ_CHECK(line_reader_pending(&r) > 0 || r.partial.p == NULL);
    buf_addu(log, line_reader_pending(&r));
    line_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    static const size_t steps[] = {0, 1, 3, 20};
    struct buf want, got;
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    size_t max_bytes = 2 + data[0] % 64;
    slice in = slice_of(data + 1, n - 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        buf_clear(&got);
        run(in, max_bytes, steps[i], i == 0 ? &want : &got);
        FUZZ_CHECK(i == 0 || slice_eq(buf_slice(&want), buf_slice(&got)));
    }
    buf_release(&want);
    buf_release(&got);
    return 0;
}
