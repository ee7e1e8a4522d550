/* directory database: the domains, accounts and aliases of a server in one SQLite file.
 *
 * Stands below both the role (src/directory) and the offline commands (cli); knows nothing of the
 * configuration. Invariants:
 * 1. Names in it are comparable forms (lib/route/recipient.h); `shown` keeps how a person wrote it.
 * 2. A change is one transaction, synced (WAL, synchronous=FULL) before the call returns 0.
 * 3. Tables are STRICT and guarded by foreign keys; `PRAGMA user_version` is the schema's number.
 * An older file is migrated in one transaction, a newer one refused (-EPROTONOSUPPORT).
 * 4. A file that is no database of ours (application_id) is refused (-EMEDIUMTYPE), never changed.
 * 5. Prepared once, bound always: no address ever becomes SQL text.
 *
 * Calls return 0 or -errno: -ENOENT nothing of this name, -EEXIST there is one, -ENOTEMPTY
 * something still refers to it, -EBUSY locked by others for longer than the busy time-out, -ENOSPC,
 * -EROFS, -EIO, -EBADMSG (the file is damaged), -ENOMEM. */
#ifndef CANDOR_SYS_DIRECTORY_DB_H
#define CANDOR_SYS_DIRECTORY_DB_H

#include <sys/types.h>

#include "lib/base/arena.h"

struct directory_db;

/* Makes the file (mode 0600) when there is none, and makes it this user's ((uid_t)-1: leaves it
 * whose it is): for a role that is root now and will not be. */
