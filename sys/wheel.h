/* wheel: timers by tick, for sys/loop; the time comes in as a parameter.
 *
 * Four levels of 256 slots. A slot of level n spans 256^n ticks; when the wheel reaches it, its
 * timers move to the levels below. Invariants:
 * 1. A set timer is in exactly one slot, and its due_tick is after now_tick.
 * 2. No set timer is due, or is to be moved down, before next_tick. */
#ifndef CANDOR_SYS_WHEEL_H
#define CANDOR_SYS_WHEEL_H

#include "sys/loop.h"

enum { WHEEL_LEVELS = 4, WHEEL_SLOTS = 256 };
#define WHEEL_NEVER UINT64_MAX

struct wheel {
    uint64_t now_tick, next_tick; /* next_tick: WHEEL_NEVER when empty */
    struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint64_t now_tick);
/* t->fire is set and t is in no slot. A tick that has passed means the next one. */
void wheel_add(struct wheel *w, struct timer *t, uint64_t due_tick);
/* Fires all that is due at now_tick, in the order of their ticks. */
void wheel_advance(struct wheel *w, uint64_t now_tick);

#endif
