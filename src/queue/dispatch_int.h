/* dispatch_int: what the parts of dispatch share: dispatch.c (the life of an attempt),
 * dispatch_expand.c (where recipients lead), dispatch_send.c (to deliver), dispatch_lmtp.c (to
 * relay). */
#ifndef CANDOR_QUEUE_DISPATCH_INT_H
#define CANDOR_QUEUE_DISPATCH_INT_H

#include "src/queue/attempt.h"
#include "src/queue/dispatch.h"

/* A message at hand. */
struct sending {
    struct spool_loaded m;
    struct envelope envelope;
    int fd; /* the body's, when it does not go inline; ours */
    bool is_loaded;
};

/* ---- dispatch.c ---- */

/* Serial, slot, and which recipient or item. */
uint64_t dispatch_token(const struct attempt *a, uint32_t which);
/* NULL: that attempt is over. */
struct attempt *dispatch_attempt(struct dispatch *d, uint64_t token, uint32_t *ret_which);
/* Into the heap, for that time. */
void dispatch_due(struct dispatch *d, struct entry *e, uint64_t when_ms);
/* A channel is full: dispatch_resume goes on. */
void dispatch_stall(struct dispatch *d, struct attempt *a);
/* An answer has come: one step further, when it was the last that was missing. */
void dispatch_go_on(struct dispatch *d, struct attempt *a);

/* ---- dispatch_expand.c ---- */

/* False: stalled. */
bool dispatch_expand_more(struct dispatch *d, struct attempt *a);

/* ---- dispatch_send.c ---- */

/* Loads the message once more when it is not at hand: a wait for directory lies between. 0 or
 * -errno. */
int dispatch_load(struct dispatch *d, struct attempt *a, struct sending *s);
/* Makes s->fd of a body that is too long to go inline beside a head of so many bytes. */
int dispatch_body(struct sending *s, size_t head_bytes);
/* False: stalled. */
bool dispatch_send_more(struct dispatch *d, struct attempt *a, struct sending *s);

/* ---- dispatch_lmtp.c ---- */

/* False: stalled. */
bool dispatch_transfer_more(struct dispatch *d, struct attempt *a, struct sending *s);
/* Messages that waited for a place at their server are due again, as far as there are places. */
void dispatch_unpark(struct dispatch *d, uint64_t now_ms);

#endif