int directory_db_make(const char *path, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
/* Makes the file (mode 0600) when there is none. */
int directory_db_open(const char *path, struct directory_db **ret)
    __attribute__((warn_unused_result));
void directory_db_close(struct directory_db *db);
/* Brings what is still in SQLite's log alone into the file, so that the file can be copied: closing
 * does that only where the file's path can be seen. NULL is fine. */
void directory_db_settle(struct directory_db *db);
/* SQLite's words on the last failure, for the log and for the administrator. */
slice directory_db_error(const struct directory_db *db);

/* Changes whenever somebody else (another process) changed the file; -errno when it cannot be
 * known. Cheap enough to be asked a few times a second. */
int directory_db_version(struct directory_db *db, uint32_t *ret);

/* Is there any account or alias? 1, 0 or -errno. */
int directory_db_has_names(struct directory_db *db);

/* Everything between begin and commit is one transaction; a begin takes the write lock at once. */
int directory_db_begin(struct directory_db *db) __attribute__((warn_unused_result));
int directory_db_commit(struct directory_db *db) __attribute__((warn_unused_result));
void directory_db_rollback(struct directory_db *db);

struct directory_address {
    slice local;
    slice domain;
};

struct directory_domain {
    slice name;
    slice shown;
    slice maildir; /* its own template; empty for the configuration's */
    bool is_added; /* false: it is not `domain add`ed, but something stands in it */
    uint64_t accounts;
    uint64_t aliases;
    int64_t created_at; /* seconds since 1970 */
};

struct directory_account {
    slice domain;
    slice local;
    slice shown; /* the local part as written */
    slice name;  /* the person's; may be empty */
    bool enabled;
    int64_t created_at;
    /* The rest is not for an account that is to be added. */
    bool has_password;
    bool is_remote; /* its password is known to a backend */
    bool wants_app_password;
    bool is_forwarded; /* moved: its mail goes on; else the senders are told */
    uint32_t app_passwords;
    uint32_t limit_minute, limit_hour, limit_day; /* messages; 0: as the configuration says */
    uint64_t quota_bytes;                         /* 0: none */
    slice moved_local, moved_domain;              /* empty: it has not moved */
    int64_t used_at;                              /* the last sign-in; 0: never */
    slice used_from, used_client, used_mechanism;
};

struct directory_alias {
    slice domain;
    slice local; /* empty for the catch-all */
    slice shown;
    int64_t created_at;
    const struct directory_address *targets; /* not in an alias that is to be added */
    size_t target_count;
};

/* What stands under an address; strings live in the arena given. */
enum directory_kind { DIRECTORY_NOTHING = 0, DIRECTORY_ACCOUNT, DIRECTORY_ALIAS };
struct directory_entry {
    enum directory_kind kind;
    /* of an account */
    bool enabled;
    bool is_forwarded;
    struct directory_address moved_to; /* empty: it has not moved */
    uint64_t quota_bytes;
    /* of an alias */
    struct directory_address *targets;
    size_t target_count;
};

int directory_find(struct directory_db *db, struct arena *a, slice domain, slice local,
                   struct directory_entry *ret) __attribute__((warn_unused_result));
/* All that is known of one; -ENOENT. */
int directory_find_account(struct directory_db *db, struct arena *a, slice domain, slice local,
                           struct directory_account *ret) __attribute__((warn_unused_result));
int directory_find_alias(struct directory_db *db, struct arena *a, slice domain, slice local,
                         struct directory_alias *ret) __attribute__((warn_unused_result));
/* -ENOENT when it was neither added nor is anything in it. */
int directory_find_domain(struct directory_db *db, struct arena *a, slice name,
                          struct directory_domain *ret) __attribute__((warn_unused_result));
/* The oldest account of domain that is enabled and has not moved, of all domains when domain is
 * empty; -ENOENT. */
int directory_first_account(struct directory_db *db, struct arena *a, slice domain,
                            struct directory_address *ret) __attribute__((warn_unused_result));

int directory_domain_add(struct directory_db *db, slice name, slice shown, slice maildir,
                         int64_t now) __attribute__((warn_unused_result));
/* -ENOTEMPTY while accounts or aliases are in it. */
int directory_domain_remove(struct directory_db *db, slice name)
    __attribute__((warn_unused_result));
/* The domain need not have been added: those of the configuration are known to the caller. */
int directory_account_add(struct directory_db *db, const struct directory_account *account)
    __attribute__((warn_unused_result));
int directory_account_remove(struct directory_db *db, slice domain, slice local)
    __attribute__((warn_unused_result));
int directory_account_enable(struct directory_db *db, slice domain, slice local, bool enabled)
    __attribute__((warn_unused_result));
/* to NULL: it is back. */
int directory_account_move(struct directory_db *db, slice domain, slice local,
                           const struct directory_address *to, bool is_forwarded)
    __attribute__((warn_unused_result));
int directory_account_set_quota(struct directory_db *db, slice domain, slice local,
                                uint64_t quota_bytes) __attribute__((warn_unused_result));
/* Targets are merged: one that is there already is no error. *ret_added says how many were new. */
int directory_alias_add(struct directory_db *db, const struct directory_alias *alias,
                        const struct directory_address *targets, size_t count, size_t *ret_added)
    __attribute__((warn_unused_result));
/* Takes these targets from it, with count 0 the whole alias; an alias without targets is gone.
 * -ENOENT when there is no such alias or one of the targets is not its. */
int directory_alias_remove(struct directory_db *db, slice domain, slice local,
                           const struct directory_address *targets, size_t count)
    __attribute__((warn_unused_result));

/* Calls each once a row in order of name, with slices that hold until it returns; a non-zero answer
 * ends the walk and is returned. An empty domain means all. Rows up to and with `after` are left
 * out; an empty address leaves none out. Domains: only those that were added. each must neither
 * walk the same table again nor change anything. */
int directory_each_domain(struct directory_db *db, slice after,
                          int (*each)(void *self, const struct directory_domain *), void *self);
int directory_each_account(struct directory_db *db, slice domain, struct directory_address after,
                           int (*each)(void *self, const struct directory_account *), void *self);
/* Once an alias, its targets in the order in which they were added. */
int directory_each_alias(struct directory_db *db, slice domain, struct directory_address after,
                         int (*each)(void *self, const struct directory_alias *), void *self);
/* The aliases that have this target. */
int directory_each_alias_to(struct directory_db *db, slice domain, slice local,
                            int (*each)(void *self, const struct directory_alias *), void *self);

#endif
