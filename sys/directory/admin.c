#include "sys/directory/admin.h"

#include <errno.h>
#include <jansson.h>

#include "lib/base/ascii.h"
#include "lib/route/maildir_path.h"

#define ANSWER_MAX_BYTES ((size_t)120 * 1024)
#define PAGE_BYTES ((size_t)64 * 1024)
#define ALIAS_TEXT_MAX_BYTES ((size_t)48 * 1024)
#define NAME_MAX_BYTES 200
#define SCRATCH_MAX_BYTES ((size_t)8 << 20)

struct admin {
    struct directory_db *db;
    const struct directory_rules *rules;
    struct arena scratch;
    json_t *request;
    json_t *answer; /* what is added on the way; NULL once memory was short */
    int64_t now;
    bool is_failed;
};

/* ---- words ---- */

static json_t *json_of(slice s)
{
    return json_stringn(s.p != NULL ? s.p : "", s.n);
}

static void put(struct admin *a, const char *key, json_t *value)
{
    if (json_object_set_new(a->answer, key, value) != 0) {
        json_decref(a->answer);
        a->answer = NULL;
    }
}

static void fail(struct admin *a, const char *error, const struct buf *message, const char *hint)
{
    if (a->is_failed)
        return;
    a->is_failed = true;
    if (a->answer != NULL)
        json_object_clear(a->answer);
    put(a, "error", json_string(error));
    put(a, "message", json_of(buf_slice(message)));
    put(a, "hint", json_string(hint));
}

/* error, a message in three pieces (what stands around the name), a hint. */
static void refuse(struct admin *a, const char *error, slice name, const char *what,
                   const char *hint)
{
    struct buf message;

    buf_init(&message, 2048);
    if (name.n > 0) {
        buf_add(&message, slice_head(name, 400));
        buf_addc(&message, ' ');
    }
    buf_adds(&message, what);
    fail(a, error, &message, hint);
    buf_release(&message);
}

/* A failure of the database, or of memory. */
static void fail_errno(struct admin *a, int err)
{
    struct buf message;
    const char *name = strerrorname_np(-err);

    buf_init(&message, 2048);
    buf_adds(&message, "the database could not do it: ");
    buf_add(&message, slice_head(directory_db_error(a->db), 500));
    buf_addf(&message, " (%s)", name != NULL ? name : "?");
    fail(a, "unavailable", &message,
         err == -EBUSY     ? "Another program keeps it locked; try again."
         : err == -ENOSPC  ? "The disk is full; free some space and try again."
         : err == -EROFS   ? "The file or its directory cannot be written by this user."
         : err == -EBADMSG ? "The file is damaged: restore it from a backup, or rebuild it with "
                             "sqlite3's .recover."
                           : "Nothing was changed; try again.");
    buf_release(&message);
}

static slice text_of(struct admin *a, const char *key)
{
    json_t *v = json_object_get(a->request, key);

    return slice_of(json_string_value(v), json_string_length(v));
}

static bool read_address(struct admin *a, slice text, bool may_be_catch_all, struct recipient *ret)
{
    enum recipient_err e =
        recipient_read(&a->scratch, text, a->rules->recipient, may_be_catch_all, ret);
    struct buf message;

    if (e == RECIPIENT_OK && ret->domain.n > 0)
        return true;
    if (e == RECIPIENT_OK)
        e = RECIPIENT_SYNTAX; /* a bare postmaster has no place of its own */
    buf_init(&message, 1024);
    buf_addf(&message, "\"%.*s\" cannot be used: ", SLICE_ARG(slice_head(text, 400)));
    buf_add(&message, recipient_err_text(e));
    fail(a, "bad-address", &message, "Write it as name@domain.");
    buf_release(&message);
    return false;
}

static bool read_domain(struct admin *a, slice text, slice *ret)
{
    enum recipient_err e = recipient_domain(&a->scratch, text, ret);

    if (e == RECIPIENT_OK && text.p[0] != '[')
        return true;
    refuse(a, "bad-address", text, "is not a domain name",
           "Write it as example.org, without http:// or @.");
    return false;
}

