#include "sys/directory/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"

#define APPLICATION_ID 0x436e6472 /* "Cndr" */
#define SCHEMA_NUMBER 1
#define BUSY_TIMEOUT_MS 3000
#define TARGETS_BYTES_MAX ((size_t)1 << 20)

/* One step a schema number, each run in the transaction that raises user_version. A released step
 * is never edited: a new one is added below it. */
static const char *const migrations[SCHEMA_NUMBER] = {
    /* `added` tells a domain that `candor domain add` named from one that the configuration names
     * and that stands here only because something is in it. */
    "CREATE TABLE domain ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, shown TEXT NOT NULL,"
    "  maildir TEXT NOT NULL DEFAULT '', added INTEGER NOT NULL CHECK (added IN (0, 1)),"
    "  created_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE account ("
    "  id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL REFERENCES domain (id),"
    "  local TEXT NOT NULL CHECK (local <> ''), shown TEXT NOT NULL, name TEXT NOT NULL,"
    "  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)), created_at INTEGER NOT NULL,"
    "  UNIQUE (domain_id, local)) STRICT;"
    "CREATE TABLE alias ("
    "  id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL REFERENCES domain (id),"
    "  local TEXT NOT NULL, shown TEXT NOT NULL, created_at INTEGER NOT NULL,"
    "  UNIQUE (domain_id, local)) STRICT;"
    "CREATE TABLE alias_target ("
    "  id INTEGER PRIMARY KEY, alias_id INTEGER NOT NULL REFERENCES alias (id) ON DELETE CASCADE,"
    "  local TEXT NOT NULL, domain TEXT NOT NULL, UNIQUE (alias_id, local, domain)) STRICT;"
    "CREATE INDEX alias_target_address ON alias_target (domain, local);",
};

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    DATA_VERSION,
    FIND_ACCOUNT,
    FIND_ALIAS,
    SHOW_ACCOUNT,
    SHOW_ALIAS,
    FIND_TARGETS,
    FIND_DOMAIN,
    FIRST_ACCOUNT,
    FIRST_ACCOUNT_OF,
    DOMAIN_ADD,
    DOMAIN_ANCHOR,
    DOMAIN_REMOVE,
    ACCOUNT_ADD,
    ACCOUNT_REMOVE,
    ACCOUNT_ENABLE,
    ALIAS_ADD,
    ALIAS_TARGET_ADD,
    ALIAS_TARGET_REMOVE,
    ALIAS_REMOVE,
    EACH_DOMAIN,
    EACH_ACCOUNT,
    EACH_ALIAS,
    EACH_ALIAS_TO,
    STATEMENT_COUNT,
};

#define DOMAIN_COLUMNS                                                                             \
    "name, shown, maildir, created_at, added,"                                                     \
    " (SELECT count(*) FROM account WHERE domain_id = domain.id),"                                 \
    " (SELECT count(*) FROM alias WHERE domain_id = domain.id)"
#define ACCOUNT_COLUMNS                                                                            \
    "domain.name, account.local, account.shown, account.name, account.enabled, account.created_at"
#define ALIAS_COLUMNS "domain.name, alias.local, alias.shown, alias.created_at, alias.id"
#define WITHIN_DOMAIN_AND_AFTER(table)                                                             \
    " WHERE (?1 = '' OR domain.name = ?1) AND domain.name >= ?2"                                   \
    " AND (domain.name > ?2 OR " table ".local > ?3)"                                              \
    " ORDER BY domain.name, " table ".local"

