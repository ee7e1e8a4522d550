/* bounce: finds in a bounce or a line of a mail log the reply that decided.
 *
 * It may be quoted ("> ") and have parts in base64 or quoted-printable (letter.h).
 *
 * A report (RFC 3464), the free forms of qmail, Postfix, Exim, Sendmail, Exchange and Gmail, and
 * lines of the logs of Postfix, Exim, Sendmail, OpenSMTPD and qmail. Anything else is a reply. */
#ifndef CANDOR_CATALOGUE_BOUNCE_H
#define CANDOR_CATALOGUE_BOUNCE_H

#include "lib/base/arena.h"

enum bounce_form { FORM_REPLY, FORM_REPORT, FORM_BOUNCE, FORM_LOG };

struct bounce {
    enum bounce_form form;
    slice reply;     /* what the server said; the whole text where it is FORM_REPLY */
    slice status;    /* "5.1.1" of a report or log, where the reply has none; may be empty */
    slice recipient; /* whom it is about, may be empty */
    slice host;      /* who said it, may be empty */
    unsigned failed; /* recipients that a report says have failed; 0: it does not say */
    bool is_waiting; /* it says that the message waits and is tried again */
};

/* Slices are of text or in the arena. False: the arena is full; *ret is untouched. */
bool bounce_read(struct arena *a, slice text, struct bounce *ret)
    __attribute__((warn_unused_result));

#endif
