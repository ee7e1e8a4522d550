/* control: the administrator's socket. Many clients, none of them trusted further than its rights.
 *
 *   client ── line ──▶ request_start ── admin ──▶ role     status, reload ──▶ master
 *   client ◀── {"part": …}, {"answer": …} ── request_answer ◀──┘
 *
 * Invariants:
 * 1. Who a client is comes from the kernel (SO_PEERCRED), once, when it connects.
 * 2. A client has at most one request open, and no other is begun before its answer is read; what
 *    it sends meanwhile waits in its socket.
 * 3. Nothing is held without bound: CLIENTS_MAX of them, a line of REQUEST_MAX, answers of
 *    ANSWER_MAX that are not yet read, SILENCE_MS without a whole request, STALL_MS without
 * reading.
 * 4. A call to a role carries a number, never an address: the client may be gone when the answer
 *    comes, or be at its next request. Every open request ends exactly once.
 * 5. What a role says is read as JSON and written again: it cannot end a line or begin another. */
#ifndef CANDOR_CONTROL_CONTROL_H
#define CANDOR_CONTROL_CONTROL_H

#include <sys/types.h>

#include "lib/conf/conf.h"
#include "sys/role.h"

enum {
    CLIENTS_MAX = 64,
    CLIENTS_OF_USER_MAX = 32, /* the rest is for the owner */
    REQUEST_MAX = 96 * 1024,  /* less than a message between roles holds */
    ANSWER_MAX = 8 * 1024 * 1024,
    SILENCE_MS = 60 * 1000,
    STALL_MS = 30 * 1000,
    FIGURES_MS = 2 * 1000,
};

enum who { WHO_GROUP, WHO_OWNER };

/* What is asked of whom; made from requests.def. */
struct request {
    const char *name;
    enum role_id role;
    enum who who;
    bool is_change;
};

struct json_t;

struct client {
    struct client *next;
    struct control *control;
    uint64_t id; /* another one for each request: what comes late finds nobody */
    int fd;      /* ours */
    uid_t uid;
    enum who who;
    struct watch watch;
    struct timer timer;
    struct buf in, out;
    const struct request *request; /* open; NULL: none */
    struct rpc *asked;             /* where it is */
    struct json_t *rows;           /* of status and figures, until the last one came */
    size_t awaited;                /* roles that figures still waits for */
    bool is_ending;                /* closed once out is written */
    bool is_dead;                  /* closed; freed at the end of the turn */
};

struct control {
    struct role *role;
    struct conf *conf;
    struct buf text; /* its canonical print */
    int listener;    /* ours */
    struct watch watch;
    struct timer again; /* accepting rests until then */
    struct turn_hook sweep;
    struct client *clients;
    size_t clients_n;
    uint64_t last_id;
    uid_t owner;
    gid_t group; /* of control-group; (gid_t)-1: there is none */
};

/* ---- socket.c ---- */

/* Binds and listens at c->conf->server.control; sets owner and group. 0 or -errno, logged. Before
 * the sandbox. */
int socket_open(struct control *c) __attribute__((warn_unused_result));
/* May it talk to us, and as whom? */
bool socket_peer(const struct control *c, int fd, uid_t *ret_uid, enum who *ret_who);

/* ---- client.c ---- */

/* 0 or -errno. */
int clients_start(struct control *c) __attribute__((warn_unused_result));
void clients_close(struct control *c);
/* NULL: gone. */
struct client *client_find(struct control *c, uint64_t id);
/* One line {"part": value} or {"answer": value}. Takes the reference; NULL: no memory. */
void client_part(struct client *c, struct json_t *value);
void client_answer(struct client *c, struct json_t *value);
/* After an answer that came later: the lines that were sent meanwhile. */
void client_resume(struct client *c);

/* ---- request.c ---- */

/* The name's row; NULL. */
const struct request *request_find(const char *name);
/* One line of a client's. Answers now, or sets c->request. */
void request_start(struct client *c, slice line);
/* From role_spec. */
void request_answer(struct control *c, const struct rpc *peer, enum ipc_type call, uint64_t token,
                    enum rpc_result result, struct ipc_message *m);

/* {"ok": false, "error": key, "message": …, "hint": …} */
struct json_t *answer_error(const char *key, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
