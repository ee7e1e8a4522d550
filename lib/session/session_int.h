/* The session's own view of itself: for the files of this folder. */
#ifndef CANDOR_SESSION_SESSION_INT_H
#define CANDOR_SESSION_SESSION_INT_H

#include "lib/auth/mechanism.h"
#include "lib/auth/wire.h"
#include "lib/base/arena.h"
#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/catalogue/reply_make.h"
#include "lib/mail/header.h"
#include "lib/session/session.h"
#include "lib/smtp/address.h"
#include "lib/smtp/bdat.h"
#include "lib/smtp/command.h"
#include "lib/smtp/dot.h"
#include "lib/smtp/envelope.h"
#include "lib/smtp/line_reader.h"

enum state {
    STATE_CONNECTING = 1, /* no greeting yet: the connect checks run */
    STATE_GREETED = 2,    /* no HELO or EHLO yet (again, after STARTTLS) */
    STATE_READY = 4,
    STATE_IN_MAIL = 8,
    STATE_IN_RCPT = 16,   /* at least one recipient accepted */
    STATE_IN_CHUNKS = 64, /* some of the text has come by BDAT (RFC 3030 2) */
    STATE_REFUSED = 32,   /* 554 greeting: only QUIT is served (RFC 5321 3.1) */
    ANY_GREETED = STATE_GREETED | STATE_READY | STATE_IN_MAIL | STATE_IN_RCPT | STATE_IN_CHUNKS,
};

enum mode { MODE_COMMAND, MODE_AUTH, MODE_TEXT, MODE_CHUNK, MODE_HANDSHAKE, MODE_ENDED };

enum args_rule { ARGS_NONE, ARGS_NEEDED, ARGS_FREE };

enum verb_id {
#define VERB(id, word, states, args, handler, source) VERB_##id,
#include "lib/session/verbs.def"
#undef VERB
    VERB_COUNT
};

/* What a call of the session came with. */
struct turn {
    uint64_t now_ms;
    int64_t wall_s; /* seconds since 1970, for Received */
    struct effects *fx;
};

/* One phase's checks under way, and what they know. */
struct decision {
    enum phase phase;
    size_t at; /* in the phase's list */
    struct check_facts facts;
    struct arena arena;
    struct view view;
};

struct recipient {
    struct recipient *next;
    slice path; /* local@domain, or "postmaster"; in the transaction's arena */
};

enum { TRANSACTION_ARENA_BYTES = 1024 * 1024, ENVELOPE_RCPT_ROOM = ENVELOPE_MAX_BYTES - 8192 };

/* From MAIL to the answer after the final dot. All slices are in its arena. */
struct transaction {
    struct arena arena;
    slice reverse_path;      /* empty for <> */
    struct mail_params mail; /* envid is not kept */
    slice grant;             /* what queue takes it under; empty: of nobody who has signed in */
    uint64_t max_granted;    /* recipients under it */
    struct recipient *first, *last;
    uint32_t accepted;
    uint32_t refused;
    size_t rcpt_bytes; /* of the accepted ones, in the envelope */
    slice pending;     /* the recipient that the RCPT checks are about */

    struct dot_decoder dot;
    struct header_walk walk;
    struct buf header;
    struct buf body; /* what was not yet stored */
    struct buf envelope;
    struct buf added;
    uint64_t body_bytes;
    uint64_t text_until_ms; /* RFC 5321 4.5.3.2.5, however slowly it drips */
    enum reason_id fault;   /* the first thing that refuses the text; REASON_NONE */
    bool is_in_header;
    bool is_after_cr; /* BDAT: the last octet was CR */
    bool is_stored;   /* body bytes went out through effects.store */
};

/* A SASL exchange under way. */
struct exchange {
    uint32_t ask; /* 0: the client's line is waited for (MODE_AUTH) */
    enum sasl_mechanism mechanism;
    enum auth_wire fault; /* of the client's last line */
    struct buf response;  /* what it held, until the answer has come; secret */
};

/* Who has signed in, with the pass; secret. */
struct sign_in {
    uint64_t credential;
    uint32_t account_n, pass_n;
    char bytes[]; /* the account, then the pass */
};

/* What XFORWARD said of the next message. */
struct forwarded {
    struct ip ip;
    struct buf name, helo, ident;
};

