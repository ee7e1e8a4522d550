/* dispatch_lmtp: messages to relay, one transfer for those recipients of a message that the same
 * server takes; each has an outcome of its own. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/route/recipient.h"
#include "src/queue/dispatch_int.h"
#include "sys/answers.h"

/* Of one transfer: RFC 5321 4.5.3.1.8 lets every server stop at a hundred, and their outcomes fit a
 * datagram. */
#define RCPTS_MAX 100
#define RCPTS_BYTES ((size_t)24 << 10)

static void add_rcpt(struct buf *out, const struct item *item)
{
    size_t at = out->n;
    buf_addc(out, 0);
    buf_addc(out, 0);
    recipient_print(out, item->local, item->domain);
    if (out->err != BUF_OK)
        return;
    size_t n = out->n - at - 2;
    out->p[at] = (char)(n & 0xff);
    out->p[at + 1] = (char)(n >> 8);
}

static bool goes_with(const struct item *item, const struct item *first)
{
    return item->state == ITEM_TO_SEND && item->kind == TARGET_LMTP &&
           slice_eq(item->path, first->path);
}

/* The first of them and those behind it that go the same way. */
static int write_rcpts(struct dispatch *d, struct attempt *a, uint32_t first)
{
    unsigned count = 0;
    buf_clear(&d->rcpts);
    for (uint32_t i = first; i < a->item_count; i++) {
        if (!goes_with(&a->items[i], &a->items[first]))
            continue;
        if (count++ == RCPTS_MAX || d->rcpts.n > RCPTS_BYTES)
            break;
        add_rcpt(&d->rcpts, &a->items[i]);
        a->items[i].transfer = first;
    }
    return d->rcpts.err == BUF_OK ? 0 : -ENOMEM;
}

/* Without recipients, and without what shows who may send. */
static void write_envelope(struct dispatch *d, const struct sending *s)
{
    struct envelope e = s->envelope;
    e.grant = (slice){NULL, 0};
    buf_clear(&d->envelope);
    envelope_add(&d->envelope, &e);
}

static int transfer(struct dispatch *d, struct attempt *a, struct rpc *relay, struct sending *s,
                    uint32_t first)
{
    int rc = write_rcpts(d, a, first);
    write_envelope(d, s);
    buf_clear(&d->head);
    buf_add(&d->head, s->m.added);
    buf_add(&d->head, s->m.header);
    if (rc == 0 && (d->head.err != BUF_OK || d->envelope.err != BUF_OK))
        rc = -ENOMEM;
    if (rc == 0)
        rc = dispatch_body(s, d->head.n + d->rcpts.n);
    if (rc < 0)
        return rc;
    struct ipc_transfer ask = {
        .job = dispatch_token(a, first),
        .body_bytes = s->m.body_bytes,
        .host = a->items[first].path,
        .rcpts = buf_slice(&d->rcpts),
        .envelope = buf_slice(&d->envelope),
        .head = buf_slice(&d->head),
        .body = s->fd < 0 ? s->m.body : (slice){NULL, 0},
        .fd = s->fd < 0 ? -1 : fcntl(s->fd, F_DUPFD_CLOEXEC, 0),
    };
    if (s->fd >= 0 && ask.fd < 0)
        return -errno;
    rc = rpc_call_transfer(relay, ask.job, &ask);
    if (rc < 0 && ask.fd >= 0)
        close(ask.fd);
    return rc;
}

/* Those of the transfer that begins with first, which are still to be sent. */
static void mark(struct attempt *a, uint32_t first, enum item_state state)
{
    for (uint32_t i = first; i < a->item_count; i++)
        if (a->items[i].state == ITEM_TO_SEND && a->items[i].kind == TARGET_LMTP &&
            a->items[i].transfer == first)
            a->items[i].state = state;
}

static void mark_crowded(struct attempt *a, uint32_t first)
{
    a->crowded = a->items[first].path;
    for (uint32_t i = a->item_count; i-- > first;)
        if (goes_with(&a->items[i], &a->items[first]))
            a->items[i].state = ITEM_CROWDED;
}

