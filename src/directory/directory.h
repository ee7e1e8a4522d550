/* directory: what its files share. One thread, one database connection: a look-up takes some
 * microseconds, so no look-up waits for another. What does take long (a hash, a backend, a delay
 * for guessers, a full mailbox's count) is waited for in a table, and the answer goes out late. */
#ifndef CANDOR_SRC_DIRECTORY_DIRECTORY_H
#define CANDOR_SRC_DIRECTORY_DIRECTORY_H

#include "lib/auth/grant.h"
#include "lib/auth/guess.h"
#include "lib/auth/usage.h"
#include "lib/conf/conf.h"
#include "src/directory/hashing.h"
#include "sys/directory/rules.h"
#include "sys/genpage.h"
#include "sys/role.h"

struct exchanges;
struct notes;
struct recipients;
struct revocations;

struct directory {
    struct role *role;
    struct loop *loop;
    struct log *log;
    struct conf *conf;
    struct arena rules_arena;
    struct directory_rules rules;
    struct ip own_ips[DIRECTORY_OWN_IPS_MAX]; /* as they were at the start */
    size_t own_ip_count;
    struct directory_db *db;
    uint32_t db_version;
    struct genpage page;
    struct timer poll;
    struct arena scratch; /* of one request; holds secrets: wiped, not reset */
    struct buf out, canonical, moved_to;

    struct grant_keys keys;
    unsigned char fake_secret[DIRECTORY_SECRET_BYTES];
    char fake_hash[HASHING_TEXT_ROOM];
    struct guess guess;
    struct usage usage;
    struct timer usage_timer;
    struct hashing *hashing;
    struct exchanges *exchanges;
    struct notes *notes;
    struct recipients *recipients;
    struct revocations *revocations;
    uint64_t started_at_ms; /* wall clock */
    /* Where authx, fetch and deliver are asked; NULL when they are not there. */
    struct rpc *(*peer_of)(struct directory *d, enum role_id role);
    /* Every peer in turn, from NULL to NULL. */
    struct rpc *(*next_peer)(struct directory *d, struct rpc *after);
};

/* What signing in needs, once there are configuration, database and loop; libcrypto has looked
 * around when it is done. threads: that the loop has for hashes. 0 or -errno. */
int directory_begin(struct directory *d, unsigned threads) __attribute__((warn_unused_result));
void directory_end(struct directory *d);
/* As role_spec's; m of an answer is NULL when none came. */
void directory_peer(struct directory *d, struct rpc *peer);
void directory_gone(struct directory *d, struct rpc *peer);
void directory_message(struct directory *d, struct rpc *peer, struct ipc_message *m);
void directory_answered(struct directory *d, enum ipc_type call, uint64_t token,
                        const struct ipc_message *m);

/* With the database's own words, if it has any. */
void directory_log_failure(const struct directory *d, const char *event, int err);
/* What rpc_reply gave: only a peer that is gone is no fault of ours. */
void directory_replied(struct directory *d, int err);
/* Has another process changed the file? Then the generation is raised. False: it cannot be known.
 */
bool directory_look_for_changes(struct directory *d);
/* Is it in `limits { unlimited … }`? */
bool directory_is_unlimited(const struct directory *d, const struct ip *ip);

/* ---- guard.c: guesses and usage, from the configuration and the database and back ---- */
int guard_open(struct directory *d);
/* After a new configuration. */
void guard_configure(struct directory *d);
void guard_close(struct directory *d);

/* ---- senders.c: what somebody who has signed in may do ---- */
void senders_check(struct directory *d, struct rpc *smtpd, const struct ipc_message *m);
void senders_expn(struct directory *d, struct rpc *smtpd, const struct ipc_message *m);
void senders_used(struct directory *d, const struct ipc_message *m);
/* Looks at the habits of an account, and logs what is to be alarmed at. */
void senders_watch(struct directory *d, slice account);

#endif
