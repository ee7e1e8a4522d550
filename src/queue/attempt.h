/* attempt: one try at a message: its recipients, where they lead, and what became of each so far.
 */
#ifndef CANDOR_QUEUE_ATTEMPT_H
#define CANDOR_QUEUE_ATTEMPT_H

#include "lib/base/arena.h"
#include "lib/route/targets.h"
#include "lib/smtp/envelope.h"
#include "src/queue/outcomes.h"

/* Items and recipients are below this. */
#define ATTEMPT_WHICH_MAX (((uint32_t)1 << 20) - 1)

enum item_state {
    ITEM_TO_SEND,
    ITEM_SENT,
    ITEM_DONE,
    ITEM_LATER,
    ITEM_REFUSED,
    ITEM_INTERRUPTED,
    ITEM_CROWDED, /* too much is on its way to that server */
    ITEM_SAME,    /* as another item of this message: one copy is enough */
};

/* A mailbox that one recipient leads to. */
struct item {
    enum item_state state;
    enum target_kind kind; /* TARGET_MAILBOX or TARGET_LMTP */
    uint32_t rcpt;
    uint32_t same_as;
    uint32_t transfer; /* by LMTP: the first item of those that go together */
    uint64_t hash;
    uint64_t quota_bytes;
    slice key;  /* tells it from others, and is kept with the outcomes once it has its copy */
    slice path; /* the Maildir, or who takes it by LMTP */
    slice local, domain, detail;
};

struct reached {
    struct reached *next;
    uint32_t rcpt;
    slice key;
};

struct rcpt_try {
    enum outcome_status status;
    bool is_tried; /* in this attempt */
    slice path;
    slice detail;
};

struct attempt {
    uint64_t id;
    uint32_t serial; /* 0: free */
    uint32_t slot;
    uint32_t open_expansions, open_deliveries;
    uint32_t rcpt_count, rcpt_room, next_rcpt;
    uint32_t item_count, item_room, next_item;
    struct rcpt_try *rcpts;
    struct item *items;
    struct reached *reached;
    struct arena arena;
    struct attempt *next_stalled;
    bool is_stalled;
    bool is_interrupted; /* a peer went away, or we had no memory */
    bool is_gone;        /* the message is damaged and out of the queue */
    bool is_submitted;   /* by somebody who may write to other servers */
    bool has_waiting;    /* a recipient that is not settled: those that failed are left alone */
    slice crowded;       /* the server for which it has to wait; empty: none */
    uint64_t started_us;
};

struct attempt_sums {
    uint32_t done, waiting, failed;
};

/* False without memory, all of these. */
bool attempt_read_rcpts(struct attempt *a, const struct envelope *e)
    __attribute__((warn_unused_result));
/* What the spool kept of earlier tries. */
bool attempt_read_outcomes(struct attempt *a, slice state) __attribute__((warn_unused_result));
bool attempt_add_item(struct attempt *a, uint32_t rcpt, const struct target *t)
    __attribute__((warn_unused_result));

/* What the items mean for their recipients. */
struct attempt_sums attempt_settle(struct attempt *a);
/* Did this try change anything that is worth writing down? */
bool attempt_has_news(const struct attempt *a);
/* Is one of those that are to be tried again LMTP's? */
bool attempt_waits_for_lmtp(const struct attempt *a);
/* For the spool; words are cut where they are too many, out->err is set only without memory. */
void attempt_write_outcomes(const struct attempt *a, struct buf *out);

#endif
