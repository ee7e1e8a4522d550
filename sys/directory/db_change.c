/* Changes. */
#include "sys/directory/db_int.h"

#include <errno.h>
#include <stdlib.h>

int directory_domain_add(struct directory_db *db, slice name, slice shown, slice maildir,
                         int64_t now)
{
    sqlite3_stmt *s = db->statements[DOMAIN_ADD];
    int err;

    db_bind_slice(s, 1, name);
    db_bind_slice(s, 2, shown);
    db_bind_slice(s, 3, maildir);
    db_bind_i64(s, 4, now);
    err = db_run(s);
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -EEXIST : err;
}

int directory_domain_remove(struct directory_db *db, slice name)
{
    sqlite3_stmt *s = db->statements[DOMAIN_REMOVE];
    int err;

    db_bind_slice(s, 1, name);
    err = db_run(s); /* accounts and aliases in it: the foreign keys say -ENOTEMPTY */
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? -ENOENT : err;
}

static int anchor(struct directory_db *db, slice domain, int64_t now)
{
    sqlite3_stmt *s = db->statements[DOMAIN_ANCHOR];

    db_bind_slice(s, 1, domain);
    db_bind_i64(s, 2, now);
    return db_run(s);
}

int directory_account_add(struct directory_db *db, const struct directory_account *account)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_ADD];
    bool own;
    int err = db_join(db, &own);

    if (err != 0)
        return err;
    err = anchor(db, account->domain, account->created_at);
    if (err == 0) {
        db_bind_slice(s, 1, account->domain);
        db_bind_slice(s, 2, account->local);
        db_bind_slice(s, 3, account->shown);
        db_bind_slice(s, 4, account->name);
        db_bind_i64(s, 5, account->enabled);
        db_bind_i64(s, 6, account->created_at);
        err = db_run(s);
    }
    return db_leave(db, own, err);
}

int directory_account_remove(struct directory_db *db, slice domain, slice local)
{
    return db_change_account(db, db->statements[ACCOUNT_REMOVE], domain, local);
}

int directory_account_enable(struct directory_db *db, slice domain, slice local, bool enabled)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_ENABLE];

    db_bind_i64(s, 3, enabled);
    return db_change_account(db, s, domain, local);
}

int directory_account_move(struct directory_db *db, slice domain, slice local,
                           const struct directory_address *to, bool is_forwarded)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_MOVE];

    db_bind_slice(s, 3, to == NULL ? slice_of(NULL, 0) : to->local);
    db_bind_slice(s, 4, to == NULL ? slice_of(NULL, 0) : to->domain);
    db_bind_i64(s, 5, to != NULL && is_forwarded);
    return db_change_account(db, s, domain, local);
}

int directory_account_set_quota(struct directory_db *db, slice domain, slice local,
                                uint64_t quota_bytes)
{
    sqlite3_stmt *s = db->statements[ACCOUNT_QUOTA];

    db_bind_i64(s, 3, quota_bytes > INT64_MAX ? INT64_MAX : (int64_t)quota_bytes);
    return db_change_account(db, s, domain, local);
}

static int alias_id_of(struct directory_db *db, slice domain, slice local, int64_t *ret)
{
    sqlite3_stmt *s = db->statements[FIND_ALIAS];
    int rc, err;

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    err = db_finish(s, rc);
    return err == 0 && rc != SQLITE_ROW ? -ENOENT : err;
}

static int change_target(struct directory_db *db, enum statement which, int64_t alias_id,
                         const struct directory_address *target, bool *ret_done)
{
    sqlite3_stmt *s = db->statements[which];
    int err;

    db_bind_i64(s, 1, alias_id);
    db_bind_slice(s, 2, target->local);
    db_bind_slice(s, 3, target->domain);
    err = db_run(s);
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
    int err = db_join(db, &own);

    if (err != 0)
        return err;
    err = anchor(db, alias->domain, alias->created_at);
    if (err == 0) {
        db_bind_slice(s, 1, alias->domain);
        db_bind_slice(s, 2, alias->local);
        db_bind_slice(s, 3, alias->shown);
        db_bind_i64(s, 4, alias->created_at);
        err = db_run(s);
    }
    if (err == 0)
        err = alias_id_of(db, alias->domain, alias->local, &id);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = change_target(db, ALIAS_TARGET_ADD, id, &targets[i], &done);
        added += done;
    }
    err = db_leave(db, own, err);
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

        db_bind_i64(left, 1, id);
        rc = sqlite3_step(left);
        has_more = rc == SQLITE_ROW;
        err = db_finish(left, rc);
    }
    if (err == 0 && !has_more) {
        db_bind_i64(s, 1, id);
        err = db_run(s);
    }
    return err;
}

int directory_alias_remove(struct directory_db *db, slice domain, slice local,
                           const struct directory_address *targets, size_t count)
{
    int64_t id = 0;
    bool own;
    int err = db_join(db, &own);

    if (err != 0)
        return err;
    err = alias_id_of(db, domain, local, &id);
    if (err == 0)
        err = remove_from_alias(db, id, targets, count);
    return db_leave(db, own, err);
}
