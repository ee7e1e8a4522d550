#include "src/directory/hearsay.h"

#include <stdlib.h>
#include <uthash.h>

/* The hash function that uthash writes into us falls through its switch on purpose. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

struct hearsay_entry {
    UT_hash_handle hh;
    uint64_t value, at_ms;
    size_t name_n;
    char name[];
};

static struct hearsay_entry *find(const struct hearsay *h, slice name)
{
    struct hearsay_entry *e = NULL;
    HASH_FIND(hh, h->entries, name.p, name.n, e);
    return e;
}

static void forget(struct hearsay *h, struct hearsay_entry *e)
{
    HASH_DEL(h->entries, e);
    free(e);
}

void hearsay_release(struct hearsay *h)
{
    while (h->entries != NULL)
        forget(h, h->entries);
}

void hearsay_put(struct hearsay *h, slice name, uint64_t value, uint64_t now_ms)
{
    struct hearsay_entry *e = name.n == 0 ? NULL : find(h, name);
    if (e != NULL)
        forget(h, e);
    else if (HASH_COUNT(h->entries) >= h->max)
        forget(h, h->entries);
    if (name.n == 0 || (e = malloc(sizeof *e + name.n)) == NULL)
        return;
    *e = (struct hearsay_entry){.value = value, .at_ms = now_ms, .name_n = name.n};
    memcpy(e->name, name.p, name.n);
    HASH_ADD(hh, h->entries, name[0], e->name_n, e);
}

bool hearsay_get(const struct hearsay *h, slice name, uint64_t *ret_value, uint64_t *ret_at_ms)
{
    const struct hearsay_entry *e = name.n == 0 ? NULL : find(h, name);
    if (e == NULL)
        return false;
    *ret_value = e->value;
    *ret_at_ms = e->at_ms;
    return true;
}
