/* link: a connection to a server that speaks in lines, made again whenever it is lost.
 *
 *   DOWN ──(timer, link_wake)──▶ CONNECTING ──▶ GREETING ──link_greeted──▶ OPEN
 *    ▲                               │              │                       │
 *    └───────────────────────────────┴──────────────┴───────────────────────┘
 *      ops->lost: refused, its end, LINK_GREETING_MS over, or a line that is none
 *
 * The pauses between attempts double from LINK_PAUSE_MIN_MS on; an OPEN link that is lost is made
 * again at once. A socket in the file system is connected to by master (unix_open). */
#ifndef CANDOR_AUTHX_LINK_H
#define CANDOR_AUTHX_LINK_H

#include "lib/base/buf.h"
#include "lib/conf/conf.h"
#include "sys/answers.h"
#include "sys/role.h"

enum {
    LINK_PAUSE_MIN_MS = 250,
    LINK_PAUSE_MAX_MS = 30 * 1000,
    LINK_GREETING_MS = 5 * 1000,
    LINK_LINE_MAX = 64 * 1024, /* a longer one ends the connection */
    LINK_OUT_MAX = 4 * 1024 * 1024,
};

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_OPEN };

struct link;
struct link_ops {
    /* Connected: write what begins the greeting. */
    void (*hello)(struct link *l);
    /* Without its LF. False: this is not what we speak, and the connection ends. */
    bool (*line)(struct link *l, slice line);
    /* What was asked is lost. is_tried_again: another attempt has begun already. */
    void (*lost)(struct link *l, bool is_tried_again);
};

struct link {
    struct role *role;
    const struct link_ops *ops;
    const char *name; /* for the log */
    struct conf_socket to;
    enum unix_place place; /* of to.path */
    enum link_state state;
    bool is_told; /* the log knows that it is down */
    uint32_t attempt;
    int error; /* of an attempt that failed at once */
    uint64_t pause_ms, tried_at_ms;
    int fd;
    struct watch watch;
    struct timer timer;
    struct buf in;
    struct buf out; /* out.p + sent: what the kernel has not taken yet */
    size_t sent;
};

/* Begins to connect. to must outlive the link. */
void link_start(struct link *l);
void link_stop(struct link *l);
/* Somebody wants something: tries now when the last attempt is some time ago. False: it is down and
 * will not be up soon. */
bool link_wake(struct link *l);
/* The other side's greeting was right. */
void link_greeted(struct link *l);
/* Writes what was added to l->out. */
void link_flush(struct link *l);
/* The answer to unix_open with this token: true when it was this link's. */
bool link_unix_opened(struct link *l, uint64_t token, int error, int fd);

#endif