/* Is the domain ours? Says why not. */
static bool need_local(struct admin *a, slice domain, bool is_literal)
{
    int local = is_literal ? 0 : directory_is_local(a->db, a->rules, &a->scratch, domain);

    if (local > 0)
        return true;
    if (local < 0) {
        fail_errno(a, local);
        return false;
    }
    refuse(a, "not-local", recipient_domain_shown(&a->scratch, domain),
           "is not a domain of this server",
           "Add it first: candor domain add DOMAIN, or write it into the configuration.");
    return false;
}

static bool read_local_address(struct admin *a, bool may_be_catch_all, struct recipient *ret)
{
    return read_address(a, text_of(a, "address"), may_be_catch_all, ret) &&
           need_local(a, ret->domain, ret->is_literal);
}

/* The page after this address; an empty one at the first page. */
static bool read_after(struct admin *a, struct directory_address *ret)
{
    slice text = text_of(a, "after");
    struct recipient r = {0};

    if (text.n > 0 && !read_address(a, text, true, &r))
        return false;
    *ret = (struct directory_address){r.local, r.domain};
    return true;
}

/* ---- objects ---- */

static json_t *address_json(struct admin *a, slice local, slice domain)
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

static json_t *domain_json(struct admin *a, const struct directory_domain *d, bool is_configured)
{
    slice maildir;

    if (directory_maildir_of(a->db, a->rules, &a->scratch, d->name, &maildir) != 0)
        return NULL;
    return json_pack("{s:o, s:o, s:s, s:o, s:I, s:I}", "domain",
                     json_of(recipient_domain_shown(&a->scratch, d->name)), "ascii",
                     json_of(d->name), "source", is_configured ? "configuration" : "database",
                     "maildir", json_of(maildir), "accounts", (json_int_t)d->accounts, "aliases",
                     (json_int_t)d->aliases);
}

static int path_of(struct admin *a, slice domain, slice local, struct buf *out,
                   enum maildir_path_err *ret)
{
    slice template;
    int err = directory_maildir_of(a->db, a->rules, &a->scratch, domain, &template);

    if (err == 0)
        *ret = maildir_path(out, template, domain, local);
    return err;
}

static json_t *account_json(struct admin *a, const struct directory_account *account)
{
    enum maildir_path_err e;
    struct buf path;
    json_t *value = NULL;

    buf_init(&path, MAILDIR_PATH_MAX * 4);
    if (path_of(a, account->domain, account->local, &path, &e) == 0)
        value = json_pack("{s:o, s:o, s:b, s:o, s:I}", "address",
                          address_json(a, account->shown, account->domain), "name",
                          json_of(account->name), "enabled", (int)account->enabled, "maildir",
                          json_of(buf_slice(&path)), "created_at", (json_int_t)account->created_at);
    buf_release(&path);
    return value;
}

static json_t *alias_json(struct admin *a, const struct directory_alias *alias)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < alias->target_count; i++) {
        if (json_array_append_new(targets, address_json(a, alias->targets[i].local,
                                                        alias->targets[i].domain)) != 0) {
            json_decref(targets);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o, s:I}", "address", address_json(a, alias->shown, alias->domain),
                     "targets", targets, "created_at", (json_int_t)alias->created_at);
}

/* ---- lists ---- */

/* A page is closed once it is long enough; its last row says where the next one begins. */
struct page {
    struct admin *a;
    json_t *rows;
    size_t size_bytes;
    bool has_more;
    const struct directory_rules_domain **configured; /* of a list of domains: sorted by name */
    size_t configured_count, configured_at;
    slice after;
};

/* 0, 1 when the page is full, -ENOMEM. Takes row over. */
static int add_row(struct page *p, json_t *row)
{
    size_t size = row == NULL ? 0 : json_dumpb(row, NULL, 0, JSON_COMPACT);

    if (size == 0)
        return -ENOMEM;
    if (p->size_bytes > 0 && p->size_bytes + size > PAGE_BYTES) {
        json_decref(row);
        p->has_more = true;
        return 1;
    }
    p->size_bytes += size;
    arena_reset(&p->a->scratch);
    return json_array_append_new(p->rows, row) == 0 ? 0 : -ENOMEM;
}

