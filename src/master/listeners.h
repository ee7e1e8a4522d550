/* listeners: the sockets of the configuration's `listen` lines, in its order, and then those of its
 * `web` lines: the index of one is its number everywhere. */
#ifndef CANDOR_MASTER_LISTENERS_H
#define CANDOR_MASTER_LISTENERS_H

#include "lib/conf/conf.h"
#include "sys/roles.h"

enum { LISTENERS_MAX = 256 };

enum { LISTENER_PATH_BYTES = 108 }; /* sun_path of Linux */

struct listener {
    struct conf_endpoint at;
    char path[LISTENER_PATH_BYTES]; /* of a unix socket; else empty */
    enum role_id role;              /* mx, submit or web */
    int fd;                         /* bound, listening, non-blocking */
};

struct listeners {
    struct listener v[LISTENERS_MAX];
    size_t n;
};

/* What is wrong, and where. */
struct listen_problem {
    struct conf_socket at; /* in the configuration that was asked for */
    int err;               /* errno */
};

/* Sockets that were passed to us (LISTEN_FDS of systemd's protocol, or of our own exec), taken from
 * the environment, which forgets them. */
void listeners_inherit(struct listeners *ret);
/* The set that conf asks for: sockets of `have` for the same address and port are kept (as
 * duplicates), others are bound. On failure *ret holds nothing and `have` is as before: -errno and
 * *problem. */
int listeners_open(const struct conf *conf, const struct listeners *have, struct listeners *ret,
                   struct listen_problem *problem) __attribute__((warn_unused_result));
void listeners_close(struct listeners *l);
/* Before exec: puts the sockets from descriptor 3 on and says so in the environment. */
int listeners_bequeath(const struct listeners *l);
bool listener_is_same(const struct listener *a, const struct listener *b);
/* Is line i served by this role? */
static inline bool listeners_has(const struct listeners *l, size_t i, enum role_id role)
{
    return i < l->n && l->v[i].role == role;
}

#endif
