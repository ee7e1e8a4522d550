/* client: the client's side of LMTP (RFC 2033) and SMTP as data, the mirror image of lib/session.
 * Pure: bytes and the time come in; bytes to send, and what is wanted of the shell, go out.
 *
 *   GREETING ─220─▶ HELLO ─250─▶ IDLE ─client_send─▶ ENVELOPE ─354─▶ TEXT ─"."─▶ FINAL ─▶ IDLE …
 *                                  │                    └─ nobody is taken: RSET ─▶ IDLE …
 *                                  └─client_quit─▶ QUIT ─221─▶ GONE
 *
 * The shell writes what is in c->out and clears it, and after every call looks at client_want:
 *
 *   while (in.n > 0) { client_feed(&c, &in, now); serve what is wanted; }
 *
 * Invariants:
 *  1. Every recipient of a message has exactly one result when CLIENT_WANTS_RESULT comes, whatever
 *     the server does: DONE only where it said 2xx for that recipient after the text, REFUSED only
 *     where it said 5xx, else LATER. Who was DONE stays so when the rest goes wrong.
 *  2. What comes of a run of bytes does not depend on how it was cut.
 *  3. Memory is bounded: a reply that does not end is a fault, its words are kept up to
 *     CLIENT_WORDS_MAX, c->out asks for text only below CLIENT_OUT_HIGH.
 *  4. After a fault the connection is of no more use: CLIENT_WANTS_CLOSE.
 *  5. Each wait has a limit of RFC 5321 4.5.3.2 (client_stages.def); it does not begin anew with
 *     every line of an endless reply. */
#ifndef CANDOR_CLIENT_CLIENT_H
#define CANDOR_CLIENT_CLIENT_H

#include "lib/base/arena.h"
#include "lib/smtp/dot.h"
#include "lib/smtp/reply.h"

enum { CLIENT_OUT_HIGH = 64 * 1024 };   /* above it no text is wanted */
enum { CLIENT_WORDS_MAX = 1000 };       /* of a server's reply that are kept */
enum { CLIENT_REPLY_MAX = 256 * 1024 }; /* bytes of one reply, kept or not */

enum client_protocol {
    CLIENT_LMTP, /* LHLO, a reply for each recipient that was taken */
};

/* Where the dialogue is; of a result, where it was decided. */
enum client_stage {
#define STAGE(constant, name, limit_ms) CLIENT_AT_##constant,
#include "lib/client/client_stages.def"
    CLIENT_STAGES
};

enum client_keyword {
#define KEYWORD(constant, word) CLIENT_HAS_##constant##_BIT,
#include "lib/client/client_keywords.def"
    CLIENT_KEYWORDS
};
/* CLIENT_HAS_PIPELINING and so on, for client.keywords. */
enum client_keyword_set {
#define KEYWORD(constant, word) CLIENT_HAS_##constant = 1 << CLIENT_HAS_##constant##_BIT,
#include "lib/client/client_keywords.def"
};

enum client_result { CLIENT_PENDING, CLIENT_DONE, CLIENT_LATER, CLIENT_REFUSED };

enum client_fault {
    CLIENT_NO_FAULT = 0,
    CLIENT_CLOSED,     /* the server ended the connection */
    CLIENT_TIMEOUT,    /* it did not answer within the stage's limit */
    CLIENT_NONSENSE,   /* no reply, an endless one, or one that nobody asked for */
    CLIENT_NO_SERVICE, /* 421, or no 2xx to the greeting or to our hello */
    CLIENT_ABORTED,    /* by the shell */
    CLIENT_NO_MEMORY,
};

struct client_rcpt {
    slice path; /* the forward-path without brackets; lives as long as the message */
    /* What became of it. code 0: the server said nothing of it, and status and text are ours.
     * text: the lines without their codes, '\n' between them; good until client_next. */
    enum client_result result;
    enum client_stage stage;
    unsigned code;
    struct status status;
    slice text;
    bool is_taken; /* RCPT was answered 2xx */
};

enum client_body { CLIENT_7BIT, CLIENT_8BIT, CLIENT_BINARY };

/* The caller's, unchanged until CLIENT_WANTS_RESULT. */
struct client_message {
    slice reverse_path; /* empty: <> */
    enum client_body body;
    bool needs_utf8;     /* an address or a header field that only SMTPUTF8 (RFC 6531) permits */
    uint64_t size_bytes; /* of the text that client_text will be given, exactly */
    struct client_rcpt *rcpts;
    size_t rcpt_count; /* at least 1 */
};

enum client_want {
    CLIENT_WANTS_NOTHING, /* it is the server's turn */
    CLIENT_WANTS_MESSAGE, /* nothing is under way: client_send, client_quit, or wait */
    CLIENT_WANTS_TEXT,    /* client_text */
    CLIENT_WANTS_RESULT,  /* read the recipients, then client_next */
    CLIENT_WANTS_CLOSE,   /* close the connection; nothing comes any more */
};

struct client_options {
    enum client_protocol protocol;
    slice name; /* who we are, for LHLO; lives as long as the client */
};

struct client {
    struct client_options options;
    struct buf out; /* to be sent */
    enum client_stage stage;
    enum client_fault fault;
    uint32_t keywords;    /* enum client_keyword_set; of the hello's reply */
    uint64_t size_limit;  /* of SIZE; 0: none said */
    uint64_t deadline_ms; /* client_tick is wanted then; UINT64_MAX: never */
    struct client_message *message;
    bool is_over;           /* the message has its results */
    size_t asked, answered; /* RCPTs sent and replied to */
    size_t taken, final;    /* recipients taken, and the next whose final reply comes */
    bool is_data_sent;      /* with the envelope, by pipelining */
    uint64_t text_left;     /* of a BDAT chunk */
    uint64_t reply_bytes;   /* of the reply that is under way */
    struct reply_reader replies;
    struct dot_encoder dots;
    struct arena words;
};

/* Waits for the greeting. */
void client_init(struct client *c, const struct client_options *options, uint64_t now_ms);
void client_release(struct client *c);

enum client_want client_want(const struct client *c);

/* Takes at most one reply off *in. Nothing is taken once CLOSE is wanted. */
void client_feed(struct client *c, slice *in, uint64_t now_ms);
/* A message to send, as soon as the server is ready for it. May come before the greeting; none may
 * be under way. */
void client_send(struct client *c, struct client_message *message, uint64_t now_ms);
/* The next piece of the text, with CRLF line ends and no dots added; is_last: there is no more. */
void client_text(struct client *c, slice text, bool is_last, uint64_t now_ms);
/* The results have been read: another message may come. */
void client_next(struct client *c);
/* Says goodbye; no message may be under way. */
void client_quit(struct client *c, uint64_t now_ms);
/* The connection is gone, or the shell has had enough of it. */
void client_fail(struct client *c, enum client_fault why);
/* The time: past the deadline it is a fault. */
void client_tick(struct client *c, uint64_t now_ms);

/* "550-5.1.1 no\n550 5.1.1 such" as the server said it, or "4.4.2 words" of ours. */
void client_rcpt_print(struct buf *out, const struct client_rcpt *rcpt);
/* For logs: "greeting", "closed". */
const char *client_stage_name(enum client_stage stage);
const char *client_fault_name(enum client_fault fault);

#endif