static void close_page(struct page *p, const char *key, int err)
{
    if (err < 0) {
        json_decref(p->rows);
        fail_errno(p->a, err);
        return;
    }
    put(p->a, key, p->rows);
    put(p->a, "more", json_boolean(p->has_more));
}

static int by_name(const void *x, const void *y)
{
    const struct directory_rules_domain *const *a = x, *const *b = y;

    return slice_cmp((*a)->name, (*b)->name);
}

static int add_configured(struct page *p, const struct directory_rules_domain *c)
{
    struct directory_domain d = {0};
    int err = directory_find_domain(p->a->db, &p->a->scratch, c->name, &d);

    if (err != 0 && err != -ENOENT)
        return err;
    d.name = c->name;
    return add_row(p, domain_json(p->a, &d, true));
}

/* Those of the configuration that come before name; all that are left when name is empty. */
static int add_configured_before(struct page *p, slice name)
{
    int err = 0;

    for (; err == 0 && p->configured_at < p->configured_count; p->configured_at++) {
        const struct directory_rules_domain *c = p->configured[p->configured_at];

        if (name.n > 0 && slice_cmp(c->name, name) >= 0)
            break;
        if (slice_cmp(c->name, p->after) > 0)
            err = add_configured(p, c);
    }
    return err;
}

static int list_domain(void *self, const struct directory_domain *d)
{
    struct page *p = self;
    int err = add_configured_before(p, d->name);

    if (err != 0)
        return err;
    if (p->configured_at < p->configured_count &&
        slice_eq(p->configured[p->configured_at]->name, d->name))
        return add_configured(p, p->configured[p->configured_at++]);
    return add_row(p, domain_json(p->a, d, false));
}

static void do_domain_list(struct admin *a)
{
    struct page p = {.a = a, .rows = json_array(), .configured_count = a->rules->domain_count};
    slice after = text_of(a, "after");
    char name[256];
    int err;

    if (after.n > 0 && !read_domain(a, after, &p.after)) {
        json_decref(p.rows);
        return;
    }
    /* add_row empties scratch. */
    if (p.after.n > 0)
        memcpy(name, p.after.p, p.after.n);
    p.after = slice_of(name, p.after.n);
    p.configured = calloc(p.configured_count + 1, sizeof *p.configured);
    if (p.configured == NULL) {
        close_page(&p, "domains", -ENOMEM);
        return;
    }
    for (size_t i = 0; i < p.configured_count; i++)
        p.configured[i] = &a->rules->domains[i];
    qsort(p.configured, p.configured_count, sizeof *p.configured, by_name);
    err = directory_each_domain(a->db, p.after, list_domain, &p);
    if (err == 0)
        err = add_configured_before(&p, slice_of(NULL, 0));
    close_page(&p, "domains", err);
    free(p.configured);
}

static int list_account(void *self, const struct directory_account *account)
{
    struct page *p = self;

    return add_row(p, account_json(p->a, account));
}

static int list_alias(void *self, const struct directory_alias *alias)
{
    struct page *p = self;

    return add_row(p, alias_json(p->a, alias));
}

/* The domain that a list is restricted to and where it goes on, kept outside of scratch. */
static bool read_list(struct admin *a, char domain_room[256], char after_room[1024],
                      slice *ret_domain, struct directory_address *ret_after)
{
    slice text = text_of(a, "domain"), domain = {0};
    struct directory_address after;

    if (text.n > 0 && (!read_domain(a, text, &domain) || !need_local(a, domain, false)))
        return false;
    if (!read_after(a, &after))
        return false;
    if (domain.n > 0)
        memcpy(domain_room, domain.p, domain.n);
    if (after.domain.n > 0)
        memcpy(after_room, after.domain.p, after.domain.n);
    if (after.local.n > 0)
        memcpy(after_room + 256, after.local.p, after.local.n);
    *ret_domain = slice_of(domain_room, domain.n);
    *ret_after = (struct directory_address){.domain = slice_of(after_room, after.domain.n),
                                            .local = slice_of(after_room + 256, after.local.n)};
    return true;
}

