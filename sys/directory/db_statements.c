/* All SQL, and what runs it. */
#include "sys/directory/db_int.h"

#include <errno.h>
#include <stdlib.h>

#define DOMAIN_COLUMNS                                                                             \
    "name, shown, maildir, created_at, added,"                                                     \
    " (SELECT count(*) FROM account WHERE domain_id = domain.id),"                                 \
    " (SELECT count(*) FROM alias WHERE domain_id = domain.id)"
#define ACCOUNT_COLUMNS                                                                            \
    "domain.name, account.local, account.shown, account.name, account.enabled,"                    \
    " account.created_at, account.hash <> '', is_remote, wants_app_password, is_forwarded,"        \
    " (SELECT count(*) FROM app_password WHERE account_id = account.id), limit_minute,"            \
    " limit_hour, limit_day, quota_bytes, moved_local, moved_domain, account.used_at,"             \
    " account.used_from, account.used_client, account.used_mechanism"
#define ALIAS_COLUMNS "domain.name, alias.local, alias.shown, alias.created_at, alias.id"
#define WITHIN_DOMAIN_AND_AFTER(table)                                                             \
    " WHERE (?1 = '' OR domain.name = ?1) AND domain.name >= ?2"                                   \
    " AND (domain.name > ?2 OR " table ".local > ?3)"                                              \
    " ORDER BY domain.name, " table ".local"

const char *const db_sql[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [DATA_VERSION] = "PRAGMA data_version",
    [ANY_NAME] = "SELECT EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM alias)",
    [FIND_ACCOUNT] = "SELECT enabled, is_forwarded, moved_local, moved_domain, quota_bytes"
                     " FROM account JOIN domain ON domain.id = domain_id"
                     " WHERE domain.name = ?1 AND local = ?2",
    [FIND_ALIAS] = "SELECT alias.id FROM alias JOIN domain ON domain.id = domain_id"
                   " WHERE domain.name = ?1 AND local = ?2",
    [FIND_TARGETS] = "SELECT local, domain FROM alias_target WHERE alias_id = ?1 ORDER BY id",
    [FIND_DOMAIN] = "SELECT " DOMAIN_COLUMNS " FROM domain WHERE name = ?1",
    [FIRST_ACCOUNT] = "SELECT local, domain.name FROM account JOIN domain ON domain.id = domain_id"
                      " WHERE enabled AND moved_domain = '' ORDER BY account.id LIMIT 1",
    [FIRST_ACCOUNT_OF] =
        "SELECT local, domain.name FROM account JOIN domain ON domain.id = domain_id"
        " WHERE enabled AND moved_domain = '' AND domain.name = ?1 ORDER BY account.id LIMIT 1",
    [DOMAIN_ADD] = "INSERT INTO domain (name, shown, maildir, added, created_at)"
                   " VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT (name) DO UPDATE SET"
                   " shown = ?2, maildir = ?3, added = 1, created_at = ?4 WHERE NOT added",
    [DOMAIN_ANCHOR] = "INSERT INTO domain (name, shown, added, created_at) VALUES (?1, ?1, 0, ?2)"
                      " ON CONFLICT (name) DO NOTHING",
    [DOMAIN_REMOVE] = "DELETE FROM domain WHERE name = ?1 AND added",
    [ACCOUNT_ADD] = "INSERT INTO account (domain_id, local, shown, name, enabled, created_at)"
                    " SELECT id, ?2, ?3, ?4, ?5, ?6 FROM domain WHERE name = ?1",
    [ACCOUNT_REMOVE] = "DELETE FROM account WHERE local = ?2"
                       " AND domain_id = (SELECT id FROM domain WHERE name = ?1)",
    [ACCOUNT_ENABLE] = "UPDATE account SET enabled = ?3 WHERE local = ?2"
                       " AND domain_id = (SELECT id FROM domain WHERE name = ?1)",
    [ACCOUNT_MOVE] = "UPDATE account SET moved_local = ?3, moved_domain = ?4, is_forwarded = ?5"
                     " WHERE local = ?2 AND domain_id = (SELECT id FROM domain WHERE name = ?1)",
    [ACCOUNT_QUOTA] = "UPDATE account SET quota_bytes = ?3 WHERE local = ?2"
                      " AND domain_id = (SELECT id FROM domain WHERE name = ?1)",
    [ALIAS_ADD] = "INSERT INTO alias (domain_id, local, shown, created_at)"
                  " SELECT id, ?2, ?3, ?4 FROM domain WHERE name = ?1"
                  " ON CONFLICT (domain_id, local) DO NOTHING",
    [ALIAS_TARGET_ADD] = "INSERT INTO alias_target (alias_id, local, domain) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (alias_id, local, domain) DO NOTHING",
    [ALIAS_TARGET_REMOVE] =
        "DELETE FROM alias_target WHERE alias_id = ?1 AND local = ?2 AND domain = ?3",
    [ALIAS_REMOVE] = "DELETE FROM alias WHERE id = ?1",
    [EACH_DOMAIN] = "SELECT " DOMAIN_COLUMNS " FROM domain WHERE added AND name > ?1 ORDER BY name",
    [SHOW_ACCOUNT] = "SELECT " ACCOUNT_COLUMNS " FROM account JOIN domain ON domain.id = domain_id"
                     " WHERE domain.name = ?1 AND local = ?2",
    [SHOW_ALIAS] = "SELECT " ALIAS_COLUMNS " FROM alias JOIN domain ON domain.id = domain_id"
                   " WHERE domain.name = ?1 AND local = ?2",
    [EACH_ACCOUNT] =
        "SELECT " ACCOUNT_COLUMNS " FROM domain JOIN account ON domain_id = domain.id" //
    WITHIN_DOMAIN_AND_AFTER("account"),
    [EACH_ALIAS] = "SELECT " ALIAS_COLUMNS " FROM domain JOIN alias ON domain_id = domain.id" //
    WITHIN_DOMAIN_AND_AFTER("alias"),
    [EACH_ALIAS_TO] = "SELECT " ALIAS_COLUMNS " FROM alias_target"
                      " JOIN alias ON alias.id = alias_id JOIN domain ON domain.id = domain_id"
                      " WHERE alias_target.domain = ?1 AND alias_target.local = ?2"
                      " ORDER BY domain.name, alias.local",
};

