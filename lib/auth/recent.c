#include "lib/auth/recent.h"

#include <assert.h>

#include "lib/auth/digest.h"
#include "lib/base/le.h"

enum { BEHIND_MAX_BYTES = 20, ALIGNMENT = 16 };

/* Before each value. */
struct head {
    struct recent_key key;
    uint32_t chain, older, newer, unused;
};
_Static_assert(sizeof(struct head) % ALIGNMENT == 0, "values are aligned for any type");

struct recent_key recent_key_of(slice secret, char kind, slice name, slice behind)
{
    char text[3 + RECENT_NAME_MAX_BYTES + BEHIND_MAX_BYTES];
    struct recent_key key = {0};
    struct digest_value v;
    name = slice_head(name, RECENT_NAME_MAX_BYTES);
    assert(behind.n <= BEHIND_MAX_BYTES);
    text[0] = kind;
    le_put(text + 1, 2, name.n);
    if (name.n > 0)
        memcpy(text + 3, name.p, name.n);
    if (behind.n > 0)
        memcpy(text + 3 + name.n, behind.p, behind.n);
    if (digest_hmac(DIGEST_SHA256, secret, slice_of(text, 3 + name.n + behind.n), &v))
        memcpy(key.bytes, v.bytes, sizeof key.bytes);
    return key;
}

static struct head *at(const struct recent *r, uint32_t slot)
{
    return (struct head *)(void *)(r->slots + (size_t)(slot - 1) * r->stride);
}

static void *value_of(struct head *h)
{
    return h + 1;
}

static uint32_t *bucket_of(const struct recent *r, const struct recent_key *key)
{
    return &r->buckets[le_get(key->bytes, 4) & r->bucket_mask];
}

bool recent_init(struct recent *r, uint32_t max, size_t value_bytes)
{
    uint32_t buckets = 1;
    assert(max > 0 && max <= 1U << 24);
    while (buckets < max)
        buckets *= 2;
    *r = (struct recent){.max = max, .value_bytes = value_bytes, .bucket_mask = buckets - 1};
    r->stride = (sizeof(struct head) + value_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    arena_init(&r->arena, SIZE_MAX / 2);
    r->buckets = arena_zero(&r->arena, buckets * sizeof *r->buckets);
    r->slots = arena_take(&r->arena, r->stride * max);
    if (r->buckets != NULL && r->slots != NULL)
        return true;
    recent_release(r);
    return false;
}

void recent_release(struct recent *r)
{
    arena_release(&r->arena);
    *r = (struct recent){0};
}

static uint32_t find(const struct recent *r, const struct recent_key *key)
{
    uint32_t slot = r->count == 0 ? 0 : *bucket_of(r, key);
    while (slot != 0 && memcmp(at(r, slot)->key.bytes, key->bytes, sizeof key->bytes) != 0)
        slot = at(r, slot)->chain;
    return slot;
}

void *recent_find(const struct recent *r, const struct recent_key *key)
{
    uint32_t slot = find(r, key);
    return slot == 0 ? NULL : value_of(at(r, slot));
}

/* ---- in order of age ---- */

static void take_out(struct recent *r, uint32_t slot)
{
    struct head *h = at(r, slot);
    *(h->older != 0 ? &at(r, h->older)->newer : &r->oldest) = h->newer;
    *(h->newer != 0 ? &at(r, h->newer)->older : &r->newest) = h->older;
}

static void make_youngest(struct recent *r, uint32_t slot)
{
    struct head *h = at(r, slot);
    h->newer = 0;
    h->older = r->newest;
    *(r->newest != 0 ? &at(r, r->newest)->newer : &r->oldest) = slot;
    r->newest = slot;
}

void recent_make_oldest(struct recent *r, const struct recent_key *key)
{
    uint32_t slot = find(r, key);
    if (slot == 0)
        return;
    take_out(r, slot);
    struct head *h = at(r, slot);
    h->older = 0;
    h->newer = r->oldest;
    *(r->oldest != 0 ? &at(r, r->oldest)->older : &r->newest) = slot;
    r->oldest = slot;
}

static uint32_t free_slot(struct recent *r)
{
    if (r->count < r->max)
        return ++r->count;
    uint32_t slot = r->oldest;
    uint32_t *link = bucket_of(r, &at(r, slot)->key);
    while (*link != slot)
        link = &at(r, *link)->chain;
    *link = at(r, slot)->chain;
    take_out(r, slot);
    return slot;
}

void *recent_use(struct recent *r, const struct recent_key *key)
{
    uint32_t slot = find(r, key);
    if (slot != 0) {
        take_out(r, slot);
    } else {
        slot = free_slot(r);
        uint32_t *bucket = bucket_of(r, key);
        *at(r, slot) = (struct head){.key = *key, .chain = *bucket};
        *bucket = slot;
        memset(value_of(at(r, slot)), 0, r->value_bytes);
    }
    make_youngest(r, slot);
    return value_of(at(r, slot));
}

void *recent_next(const struct recent *r, const void *after, struct recent_key *ret)
{
    uint32_t slot = after == NULL ? r->oldest : ((const struct head *)after - 1)->newer;
    if (slot == 0)
        return NULL;
    *ret = at(r, slot)->key;
    return value_of(at(r, slot));
}