static void do_account_list(struct admin *a)
{
    struct page p = {.a = a};
    char domain_room[256], after_room[1024];
    struct directory_address after;
    slice domain;

    if (!read_list(a, domain_room, after_room, &domain, &after))
        return;
    p.rows = json_array();
    close_page(&p, "accounts", directory_each_account(a->db, domain, after, list_account, &p));
}

static void do_alias_list(struct admin *a)
{
    struct page p = {.a = a};
    char domain_room[256], after_room[1024];
    struct directory_address after;
    slice domain;

    if (!read_list(a, domain_room, after_room, &domain, &after))
        return;
    p.rows = json_array();
    close_page(&p, "aliases", directory_each_alias(a->db, domain, after, list_alias, &p));
}

/* ---- domains ---- */

static bool is_configured(const struct admin *a, slice domain)
{
    for (size_t i = 0; i < a->rules->domain_count; i++) {
        if (slice_eq(a->rules->domains[i].name, domain))
            return true;
    }
    return false;
}

static void show_domain(struct admin *a, slice name)
{
    struct directory_domain d = {0};
    int err = directory_find_domain(a->db, &a->scratch, name, &d);

    if (err != 0 && err != -ENOENT) {
        fail_errno(a, err);
        return;
    }
    d.name = name;
    put(a, "domain", domain_json(a, &d, is_configured(a, name)));
}

static void do_domain_add(struct admin *a)
{
    slice text = text_of(a, "domain"), maildir = text_of(a, "maildir"), name;
    enum maildir_path_err e;
    int err;

    if (!read_domain(a, text, &name))
        return;
    if (maildir.n > 0 && (e = maildir_path_check(maildir)) != MAILDIR_PATH_OK) {
        slice why = maildir_path_err_text(e);
        struct buf message;

        buf_init(&message, 2048);
        buf_addf(&message, "the Maildir template cannot be used: %.*s", SLICE_ARG(why));
        fail(a, "bad-request", &message, "For example: /var/mail/{domain}/{local}");
        buf_release(&message);
        return;
    }
    err =
        is_configured(a, name) ? -EEXIST : directory_domain_add(a->db, name, text, maildir, a->now);
    if (err == -EEXIST)
        refuse(a, "exists", text, "is a domain of this server already", "");
    else if (err != 0)
        fail_errno(a, err);
    else
        show_domain(a, name);
}

static void do_domain_remove(struct admin *a)
{
    slice text = text_of(a, "domain"), name;
    int err;

    if (!read_domain(a, text, &name))
        return;
    err = directory_domain_remove(a->db, name);
    if (err == -ENOENT && is_configured(a, name))
        refuse(a, "in-use", text, "stands in the configuration",
               "Take the block \"domain\" out of the configuration file, then reload.");
    else if (err == -ENOENT)
        refuse(a, "not-found", text, "is not a domain of this server", "See: candor domain list");
    else if (err == -ENOTEMPTY)
        refuse(a, "in-use", text, "has accounts or aliases",
               "Remove them first: candor account list, candor alias list.");
    else if (err != 0)
        fail_errno(a, err);
}

static void do_domain_show(struct admin *a)
{
    slice name;

    if (read_domain(a, text_of(a, "domain"), &name)) {
        int local = directory_is_local(a->db, a->rules, &a->scratch, name);

        if (local < 0)
            fail_errno(a, local);
        else if (local == 0)
            refuse(a, "not-found", text_of(a, "domain"), "is not a domain of this server",
                   "See: candor domain list");
        else
            show_domain(a, name);
    }
}

/* ---- accounts ---- */

static void not_found(struct admin *a, const char *what, const char *hint)
{
    refuse(a, "not-found", text_of(a, "address"), what, hint);
}

static void show_account(struct admin *a, const struct recipient *r)
{
    struct directory_account account;
    int err = directory_find_account(a->db, &a->scratch, r->domain, r->local, &account);

    if (err == -ENOENT)
        not_found(a, "is no account", "See: candor account list");
    else if (err != 0)
        fail_errno(a, err);
    else
        put(a, "account", account_json(a, &account));
}