bool dispatch_transfer_more(struct dispatch *d, struct attempt *a, struct sending *s)
{
    struct rpc *relay = role_peer(d->role, ROLE_RELAY, 0);
    for (uint32_t i = 0; i < a->item_count; i++) {
        struct item *item = &a->items[i];
        if (item->state != ITEM_TO_SEND || item->kind != TARGET_LMTP)
            continue;
        if (relay == NULL || !lmtp_hosts_enter(&d->hosts, item->path)) {
            mark_crowded(a, i);
            continue;
        }
        int rc = dispatch_load(d, a, s);
        if (rc == 0)
            rc = transfer(d, a, relay, s, i);
        if (rc < 0)
            lmtp_hosts_leave(&d->hosts, item->path);
        if (rc == -EAGAIN) {
            dispatch_stall(d, a);
            return false;
        }
        if (rc < 0)
            item->transfer = i; /* that one at least: the rest is tried, and fails, by itself */
        mark(a, i, rc == 0 ? ITEM_SENT : ITEM_INTERRUPTED);
        a->open_deliveries += rc == 0;
        a->is_interrupted = a->is_interrupted || rc < 0;
    }
    return true;
}

void dispatch_unpark(struct dispatch *d, uint64_t now_ms)
{
    uint64_t id;
    if (d->hosts.parked == 0 || role_peer(d->role, ROLE_RELAY, 0) == NULL)
        return;
    while (lmtp_hosts_unpark(&d->hosts, &id)) {
        struct entry *e = spool_find(d->spool, id);
        if (e != NULL)
            dispatch_due(d, e, now_ms);
    }
}

void dispatch_tick(struct dispatch *d)
{
    lmtp_hosts_tick(&d->hosts);
}

/* ---- answers ---- */

static bool take_outcome(slice *in, uint8_t *ret_result, slice *ret_words)
{
    if (in->n < 3)
        return false;
    const unsigned char *p = (const unsigned char *)in->p;
    size_t n = (size_t)p[1] | (size_t)p[2] << 8;
    if (in->n - 3 < n || p[0] > DELIVERY_REFUSED)
        return false;
    *ret_result = p[0];
    *ret_words = slice_of(in->p + 3, n);
    *in = slice_tail(*in, 3 + n);
    return true;
}

static void settle_item(struct attempt *a, struct item *item, uint8_t result, slice words)
{
    item->state = result == DELIVERY_DONE      ? ITEM_DONE
                  : result == DELIVERY_REFUSED ? ITEM_REFUSED
                                               : ITEM_LATER;
    if (item->state != ITEM_DONE && !arena_copy(&a->arena, words, &item->detail))
        item->detail = SLICE_LIT("could not be delivered");
}

void dispatch_transferred(struct dispatch *d, uint64_t token, const struct ipc_transferred *m,
                          bool is_timeout)
{
    uint32_t first;
    struct attempt *a = dispatch_attempt(d, token, &first);
    if (a == NULL || first >= a->item_count)
        return;
    slice rest = m == NULL ? (slice){NULL, 0} : m->outcomes;
    lmtp_hosts_leave(&d->hosts, a->items[first].path);
    a->open_deliveries--;
    for (uint32_t i = first; i < a->item_count; i++) {
        struct item *item = &a->items[i];
        uint8_t result = DELIVERY_LATER;
        slice words = SLICE_LIT("the other server did not answer in time");
        if (item->state != ITEM_SENT || item->kind != TARGET_LMTP || item->transfer != first)
            continue;
        if (m != NULL && !take_outcome(&rest, &result, &words))
            words = SLICE_LIT("the answer of relay makes no sense");
        if (m != NULL || is_timeout)
            settle_item(a, item, result, words);
        else
            item->state = ITEM_INTERRUPTED;
    }
    a->is_interrupted = a->is_interrupted || (m == NULL && !is_timeout);
    dispatch_go_on(d, a);
}
