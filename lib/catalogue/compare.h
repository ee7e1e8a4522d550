/* compare: how two codes, reasons or replies differ. Pairs that people often mix up have texts of
 * their own (compare.def), the others are compared by their facets: kind, where they are seen, what
 * they are about, who has to act, whether trying again helps. */
#ifndef CANDOR_CATALOGUE_COMPARE_H
#define CANDOR_CATALOGUE_COMPARE_H

#include "lib/catalogue/lookup.h"

struct comparison {
    const struct language *lang;
    struct explanation a;
    struct explanation b;
    slice name_a; /* "550", "5.1.1", "550 5.1.1", an id, or what was asked for */
    slice name_b;
    slice title;
    slice intro;
    slice differences; /* one a line, never empty */
    slice when_a;      /* when a server sends a, or when one has it before him */
    slice when_b;
};

/* Texts as in lookup.h; a and b are anything that explain() takes, book is as there. In both orders
 * title, intro and differences are the same; what belongs to a and b changes sides. False: the
 * arena is full; *ret is untouched. */
bool compare(struct arena *arena, struct phrasebook *book, const struct language *lang, slice a,
             slice b, struct comparison *ret) __attribute__((warn_unused_result));

/* The words for facets, in lang. */
const char *kind_text(const struct language *lang, enum reply_kind kind);
const char *who_text(const struct language *lang, enum who who);
/* The heading over the steps that who can do; "" for nobody: all is well, or it happens by itself.
 */
const char *for_text(const struct language *lang, enum who who);
/* "86 %", as the language writes it. */
void percent_text(struct buf *out, const struct language *lang, unsigned percent);

/* The n-th written comparison, both in the order of its title, static; false when there is none. */
bool compare_nth(size_t n, slice *ret_a, slice *ret_b) __attribute__((warn_unused_result));
/* The n-th of those in which self ("550", "5.1.1") stands; false when there is none. */
bool compare_with(slice self, size_t n, enum pair_id *ret) __attribute__((warn_unused_result));
/* What they would know e by: its enhanced code, else its code, written to room; may be empty. */
slice compare_self(const struct explanation *e, char room[3]);

#endif
