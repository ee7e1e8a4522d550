/* sasl: the server's side of one SASL exchange (RFC 4422) as data. Bytes and answers go in; what to
 * say, what to ask and how it ended come out. Base64, "*" and limits of a line are
 * lib/auth/wire.h's.
 *
 *            start ──▶ CHALLENGE ──feed──▶ NEED ──answer──▶ ... ──▶ OK or FAIL
 *
 * 1. A turn of a mechanism is a function that is called again, from its first line, when what it
 *    asked for is there; it keeps nothing until it knows all. Late answers change nothing.
 * 2. At most one question is open, and each kind is asked once an exchange.
 * 3. Unknown, disabled and wrong take the same steps, the same questions and the same words: an
 *    account that is not there has a fake hash to be verified, or a fake salt that never changes.
 * 4. Everything that came in is copied into the exchange's arena and overwritten by sasl_clear().
 * 5. OK is only reached through a RIGHT answer, a proof that fits, or a stored digest that is
 * equal.
 * 6. The time, random numbers and the connection's keys are facts. */
#ifndef CANDOR_AUTH_SASL_H
#define CANDOR_AUTH_SASL_H

#include "lib/auth/mechanism.h"
#include "lib/base/arena.h"

/* What holds for the whole exchange and outlives it. */
struct sasl_facts {
    uint32_t offered; /* what EHLO announced: sasl_offer() */
    bool is_tls;
    slice nonce;       /* fresh for each exchange: 18 random bytes or more, in base64 */
    slice fake_secret; /* 32 random bytes of the installation: must survive a restart */
    slice fake_hash;   /* a crypt(3) hash that nobody knows the password of, costly as a real one */
    slice tls_exporter;        /* RFC 9266; empty when there is none */
    slice tls_end_point;       /* RFC 5929 4; empty when there is none */
    slice certificate;         /* of the client, verified, in the caller's own form; empty: none */
    slice token_scope;         /* told to a client whose token is not good; may be empty */
    slice token_configuration; /* URL of the openid-configuration; may be empty */
};

enum sasl_step {
    SASL_CHALLENGE, /* send sasl.challenge, which may be empty; then sasl_feed or sasl_cancel */
    SASL_NEED,      /* look up sasl.question; then sasl_answer */
    SASL_OK,        /* sasl.result */
    SASL_FAIL,      /* sasl.reason, and sasl.cause for the log */
};

enum sasl_reason {
    SASL_REASON_NONE = 0,
    SASL_WRONG,             /* 535 5.7.8 */
    SASL_MALFORMED,         /* 501 5.5.2 */
    SASL_CANCELLED,         /* 501 5.7.0 */
    SASL_UNKNOWN_MECHANISM, /* 504 5.5.4 */
    SASL_UNSUPPORTED,       /* 504 5.5.4: known, but not here and now */
    SASL_NEEDS_TLS,         /* 538 5.7.11 */
    SASL_UNAVAILABLE,       /* 454 4.7.0 */
};

enum sasl_cause {
#define CAUSE(id, word, reason) SASL_CAUSE_##id,
#include "lib/auth/causes.def"
#undef CAUSE
    SASL_CAUSE_COUNT
};

/* The word for the log, and what the client hears for it. */
slice sasl_cause_word(enum sasl_cause c);
enum sasl_reason sasl_cause_reason(enum sasl_cause c);

enum sasl_question_kind {
    /* What is kept of this name? name. Answer: YES, UNKNOWN or DISABLED; the account's comparable
     * form in all three, so that two spellings of an unknown name look like one account; and with
     * YES and DISABLED all that is kept and may be used now from this client's address. */
    SASL_ASK_CREDENTIALS,
    /* Is this the password? name (the account), secret, hash; as_sent, when SASLprep has changed
     * it, for backends and for hashes that were made without; hash is empty when a backend knows
     * (CREDENTIAL_REMOTE). Answer: YES, NO; of a backend also UNKNOWN, DISABLED, and with YES the
     * account where the backend calls it otherwise. is_fake: the
     * answer does not count, but it shall come no sooner than a real one. */
    SASL_ASK_PASSWORD,
    /* Whose certificate is it? secret is facts.certificate. Answer: YES with the account, UNKNOWN,
     * DISABLED. */
    SASL_ASK_CERTIFICATE,
    /* Is the token good, and whose? secret; name is who the client says it is, may be empty.
     * Answer: YES with the account, NO, SCOPE, UNKNOWN, DISABLED. */
    SASL_ASK_TOKEN,
    /* May the account act as this other identity? name (the account), identity. Answer: YES, NO. */
    SASL_ASK_ACT_AS,
    SASL_QUESTION_COUNT
};

