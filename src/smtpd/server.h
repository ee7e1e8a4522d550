/* server: what all clients of one smtpd share. */
#ifndef CANDOR_SMTPD_SERVER_H
#define CANDOR_SMTPD_SERVER_H

#include "lib/base/crowd.h"
#include "lib/route/recipient_cache.h"
#include "src/smtpd/authorities.h"
#include "src/smtpd/ruleset.h"
#include "sys/conn.h"
#include "sys/genpage.h"
#include "sys/role.h"
#include "sys/tls.h"

enum { SERVER_LISTENERS = 64, SERVER_RECIPIENTS_CACHED = 65536 };

struct client;

struct listener {
    struct server *server;
    struct watch watch;
    uint32_t index; /* in the configuration's list */
    int fd;         /* owned; -1: not there */
};

struct orphan {
    uint64_t token;
    struct ip ip;
};

struct server {
    struct role *role;
    struct ruleset *rules;
    struct conn_set *conns;
    struct tls *tls;
    struct effects fx; /* one for all sessions, one after another */
    struct listener listeners[SERVER_LISTENERS];
    struct authority_file authorities[SERVER_LISTENERS]; /* as keys told them */
    size_t authorities_n;
    struct genpage generation;
    struct recipient_cache recipients;
    struct timer gate;  /* opens the listeners though not everything is there */
    struct timer again; /* after accept found no descriptor */
    struct timer drain;
    bool is_open;      /* clients are accepted */
    bool space_is_low; /* queue has said so */

    /* Clients by number: the low 20 bits are the place, the rest tells one tenant from the next. */
    struct client **clients;
    uint32_t *serials;
    uint32_t *free_places;
    uint32_t free_count, place_count;
    uint32_t client_count;
    uint32_t live_count; /* of sessions that are not closing */
    struct crowd crowd;
    uint64_t crowded_out,
        crowd_log_ms;       /* connections ended since the start; when to say so again */
    struct buf closed;      /* addresses whose end counters could not be told yet, struct ip each */
    struct buf orphans;     /* clients that went while counters were asked, struct orphan each */
    struct client *stalled; /* whose questions found a channel full */
    uint64_t sessions, messages, refusals; /* since the start */
};

/* NULL: no room or memory. */
bool server_add_client(struct server *s, struct client *c, uint32_t *ret_number)
    __attribute__((warn_unused_result));
void server_remove_client(struct server *s, uint32_t number);
/* Tells counters that a session of this address has ended, now or when there is room. */
void server_count_out(struct server *s, const struct ip *ip);
/* A client has gone whose admission is still being asked for: should it be granted, the session
 * must be counted out again. */
void server_orphan(struct server *s, uint64_t token, const struct ip *ip);
bool server_take_orphan(struct server *s, uint64_t token, struct ip *ret);
/* After a client has gone: was it the last that drain waits for? */
void server_look_at_drain(struct server *s);
/* NULL: that client is gone. */
struct client *server_client(const struct server *s, uint32_t number);

#endif
