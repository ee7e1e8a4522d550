/* Look-ups and walks. */
#include "sys/directory/db_int.h"

#include <errno.h>
#include <stdlib.h>

static int read_targets(struct directory_db *db, struct arena *a, int64_t alias_id,
                        struct directory_address **ret, size_t *ret_count)
{
    sqlite3_stmt *s = db->statements[FIND_TARGETS];
    struct directory_address *list = NULL;
    size_t count = 0, room = 0;
    int rc, err = 0;

    db_bind_i64(s, 1, alias_id);
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
        if ((err = db_copy_column(a, s, 0, &list[count].local)) == 0)
            err = db_copy_column(a, s, 1, &list[count].domain);
        count++;
    }
    rc = err == 0 ? db_finish(s, rc) : (db_finish(s, SQLITE_OK), err);
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

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        e = (struct directory_entry){.kind = DIRECTORY_ACCOUNT,
                                     .enabled = sqlite3_column_int(s, 0) != 0,
                                     .is_forwarded = sqlite3_column_int(s, 1) != 0,
                                     .quota_bytes = (uint64_t)sqlite3_column_int64(s, 4)};
        if ((err = db_copy_column(a, s, 2, &e.moved_to.local)) != 0 ||
            (err = db_copy_column(a, s, 3, &e.moved_to.domain)) != 0) {
            db_finish(s, SQLITE_OK);
            return err;
        }
    }
    if ((err = db_finish(s, rc)) != 0)
        return err;
    if (e.kind == DIRECTORY_NOTHING) {
        s = db->statements[FIND_ALIAS];
        db_bind_slice(s, 1, domain);
        db_bind_slice(s, 2, local);
        if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
            e.kind = DIRECTORY_ALIAS;
            alias_id = sqlite3_column_int64(s, 0);
        }
        if ((err = db_finish(s, rc)) != 0)
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
        .domain = db_column_slice(s, 0),
        .local = db_column_slice(s, 1),
        .shown = db_column_slice(s, 2),
        .name = db_column_slice(s, 3),
        .enabled = sqlite3_column_int(s, 4) != 0,
        .created_at = sqlite3_column_int64(s, 5),
        .has_password = sqlite3_column_int(s, 6) != 0,
        .is_remote = sqlite3_column_int(s, 7) != 0,
        .wants_app_password = sqlite3_column_int(s, 8) != 0,
        .is_forwarded = sqlite3_column_int(s, 9) != 0,
        .app_passwords = (uint32_t)sqlite3_column_int64(s, 10),
        .limit_minute = (uint32_t)sqlite3_column_int64(s, 11),
        .limit_hour = (uint32_t)sqlite3_column_int64(s, 12),
        .limit_day = (uint32_t)sqlite3_column_int64(s, 13),
        .quota_bytes = (uint64_t)sqlite3_column_int64(s, 14),
        .moved_local = db_column_slice(s, 15),
        .moved_domain = db_column_slice(s, 16),
        .used_at = sqlite3_column_int64(s, 17),
        .used_from = db_column_slice(s, 18),
        .used_client = db_column_slice(s, 19),
        .used_mechanism = db_column_slice(s, 20),
    };
}

int directory_find_account(struct directory_db *db, struct arena *a, slice domain, slice local,
                           struct directory_account *ret)
{
    sqlite3_stmt *s = db->statements[SHOW_ACCOUNT];
    struct directory_account found;
    int rc, err = -ENOENT;

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        slice *const texts[] = {&found.domain,    &found.local,       &found.shown,
                                &found.name,      &found.moved_local, &found.moved_domain,
                                &found.used_from, &found.used_client, &found.used_mechanism};
        found = account_of_row(s);
        err = 0;
        for (size_t i = 0; err == 0 && i < sizeof texts / sizeof texts[0]; i++)
            err = arena_copy(a, *texts[i], texts[i]) ? 0 : -ENOMEM;
    }
    if (db_finish(s, rc) != 0)
        return db_errno_of(rc);
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

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        found = (struct directory_alias){.created_at = sqlite3_column_int64(s, 3)};
        id = sqlite3_column_int64(s, 4);
        if ((err = db_copy_column(a, s, 0, &found.domain)) == 0 &&
            (err = db_copy_column(a, s, 1, &found.local)) == 0)
            err = db_copy_column(a, s, 2, &found.shown);
    }
    if (db_finish(s, rc) != 0)
        return db_errno_of(rc);
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
        .name = db_column_slice(s, 0),
        .shown = db_column_slice(s, 1),
        .maildir = db_column_slice(s, 2),
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

    db_bind_slice(s, 1, name);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        d = domain_of_row(s);
        if (!arena_copy(a, d.name, &d.name) || !arena_copy(a, d.shown, &d.shown) ||
            !arena_copy(a, d.maildir, &d.maildir))
            err = -ENOMEM;
    }
    if (db_finish(s, rc) != 0)
        return db_errno_of(rc);
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
        db_bind_slice(s, 1, domain);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW && (err = db_copy_column(a, s, 0, &found.local)) == 0)
        err = db_copy_column(a, s, 1, &found.domain);
    if (db_finish(s, rc) != 0)
        return db_errno_of(rc);
    if (err == 0)
        *ret = found;
    return err;
}

/* ---- walks ---- */

int directory_each_domain(struct directory_db *db, slice after,
                          int (*each)(void *self, const struct directory_domain *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_DOMAIN];
    int rc, err = 0;

    db_bind_slice(s, 1, after);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_domain d = domain_of_row(s);
        err = each(self, &d);
    }
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

int directory_each_account(struct directory_db *db, slice domain, struct directory_address after,
                           int (*each)(void *self, const struct directory_account *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_ACCOUNT];
    int rc, err = 0;

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, after.domain);
    db_bind_slice(s, 3, after.local);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_account a = account_of_row(s);
        err = each(self, &a);
    }
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

static int walk_aliases(struct directory_db *db, sqlite3_stmt *s,
                        int (*each)(void *self, const struct directory_alias *), void *self)
{
    int rc, err = 0;

    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct directory_alias a = {
            .domain = db_column_slice(s, 0),
            .local = db_column_slice(s, 1),
            .shown = db_column_slice(s, 2),
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
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

int directory_each_alias(struct directory_db *db, slice domain, struct directory_address after,
                         int (*each)(void *self, const struct directory_alias *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_ALIAS];

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, after.domain);
    db_bind_slice(s, 3, after.local);
    return walk_aliases(db, s, each, self);
}

int directory_each_alias_to(struct directory_db *db, slice domain, slice local,
                            int (*each)(void *self, const struct directory_alias *), void *self)
{
    sqlite3_stmt *s = db->statements[EACH_ALIAS_TO];

    db_bind_slice(s, 1, domain);
    db_bind_slice(s, 2, local);
    return walk_aliases(db, s, each, self);
}
