/* recognise: what of a reply stands in a piece of text: its codes and its words.
 *
 * A reply may come bare ("550 5.1.1 no such user"), in several lines, or inside a sentence of a
 * bounce ("host mx said: 550-5.1.1 ..."). IP addresses, ports and years are not taken for codes. */
#ifndef CANDOR_CATALOGUE_RECOGNISE_H
#define CANDOR_CATALOGUE_RECOGNISE_H

#include "lib/base/arena.h"
#include "lib/catalogue/reason.h"

struct recognised {
    unsigned code;  /* three digits, 0: none; outside 200..599 only when nothing else stood there */
    slice enhanced; /* "5.1.1" or "X.1.1", empty: none; a part of the input */
    char class;     /* '2' '4' '5', or 'X' */
    unsigned subject;
    unsigned detail;
    slice text; /* the words behind the codes, lines joined by blanks; in the arena */
};

/* False: the arena is full; *ret is untouched. */
bool recognise(struct arena *a, slice what, struct recognised *ret)
    __attribute__((warn_unused_result));

/* True when text is what the reply text of a reason says, with any facts, and perhaps more behind
 * it. *ret_literal is the number of octets that are the reason's own. */
bool reason_text_matches(const char *reply, slice text, size_t *ret_literal);

#endif
