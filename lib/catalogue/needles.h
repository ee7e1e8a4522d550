/* needles: what a pattern cannot do without.
 *
 * A regular expression is slow to try and a literal is not. This finds literals of which every text
 * that fits the pattern holds at least one, so that a reply without any of them need not be tried:
 * "quota (exceeded|reached)" cannot do without "exceeded" or "reached". */
#ifndef CANDOR_CATALOGUE_NEEDLES_H
#define CANDOR_CATALOGUE_NEEDLES_H

#include "lib/base/arena.h"

enum {
    NEEDLE_MIN_BYTES = 3,
    NEEDLES_MAX = 80, /* of one pattern */
};

struct needles {
    slice texts[NEEDLES_MAX]; /* lower case, at least NEEDLE_MIN_BYTES each; in the arena */
    size_t n;
};

/* A pattern is a PCRE2 pattern without (?#, \Q or (?x; letters in lower case; no quantifier
 * stands behind a letter of several octets.
 *
 * *ret_best is empty where the pattern has no such literals. *ret_second: further literals of which
 * every text holds one too, or empty. False: the arena is full; both are untouched. */
bool needles_of(struct arena *a, slice pattern, struct needles *ret_best,
                struct needles *ret_second) __attribute__((warn_unused_result));

/* Takes the next alternative off the pattern: "a(b|c)|d" has two. False when none is left. */
bool alternative_take(slice *pattern, slice *ret);

#endif