static void do_account_show(struct admin *a)
{
    struct recipient r;

    if (read_local_address(a, false, &r))
        show_account(a, &r);
}

/* What stands there already; true when nothing does. */
static bool need_free(struct admin *a, const struct recipient *r, enum directory_kind but)
{
    struct directory_entry e;
    int err = directory_find(a->db, &a->scratch, r->domain, r->local, &e);

    if (err != 0) {
        fail_errno(a, err);
        return false;
    }
    if (e.kind == DIRECTORY_NOTHING || e.kind == but)
        return true;
    refuse(a, "exists", text_of(a, "address"),
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
    err = path_of(a, r->domain, r->local, &path, &e);
    buf_release(&path);
    if (err != 0) {
        fail_errno(a, err);
        return false;
    }
    if (e == MAILDIR_PATH_OK)
        return true;
    refuse(a, "bad-request", text_of(a, "address"), "can have no Maildir with this template",
           "See \"deliver maildir\" in the configuration, and candor domain show DOMAIN.");
    return false;
}

static void do_account_add(struct admin *a)
{
    struct directory_account account = {.enabled = true, .name = text_of(a, "name")};
    struct recipient r;
    int err;

    if (!read_local_address(a, false, &r) || !need_free(a, &r, DIRECTORY_NOTHING) ||
        !need_path(a, &r))
        return;
    for (size_t i = 0; i < account.name.n; i++) {
        if (account.name.n > NAME_MAX_BYTES || ascii_is_control(account.name.p[i])) {
            refuse(a, "bad-request", slice_of(NULL, 0), "the name cannot be used",
                   "At most 200 bytes, on one line.");
            return;
        }
    }
    account.domain = r.domain;
    account.local = r.local;
    account.shown = r.shown;
    account.created_at = a->now;
    if ((err = directory_account_add(a->db, &account)) != 0)
        fail_errno(a, err);
    else
        show_account(a, &r);
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
        buf_addf(&message, "%.*s is a target of %.*s%s", SLICE_ARG(text_of(a, "address")),
                 SLICE_ARG(slice_head(buf_slice(&list->names), 1000)), err > 0 ? " and more" : "");
        fail(a, "in-use", &message,
             "Change these aliases first, or use --force to take it out of them.");
        buf_release(&message);
        return;
    }
    if (err >= 0)
        err = drop_target(a, r, list);
    if (err == 0)
        err = directory_account_remove(a->db, r->domain, r->local);
    if (err == -ENOENT)
        not_found(a, "is no account", "See: candor account list");
    else if (err != 0)
        fail_errno(a, err);
}

