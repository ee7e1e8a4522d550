/* outcomes: what became of each recipient of a message so far, as the spool keeps it (the bytes of
 * spool_state). Pure.
 *
 * Only what differs from "waits, nothing said" is there: a run of {u8 status, u16 recipient,
 * u16 length, text}, little-endian, behind a byte that says the form. A recipient that leads to
 * several mailboxes has an OUTCOME_REACHED for each that has its copy. */
#ifndef CANDOR_QUEUE_OUTCOMES_H
#define CANDOR_QUEUE_OUTCOMES_H

#include "lib/base/buf.h"

enum outcome_status {
    OUTCOME_WAITING = 0,  /* will be tried again; text: why it did not work */
    OUTCOME_DONE = 1,     /* has it */
    OUTCOME_FAILED = 2,   /* cannot have it; text: why. Kept for a bounce */
    OUTCOME_NO_ROUTE = 3, /* at another server, to which there is no way yet */
    OUTCOME_REACHED = 4,  /* text: a mailbox that has its copy, while others of it wait */
};
#define OUTCOME_STATUS_MAX 4
#define OUTCOME_TEXT_MAX 1024

struct outcome {
    enum outcome_status status;
    uint16_t rcpt; /* its place in the envelope */
    slice text;
};

slice outcome_status_text(enum outcome_status status);

void outcomes_begin(struct buf *out);
/* What is longer than OUTCOME_TEXT_MAX is cut. */
void outcomes_add(struct buf *out, const struct outcome *o);
/* *state begins as the whole state and is used up. False at its end, or at what makes no sense:
 * then *state is not empty. */
bool outcomes_take(slice *state, struct outcome *ret) __attribute__((warn_unused_result));
/* Skips the byte in front; false when the form is not known (then every recipient waits). */
bool outcomes_open(slice *state) __attribute__((warn_unused_result));

#endif
