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
    STATEMENT_COUNT,
};

extern const char *const db_sql[STATEMENT_COUNT];

struct directory_db {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct arena targets; /* of the alias that a walk is at */
};

int db_errno_of(int rc);
void db_bind_slice(sqlite3_stmt *s, int at, slice text);
void db_bind_i64(sqlite3_stmt *s, int at, int64_t v);
slice db_column_slice(sqlite3_stmt *s, int at);
int db_finish(sqlite3_stmt *s, int rc);
int db_run(sqlite3_stmt *s);
int db_join(struct directory_db *db, bool *ret_own);
int db_leave(struct directory_db *db, bool own, int err);

#endif