static void do_account_remove(struct admin *a)
{
    struct recipient r;
    struct alias_list *list;
    struct directory_account account;
    int err;

    if (!read_local_address(a, false, &r))
        return;
    if ((err = directory_find_account(a->db, &a->scratch, r.domain, r.local, &account)) != 0) {
        if (err == -ENOENT)
            not_found(a, "is no account", "See: candor account list");
        else
            fail_errno(a, err);
        return;
    }
    if ((list = ARENA_NEW(&a->scratch, struct alias_list)) == NULL) {
        fail_errno(a, -ENOMEM);
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

    if (!read_local_address(a, false, &r))
        return;
    err = directory_account_enable(a->db, r.domain, r.local, enabled);
    if (err != 0 && err != -ENOENT)
        fail_errno(a, err);
    else
        show_account(a, &r);
}

static void do_account_enable(struct admin *a)
{
    set_enabled(a, true);
}

static void do_account_disable(struct admin *a)
{
    set_enabled(a, false);
}

/* ---- aliases ---- */

static void show_alias(struct admin *a, const struct recipient *r)
{
    struct directory_alias alias;
    int err = directory_find_alias(a->db, &a->scratch, r->domain, r->local, &alias);

    if (err == -ENOENT)
        not_found(a, "is no alias", "See: candor alias list");
    else if (err != 0)
        fail_errno(a, err);
    else
        put(a, "alias", alias_json(a, &alias));
}

static void do_alias_show(struct admin *a)
{
    struct recipient r;

    if (read_local_address(a, true, &r))
        show_alias(a, &r);
}

/* The request's targets as they are kept: ours in comparable form, others as they were written,
 * since what capitals mean there is not for us to say. */
static bool read_targets(struct admin *a, struct directory_address **ret, size_t *ret_count)
{
    json_t *list = json_object_get(a->request, "targets"), *value;
    struct directory_address *targets;
    size_t i;

    targets = arena_zero(&a->scratch, (json_array_size(list) + 1) * sizeof *targets);
    if (targets == NULL || json_array_size(list) > DIRECTORY_TARGETS_MAX) {
        refuse(a, "bad-request", slice_of(NULL, 0), "there are too many targets",
               "A list for very many people wants a mailing list manager.");
        return false;
    }
    json_array_foreach(list, i, value)
    {
        struct recipient r;
        int local;

        if (!read_address(a, slice_of(json_string_value(value), json_string_length(value)), false,
                          &r))
            return false;
        local = directory_is_local(a->db, a->rules, &a->scratch, r.domain);
        if (local < 0) {
            fail_errno(a, local);
            return false;
        }
        targets[i] = (struct directory_address){local > 0 ? r.local : r.shown, r.domain};
    }
    *ret = targets;
    *ret_count = i;
    return true;
}

/* A target of ours must exist: mail to a mistyped name would be lost in silence. */
static bool need_targets(struct admin *a, const struct directory_address *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum recipient_verdict verdict;
        struct buf text;
        int err = 0;

        buf_init(&text, 1024);
        recipient_print(&text, targets[i].local, targets[i].domain);
        verdict =
            directory_expand(a->db, a->rules, &a->scratch, buf_slice(&text), NULL, NULL, &err);
        if (verdict == RECIPIENT_IS_UNKNOWN)
            refuse(a, "not-found", buf_slice(&text), "is neither an account nor an alias here",
                   "Add it first: candor account add ADDRESS.");
        buf_release(&text);
        if (verdict == RECIPIENT_IS_UNKNOWN)
            return false;
    }
    return true;
}

/* After it was added: does it lead somewhere, and does all that it leads to fit a message? */
static bool need_sane_alias(struct admin *a, const struct recipient *r)
{
    struct directory_alias alias;
    size_t text_bytes = 0;
    int err = directory_check_alias(a->db, a->rules, &a->scratch,
                                    (struct directory_address){r->local, r->domain});

    if (err == 0)
        err = directory_find_alias(a->db, &a->scratch, r->domain, r->local, &alias);
    for (size_t i = 0; err == 0 && i < alias.target_count; i++)
        text_bytes += alias.targets[i].local.n + alias.targets[i].domain.n + 4;
    if (text_bytes > ALIAS_TEXT_MAX_BYTES)
        err = -EOVERFLOW;
    if (err == -ELOOP)
        refuse(a, "loop", text_of(a, "address"), "would lead back to itself",
               "Leave out the target that leads back: candor alias list shows the chain.");
    else if (err == -EOVERFLOW)
        refuse(a, "bad-request", text_of(a, "address"), "would have too many targets",
               "A list for very many people wants a mailing list manager.");
    else if (err != 0)
        fail_errno(a, err);
    return err == 0;
}

static void do_alias_add(struct admin *a)
{
    struct directory_alias alias;
    struct directory_address *targets;
    struct recipient r;
    size_t count, added = 0;
    int err;

    if (!read_local_address(a, true, &r) || !need_free(a, &r, DIRECTORY_ALIAS) ||
        !read_targets(a, &targets, &count))
        return;
    if (count == 0) {
        refuse(a, "bad-request", slice_of(NULL, 0), "an alias needs a target",
               "For example: candor alias add sales@example.org alice@example.org");
        return;
    }
    alias = (struct directory_alias){.domain = r.domain,
                                     .local = r.local,
                                     .shown = r.shown,
                                     .created_at = a->now};
    if ((err = directory_alias_add(a->db, &alias, targets, count, &added)) != 0) {
        fail_errno(a, err);
        return;
    }
    if (need_sane_alias(a, &r) && need_targets(a, targets, count))
        show_alias(a, &r);
}

