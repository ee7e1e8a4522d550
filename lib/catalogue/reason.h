/* reason: the table of reasons (reasons.def) as C sees it: why a reply is sent, whose turn it is.
 * All strings are static, ASCII and NUL-terminated. Texts for people are in text.h. */
#ifndef CANDOR_CATALOGUE_REASON_H
#define CANDOR_CATALOGUE_REASON_H

#include "lib/base/slice.h"

enum reason_id {
#define REASON(name, ...) REASON_##name,
#include "lib/catalogue/reasons.def"
#undef REASON
    REASON_COUNT
};

/* By the first digit of the code. PSEUDO: no server sends it, programs make it up. */
enum reply_kind { KIND_SUCCESS, KIND_INTERMEDIATE, KIND_TEMPORARY, KIND_PERMANENT, KIND_PSEUDO };

/* Who has to act. NOBODY: all is well, or it is tried again by itself. */
enum who { WHO_NOBODY, WHO_SENDER_USER, WHO_SENDER_ADMIN, WHO_RECIPIENT, WHO_RECIPIENT_ADMIN };
enum { WHO_COUNT = WHO_RECIPIENT_ADMIN + 1 };

struct reason {
    const char *id;       /* "mailbox-not-found" */
    uint16_t basic;       /* 550 */
    const char *enhanced; /* "5.1.1", "" when there is none */
    bool is_bare;         /* the enhanced code is not sent (RFC 2034 4) */
    const char *cause;    /* id of the taxonomy */
    enum who who;
    const char *reply;   /* with placeholders; "" when Candor does not send it */
    const char *example; /* what the client said before it, see reasons.def */
    const char *rfc;     /* "RFC 5321 3.3; RFC 3463 3.2" */
    const char *related; /* "550 551 mailbox-disabled" */
};

/* id < REASON_COUNT. */
const struct reason *reason_of(enum reason_id id);
/* By its public id, case-insensitive. *ret is untouched when there is none. */
bool reason_find(slice id, enum reason_id *ret) __attribute__((warn_unused_result));

/* 200 to 599 by the first digit, others are PSEUDO. */
enum reply_kind reply_kind_of(unsigned basic);
/* "success" "intermediate" "temporary" "permanent" "pseudo", as JSON has it. */
const char *reply_kind_name(enum reply_kind kind);
/* "nobody" "sender-user" "sender-admin" "recipient" "recipient-admin". */
const char *who_name(enum who who);

#endif
