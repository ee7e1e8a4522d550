#include "sys/wheel.h"

#include <string.h>

enum { SLOT_BITS = 8, SLOT_MASK = WHEEL_SLOTS - 1 };

void wheel_init(struct wheel *w, uint64_t now_tick)
{
    memset(w, 0, sizeof *w);
    w->now_tick = now_tick;
    w->next_tick = WHEEL_NEVER;
}

static void link_at(struct timer **head, struct timer *t)
{
    t->next = *head;
    t->link = head;
    if (t->next != NULL)
        t->next->link = &t->next;
    *head = t;
}

static void unlink_timer(struct timer *t)
{
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    t->link = NULL;
    t->next = NULL;
}

void timer_stop(struct loop *l, struct timer *t)
{
    (void)l;
    if (t->link != NULL)
        unlink_timer(t);
}

void wheel_add(struct wheel *w, struct timer *t, uint64_t due_tick)
{
    t->due_tick = due_tick > w->now_tick ? due_tick : w->now_tick + 1;
    uint64_t delta = t->due_tick - w->now_tick;
    unsigned level = 0;
    while (level + 1 < WHEEL_LEVELS && delta >> (SLOT_BITS * (level + 1)) != 0)
        level++;
    uint64_t slot = t->due_tick >> (SLOT_BITS * level);
    link_at(&w->slots[level][slot & SLOT_MASK], t);
    uint64_t event = slot << (SLOT_BITS * level);
    if (event < w->next_tick)
        w->next_tick = event;
}

/* The first tick after now at which a slot that is not empty is reached. */
static uint64_t find_next(const struct wheel *w)
{
    uint64_t next = WHEEL_NEVER;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t here = w->now_tick >> (SLOT_BITS * level);
        for (uint64_t i = 1; i <= WHEEL_SLOTS; i++)
            if (w->slots[level][(here + i) & SLOT_MASK] != NULL) {
                uint64_t tick = (here + i) << (SLOT_BITS * level);
                next = tick < next ? tick : next;
                break;
            }
    }
    return next;
}

/* The slots of the upper levels that begin at now_tick: their timers go where they belong now. */
static void move_down(struct wheel *w, struct timer **ret_due)
{
    for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
        if ((w->now_tick & ((1ULL << (SLOT_BITS * level)) - 1)) != 0)
            return;
        struct timer **slot = &w->slots[level][(w->now_tick >> (SLOT_BITS * level)) & SLOT_MASK];
        struct timer *moved = NULL;
        while (*slot != NULL) { /* off first: one may belong into the same slot again */
            struct timer *t = *slot;
            unlink_timer(t);
            link_at(&moved, t);
        }
        while (moved != NULL) {
            struct timer *t = moved;
            unlink_timer(t);
            if (t->due_tick <= w->now_tick)
                link_at(ret_due, t);
            else
                wheel_add(w, t, t->due_tick);
        }
    }
}

void wheel_advance(struct wheel *w, uint64_t now_tick)
{
    while (w->next_tick <= now_tick) {
        struct timer *due = NULL;
        w->now_tick = w->next_tick;
        w->next_tick = WHEEL_NEVER;
        move_down(w, &due);
        struct timer **slot = &w->slots[0][w->now_tick & SLOT_MASK];
        while (*slot != NULL) {
            struct timer *t = *slot;
            unlink_timer(t);
            link_at(&due, t);
        }
        /* On a list of its own: a callback may stop the others, and set again what fired. */
        while (due != NULL) {
            struct timer *t = due;
            unlink_timer(t);
            t->fire(t);
        }
        w->next_tick = find_next(w);
    }
    if (w->now_tick < now_tick)
        w->now_tick = now_tick;
}
