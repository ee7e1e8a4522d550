/* phrasebook: what the words of other systems' replies mean (phrasebook.def), and whose they are.
 *
 * Rows are tried in order and the first that fits wins. One pass over the text finds the rows that
 * can fit at all (their needles); only these rows' patterns are run, compiled when first needed,
 * with limits: no text makes it slow. It keeps what it compiled, so a phrasebook belongs to one
 * thread. It is made in a few milliseconds. */
#ifndef CANDOR_CATALOGUE_PHRASEBOOK_H
#define CANDOR_CATALOGUE_PHRASEBOOK_H

#include "lib/catalogue/recognise.h"

struct phrasebook;

/* The most of a reply's text that is looked at. */
enum { PHRASE_MAX_BYTES = 4096 };

/* What stood in the text that advice can carry; slices of the text, empty where there was none. */
struct phrase_values {
    slice ip;
    slice address;
    slice domain;
    slice list; /* as the text calls it */
    slice url;
    slice size;
    slice limit;
};

struct phrase_row {
    const char *system; /* "" for phrases that many systems use */
    const char *codes;  /* see phrasebook.def */
    const char *needles;
    const char *pattern;
    const char *cause; /* id of the taxonomy */
    int who;           /* enum who, or PHRASE_BY_CAUSE */
    unsigned percent;
    const char *const *examples; /* NULL at the end, at least one */
};

enum { PHRASE_BY_CAUSE = -1 };

size_t phrase_count(void);
/* i < phrase_count(). */
const struct phrase_row *phrase_row_of(size_t i);
/* Who can end a trouble of this cause first, as a rule. */
enum who cause_who(const char *cause);
/* The same for a row, which may know better. */
enum who phrase_who(const struct phrase_row *row);

/* NULL: no memory. */
struct phrasebook *phrasebook_new(void) __attribute__((warn_unused_result));
/* NULL is let pass. */
void phrasebook_free(struct phrasebook *b);

struct phrase_match {
    const struct phrase_row *row; /* NULL: no phrase is known */
    const char *system;           /* who spoke, NULL when nothing gives it away */
    struct phrase_values values;
};

/* seen as recognise() gave it. False: nothing fits, neither a phrase nor a system; *ret is then
 * untouched. */
bool phrasebook_find(struct phrasebook *b, const struct recognised *seen, struct phrase_match *ret)
    __attribute__((warn_unused_result));

#endif
