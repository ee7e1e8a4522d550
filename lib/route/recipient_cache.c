#include "lib/route/recipient_cache.h"

#define WAYS 4
#define FIRST_SETS 16

struct entry {
    uint64_t hash;
    uint64_t generation; /* 0: free */
    uint8_t address_n;
    uint8_t canonical_n;
    char text[256 - 18]; /* the address, then the canonical one */
};
_Static_assert(sizeof(struct entry) == 256, "the header promises 256 bytes an entry");

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* Good enough to spread addresses that were all accepted; the seed keeps a set from being aimed at,
 * and a set holds four entries whatever happens. */
static uint64_t hash_of(uint64_t seed, slice s)
{
    uint64_t h = mix(seed ^ s.n);

    while (s.n > 0) {
        uint64_t word = 0;
        size_t n = s.n < sizeof word ? s.n : sizeof word;

        memcpy(&word, s.p, n);
        h = mix(h ^ word);
        s = slice_tail(s, n);
    }
    return h;
}

static struct entry *set_of(const struct recipient_cache *c, uint64_t hash)
{
    return (struct entry *)(void *)c->entries.p + (hash & (c->sets - 1)) * WAYS;
}

void recipient_cache_init(struct recipient_cache *c, size_t max_entries, uint64_t seed)
{
    size_t max_sets = FIRST_SETS;

    while (max_sets * 2 * WAYS <= max_entries)
        max_sets *= 2;
    *c = (struct recipient_cache){.max_sets = max_sets, .seed = seed};
    buf_init(&c->entries, max_sets * WAYS * sizeof(struct entry));
}

void recipient_cache_release(struct recipient_cache *c)
{
    buf_release(&c->entries);
    c->sets = c->used = 0;
}

/* Room for twice as many; entries find their new sets. Where there is no memory all stays. */
static bool grow(struct recipient_cache *c)
{
    size_t sets = c->sets == 0 ? FIRST_SETS : c->sets * 2;
    size_t size_bytes = sets * WAYS * sizeof(struct entry);
    struct recipient_cache bigger = *c;
    char *room;

    if (sets > c->max_sets || c->used * 2 < c->sets * WAYS)
        return false;
    buf_init(&bigger.entries, size_bytes);
    if ((room = buf_reserve(&bigger.entries, size_bytes)) == NULL)
        return false;
    memset(room, 0, size_bytes);
    bigger.sets = sets;
    for (size_t i = 0; i < c->sets * WAYS; i++) {
        const struct entry *old = (const struct entry *)(const void *)c->entries.p + i;

        if (old->generation == 0)
            continue;
        struct entry *set = set_of(&bigger, old->hash);
        for (size_t way = 0; way < WAYS; way++) {
            if (set[way].generation == 0) {
                set[way] = *old;
                break;
            }
        }
    }
    buf_release(&c->entries);
    *c = bigger;
    return true;
}

static struct entry *find(const struct recipient_cache *c, uint64_t hash, slice address)
{
    if (c->sets == 0)
        return NULL;
    struct entry *set = set_of(c, hash);
    for (size_t way = 0; way < WAYS; way++) {
        if (set[way].generation != 0 && set[way].hash == hash &&
            slice_eq(slice_of(set[way].text, set[way].address_n), address))
            return &set[way];
    }
    return NULL;
}

bool recipient_cache_find(struct recipient_cache *c, slice address, uint64_t generation,
                          slice *ret_canonical)
{
    const struct entry *e = find(c, hash_of(c->seed, address), address);

    if (e == NULL || e->generation != generation) {
        c->misses++;
        return false;
    }
    c->hits++;
    *ret_canonical = slice_of(e->text + e->address_n, e->canonical_n);
    return true;
}

/* A place in the set: a free one, one of another generation, or whichever the hash points at. */
static struct entry *place_for(const struct recipient_cache *c, uint64_t hash, uint64_t generation)
{
    struct entry *set = set_of(c, hash);

    for (size_t way = 0; way < WAYS; way++) {
        if (set[way].generation != generation)
            return &set[way];
    }
    return NULL;
}

void recipient_cache_add(struct recipient_cache *c, slice address, uint64_t generation,
                         slice canonical)
{
    uint64_t hash = hash_of(c->seed, address);
    struct entry *e = find(c, hash, address);

    if (generation == 0 || address.n > UINT8_MAX || canonical.n > UINT8_MAX ||
        address.n + canonical.n > sizeof e->text)
        return;
    if (c->sets == 0 && !grow(c))
        return;
    if (e == NULL && (e = place_for(c, hash, generation)) == NULL && grow(c))
        e = place_for(c, hash, generation);
    if (e == NULL)
        e = &set_of(c, hash)[hash >> 62];
    c->used += e->generation == 0;
    *e = (struct entry){.hash = hash,
                        .generation = generation,
                        .address_n = (uint8_t)address.n,
                        .canonical_n = (uint8_t)canonical.n};
    memcpy(e->text, address.p, address.n);
    if (canonical.n > 0)
        memcpy(e->text + address.n, canonical.p, canonical.n);
}
