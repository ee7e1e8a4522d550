/* master: holds the configuration and the listening sockets, starts the roles, wires them, starts
 * them again when they die, and ends them in order. It parses no byte from the network and decodes
 * fixed-size messages only (the matrix of ipc.def lets nothing else through).
 *
 * Invariants:
 *  1. A listening socket lives as long as its line in the configuration: no role's death, and no
 *     reload that keeps the line, loses a connection that waits in it.
 *  2. Two ready roles that have anything to say to each other share exactly one channel; when one
 *     is started again, both get a new one.
 *  3. A configuration is taken whole or not at all; the one before goes on until then.
 *  4. No role outlives master: its channel ends and the kernel signals it.
 *  5. Master ends after its last child.
 *
 * A child's states, and who moves it:
 *
 *   DOWN ──child_start──▶ STARTING ──ready──▶ READY ──child_drain──▶ DRAINING
 *    ▲  (back-off)           │                  │                       │
 *    └───────────────────────┴──────────────────┴───────────────────────┘
 *                              child_reap: the process has ended */
#ifndef CANDOR_MASTER_MASTER_H
#define CANDOR_MASTER_MASTER_H

#include <sys/types.h>

#include "lib/conf/conf.h"
#include "src/master/listeners.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/rpc.h"

enum { MX_MAX = 64, CHILDREN_MAX = ROLE_COUNT + MX_MAX };

struct master;

struct child {
    struct master *master;
    enum role_id id;
    uint32_t instance;
    enum role_state state;
    bool is_wanted; /* by the configuration; else it drains and is not started again */
    pid_t pid;      /* 0: DOWN */
    struct rpc *rpc;
    uint32_t restarts;
    uint32_t sandbox;
    uint64_t generation;    /* of the configuration that it was sent last */
    bool is_reloading;      /* the reload waits for its answer */
    uint64_t started_at_ms; /* wall clock */
    uint64_t started_ms;    /* monotonic */
    uint64_t backoff_ms;    /* before the next start, when it dies soon again */
    struct timer timer;     /* DOWN: start; DRAINING or without channel: kill */
};

/* A configuration that was read and checked. */
struct settings {
    struct conf *conf;
    int fd; /* sealed memfd of the canonical print; -1: none */
    uint64_t generation;
};

/* A reload that the roles have not all answered. */
struct reload {
    bool is_running;
    bool is_asked_again; /* a signal came meanwhile */
    bool has_failed;     /* a role keeps its old configuration */
    unsigned waiting;    /* for config_taken */
    struct rpc *asker;   /* control's channel, NULL: a signal, or control is gone */
    uint32_t call;
};

enum drain_stage { DRAIN_NOT, DRAIN_CLIENTS, DRAIN_QUEUE, DRAIN_REST };

struct master {
    struct loop *loop;
    struct log *log;
    const char *config_path; /* absolute */
    uint32_t sandbox;        /* what it gave up */
    const char *libexec;     /* where the roles' executables are */
    bool is_tree;            /* libexec is a build folder: ROLE/ROLE in it */
    struct settings settings;
    struct listeners listeners;
    struct child children[CHILDREN_MAX];
    size_t children_n;
    struct reload reload;
    bool is_started; /* all have been ready once */
    enum drain_stage stage;
    struct timer stage_limit;
    bool is_upgrade; /* exec ourselves when drained */
    int status;
};

/* ---- settings.c ---- */

/* Reads the file. 0; -EINVAL: errors (initialised by the caller) has what is wrong, and text the
 * same for people to read; or -errno, with its name in text. The generation is not set. */
int settings_read(const char *path, struct settings *ret, struct conf_errors *errors,
                  struct buf *text) __attribute__((warn_unused_result));
void settings_release(struct settings *s);
enum log_format settings_log_format(const struct settings *s);
enum log_level settings_log_level(const struct settings *s);
enum log_sink settings_log_sink(const struct settings *s);

/* ---- children.c ---- */

/* Makes the table of children what the configuration needs: new ones are started, those that are
 * no longer needed are drained. */
void children_adjust(struct master *m);
void child_start(struct child *c);
void child_drain(struct child *c);
void child_kill(struct child *c);
/* SIGCHLD. */
void children_reap(struct master *m);
bool children_are_down(const struct master *m, role_set roles);
/* Sends the configuration; the answer comes to reload_answered. False: not sent. */
bool child_configure(struct child *c);
struct child *child_find(struct master *m, enum role_id id, uint32_t instance);
/* The listeners of its class: those whose place has changed since `before` (NULL: all). */
void child_give_listeners(struct child *c, const struct listeners *before);

/* ---- unix.c ---- */

/* A connection to a unix socket of the configuration, for a role that cannot reach it. */
void child_give_unix(struct child *c, uint32_t call, const struct ipc_unix_open *ask);

/* ---- reload.c ---- */

/* Reads the file again. asker NULL: nobody waits for the answer. */
void reload_begin(struct master *m, struct rpc *asker, uint32_t call);
/* A child that is_reloading has taken the configuration, or not. */
void reload_answered(struct child *c, bool ok);
/* All are ready for the first time: the reload that was asked for until then. */
void reload_postponed(struct master *m);
/* control's channel is gone. */
void reload_forget(struct master *m, const struct rpc *asker);

/* ---- drain.c ---- */

/* Ends everything in order, then the loop; the exit status is status. */
void drain_begin(struct master *m, int status);
/* Again: at once. */
void drain_hurry(struct master *m);
/* A child is down: perhaps the next stage. */
void drain_advance(struct master *m);

/* ---- notify.c: sd_notify(3) without its library ---- */

/* state: "READY=1". Nothing happens when nobody asked for it (NOTIFY_SOCKET). */
void notify_manager(const char *state);
/* RELOADING=1 with the time that systemd wants beside it. */
void notify_reloading(void);

#endif