static const char *const sql[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [DATA_VERSION] = "PRAGMA data_version",
    [FIND_ACCOUNT] = "SELECT account.enabled FROM account JOIN domain ON domain.id = domain_id"
                     " WHERE domain.name = ?1 AND local = ?2",
    [FIND_ALIAS] = "SELECT alias.id FROM alias JOIN domain ON domain.id = domain_id"
                   " WHERE domain.name = ?1 AND local = ?2",
    [FIND_TARGETS] = "SELECT local, domain FROM alias_target WHERE alias_id = ?1 ORDER BY id",
    [FIND_DOMAIN] = "SELECT " DOMAIN_COLUMNS " FROM domain WHERE name = ?1",
    [FIRST_ACCOUNT] = "SELECT local, domain.name FROM account JOIN domain ON domain.id = domain_id"
                      " WHERE enabled ORDER BY account.id LIMIT 1",
    [FIRST_ACCOUNT_OF] =
        "SELECT local, domain.name FROM account JOIN domain ON domain.id = domain_id"
        " WHERE enabled AND domain.name = ?1 ORDER BY account.id LIMIT 1",
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

struct directory_db {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct arena targets; /* of the alias that a walk is at */
};

/* ---- errors and statements ---- */

static int errno_of(int rc)
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

static void bind_slice(sqlite3_stmt *s, int at, slice text)
{
    /* NULL would bind SQL's NULL. The text is the caller's until the statement is reset. */
    int rc =
        sqlite3_bind_text64(s, at, text.n > 0 ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
    if (rc != SQLITE_OK)
        abort();
}

static void bind_i64(sqlite3_stmt *s, int at, int64_t v)
{
    if (sqlite3_bind_int64(s, at, v) != SQLITE_OK)
        abort();
}

static slice column_slice(sqlite3_stmt *s, int at)
{
    const void *p = sqlite3_column_text(s, at);

    return slice_of(p, (size_t)sqlite3_column_bytes(s, at));
}

/* After the last step: the statement lets go of its read lock and of the bound slices. */
static int finish(sqlite3_stmt *s, int rc)
{
    int err = errno_of(rc);

    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

/* Runs a statement that gives no rows. */
static int run(sqlite3_stmt *s)
{
    return finish(s, sqlite3_step(s));
}

/* ---- opening ---- */

static int pragma_number(sqlite3 *sqlite, const char *text, int64_t *ret)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sqlite, text, -1, &s, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return errno_of(rc);
}

static int exec(sqlite3 *sqlite, const char *text)
{
    return errno_of(sqlite3_exec(sqlite, text, NULL, NULL, NULL));
}

static int set_number(sqlite3 *sqlite, const char *pragma, int64_t value)
{
    struct buf text;
    int err;

    buf_init(&text, 128);
    buf_addf(&text, "PRAGMA %s = %lld", pragma, (long long)value);
    buf_addc(&text, '\0');
    err = text.err != BUF_OK ? -ENOMEM : exec(sqlite, text.p);
    buf_release(&text);
    return err;
}

/* Under the write lock, so that two who open a new file at once do not both migrate it. */
static int migrate_locked(sqlite3 *sqlite)
{
    int64_t id = 0, number = 0, tables = 0;
    int err;

    if ((err = pragma_number(sqlite, "PRAGMA application_id", &id)) != 0 ||
        (err = pragma_number(sqlite, "PRAGMA user_version", &number)) != 0 ||
        (err = pragma_number(sqlite, "SELECT count(*) FROM sqlite_schema", &tables)) != 0)
        return err;
    if (id != APPLICATION_ID && (id != 0 || number != 0 || tables != 0))
        return -EMEDIUMTYPE;
    if (number > SCHEMA_NUMBER)
        return -EPROTONOSUPPORT;
    if (number == SCHEMA_NUMBER)
        return 0;
    for (; number < SCHEMA_NUMBER; number++) {
        if ((err = exec(sqlite, migrations[number])) != 0)
            return err;
    }
    if ((err = set_number(sqlite, "application_id", APPLICATION_ID)) != 0)
        return err;
    return set_number(sqlite, "user_version", SCHEMA_NUMBER);
}

static int migrate(sqlite3 *sqlite)
{
    int err = exec(sqlite, "BEGIN IMMEDIATE");

    if (err != 0)
        return err;
    err = migrate_locked(sqlite);
    if (err == 0)
        err = exec(sqlite, "COMMIT");
    if (err != 0)
        exec(sqlite, "ROLLBACK");
    return err;
}

static int configure(sqlite3 *sqlite)
{
    sqlite3_extended_result_codes(sqlite, 1);
    sqlite3_busy_timeout(sqlite, BUSY_TIMEOUT_MS);
    /* A damaged or hostile file shall not make us run functions that its schema names. */
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return exec(sqlite, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                        "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                        "PRAGMA cell_size_check = ON;");
}

/* SQLite would make the file readable for all that the umask lets. Its -wal and -shm take over the
 * mode from it. */
int directory_db_make(const char *path, uid_t uid, gid_t gid)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st;
    int err = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        err = -errno;
    else if (!S_ISREG(st.st_mode))
        err = -EMEDIUMTYPE;
    else if (uid != (uid_t)-1 && (st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
        err = -errno;
    if (close(fd) < 0 && err == 0)
        err = -errno;
    return err;
}

int directory_db_open(const char *path, struct directory_db **ret)
{
    struct directory_db *db;
    uint64_t seed;
    int err = directory_db_make(path, (uid_t)-1, (gid_t)-1);

    if (err != 0)
        return err;
    if ((db = calloc(1, sizeof *db)) == NULL)
        return -ENOMEM;
    arena_init(&db->targets, TARGETS_BYTES_MAX);
    err = errno_of(
        sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (err == 0)
        err = configure(db->sqlite);
    sqlite3_randomness(sizeof seed, &seed); /* from the kernel, while /dev is in sight */
    if (err == 0)
        err = migrate(db->sqlite);
    for (size_t i = 0; err == 0 && i < STATEMENT_COUNT; i++)
        err = errno_of(sqlite3_prepare_v3(db->sqlite, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                          &db->statements[i], NULL));
    if (err != 0) {
        directory_db_close(db);
        return err;
    }
    *ret = db;
    return 0;
}

void directory_db_close(struct directory_db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->sqlite);
    arena_release(&db->targets);
    free(db);
}

void directory_db_settle(struct directory_db *db)
{
    /* Somebody else may be reading: then it stays in the log, where it is as safe. */
    if (db != NULL)
        (void)exec(db->sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
}

int directory_db_version(struct directory_db *db, uint32_t *ret)
{
    sqlite3_stmt *s = db->statements[DATA_VERSION];
    int rc = sqlite3_step(s);

    if (rc == SQLITE_ROW)
        *ret = (uint32_t)sqlite3_column_int64(s, 0);
    return finish(s, rc);
}

/* ---- transactions ---- */

int directory_db_begin(struct directory_db *db)
{
    return run(db->statements[BEGIN]);
}

int directory_db_commit(struct directory_db *db)
{
    int err = run(db->statements[COMMIT]);

    if (err != 0)
        directory_db_rollback(db);
    return err;
}

void directory_db_rollback(struct directory_db *db)
{
    /* Some failures (a full disk) have rolled back already. */
    if (!sqlite3_get_autocommit(db->sqlite))
        run(db->statements[ROLLBACK]);
}

/* A change of several statements joins the caller's transaction or makes one of its own. */
static int join(struct directory_db *db, bool *ret_own)
{
    *ret_own = sqlite3_get_autocommit(db->sqlite) != 0;
    return *ret_own ? directory_db_begin(db) : 0;
}

static int leave(struct directory_db *db, bool own, int err)
{
    if (!own)
        return err;
    if (err == 0)
        return directory_db_commit(db);
    directory_db_rollback(db);
    return err;
}

/* ---- look-ups ---- */

static int copy_column(struct arena *a, sqlite3_stmt *s, int at, slice *ret)
{
    return arena_copy(a, column_slice(s, at), ret) ? 0 : -ENOMEM;
}

static int read_targets(struct directory_db *db, struct arena *a, int64_t alias_id,
                        struct directory_address **ret, size_t *ret_count)
{
    sqlite3_stmt *s = db->statements[FIND_TARGETS];
    struct directory_address *list = NULL;
    size_t count = 0, room = 0;
    int rc, err = 0;

    bind_i64(s, 1, alias_id);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (count == room) {
            room = room == 0 ? 4 : room * 2;
            struct directory_address *more = arena_take(a, room * sizeof *more);
            if (more == NULL) {
                err = -ENOMEM;
                break;
            }
            if (count > 0)
                memcpy(more, list, count * sizeof *more);
            list = more;
        }
        if ((err = copy_column(a, s, 0, &list[count].local)) == 0)
            err = copy_column(a, s, 1, &list[count].domain);
        count++;
    }
    rc = err == 0 ? finish(s, rc) : (finish(s, SQLITE_OK), err);
    if (rc == 0) {
        *ret = list;
        *ret_count = count;
    }
    return rc;
}

int directory_find(struct directory_db *db, struct arena *a, slice domain, slice local,
                   struct directory_entry *ret)
{
    sqlite3_stmt *s = db->statements[FIND_ACCOUNT];
    struct directory_entry e = {.kind = DIRECTORY_NOTHING};
    int64_t alias_id = 0;
    int rc, err;

    bind_slice(s, 1, domain);
    bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW)
        e = (struct directory_entry){.kind = DIRECTORY_ACCOUNT,
                                     .enabled = sqlite3_column_int(s, 0) != 0};
    if ((err = finish(s, rc)) != 0)
        return err;
    if (e.kind == DIRECTORY_NOTHING) {
        s = db->statements[FIND_ALIAS];
        bind_slice(s, 1, domain);
        bind_slice(s, 2, local);
        if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
            e.kind = DIRECTORY_ALIAS;
            alias_id = sqlite3_column_int64(s, 0);
        }
        if ((err = finish(s, rc)) != 0)
            return err;
    }
    if (e.kind == DIRECTORY_ALIAS &&
        (err = read_targets(db, a, alias_id, &e.targets, &e.target_count)) != 0)
        return err;
    *ret = e;
    return 0;
}

static struct directory_account account_of_row(sqlite3_stmt *s)
{
    return (struct directory_account){
        .domain = column_slice(s, 0),
        .local = column_slice(s, 1),
        .shown = column_slice(s, 2),
        .name = column_slice(s, 3),
        .enabled = sqlite3_column_int(s, 4) != 0,
        .created_at = sqlite3_column_int64(s, 5),
    };
}

int directory_find_account(struct directory_db *db, struct arena *a, slice domain, slice local,
                           struct directory_account *ret)
{
    sqlite3_stmt *s = db->statements[SHOW_ACCOUNT];
    struct directory_account found;
    int rc, err = -ENOENT;

    bind_slice(s, 1, domain);
    bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        found = account_of_row(s);
        err = arena_copy(a, found.domain, &found.domain) &&
                      arena_copy(a, found.local, &found.local) &&
                      arena_copy(a, found.shown, &found.shown) &&
                      arena_copy(a, found.name, &found.name)
                  ? 0
                  : -ENOMEM;
    }
    if (finish(s, rc) != 0)
        return errno_of(rc);
    if (err == 0)
        *ret = found;
    return err;
}

int directory_find_alias(struct directory_db *db, struct arena *a, slice domain, slice local,
                         struct directory_alias *ret)
{
    sqlite3_stmt *s = db->statements[SHOW_ALIAS];
    struct directory_address *targets = NULL;
    struct directory_alias found;
    int64_t id = 0;
    int rc, err = -ENOENT;

    bind_slice(s, 1, domain);
    bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        found = (struct directory_alias){.created_at = sqlite3_column_int64(s, 3)};
        id = sqlite3_column_int64(s, 4);
        if ((err = copy_column(a, s, 0, &found.domain)) == 0 &&
            (err = copy_column(a, s, 1, &found.local)) == 0)
            err = copy_column(a, s, 2, &found.shown);
    }
    if (finish(s, rc) != 0)
        return errno_of(rc);
    if (err == 0)
        err = read_targets(db, a, id, &targets, &found.target_count);
    if (err == 0) {
        found.targets = targets;
        *ret = found;
    }
    return err;
}

