#include "sys/directory/sender.h"

#include <errno.h>

#include "sys/directory/db_int.h"

static bool same(const struct directory_address *a, const struct directory_address *b)
{
    return slice_eq(a->local, b->local) && slice_eq(a->domain, b->domain);
}

/* What mail to r would come to, one step: *ret_at is where it stands. */
static int find_at(struct directory_db *db, const struct directory_rules *rules,
                   struct arena *scratch, const struct recipient *r, struct directory_entry *ret,
                   struct directory_address *ret_at)
{
    int err;

    *ret_at = (struct directory_address){r->local, r->domain};
    err = directory_find(db, scratch, r->domain, r->local, ret);
    if (err == 0 && ret->kind == DIRECTORY_NOTHING && !slice_eq(r->user, r->local)) {
        ret_at->local = r->user;
        err = directory_find(db, scratch, r->domain, r->user, ret);
    }
    /* A postmaster that nobody made is no name for whoever has the catch-all; nor is one that may
     * be somebody's whom a backend knows. */
    if (err == 0 && ret->kind == DIRECTORY_NOTHING && !r->is_postmaster &&
        !directory_has_backend(rules, r->domain)) {
        ret_at->local = slice_of(NULL, 0);
        err = directory_find(db, scratch, r->domain, ret_at->local, ret);
    }
    return err;
}

/* Is the account itself a target? */
static int is_target(struct directory_db *db, const struct directory_rules *rules,
                     struct arena *scratch, const struct directory_entry *alias,
                     const struct directory_address *account)
{
    for (size_t i = 0; i < alias->target_count; i++) {
        struct directory_address at;
        struct directory_entry e;
        struct recipient r;
        struct buf text;
        enum recipient_err read;
        int err;

        buf_init(&text, 4096);
        recipient_print(&text, alias->targets[i].local, alias->targets[i].domain);
        read = recipient_read(scratch, buf_slice(&text), rules->recipient, false, &r);
        buf_release(&text);
        if (read == RECIPIENT_NOMEM)
            return -ENOMEM;
        if (read != RECIPIENT_OK || !slice_eq(r.domain, account->domain))
            continue;
        if ((err = find_at(db, rules, scratch, &r, &e, &at)) != 0)
            return err;
        if (e.kind == DIRECTORY_ACCOUNT && same(&at, account))
            return 1;
    }
    return 0;
}

/* Does all that the alias leads to lie in this one mailbox? */
static int leads_to_it_alone(struct directory_db *db, const struct directory_rules *rules,
                             struct arena *scratch, slice address,
                             const struct directory_address *account)
{
    struct directory_answer answer = {0};
    enum recipient_verdict verdict;
    struct target first, second;
    struct buf targets;
    slice rest;
    bool is_alone;

    buf_init(&targets, DIRECTORY_TARGETS_BYTES_MAX);
    answer.targets = &targets;
    verdict = directory_expand(db, rules, scratch, address, &answer);
    rest = buf_slice(&targets);
    is_alone = verdict == RECIPIENT_IS_OK && target_take(&rest, &first) &&
               !target_take(&rest, &second) && first.kind != TARGET_REMOTE &&
               slice_eq(first.local, account->local) && slice_eq(first.domain, account->domain);
    buf_release(&targets);
    return verdict == RECIPIENT_IS_TEMPFAIL && answer.error != -ELOOP ? answer.error : is_alone;
}

static int is_own(struct directory_db *db, const struct directory_rules *rules,
                  struct arena *scratch, const struct recipient *r, slice address,
                  const struct directory_address *account)
{
    struct directory_address at;
    struct directory_entry e;
    int own, local = directory_is_local(db, rules, scratch, r->domain);

    if (local <= 0)
        return local;
    if ((own = find_at(db, rules, scratch, r, &e, &at)) != 0)
        return own;
    if (e.kind != DIRECTORY_ALIAS)
        return e.kind == DIRECTORY_ACCOUNT && same(&at, account);
    own = is_target(db, rules, scratch, &e, account);
    return own != 0 ? own : leads_to_it_alone(db, rules, scratch, address, account);
}

static int is_granted(struct directory_db *db, int64_t account_id, const struct recipient *r)
{
    sqlite3_stmt *s = db->statements[IS_SENDER];
    int rc, err;

    db_bind_i64(s, 1, account_id);
    db_bind_slice(s, 2, r->domain);
    db_bind_slice(s, 3, r->local);
    db_bind_slice(s, 4, r->user);
    rc = sqlite3_step(s);
    err = db_finish(s, rc);
    return err != 0 ? err : rc == SQLITE_ROW;
}

