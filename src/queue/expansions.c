#include "src/queue/expansions.h"

#include <stdlib.h>

#define PLACES ((size_t)4096)
#define KEPT_BYTES ((size_t)2048)

struct expansion {
    uint64_t generation;
    uint32_t address_bytes, targets_bytes;
    char text[]; /* address, targets */
};

void expansions_init(struct expansions *x, uint64_t seed)
{
    *x = (struct expansions){.seed = seed};
}

void expansions_release(struct expansions *x)
{
    for (size_t i = 0; x->at != NULL && i < PLACES; i++)
        free(x->at[i]);
    free(x->at);
    expansions_init(x, x->seed);
}

static size_t place_of(const struct expansions *x, slice address)
{
    uint64_t h = x->seed;
    for (size_t i = 0; i < address.n; i++)
        h = (h ^ (unsigned char)address.p[i]) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32) % PLACES;
}

bool expansions_find(const struct expansions *x, slice address, uint64_t generation,
                     slice *ret_targets)
{
    const struct expansion *e = x->at == NULL ? NULL : x->at[place_of(x, address)];
    if (e == NULL || generation == 0 || e->generation != generation ||
        !slice_eq(slice_of(e->text, e->address_bytes), address))
        return false;
    *ret_targets = slice_of(e->text + e->address_bytes, e->targets_bytes);
    return true;
}

void expansions_add(struct expansions *x, slice address, uint64_t generation, slice targets)
{
    if (generation == 0 || address.n + targets.n > KEPT_BYTES)
        return;
    if (x->at == NULL && (x->at = calloc(PLACES, sizeof(struct expansion *))) == NULL)
        return;
    struct expansion *e = malloc(sizeof *e + address.n + targets.n);
    if (e == NULL)
        return;
    *e = (struct expansion){generation, (uint32_t)address.n, (uint32_t)targets.n};
    memcpy(e->text, address.p, address.n);
    if (targets.n > 0)
        memcpy(e->text + address.n, targets.p, targets.n);
    struct expansion **at = &x->at[place_of(x, address)];
    free(*at);
    *at = e;
}