static struct directory_domain domain_of_row(sqlite3_stmt *s)
{
    return (struct directory_domain){
        .name = column_slice(s, 0),
        .shown = column_slice(s, 1),
        .maildir = column_slice(s, 2),
        .created_at = sqlite3_column_int64(s, 3),
        .is_added = sqlite3_column_int(s, 4) != 0,
        .accounts = (uint64_t)sqlite3_column_int64(s, 5),
        .aliases = (uint64_t)sqlite3_column_int64(s, 6),
    };
}

int directory_find_domain(struct directory_db *db, struct arena *a, slice name,
                          struct directory_domain *ret)
{
    sqlite3_stmt *s = db->statements[FIND_DOMAIN];
    struct directory_domain d;
    int rc, err = 0;

    bind_slice(s, 1, name);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        d = domain_of_row(s);
        if (!arena_copy(a, d.name, &d.name) || !arena_copy(a, d.shown, &d.shown) ||
            !arena_copy(a, d.maildir, &d.maildir))
            err = -ENOMEM;
    }
    if (finish(s, rc) != 0)
        return errno_of(rc);
    if (err == 0 && rc != SQLITE_ROW)
        err = -ENOENT;
    if (err == 0)
        *ret = d;
    return err;
}

int directory_first_account(struct directory_db *db, struct arena *a, slice domain,
                            struct directory_address *ret)
{
    sqlite3_stmt *s = db->statements[domain.n == 0 ? FIRST_ACCOUNT : FIRST_ACCOUNT_OF];
    struct directory_address found = {0};
    int rc, err = -ENOENT;

