/* What every unit test includes: cmocka with its prerequisites, and checks on slices. */
#ifndef CANDOR_BASE_TEST_H
#define CANDOR_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after its prerequisites. */
#include <cmocka.h>

#include "lib/base/slice.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Both printed on failure, so that the row of a table is found at once. */
#define assert_slice(got, want)                                                                    \
    do {                                                                                           \
        slice got_ = (got), want_ = (want);                                                        \
        if (!slice_eq(got_, want_))                                                                \
            fail_msg("got \"%.*s\", want \"%.*s\"", SLICE_ARG(got_), SLICE_ARG(want_));            \
    } while (0)

#endif
