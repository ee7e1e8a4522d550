/* compose: texts put together in an arena, for lookup.c and compare.c. */
#ifndef CANDOR_CATALOGUE_LOOKUP_INT_H
#define CANDOR_CATALOGUE_LOOKUP_INT_H

#include "lib/catalogue/lookup.h"

/* The parts that are not empty with glue between them. False: the arena is full. */
bool compose_join(struct arena *a, slice glue, const slice *parts, size_t n, slice *ret)
    __attribute__((warn_unused_result));

struct compose_value {
    const char *name; /* without braces */
    slice value;
};

/* text with every {name} replaced. False: the arena is full. */
bool compose_fill(struct arena *a, slice text, const struct compose_value *values, size_t n,
                  slice *ret) __attribute__((warn_unused_result));

#endif
