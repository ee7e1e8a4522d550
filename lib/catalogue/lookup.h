/* lookup: what a code, an enhanced code, the name of a reason or cause, or a whole reply means.
 *
 * The finest that is recognised wins: the text of one of our own replies, then the phrasebook's
 * words of others, basic and enhanced code together, the enhanced code, the basic code, and at last
 * its digits one by one. Nothing is invented: what is not known is said to be not known, with a low
 * percentage. */
#ifndef CANDOR_CATALOGUE_LOOKUP_H
#define CANDOR_CATALOGUE_LOOKUP_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/catalogue/phrasebook.h"
#include "lib/catalogue/text.h"

/* Where in a session a code is met, and what it speaks about. */
enum code_stage { STAGE_GREETING, STAGE_LOGIN, STAGE_ENVELOPE, STAGE_CONTENT, STAGE_ANYWHERE };
enum code_scope { SCOPE_CONNECTION, SCOPE_LOGIN, SCOPE_ADDRESS, SCOPE_MESSAGE, SCOPE_COMMAND };

/* Texts are UTF-8; those composed live in the arena, the others are static. */
struct explanation {
    const struct language *lang; /* of the texts; English where the one asked for lacks them */
    const char *reason;          /* id, NULL when no single reason was recognised */
    const char *cause;           /* id of the taxonomy, NULL when not even a guess is possible */
    const char *system; /* whose wording it is ("Candor", "Gmail"), NULL when not recognised */
    unsigned percent;   /* how sure the cause is: 100 certain, 0 no idea */
    bool is_known;      /* false: no document and no table of ours knows it */
    bool is_plain_code; /* nothing but a code was there to go by */
    enum reply_kind kind;
    enum code_stage stage;
    enum code_scope scope;
    enum who who;
    unsigned code;  /* 0: none */
    slice enhanced; /* "5.1.1", empty: none */
    slice title;
    slice meaning;
    slice when;
    slice fix;                   /* steps, '\n' between them, for step_take(); never empty */
    slice example;               /* "C: ...\nS: ...", may be empty */
    slice rfc;                   /* "RFC 5321 3.3; RFC 3463 3.2", may be empty */
    slice related;               /* codes and ids, blanks between them, may be empty */
    struct phrase_values values; /* what stood in the text */
    unsigned failed;             /* recipients that a report says have failed, else 0 */
    slice about;                 /* which of several recipients this is about, else empty */
};

/* The most of what that is looked at, and of the reply in it; what follows is cut off. */
enum { EXPLAIN_MAX_BYTES = 65536, REPLY_MAX_BYTES = 16384 };

/* book may be NULL: then only our own texts and the numbers speak. what may be "554", "5.7.1",
 * "X.7.1", an id, or a reply of one or several lines, also with other words before it. Always gives
 * an explanation, if only that nothing was recognised (is_known false, percent 0). False: the arena
 * is full; *ret is untouched. */
bool explain(struct arena *a, struct phrasebook *book, const struct language *lang, slice what,
             struct explanation *ret) __attribute__((warn_unused_result));

/* What the tables of codes know; id below CODE_COUNT and ENHANCED_COUNT. */
unsigned code_number(enum code_id id);
const char *enhanced_name(enum enhanced_id id); /* "5.1.1" */

/* Where to read "RFC 5321 4.2.3": the address of that section. Nothing for what is no RFC. */
void rfc_link(struct buf *out, slice rfc);
/* Takes the next document off an explanation's rfc; false when none is left. */
bool rfc_take(slice *rfc, slice *ret);

#endif
