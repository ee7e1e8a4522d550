/* heap: which waiting message is due first. Keeps indexes of the table, four bytes a message; each
 * entry knows its place (heap_at), so any can be taken out. */
#ifndef CANDOR_QUEUE_HEAP_H
#define CANDOR_QUEUE_HEAP_H

#include "src/queue/table.h"

struct heap {
    struct table *table; /* not ours */
    uint32_t *at;
    size_t n, room;
};

void heap_init(struct heap *h, struct table *t);
void heap_release(struct heap *h);
/* e is not in it. False without memory. */
bool heap_add(struct heap *h, struct entry *e) __attribute__((warn_unused_result));
/* With the least next_try_ms; NULL when empty. */
struct entry *heap_first(const struct heap *h);
/* Not there: nothing happens. */
void heap_remove(struct heap *h, struct entry *e);

#endif
