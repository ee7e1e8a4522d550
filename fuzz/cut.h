/* The same input, whole and in pieces: targets of streaming code compare what both give. */
#ifndef CANDOR_FUZZ_CUT_H
#define CANDOR_FUZZ_CUT_H

#include "lib/base/slice.h"

/* Pieces of 1 to step bytes, in an order that depends on step alone; step 0 is all at once. */
struct cut {
    slice rest;
    size_t step, turn;
};

static inline bool cut_next(struct cut *c, slice *ret)
{
    if (c->rest.n == 0)
        return false;
    size_t n = c->step == 0 ? c->rest.n : 1 + c->turn++ * 7 % c->step;
    *ret = slice_head(c->rest, n);
    c->rest = slice_tail(c->rest, n);
    return true;
}

#endif
