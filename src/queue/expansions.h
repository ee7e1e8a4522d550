/* expansions: what directory said that a recipient leads to, remembered while nothing in the
 * directory changed. Only a yes is kept. 4096 places; of two addresses that want the same one the
 * later has it. */
#ifndef CANDOR_QUEUE_EXPANSIONS_H
#define CANDOR_QUEUE_EXPANSIONS_H

#include "lib/base/buf.h"

struct expansion;

struct expansions {
    struct expansion **at;
    uint64_t seed; /* the caller's random number: nobody can aim at a place */
};

void expansions_init(struct expansions *x, uint64_t seed);
void expansions_release(struct expansions *x);
/* The targets (lib/route/targets) of this generation; false when it is not known. 0 is no
 * generation. Valid until the next add. */
bool expansions_find(const struct expansions *x, slice address, uint64_t generation,
                     slice *ret_targets);
/* Long ones are not kept, nor anything without memory. */
void expansions_add(struct expansions *x, slice address, uint64_t generation, slice targets);

#endif
