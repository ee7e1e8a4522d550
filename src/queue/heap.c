#include "src/queue/heap.h"

#include <stdlib.h>

void heap_init(struct heap *h, struct table *t)
{
    *h = (struct heap){.table = t};
}

void heap_release(struct heap *h)
{
    free(h->at);
    heap_init(h, h->table);
}

static struct entry *entry_in(const struct heap *h, size_t i)
{
    return table_at(h->table, h->at[i]);
}

static void put(struct heap *h, size_t i, struct entry *e)
{
    h->at[i] = table_index(h->table, e);
    e->heap_at = (uint32_t)i;
}

static void sift_up(struct heap *h, size_t i, struct entry *e)
{
    while (i > 0) {
        struct entry *parent = entry_in(h, (i - 1) / 2);
        if (parent->next_try_ms <= e->next_try_ms)
            break;
        put(h, i, parent);
        i = (i - 1) / 2;
    }
    put(h, i, e);
}

static void sift_down(struct heap *h, size_t i, struct entry *e)
{
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        struct entry *least = entry_in(h, child);
        if (child + 1 < h->n && entry_in(h, child + 1)->next_try_ms < least->next_try_ms)
            least = entry_in(h, ++child);
        if (e->next_try_ms <= least->next_try_ms)
            break;
        put(h, i, least);
    }
    put(h, i, e);
}

bool heap_add(struct heap *h, struct entry *e)
{
    if (h->n == h->room) {
        size_t room = h->room == 0 ? 256 : h->room * 2;
        uint32_t *at = realloc(h->at, room * sizeof *at);
        if (at == NULL)
            return false;
        h->at = at;
        h->room = room;
    }
    sift_up(h, h->n++, e);
    return true;
}

struct entry *heap_first(const struct heap *h)
{
    return h->n == 0 ? NULL : entry_in(h, 0);
}

void heap_remove(struct heap *h, struct entry *e)
{
    size_t i = e->heap_at;
    if (i >= h->n || h->at[i] != table_index(h->table, e))
        return;
    e->heap_at = TABLE_NONE;
    struct entry *last = entry_in(h, --h->n);
    if (i == h->n)
        return;
    if (i > 0 && last->next_try_ms < entry_in(h, (i - 1) / 2)->next_try_ms)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}
