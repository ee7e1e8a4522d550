/* tidy: what a submission server puts right in a message of one of its own users (RFC 6409 8), so
 * that it leaves as RFC 5322 3.6 wants it.
 *
 * Invariants: bytes of fields that stay are not changed, nor their order; a second run finds
 * nothing to do. Nothing is refused: a printer that knows no From is helped, not scolded. */
#ifndef CANDOR_MAIL_TIDY_H
#define CANDOR_MAIL_TIDY_H

#include "lib/base/buf.h"

/* What was done. */
enum {
    TIDY_DATE = 1,       /* added, in UTC (RFC 6409 8.2) */
    TIDY_MESSAGE_ID = 2, /* added (RFC 6409 8.3) */
    TIDY_FROM = 4,       /* added (RFC 5322 3.6.2): the sender, else the account */
    /* Added (RFC 6409 8.1): the account, where From does not say it: several mailboxes, or one that
     * is neither the account nor the sender. Not to a message that was sent on (Resent-From). */
    TIDY_SENDER = 8,
    TIDY_BCC = 16,  /* Bcc and Resent-Bcc taken out, all of them (RFC 5322 3.6.3) */
    TIDY_LEAD = 32, /* an mbox line or lines that continue nothing, before the first field */
    TIDY_END = 64,  /* the empty line that ends the section was missing */
};

struct tidy_facts {
    slice host;      /* our name: a domain */
    slice session;   /* with number never the same twice; letters and digits */
    uint64_t number; /* of the message in the session */
    int64_t at;      /* now, seconds since 1970 UTC */
    slice account;   /* who has signed in, local@domain */
    slice sender;    /* the reverse-path; may be empty */
    bool is_utf8;    /* the transaction is SMTPUTF8: else only ASCII is added */
};

/* header: the whole section with the empty line that ends it, if there was one. Fields that are
 * missing are appended to added, which is to stand before the section. What finds no room is seen
 * in added->err or header->err. */
unsigned header_tidy(struct buf *header, struct buf *added, const struct tidy_facts *facts);

#endif
