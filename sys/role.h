/* role: how every role but master starts, lives and ends.
 *
 *   master          role_main
 *   fork, exec ──▶  loop, log, channel to master (descriptor 3)
 *   config     ──▶  spec->open(r, text)      everything that needs rights: files, directories,
 *                                            libraries that look around
 *                   sandbox_enter            own user, empty root, no_new_privs, Landlock
 *                   (helper threads begin)
 *                   sandbox_filter           system calls
 *                   spec->start(r)           (optional) what must happen inside
 *              ◀──  ready
 *   wire       ──▶  spec->peer(r, rpc)       once the peer's hello was right; again after its crash
 *   listener   ──▶  spec->listener
 *   config     ──▶  spec->reconfigure        SIGHUP, `candor reload`
 *   drain      ──▶  spec->drain              then role_drained(r) when all is finished
 *   (closed)   ──▶  spec->close, exit 0      master is gone, or has heard that we are drained
 *
 * A role's main.c is a table and a call:
 *
 *   static const struct role_spec spec = {.roles = ROLE_BIT(ROLE_QUEUE), .workers = 1, ...};
 *   int main(int argc, char **argv) { return role_main(&spec, argc, argv); }
 *
 * Roles are started by master only: without descriptor 3 role_main says so and returns 2. SIGINT,
 * SIGTERM and SIGHUP are ignored: master decides, also when a whole group gets them. */
#ifndef CANDOR_SYS_ROLE_H
#define CANDOR_SYS_ROLE_H

#include "sys/log.h"
#include "sys/rpc.h"
#include "sys/sandbox.h"

enum { ROLE_MASTER_FD = 3 };

struct role {
    enum role_id id;
    uint32_t instance;
    struct loop *loop;
    struct log *log;
    struct rpc *master;
    struct sandbox_user user; /* who we shall be after open */
    /* Where files may be opened after open, which adds them; nothing more can be added later. */
    struct sandbox_places places;
    uint64_t generation; /* of the configuration that holds */
    bool is_draining;
    void *self; /* the role's own state: set by open */
};

struct role_spec {
    role_set roles;   /* what this executable may be started as */
    unsigned workers; /* helper threads */
    /* text: the configuration's canonical print, for lib/conf; it lives until the return. 0, or
     * -errno after having logged why: the role exits with 1 and is tried again. */
    int (*open)(struct role *r, slice text);
    int (*start)(struct role *r);
    /* A new configuration. false, after having logged why: the old one goes on here, and master
     * says that the reload failed. NULL: nothing in it matters to this role. */
    bool (*reconfigure)(struct role *r, slice text);
    /* The rest as in rpc_ops. peer and gone come in pairs; after gone the rpc is freed. */
    void (*peer)(struct role *r, struct rpc *peer);
    void (*gone)(struct role *r, struct rpc *peer);
    void (*message)(struct role *r, struct rpc *peer, struct ipc_message *m);
    void (*answer)(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                   enum rpc_result result, struct ipc_message *m);
    void (*writable)(struct role *r, struct rpc *peer);
    /* A listening socket, non-blocking; index counts the configuration's listeners (`listen`, then
     * `web`). Taken; one that comes again for the same index replaces the old one. -1: close it, it
     * is no more. */
    void (*listener)(struct role *r, uint32_t index, int fd);
    /* NULL: drained at once. */
    void (*drain)(struct role *r);
    void (*close)(struct role *r);
};

/* The exit status. */
int role_main(const struct role_spec *spec, int argc, char **argv);

/* The channel to a peer; NULL when it is not wired or dead at the moment (a 451, not an error). */
struct rpc *role_peer(struct role *r, enum role_id peer, uint32_t instance);
/* Every peer that is there, in turn: start with NULL, ends with NULL. */
struct rpc *role_next_peer(struct role *r, struct rpc *after);
/* What a new configuration asks for cannot be opened any more (rights are given up once): master
 * drains this role and starts it anew, as it was started at first. */
void role_renew(struct role *r);
/* All that drain asked for is done. */
void role_drained(struct role *r);
/* The role cannot go on (its own storage failed): logs, exits with 1 at the end of this turn. */
void role_fail(struct role *r, const char *event, int err);

#endif
