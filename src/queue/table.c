#include "src/queue/table.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_ENTRIES ((uint32_t)4096)
#define BUCKETS_MIN ((size_t)1024)

struct table {
    struct entry **chunks;
    uint32_t chunk_count, chunk_room;
    uint32_t free; /* index of the first free entry, chained by heap_at; TABLE_NONE */
    size_t count;
    uint32_t *buckets;   /* indexes, open addressing, at most three quarters full */
    size_t bucket_count; /* a power of two */
};

struct table *table_new(void)
{
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->buckets = malloc(BUCKETS_MIN * sizeof *t->buckets);
    if (t->buckets == NULL) {
        free(t);
        return NULL;
    }
    memset(t->buckets, 0xff, BUCKETS_MIN * sizeof *t->buckets);
    t->bucket_count = BUCKETS_MIN;
    t->free = TABLE_NONE;
    return t;
}

void table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (uint32_t i = 0; i < t->chunk_count; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->buckets);
    free(t);
}

size_t table_count(const struct table *t)
{
    return t->count;
}

size_t table_memory_bytes(const struct table *t)
{
    return sizeof *t + t->chunk_room * sizeof *t->chunks + t->bucket_count * sizeof *t->buckets +
           t->chunk_count * CHUNK_ENTRIES * sizeof(struct entry);
}

uint32_t table_limit(const struct table *t)
{
    return t->chunk_count * CHUNK_ENTRIES;
}

static struct entry *entry_at(const struct table *t, uint32_t index)
{
    return &t->chunks[index / CHUNK_ENTRIES][index % CHUNK_ENTRIES];
}

struct entry *table_at(const struct table *t, uint32_t index)
{
    if (index >= table_limit(t))
        return NULL;
    struct entry *e = entry_at(t, index);
    return e->id == 0 ? NULL : e;
}

uint32_t table_index(const struct table *t, const struct entry *e)
{
    (void)t;
    return e->index;
}

/* Ids are points in time: the multiplication spreads them (2^64 divided by the golden ratio). */
static size_t home(const struct table *t, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (t->bucket_count - 1);
}

static size_t bucket_of(const struct table *t, uint64_t id)
{
    size_t b = home(t, id);
    while (t->buckets[b] != TABLE_NONE && entry_at(t, t->buckets[b])->id != id)
        b = (b + 1) & (t->bucket_count - 1);
    return b;
}

struct entry *table_find(const struct table *t, uint64_t id)
{
    uint32_t index = t->buckets[bucket_of(t, id)];
    return index == TABLE_NONE ? NULL : entry_at(t, index);
}

static bool grow_buckets(struct table *t)
{
    size_t count = t->bucket_count * 2;
    uint32_t *buckets = malloc(count * sizeof *buckets), *old = t->buckets;
    if (buckets == NULL)
        return false;
    memset(buckets, 0xff, count * sizeof *buckets);
    size_t old_count = t->bucket_count;
    t->buckets = buckets;
    t->bucket_count = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i] != TABLE_NONE)
            buckets[bucket_of(t, entry_at(t, old[i])->id)] = old[i];
    free(old);
    return true;
}

static bool grow_chunks(struct table *t)
{
    if (t->chunk_count == UINT32_MAX / CHUNK_ENTRIES)
        return false;
    if (t->chunk_count == t->chunk_room) {
        uint32_t room = t->chunk_room == 0 ? 16 : t->chunk_room * 2;
        struct entry **chunks = realloc(t->chunks, room * sizeof(struct entry *));
        if (chunks == NULL)
            return false;
        t->chunks = chunks;
        t->chunk_room = room;
    }
    struct entry *chunk = calloc(CHUNK_ENTRIES, sizeof *chunk);
    if (chunk == NULL)
        return false;
    uint32_t first = t->chunk_count * CHUNK_ENTRIES;
    t->chunks[t->chunk_count++] = chunk;
    for (uint32_t i = CHUNK_ENTRIES; i-- > 0;) {
        chunk[i].index = first + i;
        chunk[i].heap_at = t->free;
        t->free = first + i;
    }
    return true;
}

bool table_reserve(struct table *t, size_t n)
{
    while ((t->count + n) * 4 > t->bucket_count * 3)
        if (!grow_buckets(t))
            return false;
    while (table_limit(t) - t->count < n)
        if (!grow_chunks(t))
            return false;
    return true;
}

struct entry *table_add(struct table *t, uint64_t id)
{
    assert(id != 0);
    if ((t->count + 1) * 4 > t->bucket_count * 3 && !grow_buckets(t))
        return NULL;
    if (t->free == TABLE_NONE && !grow_chunks(t))
        return NULL;
    size_t b = bucket_of(t, id);
    assert(t->buckets[b] == TABLE_NONE);
    struct entry *e = entry_at(t, t->free);
    t->free = e->heap_at;
    *e = (struct entry){.id = id,
                        .message = {.segment = TABLE_NONE},
                        .state = {.segment = TABLE_NONE},
                        .heap_at = TABLE_NONE,
                        .job = TABLE_NONE,
                        .index = e->index};
    t->buckets[b] = e->index;
    t->count++;
    return e;
}

void table_remove(struct table *t, struct entry *e)
{
    size_t mask = t->bucket_count - 1, hole = bucket_of(t, e->id);
    assert(t->buckets[hole] == e->index);
    /* What stands behind and would have stood here moves up, so that no search ends too early. */
    for (size_t b = (hole + 1) & mask; t->buckets[b] != TABLE_NONE; b = (b + 1) & mask) {
        size_t want = home(t, entry_at(t, t->buckets[b])->id);
        if (((b - want) & mask) >= ((b - hole) & mask)) {
            t->buckets[hole] = t->buckets[b];
            hole = b;
        }
    }
    t->buckets[hole] = TABLE_NONE;
    *e = (struct entry){.heap_at = t->free, .index = e->index};
    t->free = e->index;
    t->count--;
}