struct session {
    const struct session_policy *policy;
    struct line_reader reader;
    struct buf helo;
    struct buf client_name; /* forward-confirmed, or empty */
    slice verb;             /* the word that is being answered; valid while the line is */
    struct buf tls_version, tls_cipher;
    struct transaction *txn;   /* NULL outside one */
    struct decision *decision; /* NULL while nothing is to be decided */
    struct exchange *exchange; /* NULL outside AUTH */
    struct sign_in *sign_in;   /* NULL: nobody has */
    uint64_t deadline_ms;
    struct bdat_chunk chunk; /* MODE_CHUNK: what of it is still to come */
    uint64_t chunk_bytes;
    uint64_t chunks_until_ms;
    enum reason_id chunk_refusal; /* its octets are taken and thrown away */
    uint32_t next_ask;
    uint32_t commit_ask;      /* 0: no commit is open */
    uint32_t client_name_ask; /* 0: not open */
    uint32_t errors, commands, messages;
    enum state state;
    enum mode mode;
    uint16_t client_port;
    bool is_extended; /* EHLO, not HELO */
    bool has_tls, has_binding, has_certificate;
    bool is_draining;
    bool is_revoked;  /* what it signed in with is no longer good */
    bool hides_words; /* since AUTH no other verb came: unknown words may be passwords */
    struct ip client;
    char id[SESSION_ID_CHARS];

    struct ip peer;              /* who has connected: client is another after XCLIENT */
    struct buf told_helo;        /* by XCLIENT; empty: EHLO's own counts */
    struct forwarded *forwarded; /* NULL: nothing */
    bool is_name_told;           /* client_name is the proxy's word */

    uint64_t greet_at_ms; /* not before, unless he speaks */
    uint64_t until_ms;    /* of the whole session; 0: for ever */
    bool is_pausing;      /* before the greeting */
    bool was_greeted;
    bool has_spoken_early;
    bool has_more;      /* bytes lie behind the command that is being answered */
    bool has_quit_next; /* ... and they are QUIT, alone */
};

/* ---- replies (session_reply.c) ---- */

/* Facts that a reply may name; what a text does not use is ignored. */
void say(struct session *s, const struct turn *t, enum reason_id reason, slice about);
void say_facts(struct session *s, const struct turn *t, enum reason_id reason, slice about,
               struct reply_facts *facts);
/* A refusal that was decided, not a fault of the dialogue: with the id under which it can be looked
 * up . */
void say_decision(struct session *s, const struct turn *t, enum reason_id reason, slice about);
/* 334 (RFC 4954 4); challenge is not yet in base64. */
void say_challenge(struct session *s, const struct turn *t, slice challenge);
/* The reply is the last one. */
void say_and_close(struct session *s, const struct turn *t, enum reason_id reason);

/* The reply after the final dot: in LMTP one for each recipient that was accepted. */
void say_of_message(struct session *s, const struct turn *t, enum reason_id reason,
                    const struct reply_facts *facts);
/* For the log alone: it was not refused. */
void session_notice(const struct turn *t, enum reason_id reason);

/* ---- the life of a session (session.c) ---- */

void session_wait_for_command(struct session *s, const struct turn *t);
/* Carries on what an answered question held up. */
void session_decide(struct session *s, const struct turn *t);

/* ---- signing in (verb_auth.c) ---- */

/* What EHLO announces of AUTH, 1U << enum sasl_mechanism; 0: nothing. */
uint32_t auth_offer(const struct session *s);
/* The next line, an AUTH and what follows it up to AUTH_LINE_MAX_BYTES, else up to
 * SESSION_COMMAND_BYTES. */
enum line_event auth_take_line(struct session *s, slice *in, struct line *ret);
void auth_feed(struct session *s, const struct turn *t, slice *in);
void auth_answered(struct session *s, const struct turn *t, const struct answer *answer);
/* Both overwrite what they forget; without one nothing happens. */
void exchange_drop(struct session *s);
void sign_in_drop(struct session *s);

/* ---- transaction.c ---- */

/* NULL without memory. */
struct transaction *transaction_new(void) __attribute__((warn_unused_result));
void transaction_free(struct transaction *txn);
/* READY again, as after RSET; bytes stored so far are given up. */
void transaction_end(struct session *s, const struct turn *t);

