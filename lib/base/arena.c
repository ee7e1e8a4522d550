#include "lib/base/arena.h"

#include <stdlib.h>

#include "lib/base/secret.h"

enum { ARENA_FIRST_BYTES = 1024, ARENA_ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){.max_bytes = max_bytes};
}

static void free_chain(struct arena_block *b)
{
    while (b != NULL) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_release(struct arena *a)
{
    free_chain(a->block);
    arena_init(a, a->max_bytes);
}

void arena_reset(struct arena *a)
{
    if (a->block == NULL)
        return;
    struct arena_block *first = a->block;
    while (first->next != NULL)
        first = first->next;
    while (a->block != first) {
        struct arena_block *next = a->block->next;
        free(a->block);
        a->block = next;
    }
    first->used = 0;
    a->used_bytes = sizeof *first + first->size;
}

void arena_wipe(struct arena *a)
{
    for (struct arena_block *b = a->block; b != NULL; b = b->next)
        secret_wipe(b->data, b->used);
    arena_reset(a);
}

static struct arena_block *add_block(struct arena *a, size_t n)
{
    size_t size = a->block == NULL ? ARENA_FIRST_BYTES : a->block->size * 2;
    if (size > 65536)
        size = 65536;
    if (size < n)
        size = n;
    size_t left = a->max_bytes - a->used_bytes;
    if (size > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    if (size + sizeof(struct arena_block) > left) {
        if (left < sizeof(struct arena_block) + n || left - sizeof(struct arena_block) < n)
            return NULL;
        size = left - sizeof(struct arena_block);
    }
    struct arena_block *b = malloc(sizeof *b + size);
    if (b == NULL)
        return NULL;
    *b = (struct arena_block){.next = a->block, .size = size};
    a->block = b;
    a->used_bytes += sizeof *b + size;
    return b;
}

void *arena_take(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *b = a->block;
    if (b == NULL || n > b->size - b->used) {
        b = add_block(a, n);
        if (b == NULL)
            return NULL;
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

void *arena_zero(struct arena *a, size_t n)
{
    void *p = arena_take(a, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

bool arena_copy(struct arena *a, slice s, slice *ret)
{
    if (s.n == SIZE_MAX)
        return false;
    char *p = arena_take(a, s.n + 1);
    if (p == NULL)
        return false;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    *ret = slice_of(p, s.n);
    return true;
}
