/* client_int: what the files of one client share: client.c has the connection and carries out what
 * the session wants, questions.c asks for it, exchange.c carries the exchange of signing in, body.c
 * brings the body to queue, client_log.c says what happened. */
#ifndef CANDOR_SMTPD_CLIENT_INT_H
#define CANDOR_SMTPD_CLIENT_INT_H

#include "lib/smtp/proxy.h"
#include "src/smtpd/client.h"
#include "src/smtpd/store.h"

/* A question whose channel was full; the key of a commit is in the session. */
struct waiting_ask {
    struct waiting_ask *next;
    uint32_t id;
    enum question_kind kind;
    size_t key_n;
    char key[];
};

struct client {
    struct server *server;
    struct conn *conn;
    struct session *session;    /* NULL before an implicit handshake is done */
    struct proxy_reader *proxy; /* not NULL: a load balancer's header must come first. Ours */
    struct ruleset *rules;
    struct timer timer;
    struct store store;
    struct session_commit commit; /* while its answer is open */
    struct session_auth auth;     /* while its answer is open */
    struct waiting_ask *waiting;
    struct client *next_stalled;
    uint32_t number;
    uint32_t listener;
    uint32_t admit_ask; /* not 0: counters are being asked */
    uint32_t file_asks;
    uint32_t open_file_ask; /* not 0: a file for the body was asked for, nothing is read */
    uint64_t timer_at_ms;
    uint64_t eof_at_ms;    /* with has_eof */
    uint64_t signed_in_ms; /* wall clock: when the last exchange began */
    struct ip ip;
    uint16_t port;
    bool is_stalled; /* in server->stalled */
    bool is_counted; /* counters know of this session */
    bool is_crowd;   /* in server->crowd */
    bool is_live;    /* in server->live_count */
    bool is_paused;  /* conn holds bytes that the session has not taken */
    bool is_closing;
    bool has_eof;
    bool has_commit;   /* c->commit is to be asked for, or has been */
    bool has_exchange; /* directory has one of this client */
    bool store_failed;
};

/* ---- client.c ---- */

/* The token of a call: which client, which question. */
uint64_t client_token(const struct client *c, uint32_t id);
uint64_t client_now_ms(const struct client *c);
int64_t client_wall_s(void);
bool client_is_unlimited(const struct ruleset *rules, const struct ip *ip);
/* Does what the session wants; after every call of the session. */
void client_carry_out(struct client *c);
/* An answer for the session, and what it wants then. */
void client_give(struct client *c, uint32_t id, const struct answer *answer);
/* After whatever may have ended the session's waiting. */
void client_go_on(struct client *c);
void client_begin_close(struct client *c);

/* TLS where it comes first, else the session. */
void client_begin(struct client *c);
/* The client is at another address than who connected, says somebody who may: all that goes by
 * addresses goes by this one. False: there are too many from there. */
bool client_become(struct client *c, const struct ip *ip, uint16_t port);

/* ---- door.c ---- */

/* Begins, once a load balancer has said for whom it connects. */
void door_open(struct client *c);
/* While c->proxy is not NULL; returns how many bytes were taken. */
size_t door_take(struct client *c, slice in);
/* No TLS came where it comes first. */
void door_plain(struct client *c);
void door_close(struct client *c);
bool door_is_proxy(const struct ruleset *rules, uint32_t listener, const struct ip *ip);

/* ---- questions.c ---- */

/* Answers at once if it can be, else asks. */
void client_ask(struct client *c, uint32_t id, enum question_kind kind, slice key);
/* The client has gone: nothing of it waits any more, and counters hear of its end. */
void client_forget_questions(struct client *c);

/* ---- exchange.c ---- */

/* Puts c->auth on the channel. */
int client_exchange_ask(struct client *c, struct rpc *directory, uint32_t id);
/* True: directory need not be asked for c->auth, *ret is the answer. */
bool client_exchange_answer_here(const struct client *c, struct answer *ret);
/* Before an answer to c->auth is given to the session. */
void client_exchange_answered(struct client *c, const struct answer *answer);
/* After time has passed in the session: has it given up the step that is open? Then c->auth points
 * at nothing any more. */
void client_forget_late_step(struct client *c);
/* The exchange, if there is one, is not wanted any more. */
void client_exchange_drop(struct client *c);

/* ---- body.c ---- */

void body_append(struct client *c, slice bytes);
/* Gives up what is stored. */
void body_drop(struct client *c);
/* The whole message is here: to queue, once its file is there. */
void body_commit(struct client *c);
/* Not asked for yet, since the channel was full: its slices go with the transaction. */
void body_forget_commit(struct client *c);
/* Puts c->commit on the channel. */
int body_ask_queue(struct client *c, struct rpc *queue, uint32_t id);

/* ---- client_log.c ---- */

void client_log_finding(struct client *c, const struct finding *f);
void client_log_accepted(struct client *c, uint64_t id);
void client_log_closed(struct client *c, enum conn_end end, slice detail);

#endif
