#include "sys/directory/db_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "sys/directory/credentials.h"

#define APPLICATION_ID 0x436e6472 /* "Cndr" */
#define SCHEMA_NUMBER 3
#define BUSY_TIMEOUT_MS 3000

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
    /* Who signs in. A hash or key that is not there is empty text, a time that never was 0; a limit
     * or quota of 0 is none of its own. */
    "ALTER TABLE account ADD COLUMN hash TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN scram_sha1 TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN scram_sha256 TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN is_remote INTEGER NOT NULL DEFAULT 0"
    "  CHECK (is_remote IN (0, 1));"
    "ALTER TABLE account ADD COLUMN wants_app_password INTEGER NOT NULL DEFAULT 0"
    "  CHECK (wants_app_password IN (0, 1));"
    "ALTER TABLE account ADD COLUMN quota_bytes INTEGER NOT NULL DEFAULT 0"
    "  CHECK (quota_bytes >= 0);"
    "ALTER TABLE account ADD COLUMN moved_local TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN moved_domain TEXT NOT NULL DEFAULT ''"
    "  CHECK ((moved_local = '') = (moved_domain = ''));"
    "ALTER TABLE account ADD COLUMN is_forwarded INTEGER NOT NULL DEFAULT 0"
    "  CHECK (is_forwarded IN (0, 1));"
    "ALTER TABLE account ADD COLUMN limit_minute INTEGER NOT NULL DEFAULT 0"
    "  CHECK (limit_minute BETWEEN 0 AND 4294967295);"
    "ALTER TABLE account ADD COLUMN limit_hour INTEGER NOT NULL DEFAULT 0"
    "  CHECK (limit_hour BETWEEN 0 AND 4294967295);"
    "ALTER TABLE account ADD COLUMN limit_day INTEGER NOT NULL DEFAULT 0"
    "  CHECK (limit_day BETWEEN 0 AND 4294967295);"
    "ALTER TABLE account ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN used_from TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN used_client TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN used_mechanism TEXT NOT NULL DEFAULT '';"
    /* An id is a credential's name and never used again; 1 is the account's own password. */
    "CREATE TABLE app_password ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 1),"
    "  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
    "  name TEXT NOT NULL CHECK (name <> ''),"
    "  digest BLOB NOT NULL CHECK (length(digest) = 32),"
    "  scram_sha1 TEXT NOT NULL, scram_sha256 TEXT NOT NULL, networks TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    "  used_at INTEGER NOT NULL DEFAULT 0, used_from TEXT NOT NULL DEFAULT '',"
    "  used_client TEXT NOT NULL DEFAULT '', used_mechanism TEXT NOT NULL DEFAULT '',"
    "  UNIQUE (account_id, name)) STRICT;"
    "INSERT INTO sqlite_sequence (name, seq) VALUES ('app_password', 1);"
    /* local is empty for a whole domain. */
    "CREATE TABLE sender ("
    "  id INTEGER PRIMARY KEY,"
    "  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
    "  local TEXT NOT NULL, domain TEXT NOT NULL CHECK (domain <> ''),"
    "  UNIQUE (account_id, local, domain)) STRICT;"
    /* value: 64 hexadecimal digits, or an e-mail address. */
    "CREATE TABLE certificate ("
    "  id INTEGER PRIMARY KEY,"
    "  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
    "  value TEXT NOT NULL UNIQUE CHECK (value <> ''), created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX certificate_account ON certificate (account_id);"
    "CREATE TABLE secret ("
    "  id INTEGER PRIMARY KEY, value BLOB NOT NULL CHECK (length(value) = 32)) STRICT;"
    "CREATE TABLE pair ("
    "  id INTEGER PRIMARY KEY,"
    "  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
    "  network TEXT NOT NULL, used_at INTEGER NOT NULL, UNIQUE (account_id, network)) STRICT;"
    "CREATE INDEX pair_age ON pair (used_at);"
    "CREATE TABLE guess ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  is_known INTEGER NOT NULL CHECK (is_known IN (0, 1)),"
    "  count INTEGER NOT NULL CHECK (count > 0), used_at INTEGER NOT NULL,"
    "  used_from TEXT NOT NULL) STRICT;"
    "CREATE INDEX guess_age ON guess (is_known, used_at);"
    "CREATE INDEX guess_count ON guess (count);",
    /* What accounts have sent (lib/auth/usage.h); the key is a hash of the account's name. */
    "CREATE TABLE usage ("
    "  key BLOB PRIMARY KEY CHECK (length(key) = 16), value BLOB NOT NULL,"
    "  used_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
};

/* ---- opening ---- */

static int pragma_number(sqlite3 *sqlite, const char *text, int64_t *ret)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sqlite, text, -1, &s, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return db_errno_of(rc);
}

static int exec(sqlite3 *sqlite, const char *text)
{
    return db_errno_of(sqlite3_exec(sqlite, text, NULL, NULL, NULL));
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

static int make_secret(sqlite3 *sqlite, enum directory_secret which)
{
    unsigned char bytes[DIRECTORY_SECRET_BYTES];
    sqlite3_stmt *s = NULL;
    int err = 0;

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return -EIO;
    err = db_errno_of(sqlite3_prepare_v2(sqlite, db_sql_secret_add, -1, &s, NULL));
    if (err == 0) {
        db_bind_i64(s, 1, which);
        db_bind_blob(s, 2, slice_of(bytes, sizeof bytes));
        err = db_run(s);
    }
    sqlite3_finalize(s);
    secret_wipe(bytes, sizeof bytes);
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
    if ((err = make_secret(sqlite, DIRECTORY_SECRET_FAKE)) != 0 ||
        (err = make_secret(sqlite, DIRECTORY_SECRET_GRANT)) != 0 ||
        (err = set_number(sqlite, "application_id", APPLICATION_ID)) != 0)
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
    err = db_errno_of(
        sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (err == 0)
        err = configure(db->sqlite);
    sqlite3_randomness(sizeof seed, &seed); /* from the kernel, while /dev is in sight */
    if (err == 0)
        err = migrate(db->sqlite);
    for (size_t i = 0; err == 0 && i < STATEMENT_COUNT; i++)
        err = db_errno_of(sqlite3_prepare_v3(db->sqlite, db_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
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
    return db_finish(s, rc);
}

int directory_db_has_names(struct directory_db *db)
{
    sqlite3_stmt *s = db->statements[ANY_NAME];
    int rc = sqlite3_step(s);
    int has = rc == SQLITE_ROW && sqlite3_column_int64(s, 0) != 0;
    int err = db_finish(s, rc);

    return err != 0 ? err : has;
}
