/* Words and objects: reading what a request names, saying what is wrong, and the JSON of what there
 * is. */
#include "sys/directory/admin_int.h"

#include <errno.h>

static json_t *json_of(slice s)
{
    return json_stringn(s.p != NULL ? s.p : "", s.n);
}

void admin_put(struct admin *a, const char *key, json_t *value)
{
    if (json_object_set_new(a->answer, key, value) != 0) {
        json_decref(a->answer);
        a->answer = NULL;
    }
}

void admin_fail(struct admin *a, const char *error, const struct buf *message, const char *hint)
{
    if (a->is_failed)
        return;
    a->is_failed = true;
    if (a->answer != NULL)
        json_object_clear(a->answer);
    admin_put(a, "error", json_string(error));
    admin_put(a, "message", json_of(buf_slice(message)));
    admin_put(a, "hint", json_string(hint));
}

/* error, a message in three pieces (what stands around the name), a hint. */
void admin_refuse(struct admin *a, const char *error, slice name, const char *what,
                  const char *hint)
{
    struct buf message;

    buf_init(&message, 2048);
    if (name.n > 0) {
        buf_add(&message, slice_head(name, 400));
        buf_addc(&message, ' ');
    }
    buf_adds(&message, what);
    admin_fail(a, error, &message, hint);
    buf_release(&message);
}

/* A failure of the database, or of memory. */
void admin_fail_errno(struct admin *a, int err)
{
    struct buf message;
    const char *name = strerrorname_np(-err);

    buf_init(&message, 2048);
    buf_adds(&message, "the database could not do it: ");
    buf_add(&message, slice_head(directory_db_error(a->db), 500));
    buf_addf(&message, " (%s)", name != NULL ? name : "?");
    admin_fail(a, "unavailable", &message,
               err == -EBUSY    ? "Another program keeps it locked; try again."
               : err == -ENOSPC ? "The disk is full; free some space and try again."
               : err == -EROFS  ? "The file or its directory cannot be written by this user."
               : err == -EBADMSG
                   ? "The file is damaged: restore it from a backup, or rebuild it with "
                     "sqlite3's .recover."
                   : "Nothing was changed; try again.");
    buf_release(&message);
}

void admin_revoke(struct admin *a, const struct recipient *r, uint64_t credential)
{
    struct directory_change *c = a->change;
    struct buf account;

    buf_init(&account, sizeof c->account);
    recipient_print(&account, r->local, r->domain);
    if (account.err != BUF_OK) {
        admin_fail_errno(a, -ENOMEM);
    } else {
        c->is_revoked = true;
        c->credential = credential;
        memcpy(c->account, account.p, account.n);
        c->account_n = account.n;
    }
    buf_release(&account);
}

slice admin_text(struct admin *a, const char *key)
{
    json_t *v = json_object_get(a->request, key);

    return slice_of(json_string_value(v), json_string_length(v));
}

bool admin_read_address(struct admin *a, slice text, bool may_be_catch_all, struct recipient *ret)
{
    int err = directory_whole_name(a->db, a->rules, &a->scratch, &text);
    enum recipient_err e;
    struct buf message;

    if (err != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    e = recipient_read(&a->scratch, text, a->rules->recipient, may_be_catch_all, ret);
    if (e == RECIPIENT_OK && ret->domain.n > 0)
        return true;
    if (e == RECIPIENT_OK)
        e = RECIPIENT_SYNTAX; /* a bare postmaster has no place of its own */
    buf_init(&message, 1024);
    buf_addf(&message, "\"%.*s\" cannot be used: ", SLICE_ARG(slice_head(text, 400)));
    buf_add(&message, slice_rfind(text, '@') == text.n && text.n > 0 ? SLICE_LIT("it has no domain")
                                                                     : recipient_err_text(e));
    admin_fail(a, "bad-address", &message, "Write it as name@domain.");
    buf_release(&message);
    return false;
}

bool admin_read_domain(struct admin *a, slice text, slice *ret)
{
    enum recipient_err e = recipient_domain(&a->scratch, text, ret);

    if (e == RECIPIENT_OK && text.p[0] != '[')
        return true;
    admin_refuse(a, "bad-address", text, "is not a domain name",
                 "Write it as example.org, without http:// or @.");
    return false;
}

/* Is the domain ours? Says why not. */
bool admin_need_local(struct admin *a, slice domain, bool is_literal)
{
    int local = is_literal ? 0 : directory_is_local(a->db, a->rules, &a->scratch, domain);

    if (local > 0)
        return true;
    if (local < 0) {
        admin_fail_errno(a, local);
        return false;
    }
    admin_refuse(a, "not-local", recipient_domain_shown(&a->scratch, domain),
                 "is not a domain of this server",
                 "Add it first: candor domain add DOMAIN, or write it into the configuration.");
    return false;
}

bool admin_read_local_address(struct admin *a, bool may_be_catch_all, struct recipient *ret)
{
    return admin_read_address(a, admin_text(a, "address"), may_be_catch_all, ret) &&
           admin_need_local(a, ret->domain, ret->is_literal);
}

/* The page after this address; an empty one at the first page. */
bool admin_read_after(struct admin *a, struct directory_address *ret)
{
    slice text = admin_text(a, "after");
    struct recipient r = {0};

    if (text.n > 0 && !admin_read_address(a, text, true, &r))
        return false;
    *ret = (struct directory_address){r.local, r.domain};
    return true;
}

/* ---- objects ---- */

json_t *admin_address_json(struct admin *a, slice local, slice domain)
{
    struct buf text;
    json_t *value;

    buf_init(&text, 2048);
    if (local.n == 0)
        buf_addc(&text, '@');
    recipient_print(&text, local, slice_of(NULL, 0));
    if (local.n > 0)
        buf_addc(&text, '@');
    buf_add(&text, recipient_domain_shown(&a->scratch, domain));
    value = text.err == BUF_OK ? json_of(buf_slice(&text)) : NULL;
    buf_release(&text);
    return value;
}

json_t *admin_domain_json(struct admin *a, const struct directory_domain *d, bool is_configured)
{
    struct directory_way way;

    if (directory_way_of(a->db, a->rules, &a->scratch, d->name, &way) != 0)
        return NULL;
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:I}", "domain",
                     json_of(recipient_domain_shown(&a->scratch, d->name)), "ascii",
                     json_of(d->name), "source", is_configured ? "configuration" : "database",
                     "maildir", json_of(way.maildir), "lmtp", json_of(way.lmtp), "accounts",
                     (json_int_t)d->accounts, "aliases", (json_int_t)d->aliases);
}

