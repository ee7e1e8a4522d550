/* All SQL, and what runs it. */
#include "sys/directory/db_int.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/route/recipient.h"

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

#define ACCOUNT_OF_1_2 " local = ?2 AND domain_id = (SELECT id FROM domain WHERE name = ?1)"

const char db_sql_secret_add[] = "INSERT INTO secret (id, value) VALUES (?1, ?2)"
                                 " ON CONFLICT (id) DO NOTHING";

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
    [ACCOUNT_ID] = "SELECT id FROM account WHERE" ACCOUNT_OF_1_2,
    [SECRET] = "SELECT value FROM secret WHERE id = ?1",
    [SHOW_CREDENTIALS] = "SELECT id, enabled AND moved_domain = '', hash, scram_sha1,"
                         " scram_sha256, is_remote, wants_app_password FROM account"
                         " WHERE" ACCOUNT_OF_1_2,
    [FIND_CERTIFICATE] = "SELECT local, domain.name, enabled AND moved_domain = '' FROM certificate"
                         " JOIN account ON account.id = account_id"
                         " JOIN domain ON domain.id = domain_id WHERE value = ?1",
    [REHASH] = "UPDATE account SET hash = ?4, scram_sha1 = ?5, scram_sha256 = ?6"
               " WHERE hash = ?3 AND NOT is_remote AND" ACCOUNT_OF_1_2,
    [SET_PASSWORD] = "UPDATE account SET hash = ?3, scram_sha1 = ?4, scram_sha256 = ?5,"
                     " is_remote = ?6 WHERE" ACCOUNT_OF_1_2,
    [SET_WANTS_APP] = "UPDATE account SET wants_app_password = ?3 WHERE" ACCOUNT_OF_1_2,
    [SET_LIMITS] = "UPDATE account SET limit_minute = coalesce(?3, limit_minute),"
                   " limit_hour = coalesce(?4, limit_hour), limit_day = coalesce(?5, limit_day)"
                   " WHERE" ACCOUNT_OF_1_2,
    [SHOW_LIMITS] = "SELECT limit_minute, limit_hour, limit_day FROM account WHERE" ACCOUNT_OF_1_2,
    [APP_ADD] = "INSERT INTO app_password (account_id, name, digest, scram_sha1, scram_sha256,"
                " networks, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [APP_REMOVE] = "DELETE FROM app_password WHERE account_id = ?1 AND id = ?2",
    [APP_FORGET] = "DELETE FROM app_password"
                   " WHERE account_id = ?1 AND expires_at > 0 AND expires_at < ?2",
    [EACH_APP] = "SELECT id, name, digest, scram_sha1, scram_sha256, networks, created_at,"
                 " expires_at, used_at, used_from, used_client, used_mechanism"
                 " FROM app_password WHERE account_id = ?1 ORDER BY id",
    [SENDER_ADD] = "INSERT INTO sender (account_id, local, domain) VALUES (?1, ?2, ?3)",
    [SENDER_REMOVE] = "DELETE FROM sender WHERE account_id = ?1 AND local = ?2 AND domain = ?3",
    [EACH_SENDER] = "SELECT local, domain FROM sender WHERE account_id = ?1"
                    " ORDER BY domain, local",
    [IS_SENDER] = "SELECT 1 FROM sender WHERE account_id = ?1 AND domain = ?2"
                  " AND local IN ('', ?3, ?4) LIMIT 1",
    [CERTIFICATE_ADD] = "INSERT INTO certificate (account_id, value, created_at)"
                        " VALUES (?1, ?2, ?3)",
    [CERTIFICATE_REMOVE] = "DELETE FROM certificate WHERE account_id = ?1 AND value = ?2",
    [EACH_CERTIFICATE] = "SELECT value FROM certificate WHERE account_id = ?1 ORDER BY value",
    [NOTE_USE] = "UPDATE account SET used_at = ?2, used_from = ?3, used_client = ?4,"
                 " used_mechanism = ?5 WHERE id = ?1",
    [NOTE_APP_USE] = "UPDATE app_password SET used_at = ?2, used_from = ?3, used_client = ?4,"
                     " used_mechanism = ?5 WHERE account_id = ?1 AND id = ?6",
    [PAIR_NOTE] = "INSERT INTO pair (account_id, network, used_at) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (account_id, network) DO UPDATE SET used_at = max(used_at, ?3)",
    [PAIR_TRIM] = "DELETE FROM pair WHERE account_id = ?1 AND id NOT IN (SELECT id FROM pair"
                  " WHERE account_id = ?1 ORDER BY used_at DESC, id DESC LIMIT ?2)",
    [EACH_PAIR] = "SELECT local, domain.name, network, pair.used_at FROM pair"
                  " JOIN account ON account.id = account_id JOIN domain ON domain.id = domain_id"
                  " WHERE pair.used_at >= ?1 ORDER BY pair.used_at DESC",
    [GUESS_NOTE] = "INSERT INTO guess (name, is_known, count, used_at, used_from)"
                   " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE SET"
                   " is_known = ?2, count = count + ?3, used_at = ?4, used_from = ?5",
    [GUESS_TRIM] = "DELETE FROM guess WHERE id IN (SELECT id FROM guess ORDER BY is_known, used_at"
                   " LIMIT max(0, (SELECT count(*) FROM guess) - ?1))",
    [EACH_GUESS] = "SELECT name, is_known, count, used_at, used_from FROM guess"
                   " ORDER BY count DESC, used_at DESC LIMIT ?1",
    [USAGE_NOTE] = "INSERT INTO usage (key, value, used_at) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (key) DO UPDATE SET value = ?2, used_at = ?3",
    [USAGE_FORGET] = "DELETE FROM usage WHERE used_at < ?1",
    [EACH_USAGE] = "SELECT key, value FROM usage ORDER BY used_at",
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

