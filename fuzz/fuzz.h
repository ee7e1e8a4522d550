/* What a fuzz target is: one function, defined in fuzz_NAME.c. It must take any bytes. libFuzzer
 * calls it, and without libFuzzer driver.c with each file that is named on the command line. */
#ifndef CANDOR_FUZZ_FUZZ_H
#define CANDOR_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A promise of the code under test; unlike assert it stands in every build. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#endif
