/* hearsay: what others said of a name, and when. Bounded: the oldest is forgotten first. */
#ifndef CANDOR_SRC_DIRECTORY_HEARSAY_H
#define CANDOR_SRC_DIRECTORY_HEARSAY_H

#include "lib/base/slice.h"

struct hearsay {
    struct hearsay_entry *entries; /* in the order of their age */
    uint32_t max;
};

/* All zero but for max is empty. */
void hearsay_release(struct hearsay *h);
/* Anew, as the youngest. Without memory nothing is kept. */
void hearsay_put(struct hearsay *h, slice name, uint64_t value, uint64_t now_ms);
/* False: nothing. */
bool hearsay_get(const struct hearsay *h, slice name, uint64_t *ret_value, uint64_t *ret_at_ms);

#endif