static void do_alias_remove(struct admin *a)
{
    struct directory_address *targets;
    struct recipient r;
    struct directory_entry e;
    size_t count;
    int err;

    if (!read_local_address(a, true, &r) || !read_targets(a, &targets, &count))
        return;
    if ((err = directory_find(a->db, &a->scratch, r.domain, r.local, &e)) == 0 &&
        e.kind != DIRECTORY_ALIAS) {
        not_found(a, "is no alias", "See: candor alias list");
        return;
    }
    if (err == 0)
        err = directory_alias_remove(a->db, r.domain, r.local, targets, count);
    if (err == -ENOENT)
        not_found(a, "does not have this target", "See: candor alias show ADDRESS");
    else if (err != 0)
        fail_errno(a, err);
}

/* ---- requests ---- */

static const struct action {
    const char *name;
    void (*run)(struct admin *a);
    bool changes;
    const char *needs; /* the member that must be there, a string */
} actions[] = {
    {"domain-add", do_domain_add, true, "domain"},
    {"domain-remove", do_domain_remove, true, "domain"},
    {"domain-list", do_domain_list, false, NULL},
    {"domain-show", do_domain_show, false, "domain"},
    {"account-add", do_account_add, true, "address"},
    {"account-remove", do_account_remove, true, "address"},
    {"account-list", do_account_list, false, NULL},
    {"account-show", do_account_show, false, "address"},
    {"account-enable", do_account_enable, true, "address"},
    {"account-disable", do_account_disable, true, "address"},
    {"alias-add", do_alias_add, true, "address"},
    {"alias-remove", do_alias_remove, true, "address"},
    {"alias-list", do_alias_list, false, NULL},
    {"alias-show", do_alias_show, false, "address"},
};

static const struct action *action_of(struct admin *a)
{
    slice name = text_of(a, "do");

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (slice_is(name, actions[i].name)) {
            if (actions[i].needs == NULL ||
                json_is_string(json_object_get(a->request, actions[i].needs)))
                return &actions[i];
            refuse(a, "bad-request", slice_cstr(actions[i].needs), "is missing", "");
            return NULL;
        }
    }
    refuse(a, "bad-request", name, "is no request that the directory knows", "");
    return NULL;
}

/* A change is made whole or not at all. True when something was changed. */
static bool run_change(struct admin *a, const struct action *action)
{
    int err = directory_db_begin(a->db);

    if (err != 0) {
        fail_errno(a, err);
        return false;
    }
    action->run(a);
    if (a->is_failed || a->answer == NULL) {
        directory_db_rollback(a->db);
        return false;
    }
    if ((err = directory_db_commit(a->db)) != 0) {
        fail_errno(a, err);
        return false;
    }
    return true;
}

static int print_answer(struct admin *a, struct buf *out)
{
    size_t n;
    char *room;

    put(a, "ok", json_boolean(!a->is_failed));
    if (a->answer == NULL)
        return -ENOMEM;
    n = json_dumpb(a->answer, NULL, 0, JSON_COMPACT);
    if (n == 0 || n > ANSWER_MAX_BYTES || (room = buf_reserve(out, n)) == NULL)
        return -ENOMEM;
    out->n += json_dumpb(a->answer, room, n, JSON_COMPACT);
    return 0;
}

int directory_admin(struct directory_db *db, const struct directory_rules *rules, slice request,
                    int64_t now, struct buf *out, bool *ret_changed)
{
    struct admin a = {.db = db, .rules = rules, .now = now, .answer = json_object()};
    const struct action *action;
    bool changed = false;
    int err;

    arena_init(&a.scratch, SCRATCH_MAX_BYTES);
    a.request = json_loadb(request.p, request.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(a.request))
        refuse(&a, "bad-request", slice_of(NULL, 0), "the request is not a JSON object", "");
    else if ((action = action_of(&a)) != NULL) {
        if (action->changes)
            changed = run_change(&a, action);
        else
            action->run(&a);
    }
    err = print_answer(&a, out);
    json_decref(a.request);
    json_decref(a.answer);
    arena_release(&a.scratch);
    *ret_changed = changed;
    return err;
}
