/* sasl_host: a server around one SASL exchange, with a handful of accounts in a table, for unit
 * tests and the fuzz target. Its "crypt(3) hash" of a password is "hash:" and the password.
 *
 *   user      all there is: hash and SCRAM keys of "pencil" (RFC 5802 5, RFC 7677 3), the app
 *             password of sixteen zero bytes (id 7), SCRAM keys of "crayon" with the same salt (8)
 *   off       the same, disabled
 *   app       has nothing but the app password
 *   weak      has nothing but the hash
 *   far       a backend knows its password, "pencil", and that of faroff, who is disabled there
 * Names have no case; user may act as "list@x.example". */
#ifndef CANDOR_TESTS_SUPPORT_SASL_HOST_H
#define CANDOR_TESTS_SUPPORT_SASL_HOST_H

#include "lib/auth/sasl.h"
#include "lib/base/buf.h"

struct sasl_host {
    struct sasl_facts facts; /* may be changed before the start */
    struct sasl s;
    /* Whoever knows this cannot be asked; SASL_QUESTION_COUNT: all can. */
    enum sasl_question_kind dead;
    /* Answers are there before they are asked for, as this other exchange had them. */
    const struct sasl_host *knows;
    struct digest_value app_digest;
    /* "S: ..." a challenge, "OK account as authorization id=N bound=N" or "FAIL reason cause". */
    struct buf said;
    /* "kind name[ fake];" a question. */
    struct buf asked;
};

/* Everything is offered, on TLS, with both kinds of channel binding. */
void sasl_host_init(struct sasl_host *h);
void sasl_host_release(struct sasl_host *h);
/* Both take the bytes from memory that is overwritten and freed at once. */
enum sasl_step sasl_host_start(struct sasl_host *h, slice mechanism, const slice *initial);
enum sasl_step sasl_host_feed(struct sasl_host *h, slice response);

#endif
