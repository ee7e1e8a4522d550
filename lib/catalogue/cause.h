/* cause: the table of causes (causes.def): why a reply was sent, whoever sent it.
 * All strings are static and NUL-terminated. Texts for people are in text.h. */
#ifndef CANDOR_CATALOGUE_CAUSE_H
#define CANDOR_CATALOGUE_CAUSE_H

#include "lib/catalogue/reason.h"

enum cause_id {
#define CAUSE(name, ...) CAUSE_##name,
#include "lib/catalogue/causes.def"
#undef CAUSE
    CAUSE_COUNT
};

struct cause {
    const char *id; /* of the taxonomy: "mailbox-not-found" */
    enum who who;   /* can end the trouble first, as a rule */
    const char *rfc;
    const char *related;
    const char *example;
};

/* id < CAUSE_COUNT. */
const struct cause *cause_of(enum cause_id id);
/* By its id, case-insensitive. *ret is untouched when there is none. */
bool cause_find(slice id, enum cause_id *ret) __attribute__((warn_unused_result));

/* Takes the next step off the fix of an explanation: who can do it, and the step without the mark.
 * A line without a mark is for nobody in particular (WHO_NOBODY). False when none is left. */
bool step_take(slice *fix, enum who *ret_who, slice *ret_step) __attribute__((warn_unused_result));

#endif
