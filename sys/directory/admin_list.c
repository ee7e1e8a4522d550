/* Lists, a page at a time. */
#include "sys/directory/admin_int.h"

#include <errno.h>
#include <stdlib.h>

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
        admin_fail_errno(p->a, err);
        return;
    }
    admin_put(p->a, key, p->rows);
    admin_put(p->a, "more", json_boolean(p->has_more));
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
    return add_row(p, admin_domain_json(p->a, &d, true));
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
    return add_row(p, admin_domain_json(p->a, d, false));
}

void admin_domain_list(struct admin *a)
{
    struct page p = {.a = a, .rows = json_array(), .configured_count = a->rules->domain_count};
    slice after = admin_text(a, "after");
    char name[256];
    int err;

    if (after.n > 0 && !admin_read_domain(a, after, &p.after)) {
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

    return add_row(p, admin_account_json(p->a, account));
}

static int list_alias(void *self, const struct directory_alias *alias)
{
    struct page *p = self;

    return add_row(p, admin_alias_json(p->a, alias));
}

/* The domain that a list is restricted to and where it goes on, kept outside of scratch. */
static bool read_list(struct admin *a, char domain_room[256], char after_room[1024],
                      slice *ret_domain, struct directory_address *ret_after)
{
    slice text = admin_text(a, "domain"), domain = {0};
    struct directory_address after;

    if (text.n > 0 && (!admin_read_domain(a, text, &domain) || !admin_need_local(a, domain, false)))
        return false;
    if (!admin_read_after(a, &after))
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

void admin_account_list(struct admin *a)
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

void admin_alias_list(struct admin *a)
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
