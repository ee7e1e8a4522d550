/* session: one client's SMTP session, the server's side, as pure data (RFC 5321).
 *
 * Inputs are bytes, answers, and the time; outputs are effects. Nothing here reads a socket, a file
 * or a clock, so the same bytes give the same replies however they are cut and however late the
 * answers come.
 *
 * Invariants
 * 1. A reply is made by reply_make() from a reason, never written by hand.
 * 2. While a question that the session waits for is open, no byte is consumed: pipelining and
 *    back-pressure come out right by themselves.
 * 3. Only CRLF.CRLF ends a message; a bare CR or LF in it refuses it (RFC 5321 2.3.8).
 * 4. Bytes that came in the clear before the TLS handshake are thrown away in one place,
 *    session_feed(), while s->mode is MODE_HANDSHAKE (RFC 3207 4.2).
 * 5. 250 after the final dot is sent only when the answer COMMIT_DONE has come.
 * 6. An idle session owns no buffer but its HELO name, client name and what it signed in with; the
 *    transaction's memory lives from MAIL to its end.
 * 7. Lines and responses of AUTH are overwritten before their memory goes back, and no reply or
 *    finding shows a word of them.
 *
 *               session_start
 *                     |
 *      connect checks (policy_run PHASE_CONNECT) --554/421--> REFUSED / closed
 *                     | 220
 *                   GREETED --EHLO/HELO (verb_hello)--> READY <-------------------------------+
 *                     ^                                  | MAIL (verb_mail)                    |
 *   STARTTLS          |                                  v                                     |
 *   (verb_starttls) --+---- session_tls              IN_MAIL --RCPT ok (verb_rcpt)--> IN_RCPT  |
 *                                                                 DATA (verb_data) |           |
 *                                                                                  v           |
 *                               text_feed: MODE_TEXT --CRLF.CRLF--> message checks, commit ----+
 *
 *   READY --AUTH (verb_auth)--> effects.auth --CHALLENGE, 334--> MODE_AUTH --line (auth_feed)--+
 *     ^                              |   ^-----------------------------------------------------+
 *     +---- any other answer: auth_answered(), 235 keeps account and pass until the session ends
 */
#ifndef CANDOR_SESSION_SESSION_H
#define CANDOR_SESSION_SESSION_H

#include "lib/auth/wire.h"
#include "lib/base/buf.h"
#include "lib/base/ip.h"
#include "lib/catalogue/reason.h"
#include "lib/session/check.h"
#include "lib/session/view.h"

/* How long the client and we ourselves may take (RFC 5321 4.5.3.2), in milliseconds. */
struct session_times {
    uint32_t greeting_ms;   /* for the questions before the 220 */
    uint32_t mail_ms;       /* for those of MAIL */
    uint32_t rcpt_ms;       /* and of RCPT */
    uint32_t command_ms;    /* the client's, between commands: at least 5 min */
    uint32_t data_block_ms; /* between two pieces of the message: at least 3 min */
    uint32_t message_ms;    /* from 354 to the final dot, however steadily it drips */
    uint32_t answer_ms;     /* all that happens after the final dot: well under the client's 10 min;
                               and for a step of AUTH */
    uint32_t pause_ms;      /* before the 220; whoever speaks meanwhile gets none. 0: none */
    uint32_t session_ms;    /* of the whole session; 0: no limit */
};

/* UNAVAILABLE: configured, but there is no certificate just now: 454 (RFC 3207 4). */
enum session_starttls { STARTTLS_NO, STARTTLS_UNAVAILABLE, STARTTLS_OFFERED };

/* What the configuration says to sessions of one listener. Owned by the shell, immutable, alive
 * until the last session that was started with it is released. */
