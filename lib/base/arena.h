/* arena: memory that lives and dies together, with a cap.
 *
 * Nothing in it is freed alone; arena_reset forgets all at once and keeps the first block, so a
 * session that serves a second message takes no new memory. Reaching the cap (or malloc failing) is
 * NULL, which the caller turns into a 4xx reply. */
#ifndef CANDOR_BASE_ARENA_H
#define CANDOR_BASE_ARENA_H

#include "lib/base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* the one that is filled, then the full ones behind it */
    size_t used_bytes;         /* in all blocks, headers included */
    size_t max_bytes;
};

/* Takes no memory yet. */
void arena_init(struct arena *a, size_t max_bytes);
/* Gives all memory back; a is as after arena_init with the same maximum. */
void arena_release(struct arena *a);
/* Forgets all that was taken, keeps one block for the next use. */
void arena_reset(struct arena *a);
/* The same, and what was in it is overwritten: for arenas that hold secrets. */
void arena_wipe(struct arena *a);

/* n bytes, aligned for any type, not cleared; NULL at the cap. */
void *arena_take(struct arena *a, size_t n) __attribute__((malloc, warn_unused_result));
/* The same, all zero. */
void *arena_zero(struct arena *a, size_t n) __attribute__((malloc, warn_unused_result));
/* A copy with a NUL behind it that does not count. *ret is untouched on failure. */
bool arena_copy(struct arena *a, slice s, slice *ret) __attribute__((warn_unused_result));

#define ARENA_NEW(a, type) ((type *)arena_zero((a), sizeof(type)))

#endif
