/* recent: what was seen lately of many names, in a fixed amount of memory: when it is full, what
 * was not used for the longest time is forgotten. A name is kept as a keyed hash of itself, so
 * nobody can choose names that collide, and a stored copy tells nothing about them. */
#ifndef CANDOR_AUTH_RECENT_H
#define CANDOR_AUTH_RECENT_H

#include "lib/base/arena.h"

enum { RECENT_KEY_BYTES = 16, RECENT_NAME_MAX_BYTES = 1024 };

struct recent_key {
    unsigned char bytes[RECENT_KEY_BYTES];
};

/* Of a kind of thing, a name (what is above RECENT_NAME_MAX_BYTES does not count) and bytes behind
 * it, at most 20. Where libcrypto fails all names are one: slower, not laxer. */
struct recent_key recent_key_of(slice secret, char kind, slice name, slice behind);

struct recent {
    struct arena arena;
    size_t value_bytes, stride;
    uint32_t max, count, bucket_mask;
    uint32_t *buckets;
    char *slots;
    uint32_t oldest, newest; /* 0: none; slots are counted from 1 */
};

/* Room for max values (1 to 2^24) of value_bytes each, which takes no memory that is not used.
 * False: no memory. */
bool recent_init(struct recent *r, uint32_t max, size_t value_bytes)
    __attribute__((warn_unused_result));
void recent_release(struct recent *r);

/* NULL: there is none. Does not make it younger. Aligned for any type; valid until the next
 * recent_use. */
void *recent_find(const struct recent *r, const struct recent_key *key);
/* Finds it, or makes one that is all zero, where need be in place of the oldest; it is now the
 * youngest. */
void *recent_use(struct recent *r, const struct recent_key *key);
/* If there is one, it is the next to be forgotten: it holds nothing that would be missed. */
void recent_make_oldest(struct recent *r, const struct recent_key *key);
/* From the oldest on: start with NULL, ends with NULL. */
void *recent_next(const struct recent *r, const void *after, struct recent_key *ret);

#endif