struct session_policy {
    slice host;                   /* our name: greeting, Received, Message-ID */
    slice link;                   /* prefix of the pages that explain an incident; empty: no link */
    const struct ip_net *refused; /* get the 554 greeting */
    size_t refused_count;
    const struct check_list *checks; /* [PHASE_COUNT], in the configuration's order */
    struct session_times times;
    uint64_t max_message_bytes;
    uint32_t max_header_bytes;
    uint32_t max_client_sessions; /* what QUESTION_ADMIT is decided by; for the reply's words */
    uint32_t max_recipients;      /* a transaction: 452 past it */
    uint32_t max_received;        /* Received fields before it is a loop (RFC 5321 6.3) */
    uint32_t max_messages;        /* a session; 0: no limit */
    uint32_t max_errors;          /* 5xx and 4xx replies a session, then 421 */
    uint32_t max_commands;        /* commands without a message accepted in between, then 421 */
    enum session_starttls starttls;
    bool tls_required; /* before MAIL: 530 (RFC 3207 4) */
    /* AUTH (RFC 4954): 1U << enum sasl_mechanism that the configuration allows; 0: nobody signs in
     * here. Offered under TLS alone. */
    uint32_t auth_mechanisms;
    bool auth_required;           /* before MAIL: 530 5.7.0 */
    bool is_submission;           /* what who has signed in sends is tidied (RFC 6409 8) */
    bool hides_client;            /* who has signed in is not named by address in Received */
    bool is_lmtp;                 /* RFC 2033 */
    bool has_expn;                /* for who has signed in */
    bool refuses_early;           /* what comes before the reply that it had to wait for */
    const struct ip_net *proxies; /* may say XCLIENT and XFORWARD */
    size_t proxies_count;
};

/* What is known of the client when it connects. Copied where it must last. */
struct session_client {
    struct ip ip; /* unmapped */
    uint16_t port;
    bool tls; /* implicit TLS: session_tls() has been or will be called before bytes come */
    uint8_t random[16]; /* makes the session's id; from the kernel's generator */
};

/* Facts of a finished handshake, for Received (RFC 8314 4.3) and for findings. Borrowed. */
struct session_tls {
    slice version;
    slice cipher;
    slice server_name;
    bool has_binding;     /* there is a value for a channel binding: -PLUS mechanisms */
    bool has_certificate; /* the client has shown one that is valid: EXTERNAL */
};

enum {
    SESSION_INLINE_BYTES = 16384,
    SESSION_STORE_BYTES = 65536,
    SESSION_COMMAND_BYTES = 2048,
    SESSION_TEXT_LINE_BYTES = 1000000,
    SESSION_FINDINGS = 8,
    SESSION_ASKS = 8,
    SESSION_ID_CHARS = 16
};

/* A question to the outside. The answer comes back through session_answer() with the same id, at
 * once or later, exactly once. key is valid until the effects are cleared. */
struct session_ask {
    uint32_t id;
    enum question_kind kind;
    slice key;
};

/* What was decided, for the log and (later) the history. */
struct finding {
    enum reason_id reason;
    bool is_notice; /* it was not refused */
    size_t about_n;
    char about[256]; /* an address or a word of the client, cut when longer */
};

/* A whole message to be made safe. All slices are valid until session_answer() of its id. */
struct session_commit {
    uint32_t ask_id;
    uint32_t recipients;
    slice reverse_path;
    slice origin;   /* the address that XFORWARD told, 4 or 16 bytes, for the log; else empty */
    slice envelope; /* lib/smtp/envelope.h */
    slice added;    /* header fields that we put on top, CRLF ends */
    slice
        header; /* the client's header section with the empty line that ends it, if there is one */
    slice body; /* empty when it was stored piecewise */
    uint64_t body_bytes;
    bool stored; /* the body went out through effects.store */
};

/* A step of a SASL exchange, to be carried to who runs it; the challenge or the end comes back
 * through session_answer(). Slices are valid until then; what they hold is secret.
 *
 * One exchange at a time. It is over with an answer that is no AUTH_CHALLENGE, ANSWER_FAILED
 * included, with the answer to a step that has a fault, and with the session: where whoever runs it
 * has not ended it, the shell tells him (session_is_signing_in()). */
struct session_auth {
    uint32_t ask_id;
    bool is_start;        /* a new exchange */
    slice mechanism;      /* its registered name; it is among those offered */
    uint32_t offered;     /* of a start: what EHLO announced, 1U << enum sasl_mechanism */
    bool has_response;    /* of a start: there is an initial response */
    slice response;       /* decoded */
    enum auth_wire fault; /* instead of a response: "*", or what could not be decoded */
    slice helo;           /* what the client calls itself */
};