    if (domain.n > 0)
        bind_slice(s, 1, domain);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW && (err = copy_column(a, s, 0, &found.local)) == 0)
        err = copy_column(a, s, 1, &found.domain);
    if (finish(s, rc) != 0)
        return errno_of(rc);
    if (err == 0)
        *ret = found;
    return err;
}

/* ---- changes ---- */

int directory_domain_add(struct directory_db *db, slice name, slice shown, slice maildir,
                         int64_t now)
{
    sqlite3_stmt *s = db->statements[DOMAIN_ADD];
    int err;

    bind_slice(s, 1, name);
    bind_slice(s, 2, shown);
    bind_slice(s, 3, maildir);
    bind_i64(s, 4, now);
    err = run(s);
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -EEXIST : err;
}

int directory_domain_remove(struct directory_db *db, slice name)
{
    sqlite3_stmt *s = db->statements[DOMAIN_REMOVE];
    int err;

    bind_slice(s, 1, name);
    err = run(s); /* accounts and aliases in it: the foreign keys say -ENOTEMPTY */
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -ENOENT : err;
}

static int anchor(struct directory_db *db, slice domain, int64_t now)
{
    sqlite3_stmt *s = db->statements[DOMAIN_ANCHOR];

    bind_slice(s, 1, domain);
    bind_i64(s, 2, now);
    return run(s);
}