/* ---- policy (policy.c) ---- */

/* Begins a phase's checks; false without memory (nothing was begun). */
bool policy_begin(struct session *s, const struct turn *t, enum phase phase,
                  const struct check_facts *facts) __attribute__((warn_unused_result));
/* NEED: questions are in the effects. Otherwise the decision is over. */
struct verdict policy_run(struct session *s, const struct turn *t);
void policy_drop(struct session *s);
/* NULL is fine. */
void decision_free(struct decision *d);

/* ---- verbs (verbs.c and verb_*.c) ---- */

void verb_dispatch(struct session *s, const struct turn *t, const struct line *line);
typedef void verb_handler(struct session *s, const struct turn *t, slice args);
verb_handler verb_ehlo, verb_helo, verb_mail, verb_rcpt, verb_data, verb_bdat, verb_rset, verb_vrfy,
    verb_help, verb_noop, verb_quit, verb_starttls, verb_auth, verb_not_implemented;
verb_handler verb_xclient, verb_xforward, verb_expn;
/* The reply to a path's fault; null paths are a recipient's fault only. REASON_NONE when there is
 * none. */
enum reason_id path_reason(enum path_err err, enum reason_id no_path, enum reason_id bad_address);
/* The reply to a parameter's fault; REASON_NONE when there is none. */
enum reason_id param_reason(enum param_err err, enum reason_id unknown);
/* What stands between the angle brackets of a path that could not be read, for a reply that puts
 * its own around it. */
slice path_inside(slice args);
/* The reply to EHLO; and the MAIL_PARAM_… bits of what was announced. */
enum { EXTENSIONS_MAX = 16 };
void extensions_announce(struct session *s, const struct turn *t);
unsigned extension_mail_params(const struct session *s);
/* After the MAIL and the RCPT checks. */
void mail_decided(struct session *s, const struct turn *t, struct verdict v,
                  const struct view *view);
void rcpt_decided(struct session *s, const struct turn *t, struct verdict v);

/* EXPN is served, and to him. */
bool session_may_expand(const struct session *s);
void expn_decided(struct session *s, const struct turn *t, struct verdict v, struct decision *d);

/* ---- LMTP (lmtp.c) ---- */

/* EHLO and HELO where LHLO is spoken, or the other way round; else REASON_NONE. */
enum reason_id hello_of_the_other(const struct session *s, verb_handler *handler, slice word);
/* DATA or BDAT in a transaction that has none. */
enum reason_id no_recipients(const struct session *s);

/* ---- proxies (verb_xclient.c) ---- */

/* Whom the next message comes from, as far as is known. */
struct origin {
    const struct ip *ip;
    slice helo;
    slice name;
    slice ident;
};
struct origin session_origin(const struct session *s);
bool session_trusts_peer(const struct session *s);
void forwarded_drop(struct session *s);

/* ---- speaking out of turn (out_of_turn.c): true, it was answered and the session is over ---- */

/* What is no command line at all; before a line is taken off in. */
bool turn_is_broken(struct session *s, const struct turn *t, slice in);
void turn_look_behind(struct session *s, slice rest);
/* A command that comes too early, from another protocol, or too late. handler NULL: unknown. */
bool turn_is_taken(struct session *s, const struct turn *t, struct command c,
                   verb_handler *handler);
/* The connect checks have passed: 220, or the pause before it. */
void greet(struct session *s, const struct turn *t);
void greet_after_pause(struct session *s, const struct turn *t);
void speak_early(struct session *s, const struct turn *t);

/* ---- the text (text.c) and its end (commit.c) ---- */

void text_begin(struct session *s, const struct turn *t);
void text_feed(struct session *s, const struct turn *t, slice *in);
/* Text without its dots, from DATA or BDAT; and no more will come. */
void text_take(struct session *s, const struct turn *t, slice piece);
void text_end(struct session *s, const struct turn *t);
void chunk_feed(struct session *s, const struct turn *t, slice *in);
/* After the MESSAGE checks. */
void text_decided(struct session *s, const struct turn *t, struct verdict v);
void commit_ask(struct session *s, const struct turn *t);
void commit_answered(struct session *s, const struct turn *t, const struct answer *answer);

#endif
