/* recipient_cache: recipients that directory has said yes to, remembered while nothing in the
 * directory changed.
 *
 * Only a yes is kept: a no must be asked again, so that a new account is there at once. An entry
 * holds while the generation that came with its answer is the one on the shared page (sys/genpage).
 * Memory: 256 bytes an entry, begun with 64, doubled up to max_entries; past that an entry takes
 * the place of another one in its set of four. Addresses that do not fit are not kept. Pure: seed
 * is the caller's random number, so that nobody can aim at one set. */
#ifndef CANDOR_ROUTE_RECIPIENT_CACHE_H
#define CANDOR_ROUTE_RECIPIENT_CACHE_H

#include "lib/base/buf.h"

struct recipient_cache {
    struct buf entries;
    size_t sets; /* a power of two, 0 before the first entry */
    size_t max_sets;
    size_t used; /* entries that are not free, of whatever generation */
    uint64_t seed;
    uint64_t hits, misses; /* for the metrics */
};

void recipient_cache_init(struct recipient_cache *c, size_t max_entries, uint64_t seed);
void recipient_cache_release(struct recipient_cache *c);
/* The canonical address of a yes under this generation; false when there is none. *ret_canonical
 * points into the cache: valid until the next add. */
bool recipient_cache_find(struct recipient_cache *c, slice address, uint64_t generation,
                          slice *ret_canonical);
/* generation is the one that came with the answer, not the page's of now. */
void recipient_cache_add(struct recipient_cache *c, slice address, uint64_t generation,
                         slice canonical);

#endif