/* What the session wants done, in this order: store, commit/asks, reply, then start_tls or close.
 * One struct serves all sessions of a loop, one after another: a session keeps nothing in it. */
struct effects {
    struct buf reply; /* bytes for the client */
    struct buf store; /* body bytes past SESSION_INLINE_BYTES: append to this message's store */
    struct session_ask asks[SESSION_ASKS];
    size_t ask_count;
    struct finding findings[SESSION_FINDINGS];
    size_t finding_count;
    bool has_commit;
    struct session_commit commit;
    bool has_auth;
    struct session_auth auth;
    /* A trusted proxy has said whose session this is (XCLIENT): counters and log go by that
     * address from now on. Comes before the asks. random and tls are empty. */
    bool has_client;
    struct session_client client;
    /* The message is over: what is stored of it and was not handed over is no longer wanted, and
     * effects.commit's slices are gone, whether its question was answered or not. */
    bool discard;
    bool start_tls; /* after the reply is out: begin the handshake, then session_tls() */
    bool close;     /* after the reply is out */
};

void effects_init(struct effects *fx);
void effects_release(struct effects *fx);
/* Before each call of a session function, once the last effects are carried out. */
void effects_clear(struct effects *fx);

struct session;

/* A new session, or NULL without memory. policy and client->random make it; the greeting (or the
 * questions before it) is in fx. now_ms is any clock that does not go back. */
struct session *session_new(const struct session_policy *policy,
                            const struct session_client *client, uint64_t now_ms, int64_t wall_s,
                            struct effects *fx) __attribute__((warn_unused_result));
void session_free(struct session *s);

/* Takes what it can of in and returns how much; the rest must be fed again when an answer has come
 * (session_is_waiting()). Returns early whenever effects must be carried out first. */
size_t session_feed(struct session *s, slice in, uint64_t now_ms, int64_t wall_s,
                    struct effects *fx);
/* Bytes wait that cannot be fed yet: before the greeting that is out of turn. */
void session_bytes_wait(struct session *s, uint64_t now_ms, struct effects *fx);
/* Ids that are not open any more are ignored: a late answer is no error. */
void session_answer(struct session *s, uint32_t id, const struct answer *answer, uint64_t now_ms,
                    int64_t wall_s, struct effects *fx);
/* The handshake is finished; tls NULL: it failed, the session ends without a reply. */
void session_tls_done(struct session *s, const struct session_tls *tls, uint64_t now_ms,
                      struct effects *fx);
/* The shell could not store body bytes: the message gets a 4xx once it has ended. */
void session_store_failed(struct session *s, bool disk_full);
/* To be called when session_deadline_ms() has passed: 421 and close. */
void session_tick(struct session *s, uint64_t now_ms, struct effects *fx);
/* The server goes down: 421 at the next command boundary, at once when idle (RFC 5321 3.8). */
void session_shutdown(struct session *s, struct effects *fx);

/* The key of a question that is still open; false when it is not. Valid until its answer. */
bool session_open_key(const struct session *s, uint32_t id, slice *ret);
uint64_t session_deadline_ms(const struct session *s);
bool session_is_waiting(const struct session *s);
/* SESSION_ID_CHARS letters and digits: in logs, in Received, in refusals. */
slice session_id(const struct session *s);
/* How big the message under way will be by MAIL's SIZE; 0: it did not say. */
uint64_t session_declared_bytes(const struct session *s);
/* Messages accepted so far. */
uint32_t session_messages(const struct session *s);
/* Who has signed in, local@domain; empty: nobody. With which credential (0: none of ours), and the
 * pass that directory gave. Valid while the session is. */
slice session_account(const struct session *s);
uint64_t session_credential(const struct session *s);
slice session_pass(const struct session *s);
/* A SASL exchange is under way: who goes now leaves one behind that nobody will end. */
bool session_is_signing_in(const struct session *s);
/* What it signed in with is no longer good: 421 at the next command boundary, at once when idle. */
void session_revoke(struct session *s, struct effects *fx);
/* A transaction is under way (from MAIL to the answer after the final dot). */
bool session_is_busy(const struct session *s);

#endif
