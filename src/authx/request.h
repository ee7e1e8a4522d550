/* request: what directory wants to know, until it has been told. Each is answered exactly once:
 * by its backend (request_done), by the clock, or when the role ends; a directory that is gone
 * needs no answer, and the question to the backend goes on to its end.
 *
 *   request_new ──▶ backend->ask ──▶ request_done ──▶ reply, freed
 *                     ▲    │ limit          │ NO, and the client wrote it otherwise
 *                     │    ▼                │
 *                     │  backend->forget,   │
 *                     │  reply FAILED       │
 *                     └─────────────────────┘
 *
 * Secrets lie in the request's own memory, which is wiped with it. */
#ifndef CANDOR_AUTHX_REQUEST_H
#define CANDOR_AUTHX_REQUEST_H

#include "lib/auth/sasl.h"
#include "lib/base/ip.h"
#include "sys/log.h"
#include "sys/rpc.h"

struct request;

/* Whoever knows accounts. */
struct backend {
    const char *name; /* for the log */
    uint64_t limit_ms;
    bool can_find; /* find_user can be answered */
    /* Ends in request_done, at once or later. */
    void (*ask)(struct backend *b, struct request *q);
    /* q dies now: nothing may end in request_done for it any more. */
    void (*forget)(struct backend *b, struct request *q);
};

struct requests {
    struct loop *loop;
    struct log *log;
    struct request *first;
    size_t open;
    uint32_t last_id;
    uint64_t yes, no, failed;           /* since the start */
    void (*idle)(struct requests *all); /* the last one has been answered; may be NULL */
};

struct request {
    struct request *next;
    struct requests *all;
    struct backend *backend;
    struct rpc *peer; /* NULL: nobody waits any more */
    uint32_t call;
    uint32_t id;    /* ours: no other open one has it; never 0 */
    bool is_find;   /* does he exist? else: is this his password? */
    bool is_second; /* asks with the prepared form of the password */
    struct ip ip;
    slice name, secret, as_sent, session; /* each with a NUL behind it that does not count */
    struct timer limit;
    /* The backend's own. */
    bool is_sent;
    unsigned times_lost;
    void *work;
    size_t bytes;
    char text[];
};

/* From a verify or find_user, which is answered; backend NULL: nobody can be asked. */
void request_begin(struct requests *all, struct backend *backend, struct rpc *peer,
                   const struct ipc_message *m);
/* What to show the backend: the bytes that the client sent, then SASLprep's form of them. */
slice request_secret(const struct request *q);
/* account: may be empty or without a domain, then it is the name that was asked. */
void request_done(struct request *q, enum sasl_answer_code code, slice account);
/* NULL: there is none any more. */
struct request *request_by_id(struct requests *all, uint32_t id);

void requests_forget_peer(struct requests *all, const struct rpc *peer);
/* All are answered FAILED. */
void requests_end(struct requests *all);

#endif
