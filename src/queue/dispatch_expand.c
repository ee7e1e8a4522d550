/* dispatch_expand: where each recipient leads, from memory or from directory. */
#include <errno.h>

#include "src/queue/dispatch_int.h"

static const slice no_route = {"at another server, to which there is no route yet", 49};

static void take_targets(struct attempt *a, uint32_t which, slice targets)
{
    struct rcpt_try *r = &a->rcpts[which];
    struct target t;
    while (target_take(&targets, &t)) {
        if (t.kind == TARGET_REMOTE) {
            r->status = OUTCOME_NO_ROUTE;
            r->detail = no_route;
        } else if (!attempt_add_item(a, which, &t)) {
            a->is_interrupted = true;
        }
    }
}

/* What directory said, when it was not yes. */
static void take_verdict(struct rcpt_try *r, uint8_t verdict, bool is_submitted)
{
    switch ((enum recipient_verdict)verdict) {
    case RECIPIENT_IS_OK:
    case RECIPIENT_IS_FORWARDED:
    case RECIPIENT_IS_FULL: /* deliver says so when it is still so */
    case RECIPIENT_IS_OVERFULL:
        break;
    case RECIPIENT_IS_MOVED:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("the recipient has moved");
        break;
    case RECIPIENT_IS_UNKNOWN:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("there is no mailbox of this name any more");
        break;
    case RECIPIENT_IS_DISABLED:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("the mailbox is disabled");
        break;
    case RECIPIENT_IS_REMOTE:
        /* Only an alias of ours, which is no verdict but a target, leads strangers' mail there. */
        r->status = is_submitted ? OUTCOME_NO_ROUTE : OUTCOME_FAILED;
        r->detail = is_submitted
                        ? no_route
                        : SLICE_LIT("at another server, and nobody who may write there sent it");
        break;
    case RECIPIENT_IS_MALFORMED:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("the address is malformed");
        break;
    case RECIPIENT_IS_TEMPFAIL:
        r->status = OUTCOME_WAITING;
        r->detail = SLICE_LIT("the directory could not be asked");
        break;
    }
}

/* False: stalled. */
bool dispatch_expand_more(struct dispatch *d, struct attempt *a)
{
    struct rpc *directory = role_peer(d->role, ROLE_DIRECTORY, 0);
    uint64_t generation = genpage_read(&d->page);
    slice targets;
    for (; a->next_rcpt < a->rcpt_count; a->next_rcpt++) {
        struct rcpt_try *r = &a->rcpts[a->next_rcpt];
        if (r->status == OUTCOME_DONE || (r->status == OUTCOME_FAILED && a->has_waiting))
            continue;
        if (expansions_find(&d->expansions, r->path, generation, &targets)) {
            r->is_tried = true;
            r->status = OUTCOME_WAITING;
            r->detail = (slice){NULL, 0};
            take_targets(a, a->next_rcpt, targets);
            continue;
        }
        const struct ipc_expand ask = {.address = r->path};
        int rc = directory == NULL
                     ? -EPIPE
                     : rpc_call_expand(directory, dispatch_token(a, a->next_rcpt), &ask);
        if (rc == -EAGAIN) {
            dispatch_stall(d, a);
            return false;
        }
        if (rc == 0)
            a->open_expansions++;
        else
            a->is_interrupted = true;
    }
    return true;
}

void dispatch_expanded(struct dispatch *d, uint64_t token, const struct ipc_expanded *m)
{
    uint32_t which;
    struct attempt *a = dispatch_attempt(d, token, &which);
    if (a == NULL || which >= a->rcpt_count)
        return;
    struct rcpt_try *r = &a->rcpts[which];
    a->open_expansions--;
    if (m == NULL) {
        a->is_interrupted = true;
    } else {
        r->is_tried = true;
        r->status = OUTCOME_WAITING;
        r->detail = (slice){NULL, 0};
        take_verdict(r, m->result, a->is_submitted);
        if (m->result == RECIPIENT_IS_OK || m->result == RECIPIENT_IS_FORWARDED) {
            expansions_add(&d->expansions, r->path, m->generation, m->targets);
            take_targets(a, which, m->targets);
        }
    }
    dispatch_go_on(d, a);
}
