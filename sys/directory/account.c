#include "sys/directory/account.h"

#include <errno.h>

#include "sys/directory/db_int.h"

#define FORGET_AFTER_S ((int64_t)30 * 24 * 3600)

int directory_account_set_password(struct directory_db *db, struct directory_address at,
                                   const struct directory_password *password, bool is_remote)
{
    sqlite3_stmt *s = db->statements[SET_PASSWORD];

    db_bind_slice(s, 3, password->hash);
    db_bind_slice(s, 4, password->scram[DIGEST_SHA1]);
    db_bind_slice(s, 5, password->scram[DIGEST_SHA256]);
    db_bind_i64(s, 6, is_remote);
    return db_change_account(db, s, at.domain, at.local);
}

int directory_account_set_wants_app(struct directory_db *db, struct directory_address at,
                                    bool wants)
{
    sqlite3_stmt *s = db->statements[SET_WANTS_APP];

    db_bind_i64(s, 3, wants);
    return db_change_account(db, s, at.domain, at.local);
}

int directory_account_set_limits(struct directory_db *db, struct directory_address at,
                                 const uint32_t *minute, const uint32_t *hour, const uint32_t *day)
{
    sqlite3_stmt *s = db->statements[SET_LIMITS];
    const uint32_t *const limits[] = {minute, hour, day};

    for (int i = 0; i < 3; i++) {
        if (limits[i] != NULL)
            db_bind_i64(s, 3 + i, *limits[i]);
    }
    return db_change_account(db, s, at.domain, at.local);
}

/* ---- app passwords ---- */

static int count_app_passwords(void *self, const struct directory_app_password *p)
{
    size_t *count = self;

    (void)p;
    ++*count;
    return 0;
}

static int each_app_password(struct directory_db *db, int64_t account_id,
                             int (*each)(void *self, const struct directory_app_password *),
                             void *self)
{
    sqlite3_stmt *s = db->statements[EACH_APP];
    int rc, err = 0;

    db_bind_i64(s, 1, account_id);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const struct directory_app_password p = {
            .id = (uint64_t)sqlite3_column_int64(s, 0),
            .name = db_column_slice(s, 1),
            .networks = db_column_slice(s, 5),
            .created_at = sqlite3_column_int64(s, 6),
            .expires_at = sqlite3_column_int64(s, 7),
            .used_at = sqlite3_column_int64(s, 8),
            .used_from = db_column_slice(s, 9),
            .used_client = db_column_slice(s, 10),
            .used_mechanism = db_column_slice(s, 11),
        };
        err = each(self, &p);
    }
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

static int add_app_password(struct directory_db *db, int64_t account_id,
                            const struct directory_app_password *p)
{
    sqlite3_stmt *forget = db->statements[APP_FORGET], *s = db->statements[APP_ADD];
    size_t count = 0;
    int err;

    db_bind_i64(forget, 1, account_id);
    db_bind_i64(forget, 2, p->created_at - FORGET_AFTER_S);
    if ((err = db_run(forget)) != 0 ||
        (err = each_app_password(db, account_id, count_app_passwords, &count)) != 0)
        return err;
    if (count >= DIRECTORY_APP_PASSWORDS_MAX)
        return -EOVERFLOW;
    db_bind_i64(s, 1, account_id);
    db_bind_slice(s, 2, p->name);
    db_bind_blob(s, 3, p->digest);
    db_bind_slice(s, 4, p->scram[DIGEST_SHA1]);
    db_bind_slice(s, 5, p->scram[DIGEST_SHA256]);
    db_bind_slice(s, 6, p->networks);
    db_bind_i64(s, 7, p->created_at);
    db_bind_i64(s, 8, p->expires_at);
    return db_run(s);
}

int directory_app_password_add(struct directory_db *db, struct directory_address at,
                               const struct directory_app_password *p, uint64_t *ret_id)
{
    int64_t id = 0;
    bool own;
    int err = db_join(db, &own);

    if (err != 0)
        return err;
    if ((err = db_account_id(db, at.domain, at.local, &id)) == 0)
        err = add_app_password(db, id, p);
    if (err == 0)
        *ret_id = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
    return db_leave(db, own, err);
}

int directory_each_app_password(struct directory_db *db, struct directory_address at,
                                int (*each)(void *self, const struct directory_app_password *),
                                void *self)
{
    int64_t id = 0;
    int err = db_account_id(db, at.domain, at.local, &id);

    return err != 0 ? err : each_app_password(db, id, each, self);
}

/* ---- rows of an account ---- */

/* A change whose first parameter is the account's row: -ENOENT when it changed nothing. The other
 * parameters are bound. */
static int change_of(struct directory_db *db, sqlite3_stmt *s, struct directory_address at)
{
    int64_t id = 0;
    int err = db_account_id(db, at.domain, at.local, &id);

    if (err != 0) {
        db_finish(s, SQLITE_OK);
        return err;
    }
    db_bind_i64(s, 1, id);
    err = db_run(s);
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -ENOENT : err;
}

int directory_app_password_remove(struct directory_db *db, struct directory_address at, uint64_t id)
{
    sqlite3_stmt *s = db->statements[APP_REMOVE];

    if (id > INT64_MAX)
        return -ENOENT;
    db_bind_i64(s, 2, (int64_t)id);
    return change_of(db, s, at);
}

int directory_sender_add(struct directory_db *db, struct directory_address at,
                         struct directory_address who)
{
    sqlite3_stmt *s = db->statements[SENDER_ADD];

    db_bind_slice(s, 2, who.local);
    db_bind_slice(s, 3, who.domain);
    return change_of(db, s, at);
}

int directory_sender_remove(struct directory_db *db, struct directory_address at,
                            struct directory_address who)
{
    sqlite3_stmt *s = db->statements[SENDER_REMOVE];

    db_bind_slice(s, 2, who.local);
    db_bind_slice(s, 3, who.domain);
    return change_of(db, s, at);
}

int directory_each_sender(struct directory_db *db, struct directory_address at,
                          int (*each)(void *self, const struct directory_address *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_SENDER];
    int64_t id = 0;
    int rc, err = db_account_id(db, at.domain, at.local, &id);

    if (err != 0)
        return err;
    db_bind_i64(s, 1, id);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const struct directory_address who = {db_column_slice(s, 0), db_column_slice(s, 1)};
        err = each(self, &who);
    }
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

int directory_certificate_add(struct directory_db *db, struct directory_address at, slice value,
                              int64_t now)
{
    sqlite3_stmt *s = db->statements[CERTIFICATE_ADD];

    db_bind_slice(s, 2, value);
    db_bind_i64(s, 3, now);
    return change_of(db, s, at);
}

int directory_certificate_remove(struct directory_db *db, struct directory_address at, slice value)
{
    sqlite3_stmt *s = db->statements[CERTIFICATE_REMOVE];

    db_bind_slice(s, 2, value);
    return change_of(db, s, at);
}

int directory_each_certificate(struct directory_db *db, struct directory_address at,
                               int (*each)(void *self, slice value), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_CERTIFICATE];
    int64_t id = 0;
    int rc, err = db_account_id(db, at.domain, at.local, &id);

    if (err != 0)
        return err;
    db_bind_i64(s, 1, id);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
        err = each(self, db_column_slice(s, 0));
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}