int directory_account_add(struct directory_db *db, const struct directory_account *account)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_ADD];
    bool own;
    int err = join(db, &own);

    if (err != 0)
        return err;
    err = anchor(db, account->domain, account->created_at);
    if (err == 0) {
        bind_slice(s, 1, account->domain);
        bind_slice(s, 2, account->local);
        bind_slice(s, 3, account->shown);
        bind_slice(s, 4, account->name);
        bind_i64(s, 5, account->enabled);
        bind_i64(s, 6, account->created_at);
        err = run(s);
    }
    return leave(db, own, err);
}

static int change_account(struct directory_db *db, sqlite3_stmt *s, slice domain, slice local)
{
    int err;

    bind_slice(s, 1, domain);
    bind_slice(s, 2, local);
    err = run(s);
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -ENOENT : err;
}

int directory_account_remove(struct directory_db *db, slice domain, slice local)
{
    return change_account(db, db->statements[ACCOUNT_REMOVE], domain, local);
}

int directory_account_enable(struct directory_db *db, slice domain, slice local, bool enabled)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_ENABLE];

    bind_i64(s, 3, enabled);
    return change_account(db, s, domain, local);
}

static int alias_id_of(struct directory_db *db, slice domain, slice local, int64_t *ret)
{
    sqlite3_stmt *s = db->statements[FIND_ALIAS];
    int rc, err;

    bind_slice(s, 1, domain);
    bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    err = finish(s, rc);
    return err == 0 && rc != SQLITE_ROW ? -ENOENT : err;
}

static int change_target(struct directory_db *db, enum statement which, int64_t alias_id,
                         const struct directory_address *target, bool *ret_done)
{
    sqlite3_stmt *s = db->statements[which];
    int err;

    bind_i64(s, 1, alias_id);
    bind_slice(s, 2, target->local);
    bind_slice(s, 3, target->domain);
    err = run(s);
    *ret_done = err == 0 && sqlite3_changes(db->sqlite) > 0;
    return err;
}

