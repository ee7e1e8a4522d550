/* loop: one event loop a process: readiness of descriptors, timers, signals, turn hooks, and a
 * fixed set of helper threads for calls that block.
 *
 * Everything runs on the thread that runs the loop, but for `run` of a work. watch, timer,
 * turn_hook and work are embedded in their owner's object: starting and stopping takes no memory.
 * The loop keeps pointers to those that are started: stop them before the object dies. Any callback
 * may start and stop anything, its own included, and a stopped one is not called again, also not
 * when it was due in the same turn. */
#ifndef CANDOR_SYS_LOOP_H
#define CANDOR_SYS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* The object that embeds a watch, timer, hook or work. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* NULL when the kernel or memory refuses. */
struct loop *loop_new(void);
/* Nothing may be started any more; ends the helper threads (waits for the work that runs). */
void loop_free(struct loop *l);
/* Until loop_stop. 0 or -errno. */
int loop_run(struct loop *l);
/* loop_run returns at the end of this turn, hooks run; at once, if it has not begun yet. */
void loop_stop(struct loop *l);
/* Monotonic, as it was when this turn began: cheap, use it freely. */
uint64_t loop_now_ms(const struct loop *l);

/* ---- descriptors: level-triggered readiness ---- */

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

struct watch {
    int fd; /* the owner's; not closed by the watch */
    uint32_t events;
    void (*ready)(struct watch *w, uint32_t events);
    bool is_started;
};

/* fd must be non-blocking and stay open until watch_stop. events: WATCH_READ | WATCH_WRITE, or 0 to
 * wait for a watch_change. An error or hang-up of the descriptor is reported as whatever is
 * watched for, so that the next read or write sees it. 0 or -errno (-EPERM: a regular file). */
int watch_start(struct loop *l, struct watch *w, int fd, uint32_t events,
                void (*ready)(struct watch *w, uint32_t events))
    __attribute__((warn_unused_result));
/* No system call when events are as they were. A started watch cannot fail here but for lack of
 * kernel memory, which aborts. */
void watch_change(struct loop *l, struct watch *w, uint32_t events);
/* Before close(fd). May be called on one that is not started (all zero). */
void watch_stop(struct loop *l, struct watch *w);
/* Stops, and closes the descriptor, which must have no duplicate in this or another process: saves
 * a system call. */
void watch_close(struct loop *l, struct watch *w);

/* ---- timers: one wheel, ticks of 8 ms, never early, O(1) ---- */

struct timer {
    struct timer *next, **link; /* link: NULL when not set */
    uint64_t due_tick;
    void (*fire)(struct timer *t);
};

/* Fires once, delay_ms (at most 100 days; longer is that) from this turn's time. Set again: moved.
 */
void timer_set(struct loop *l, struct timer *t, uint64_t delay_ms, void (*fire)(struct timer *t));
/* May be called on one that is not set (all zero). */
void timer_stop(struct loop *l, struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
    return t->link != NULL;
}

/* ---- the end of the turn: flush what the turn gathered ---- */

struct turn_hook {
    struct turn_hook *next;
    bool is_queued;
    void (*run)(struct turn_hook *h);
};

/* h->run is called once, before the loop sleeps. Queued already: nothing happens. */
void turn_hook_queue(struct loop *l, struct turn_hook *h, void (*run)(struct turn_hook *h));
void turn_hook_cancel(struct loop *l, struct turn_hook *h);

/* ---- helper threads ---- */

struct work {
    struct work *next;
    void (*run)(struct work *w);  /* on a helper thread: touches nothing that the loop touches */
    void (*done)(struct work *w); /* then on the loop; w may be used again or freed */
};

/* Once, before the sandbox, which takes the right to start threads. All signals are blocked in
 * them. 0 or -errno. */
int loop_start_workers(struct loop *l, unsigned count) __attribute__((warn_unused_result));
/* First come, first served, by whichever helper is free. w belongs to the loop until done. It
 * cannot be called back. */
void loop_submit(struct loop *l, struct work *w, void (*run)(struct work *w),
                 void (*done)(struct work *w));
/* Waits until all that was submitted has run, and calls done for each: for an end at which nothing
 * is left behind. */
void loop_finish_work(struct loop *l);

/* ---- signals ---- */

/* At most one handler a signal. 0 or -errno. SIGPIPE is ignored from loop_new on. */
int loop_on_signal(struct loop *l, int signum, void (*fn)(void *owner, int signum), void *owner)
    __attribute__((warn_unused_result));

#endif
