/* Accounts. */
#include "sys/directory/admin_int.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/ascii.h"

void admin_not_found(struct admin *a, const char *what, const char *hint)
{
    admin_refuse(a, "not-found", admin_text(a, "address"), what, hint);
}

void admin_show_account(struct admin *a, const struct recipient *r)
{
    struct directory_account account;
    int err = directory_find_account(a->db, &a->scratch, r->domain, r->local, &account);

    if (err == -ENOENT)
        admin_not_found(a, "is no account", "See: candor account list");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        admin_put(a, "account", admin_account_json(a, &account));
}

void admin_account_show(struct admin *a)
{
    struct recipient r;

    if (admin_read_local_address(a, false, &r))
        admin_show_account(a, &r);
}

/* What stands there already; true when nothing does. */
bool admin_need_free(struct admin *a, const struct recipient *r, enum directory_kind but)
{
    struct directory_entry e;
    int err = directory_find(a->db, &a->scratch, r->domain, r->local, &e);

    if (err != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    if (e.kind == DIRECTORY_NOTHING || e.kind == but)
        return true;
    admin_refuse(a, "exists", admin_text(a, "address"),
                 e.kind == DIRECTORY_ACCOUNT ? "is an account already" : "is an alias already",
                 e.kind == DIRECTORY_ACCOUNT ? "See: candor account show ADDRESS"
                                             : "See: candor alias show ADDRESS");
    return false;
}

/* An account whose folder cannot be named could never get mail. */
static bool need_path(struct admin *a, const struct recipient *r)
{
    enum maildir_path_err e;
    struct buf path;
    int err;

    buf_init(&path, MAILDIR_PATH_MAX * 4);
    err = admin_path_of(a, r->domain, r->local, &path, &e);
    buf_release(&path);
    if (err != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    if (e == MAILDIR_PATH_OK)
        return true;
    admin_refuse(a, "bad-request", admin_text(a, "address"),
                 "can have no Maildir with this template",
                 "See \"deliver maildir\" in the configuration, and candor domain show DOMAIN.");
    return false;
}

bool admin_need_line(struct admin *a, slice text, const char *what)
{
    bool is_line = text.n <= NAME_MAX_BYTES;

    for (size_t i = 0; is_line && i < text.n; i++)
        is_line = !ascii_is_control(text.p[i]);
    if (!is_line)
        admin_refuse(a, "bad-request", slice_cstr(what), "cannot be used",
                     "At most 200 bytes, on one line.");
    return is_line;
}

bool admin_add_account(struct admin *a, const struct recipient *r)
{
    struct directory_account account = {.enabled = true,
                                        .name = admin_text(a, "name"),
                                        .domain = r->domain,
                                        .local = r->local,
                                        .shown = r->shown,
                                        .created_at = a->now};
    int err;

    if (!admin_need_free(a, r, DIRECTORY_NOTHING) || !need_path(a, r) ||
        !admin_need_line(a, account.name, "the name"))
        return false;
    if ((err = directory_account_add(a->db, &account)) != 0)
        admin_fail_errno(a, err);
    return err == 0;
}

void admin_account_add(struct admin *a)
{
    struct recipient r;

    if (!admin_read_local_address(a, false, &r) || !admin_add_account(a, &r))
        return;
    if (admin_take_password(a, &r))
        admin_show_account(a, &r);
    a->change->is_revoked = false; /* nobody is signed in as it yet */
}

/* The aliases that lead to an account: their names for a refusal, their addresses for a removal. */
struct alias_list {
    struct arena *scratch;
    struct directory_address v[DIRECTORY_ALIASES_MAX];
    size_t n;
    struct buf names;
};

static int note_alias(void *self, const struct directory_alias *alias)
{
    struct alias_list *list = self;

    if (list->n == DIRECTORY_ALIASES_MAX)
        return 1;
    if (!arena_copy(list->scratch, alias->local, &list->v[list->n].local) ||
        !arena_copy(list->scratch, alias->domain, &list->v[list->n].domain))
        return -ENOMEM;
    if (list->n++ > 0)
        buf_adds(&list->names, ", ");
    recipient_print(&list->names, alias->local, slice_of(NULL, 0));
    buf_addc(&list->names, '@');
    buf_add(&list->names, alias->domain);
    return 0;
}

static int drop_target(struct admin *a, const struct recipient *r, struct alias_list *list)
{
    struct directory_address target = {r->local, r->domain};
    int err;

    do {
        list->n = 0;
        buf_clear(&list->names);
        err = directory_each_alias_to(a->db, r->domain, r->local, note_alias, list);
        if (err < 0)
            return err;
        for (size_t i = 0; i < list->n; i++) {
            err = directory_alias_remove(a->db, list->v[i].domain, list->v[i].local, &target, 1);
            if (err != 0)
                return err;
        }
    } while (list->n == DIRECTORY_ALIASES_MAX);
    return 0;
}

static void remove_account(struct admin *a, const struct recipient *r, struct alias_list *list)
{
    int err = directory_each_alias_to(a->db, r->domain, r->local, note_alias, list);

    if (err >= 0 && list->n > 0 && !json_is_true(json_object_get(a->request, "force"))) {
        struct buf message;

        buf_init(&message, 4096);
        buf_addf(&message, "%.*s is a target of %.*s%s", SLICE_ARG(admin_text(a, "address")),
                 SLICE_ARG(slice_head(buf_slice(&list->names), 1000)), err > 0 ? " and more" : "");
        admin_fail(a, "in-use", &message,
                   "Change these aliases first, or use --force to take it out of them.");
        buf_release(&message);
        return;
    }
    if (err >= 0)
        err = drop_target(a, r, list);
    if (err == 0)
        err = directory_account_remove(a->db, r->domain, r->local);
    if (err == 0)
        admin_revoke(a, r, 0);
    if (err == -ENOENT)
        admin_not_found(a, "is no account", "See: candor account list");
    else if (err != 0)
        admin_fail_errno(a, err);
}

void admin_account_remove(struct admin *a)
{
    struct recipient r;
    struct alias_list *list;
    struct directory_account account;
    int err;

    if (!admin_read_local_address(a, false, &r))
        return;
    if ((err = directory_find_account(a->db, &a->scratch, r.domain, r.local, &account)) != 0) {
        if (err == -ENOENT)
            admin_not_found(a, "is no account", "See: candor account list");
        else
            admin_fail_errno(a, err);
        return;
    }
    if ((list = ARENA_NEW(&a->scratch, struct alias_list)) == NULL) {
        admin_fail_errno(a, -ENOMEM);
        return;
    }
    list->scratch = &a->scratch;
    buf_init(&list->names, (size_t)1 << 20);
    remove_account(a, &r, list);
    buf_release(&list->names);
}

static void set_enabled(struct admin *a, bool enabled)
{
    struct recipient r;
    int err;

    if (!admin_read_local_address(a, false, &r))
        return;
    err = directory_account_enable(a->db, r.domain, r.local, enabled);
    if (err != 0 && err != -ENOENT)
        admin_fail_errno(a, err);
    else
        admin_show_account(a, &r);
    if (!enabled)
        admin_revoke(a, &r, 0);
}

void admin_account_enable(struct admin *a)
{
    set_enabled(a, true);
}

void admin_account_disable(struct admin *a)
{
    set_enabled(a, false);
}