int admin_path_of(struct admin *a, slice domain, slice local, struct buf *out,
                  enum maildir_path_err *ret)
{
    struct directory_way way;
    int err = directory_way_of(a->db, a->rules, &a->scratch, domain, &way);

    if (err == 0)
        *ret = way.lmtp.n > 0 ? MAILDIR_PATH_OK : maildir_path(out, way.maildir, domain, local);
    return err;
}

static json_t *moved_json(struct admin *a, const struct directory_account *account)
{
    if (account->moved_domain.n == 0)
        return json_null();
    return json_pack("{s:o, s:b}", "to",
                     admin_address_json(a, account->moved_local, account->moved_domain),
                     "forwarded", (int)account->is_forwarded);
}

/* What stands beside the address: how one signs in, and what the account may do. */
static json_t *rights_json(struct admin *a, const struct directory_account *account)
{
    return json_pack("{s:s, s:I, s:b, s:o, s:o, s:{s:I, s:I, s:I}, s:o}", "password",
                     account->is_remote      ? "backend"
                     : account->has_password ? "set"
                                             : "none",
                     "app_passwords", (json_int_t)account->app_passwords, "app_passwords_only",
                     (int)account->wants_app_password, "quota_bytes",
                     account->quota_bytes == 0 ? json_null()
                                               : json_integer((json_int_t)account->quota_bytes),
                     "moved", moved_json(a, account), "limits", "minute",
                     (json_int_t)account->limit_minute, "hour", (json_int_t)account->limit_hour,
                     "day", (json_int_t)account->limit_day, "last_sign_in",
                     admin_use_json(account->used_at, account->used_from, account->used_client,
                                    account->used_mechanism));
}

json_t *admin_account_json(struct admin *a, const struct directory_account *account)
{
    enum maildir_path_err e;
    struct directory_way way;
    struct buf path;
    json_t *value = NULL;

    buf_init(&path, MAILDIR_PATH_MAX * 4);
    if (admin_path_of(a, account->domain, account->local, &path, &e) == 0 &&
        directory_way_of(a->db, a->rules, &a->scratch, account->domain, &way) == 0)
        value = json_pack("{s:o, s:o, s:b, s:o, s:o, s:I}", "address",
                          admin_address_json(a, account->shown, account->domain), "name",
                          json_of(account->name), "enabled", (int)account->enabled, "maildir",
                          json_of(buf_slice(&path)), "lmtp", json_of(way.lmtp), "created_at",
                          (json_int_t)account->created_at);
    buf_release(&path);
    if (value != NULL && json_object_update_new(value, rights_json(a, account)) != 0) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

json_t *admin_alias_json(struct admin *a, const struct directory_alias *alias)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < alias->target_count; i++) {
        if (json_array_append_new(targets, admin_address_json(a, alias->targets[i].local,
                                                              alias->targets[i].domain)) != 0) {
            json_decref(targets);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o, s:I}", "address",
                     admin_address_json(a, alias->shown, alias->domain), "targets", targets,
                     "created_at", (json_int_t)alias->created_at);
}
