/* The database's files among themselves: db.c opens it, db_statements.c has all SQL, db_find.c
 * reads, db_change.c writes. 0 or -errno, as db.h says. */
#ifndef CANDOR_SYS_DIRECTORY_DB_INT_H
#define CANDOR_SYS_DIRECTORY_DB_INT_H

#include <sqlite3.h>

#include "sys/directory/db.h"

#define TARGETS_BYTES_MAX ((size_t)1 << 20)

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    DATA_VERSION,
    ANY_NAME,
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
    ACCOUNT_MOVE,
    ACCOUNT_QUOTA,
    ALIAS_ADD,
    ALIAS_TARGET_ADD,
    ALIAS_TARGET_REMOVE,
    ALIAS_REMOVE,
    EACH_DOMAIN,
    EACH_ACCOUNT,
    EACH_ALIAS,
    EACH_ALIAS_TO,
    ACCOUNT_ID,
    SECRET,
    SHOW_CREDENTIALS,
    FIND_CERTIFICATE,
    REHASH,
    SET_PASSWORD,
    SET_WANTS_APP,
    SET_LIMITS,
    SHOW_LIMITS,
    APP_ADD,
    APP_REMOVE,
    APP_FORGET,
    EACH_APP,
    SENDER_ADD,
    SENDER_REMOVE,
    EACH_SENDER,
    IS_SENDER,
    CERTIFICATE_ADD,
    CERTIFICATE_REMOVE,
    EACH_CERTIFICATE,
    NOTE_USE,
    NOTE_APP_USE,
    PAIR_NOTE,
    PAIR_TRIM,
    EACH_PAIR,
    GUESS_NOTE,
    GUESS_TRIM,
    EACH_GUESS,
    USAGE_NOTE,
    USAGE_FORGET,
    EACH_USAGE,
    STATEMENT_COUNT,
};

extern const char *const db_sql[STATEMENT_COUNT];

struct directory_db {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct arena targets; /* of the alias that a walk is at */
};

/* What SECRET gives is made by this one, while the database is made. */
extern const char db_sql_secret_add[];

int db_errno_of(int rc);
void db_bind_slice(sqlite3_stmt *s, int at, slice text);
void db_bind_i64(sqlite3_stmt *s, int at, int64_t v);
void db_bind_blob(sqlite3_stmt *s, int at, slice bytes);
/* Of a text or a blob. */
slice db_column_slice(sqlite3_stmt *s, int at);
int db_copy_column(struct arena *a, sqlite3_stmt *s, int at, slice *ret);
int db_finish(sqlite3_stmt *s, int rc);
int db_run(sqlite3_stmt *s);
int db_join(struct directory_db *db, bool *ret_own);
int db_leave(struct directory_db *db, bool own, int err);
/* Runs a change whose first two parameters are the account's domain and local part: -ENOENT when
 * it changed nothing. */
int db_change_account(struct directory_db *db, sqlite3_stmt *s, slice domain, slice local);
/* The row of an account; -ENOENT. */
int db_account_id(struct directory_db *db, slice domain, slice local, int64_t *ret);
/* "local@domain" in comparable form; -ENOENT when it is none. */
int db_account_read(struct arena *a, slice account, struct directory_address *ret);
/* The row of the account that is so written. */
int db_account_id_of(struct directory_db *db, slice account, int64_t *ret);

#endif
