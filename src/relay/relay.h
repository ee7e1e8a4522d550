/* relay: what main.c (messages), host.c (a server's row and its state) and link.c (one connection)
 * share.
 *
 * A server has at most `connections` links; a transfer goes to one that is idle, else to a new one,
 * else it waits in the server's row. A server that cannot be reached is left alone for a while, a
 * little longer each time: until then what comes for it is put off at once, so that it costs
 * nothing and holds nobody up; then one link tries.
 *
 *   host_take ──▶ row ──▶ link_new ── connected, hello ──▶ link serves one after the other
 *                              │ cannot be reached: host_failed puts off the whole row
 *                              ▼
 *   relay_answer ◀── results of each transfer
 *
 * Unix sockets are connected by master (unix_open): this process has an empty root. */
#ifndef CANDOR_RELAY_RELAY_H
#define CANDOR_RELAY_RELAY_H

#include "lib/conf/conf.h"
#include "src/relay/transfer.h"
#include "sys/conn.h"
#include "sys/role.h"

struct link;

struct host {
    struct host *next;
    struct relay *relay;
    struct transfer *row, **row_end;
    struct link *links;
    size_t link_count;
    bool is_suspect; /* it could not be reached: one link at a time tries */
    uint64_t down_until_ms;
    uint64_t backoff_ms;
    char why[256]; /* the last failure, for those that are put off */
    char name[];
};

struct relay {
    struct role *role;
    struct conf *conf;
    struct conn_set *conns;
    struct host *hosts;
    uint64_t epoch; /* raised when queue dies: nobody waits for those answers any more */
    uint64_t next_link;
    bool is_closing;
    size_t open;                   /* transfers that are not answered */
    uint64_t done, later, refused; /* recipients */
    struct turn_hook clean;        /* hosts that nobody needs go at the end of a turn */
    struct timer drain_limit;
};

/* ---- main.c ---- */

/* The results are in: tells queue, frees t. */
void relay_answer(struct relay *r, struct transfer *t);

/* ---- host.c ---- */

/* Owns t from now on. */
void host_take(struct relay *r, struct transfer *t);
/* The next of the row; NULL: nobody waits. */
struct transfer *host_next(struct host *h);
/* Before all others. */
void host_put_first(struct host *h, struct transfer *t);
/* It can be reached. */
void host_works(struct host *h);
/* It cannot: the row is put off. why has the words, a status code in front. */
void host_failed(struct host *h, slice why);
/* A link is gone, or a transfer came: more links for the row. */
void host_kick(struct host *h);
/* What the configuration has of it; false: nothing any more. */
bool host_place(const struct host *h, struct conf_endpoint *ret_at, uint32_t *ret_index);

/* At the end: all of them; no link is there any more. */
void hosts_free(struct relay *r);

/* ---- link.c ---- */

/* Begins to connect, with t as its first transfer, which is put off when there is no memory. */
void link_new(struct host *h, struct transfer *t);
/* An idle one takes t; false: there is none. */
bool link_reuse(struct host *h, struct transfer *t) __attribute__((warn_unused_result));
/* Master's answer: fd is taken, or error is its errno. */
void link_opened(struct relay *r, uint64_t id, int fd, int error);
/* Nobody waits for what is not yet delivered (all: nor for the answer of what is). */
void links_abort(struct host *h, bool all);
/* Idle ones say goodbye. */
void links_quit(struct host *h);
/* The loop turns no more: those that are not yet connected, and their transfers. */
void links_free(struct host *h);

#endif