/* The slices live until sasl_clear: a thread that may outlive the exchange works on a copy, and
 * wipes that. */
struct sasl_question {
    enum sasl_question_kind kind;
    bool is_fake;
    slice name;
    slice secret;
    slice as_sent;
    slice hash;
    slice identity;
};

enum sasl_credential_kind {
    SASL_CREDENTIAL_HASH,   /* a crypt(3) hash */
    SASL_CREDENTIAL_APP,    /* app_password_digest(), 32 bytes */
    SASL_CREDENTIAL_SCRAM,  /* scram_print() */
    SASL_CREDENTIAL_REMOTE, /* a backend verifies; no text */
};

struct sasl_credential {
    enum sasl_credential_kind kind;
    uint64_t id; /* the caller's: which app password, so that its use can be written down */
    slice text;
};

/* An answer that nobody filled in is no yes. */
enum sasl_answer_code {
    SASL_ANSWER_FAILED = 0, /* whoever knows could not be asked */
    SASL_ANSWER_YES,
    SASL_ANSWER_NO,
    SASL_ANSWER_UNKNOWN,
    SASL_ANSWER_DISABLED,
    SASL_ANSWER_SCOPE, /* TOKEN: good, but not for sending mail */
};

/* Copied by sasl_answer. */
struct sasl_answer {
    enum sasl_answer_code code;
    slice account;
    const struct sasl_credential *credentials;
    size_t count; /* SASL_CREDENTIALS_MAX at most are looked at */
};

enum { SASL_CREDENTIALS_MAX = 64, SASL_RESPONSE_MAX_BYTES = 12288 };

struct sasl_result {
    slice account;       /* who signed in, as the answer had it */
    slice authorization; /* as whom: the account itself unless another identity was asked for */
    uint64_t credential; /* id of the one that fitted; 0 for tokens and certificates */
    bool is_bound;       /* to the TLS connection */
};

struct sasl;
typedef enum sasl_step sasl_turn(struct sasl *s);

struct sasl {
    /* For the caller to read. All slices live until sasl_clear. */
    enum sasl_step step;
    enum sasl_mechanism mechanism; /* SASL_MECHANISM_COUNT while unknown */
    slice challenge;
    struct sasl_question question;
    struct sasl_result result;
    enum sasl_reason reason;
    enum sasl_cause cause;
    slice name; /* who the client says it is, for the log and the counters; empty until known */

    /* The exchange's own. */
    const struct sasl_facts *facts;
    struct arena arena;
    sasl_turn *turn;
    slice response;
    bool is_answered[SASL_QUESTION_COUNT];
    struct sasl_answer answers[SASL_QUESTION_COUNT];
    struct sasl_scram *scram;
    slice login_name;
};

/* facts must outlive s. Takes no memory yet. */
void sasl_init(struct sasl *s, const struct sasl_facts *facts);
/* At any time: overwrites and gives back all that s holds. */
void sasl_clear(struct sasl *s);

/* Once. initial: the decoded initial response, NULL when there was none (it may be there and
 * empty).
 */
enum sasl_step sasl_start(struct sasl *s, slice mechanism, const slice *initial);
/* After CHALLENGE: the client's decoded response. */
enum sasl_step sasl_feed(struct sasl *s, slice response);
/* After NEED. */
enum sasl_step sasl_answer(struct sasl *s, const struct sasl_answer *answer);
/* In place of feed or answer: the client gave up ("*"), or sent what cannot be decoded or is too
 * long. Ends in FAIL. */
enum sasl_step sasl_abandon(struct sasl *s, enum sasl_cause cause);

#endif