int directory_alias_add(struct directory_db *db, const struct directory_alias *alias,
                        const struct directory_address *targets, size_t count, size_t *ret_added)
{
    sqlite3_stmt *s = db->statements[ALIAS_ADD];
    int64_t id = 0;
    size_t added = 0;
    bool own, done;
    int err = join(db, &own);

    if (err != 0)
        return err;
    err = anchor(db, alias->domain, alias->created_at);
    if (err == 0) {
        bind_slice(s, 1, alias->domain);
        bind_slice(s, 2, alias->local);
        bind_slice(s, 3, alias->shown);
        bind_i64(s, 4, alias->created_at);
        err = run(s);
    }
    if (err == 0)
        err = alias_id_of(db, alias->domain, alias->local, &id);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = change_target(db, ALIAS_TARGET_ADD, id, &targets[i], &done);
        added += done;
    }
    err = leave(db, own, err);
    if (err == 0)
        *ret_added = added;
    return err;
}

/* Takes the targets away; the alias too when none is left or none was named. */
static int remove_from_alias(struct directory_db *db, int64_t id,
                             const struct directory_address *targets, size_t count)
{
    sqlite3_stmt *s = db->statements[ALIAS_REMOVE];
    bool done, has_more = false;
    int rc, err = 0;

    for (size_t i = 0; err == 0 && i < count; i++) {
        err = change_target(db, ALIAS_TARGET_REMOVE, id, &targets[i], &done);
        if (err == 0 && !done)
            err = -ENOENT;
    }
    if (err == 0 && count > 0) {
        sqlite3_stmt *left = db->statements[FIND_TARGETS];

        bind_i64(left, 1, id);
        rc = sqlite3_step(left);
        has_more = rc == SQLITE_ROW;
        err = finish(left, rc);
    }
    if (err == 0 && !has_more) {
        bind_i64(s, 1, id);
        err = run(s);
    }
    return err;
}

int directory_alias_remove(struct directory_db *db, slice domain, slice local,
                           const struct directory_address *targets, size_t count)
{
    int64_t id = 0;
    bool own;
    int err = join(db, &own);

    if (err != 0)
        return err;
    err = alias_id_of(db, domain, local, &id);
    if (err == 0)
        err = remove_from_alias(db, id, targets, count);
    return leave(db, own, err);
}

/* ---- walks ---- */

int directory_each_domain(struct directory_db *db, slice after,
                          int (*each)(void *self, const struct directory_domain *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_DOMAIN];
    int rc, err = 0;

    bind_slice(s, 1, after);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_domain d = domain_of_row(s);
        err = each(self, &d);
    }
    return err != 0 ? (finish(s, SQLITE_OK), err) : finish(s, rc);
}

int directory_each_account(struct directory_db *db, slice domain, struct directory_address after,
                           int (*each)(void *self, const struct directory_account *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_ACCOUNT];
    int rc, err = 0;

    bind_slice(s, 1, domain);
    bind_slice(s, 2, after.domain);
    bind_slice(s, 3, after.local);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_account a = account_of_row(s);
        err = each(self, &a);
    }
    return err != 0 ? (finish(s, SQLITE_OK), err) : finish(s, rc);
}

static int walk_aliases(struct directory_db *db, sqlite3_stmt *s,
                        int (*each)(void *self, const struct directory_alias *), void *self)
{
    int rc, err = 0;

    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_alias a = {
            .domain = column_slice(s, 0),
            .local = column_slice(s, 1),
            .shown = column_slice(s, 2),
            .created_at = sqlite3_column_int64(s, 3),
        };
        struct directory_address *targets;

        arena_reset(&db->targets);
        err = read_targets(db, &db->targets, sqlite3_column_int64(s, 4), &targets, &a.target_count);
        if (err == 0) {
            a.targets = targets;
            err = each(self, &a);
        }
    }
    return err != 0 ? (finish(s, SQLITE_OK), err) : finish(s, rc);
}

int directory_each_alias(struct directory_db *db, slice domain, struct directory_address after,
                         int (*each)(void *self, const struct directory_alias *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_ALIAS];

    bind_slice(s, 1, domain);
    bind_slice(s, 2, after.domain);
    bind_slice(s, 3, after.local);
    return walk_aliases(db, s, each, self);
}

int directory_each_alias_to(struct directory_db *db, slice domain, slice local,
                            int (*each)(void *self, const struct directory_alias *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_ALIAS_TO];

    bind_slice(s, 1, domain);
    bind_slice(s, 2, local);
    return walk_aliases(db, s, each, self);
}