void db_bind_blob(sqlite3_stmt *s, int at, slice bytes)
{
    if (sqlite3_bind_blob64(s, at, bytes.n > 0 ? bytes.p : "", bytes.n, SQLITE_STATIC) != SQLITE_OK)
        abort();
}

slice db_column_slice(sqlite3_stmt *s, int at)
{
    const void *p = sqlite3_column_blob(s, at);

    return slice_of(p, (size_t)sqlite3_column_bytes(s, at));
}

int db_copy_column(struct arena *a, sqlite3_stmt *s, int at, slice *ret)
{
    return arena_copy(a, db_column_slice(s, at), ret) ? 0 : -ENOMEM;
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

/* ---- accounts ---- */

int db_change_account(struct directory_db *db, sqlite3_stmt *s, slice domain, slice local)
{
    int err;

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    err = db_run(s);
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -ENOENT : err;
}

int db_account_id(struct directory_db *db, slice domain, slice local, int64_t *ret)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_ID];
    int rc, err;

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    err = db_finish(s, rc);
    return err == 0 && rc != SQLITE_ROW ? -ENOENT : err;
}

int db_account_id_of(struct directory_db *db, slice account, int64_t *ret)
{
    struct directory_address at;
    struct arena a;
    int err;

    arena_init(&a, 65536);
    if ((err = db_account_read(&a, account, &at)) == 0)
        err = db_account_id(db, at.domain, at.local, ret);
    arena_release(&a);
    return err;
}

int db_account_read(struct arena *a, slice account, struct directory_address *ret)
{
    /* It is in comparable form: nothing is to be changed any more. */
    const struct recipient_rules rules = {.keep_case = true};
    struct recipient r;
    enum recipient_err e = recipient_read(a, account, rules, false, &r);

    if (e == RECIPIENT_NOMEM)
        return -ENOMEM;
    if (e != RECIPIENT_OK || r.domain.n == 0)
        return -ENOENT;
    *ret = (struct directory_address){r.local, r.domain};
    return 0;
}