/* ---- errors and statements ---- */

int db_errno_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
        return -EBADMSG;
    case SQLITE_NOTADB:
        return -EMEDIUMTYPE;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return -EACCES;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOTEMPTY : -EEXIST;
    default:
        return -EIO;
    }
}

slice directory_db_error(const struct directory_db *db)
{
    return slice_cstr(sqlite3_errmsg(db->sqlite));
}

void db_bind_slice(sqlite3_stmt *s, int at, slice text)
{
    /* NULL would bind SQL's NULL. The text is the caller's until the statement is reset. */
    int rc =
        sqlite3_bind_text64(s, at, text.n > 0 ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
    if (rc != SQLITE_OK)
        abort();
}

void db_bind_i64(sqlite3_stmt *s, int at, int64_t v)
{
    if (sqlite3_bind_int64(s, at, v) != SQLITE_OK)
        abort();
}

slice db_column_slice(sqlite3_stmt *s, int at)
{
    const void *p = sqlite3_column_text(s, at);

    return slice_of(p, (size_t)sqlite3_column_bytes(s, at));
}

/* After the last step: the statement lets go of its read lock and of the bound slices. */
int db_finish(sqlite3_stmt *s, int rc)
{
    int err = db_errno_of(rc);

    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

/* Runs a statement that gives no rows. */
int db_run(sqlite3_stmt *s)
{
    return db_finish(s, sqlite3_step(s));
}

/* ---- transactions ---- */

int directory_db_begin(struct directory_db *db)
{
    return db_run(db->statements[BEGIN]);
}

int directory_db_commit(struct directory_db *db)
{
    int err = db_run(db->statements[COMMIT]);

    if (err != 0)
        directory_db_rollback(db);
    return err;
}

void directory_db_rollback(struct directory_db *db)
{
    /* Some failures (a full disk) have rolled back already. */
    if (!sqlite3_get_autocommit(db->sqlite))
        db_run(db->statements[ROLLBACK]);
}

/* A change of several statements joins the caller's transaction or makes one of its own. */
int db_join(struct directory_db *db, bool *ret_own)
{
    *ret_own = sqlite3_get_autocommit(db->sqlite) != 0;
    return *ret_own ? directory_db_begin(db) : 0;
}

int db_leave(struct directory_db *db, bool own, int err)
{
    if (!own)
        return err;
    if (err == 0)
        return directory_db_commit(db);
    directory_db_rollback(db);
    return err;
}
