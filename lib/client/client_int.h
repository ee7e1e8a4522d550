/* client_int: what client.c (the dialogue), client_mail.c (a message's part of it) and
 * client_result.c (who got what) share. */
#ifndef CANDOR_CLIENT_CLIENT_INT_H
#define CANDOR_CLIENT_CLIENT_INT_H

#include "lib/client/client.h"

/* ---- client.c ---- */

void client_enter(struct client *c, enum client_stage stage, uint64_t now_ms);
/* The connection is of no more use; who has no result gets LATER, and reply's words (NULL: ours).
 */
void client_break(struct client *c, enum client_fault fault, const struct reply *reply);

/* ---- client_mail.c: MAIL, RCPT, DATA, the text ---- */

void client_envelope(struct client *c, uint64_t now_ms);
void client_mail_reply(struct client *c, const struct reply *reply, uint64_t now_ms);
void client_rcpt_reply(struct client *c, const struct reply *reply, uint64_t now_ms);
void client_data_reply(struct client *c, const struct reply *reply, uint64_t now_ms);
void client_final_reply(struct client *c, const struct reply *reply, uint64_t now_ms);

/* ---- client_result.c ---- */

/* What a server said, kept as long as the message. */
struct client_words {
    unsigned code; /* 0: ours */
    struct status status;
    slice text;
};

struct client_words client_words_of(struct client *c, const struct reply *reply);
struct client_words client_words_of_fault(enum client_fault fault, enum client_stage stage);
void client_settle(struct client *c, struct client_rcpt *r, enum client_result result,
                   const struct client_words *words);
/* All that have no result. */
void client_settle_rest(struct client *c, enum client_result result,
                        const struct client_words *words);

#endif