int directory_may_send_as(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice account, slice address)
{
    struct directory_address at;
    struct recipient r;
    int64_t id = 0;
    int err = db_account_read(scratch, account, &at);

    if (err == 0)
        err = db_account_id(db, at.domain, at.local, &id);
    /* Whom a backend knows need not be here. */
    if (err != 0 && (err != -ENOENT || !directory_has_backend(rules, at.domain)))
        return err;
    if (address.n == 0)
        return 1;
    switch (recipient_read(scratch, address, rules->recipient, false, &r)) {
    case RECIPIENT_OK:
        break;
    case RECIPIENT_NOMEM:
        return -ENOMEM;
    case RECIPIENT_SYNTAX:
    case RECIPIENT_DOMAIN:
    case RECIPIENT_TOO_LONG:
        return 0;
    }
    if (r.domain.n == 0 || r.is_literal)
        return 0;
    if (slice_eq(r.domain, at.domain) &&
        (slice_eq(r.local, at.local) || slice_eq(r.user, at.local)) &&
        directory_has_backend(rules, at.domain))
        return 1;
    err = is_own(db, rules, scratch, &r, address, &at);
    return err != 0 || id == 0 ? err : is_granted(db, id, &r);
}

int directory_limits(struct directory_db *db, slice account, struct directory_limits *ret)
{
    sqlite3_stmt *s = db->statements[SHOW_LIMITS];
    struct directory_address at;
    struct arena a;
    int rc, err;

    arena_init(&a, 65536);
    if ((err = db_account_read(&a, account, &at)) == 0) {
        db_bind_slice(s, 1, at.domain);
        db_bind_slice(s, 2, at.local);
        if ((rc = sqlite3_step(s)) == SQLITE_ROW)
            *ret = (struct directory_limits){(uint32_t)sqlite3_column_int64(s, 0),
                                             (uint32_t)sqlite3_column_int64(s, 1),
                                             (uint32_t)sqlite3_column_int64(s, 2)};
        err = db_finish(s, rc);
        err = err == 0 && rc != SQLITE_ROW ? -ENOENT : err;
    }
    arena_release(&a);
    return err;
}

/* ---- EXPN ---- */

static int add_line(struct buf *out, slice local, slice domain)
{
    struct buf text;
    int err;

    buf_init(&text, 4096);
    recipient_print(&text, local, domain);
    buf_addc(out, (char)(text.n & 0xff));
    buf_addc(out, (char)(text.n >> 8));
    buf_add(out, buf_slice(&text));
    err = text.err != BUF_OK || out->err == BUF_NOMEM ? -ENOMEM
          : out->err != BUF_OK                        ? -EOVERFLOW
                                                      : 0;
    buf_release(&text);
    return err;
}

static int add_lines(struct buf *out, const struct directory_entry *e,
                     const struct directory_address *at, enum recipient_verdict *ret)
{
    int err = 0;

    switch (e->kind) {
    case DIRECTORY_NOTHING:
        *ret = RECIPIENT_IS_UNKNOWN;
        return 0;
    case DIRECTORY_ACCOUNT:
        *ret = e->enabled ? RECIPIENT_IS_OK : RECIPIENT_IS_DISABLED;
        if (e->enabled)
            err = e->moved_to.domain.n > 0 ? add_line(out, e->moved_to.local, e->moved_to.domain)
                                           : add_line(out, at->local, at->domain);
        return err;
    case DIRECTORY_ALIAS:
        *ret = RECIPIENT_IS_OK;
        for (size_t i = 0; err == 0 && i < e->target_count; i++)
            err = add_line(out, e->targets[i].local, e->targets[i].domain);
        return err;
    }
    return -EINVAL;
}

static int expn(struct directory_db *db, const struct directory_rules *rules, struct arena *scratch,
                slice address, struct buf *out, enum recipient_verdict *ret)
{
    struct directory_address at;
    struct directory_entry e;
    struct recipient r;
    /* RFC 5321 4.1.1.7: a list may be named without its domain. */
    int local, err = directory_whole_name(db, rules, scratch, &address);

    if (err != 0)
        return err;
    switch (recipient_read(scratch, address, rules->recipient, false, &r)) {
    case RECIPIENT_OK:
        break;
    case RECIPIENT_NOMEM:
        return -ENOMEM;
    case RECIPIENT_SYNTAX:
    case RECIPIENT_DOMAIN:
    case RECIPIENT_TOO_LONG:
        *ret = RECIPIENT_IS_MALFORMED;
        return 0;
    }
    local = r.is_literal ? 0 : directory_is_local(db, rules, scratch, r.domain);
    if (local <= 0) {
        *ret = RECIPIENT_IS_REMOTE;
        return local;
    }
    err = find_at(db, rules, scratch, &r, &e, &at);
    return err != 0 ? err : add_lines(out, &e, &at, ret);
}

enum recipient_verdict directory_expn(struct directory_db *db, const struct directory_rules *rules,
                                      struct arena *scratch, slice address, struct buf *out,
                                      int *ret_error)
{
    enum recipient_verdict verdict = RECIPIENT_IS_TEMPFAIL;
    size_t before = out->n;
    int err = expn(db, rules, scratch, address, out, &verdict);

    if (err != 0) {
        verdict = RECIPIENT_IS_TEMPFAIL;
        out->n = before;
    }
    *ret_error = err;
    return verdict;
}
