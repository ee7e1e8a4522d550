/* dispatch_send: letters to deliver, one for each mailbox. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/route/recipient.h"
#include "lib/smtp/queueid.h"
#include "src/queue/dispatch_int.h"
#include "sys/answers.h"

/* Head and body together in the datagram; more goes as a memfd. */
#define INLINE_BYTES ((size_t)64 << 10)
#define FD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* A pair of names keeps a message in a mailbox one file, however often it is delivered: the time,
 * the queue id, the host, as Maildir wants it. */
static void make_name(struct dispatch *d, const struct attempt *a, uint64_t received_ms,
                      struct buf *out)
{
    char id[QUEUEID_CHARS];
    queueid_print(a->id, id);
    buf_addf(out, "%lu.Q%.*s.", (unsigned long)(received_ms / 1000), QUEUEID_CHARS, id);
    for (size_t i = 0; i < d->host.n && i < 200; i++)
        buf_addc(out, d->host.p[i] == '/' || d->host.p[i] == ':' ? '_' : d->host.p[i]);
}

static int body_memfd(slice body)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int rc = fd < 0 ? -errno : 0;
    while (rc == 0 && body.n > 0) {
        ssize_t n = write(fd, body.p, body.n);
        if (n < 0 && errno == EINTR)
            continue;
        rc = n <= 0 ? -EIO : 0;
        body = slice_tail(body, n > 0 ? (size_t)n : 0);
    }
    if (rc == 0 && fcntl(fd, F_ADD_SEALS, FD_SEALS) < 0)
        rc = -errno;
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int dispatch_body(struct sending *s, size_t head_bytes)
{
    if (s->fd >= 0 || head_bytes + s->m.body.n <= INLINE_BYTES || s->m.body.n == 0)
        return 0;
    int fd = body_memfd(s->m.body);
    if (fd >= 0)
        s->fd = fd;
    return fd < 0 ? fd : 0;
}

static int send_item(struct dispatch *d, struct attempt *a, struct rpc *deliver, struct sending *s,
                     uint32_t which)
{
    struct item *item = &a->items[which];
    struct buf *head = &d->head;
    buf_clear(head);
    make_name(d, a, s->envelope.received_at_ms, head);
    size_t name_bytes = head->n;
    buf_addf(head, "Return-Path: <%.*s>\r\nDelivered-To: ", SLICE_ARG(s->envelope.reverse_path));
    recipient_print(head, item->local, item->domain);
    buf_adds(head, "\r\n");
    buf_add(head, s->m.added);
    buf_add(head, s->m.header);
    if (head->err != BUF_OK)
        return -ENOMEM;
    int rc = dispatch_body(s, head->n);
    if (rc < 0)
        return rc;
    struct ipc_delivery ask = {
        .job = dispatch_token(a, which),
        .body_bytes = s->m.body_bytes,
        .quota_bytes = item->quota_bytes,
        .is_binary = s->envelope.body == ENVELOPE_BODY_BINARY,
        .mailbox = item->path,
        .name = slice_head(buf_slice(head), name_bytes),
        .head = slice_tail(buf_slice(head), name_bytes),
        .body = s->fd < 0 ? s->m.body : (slice){NULL, 0},
        .fd = s->fd < 0 ? -1 : fcntl(s->fd, F_DUPFD_CLOEXEC, 0),
    };
    if (s->fd >= 0 && ask.fd < 0)
        return -errno;
    rc = rpc_call_delivery(deliver, ask.job, &ask);
    if (rc < 0 && ask.fd >= 0)
        close(ask.fd);
    return rc;
}

int dispatch_load(struct dispatch *d, struct attempt *a, struct sending *s)
{
    if (s->is_loaded)
        return 0;
    struct entry *e = spool_find(d->spool, a->id);
    int rc = e == NULL ? -EBADMSG : spool_load(d->spool, e, &d->loaded, &s->m);
    if (rc == 0 && envelope_decode(s->m.envelope, &s->envelope) != ENVELOPE_OK)
        rc = -EINVAL;
    if (rc == 0)
        s->fd = s->m.file;
    s->is_loaded = rc == 0;
    a->is_gone = rc == -EBADMSG;
    return rc;
}

bool dispatch_send_more(struct dispatch *d, struct attempt *a, struct sending *s)
{
    struct rpc *deliver = role_peer(d->role, ROLE_DELIVER, 0);
    int rc = 0;
    for (; a->next_item < a->item_count; a->next_item++) {
        struct item *item = &a->items[a->next_item];
        if (item->state != ITEM_TO_SEND || item->kind != TARGET_MAILBOX)
            continue;
        if (rc == 0)
            rc = dispatch_load(d, a, s);
        if (rc == 0)
            rc = deliver == NULL ? -EPIPE : send_item(d, a, deliver, s, a->next_item);
        if (rc == -EAGAIN)
            break;
        item->state = rc == 0 ? ITEM_SENT : ITEM_INTERRUPTED;
        a->open_deliveries += rc == 0;
        a->is_interrupted = a->is_interrupted || rc < 0;
    }
    if (rc == -EAGAIN)
        dispatch_stall(d, a);
    return rc != -EAGAIN;
}

void dispatch_delivered(struct dispatch *d, uint64_t token, const struct ipc_delivered *m,
                        bool is_timeout)
{
    uint32_t which;
    struct attempt *a = dispatch_attempt(d, token, &which);
    if (a == NULL || which >= a->item_count)
        return;
    struct item *item = &a->items[which];
    a->open_deliveries--;
    if (m == NULL) {
        item->state = is_timeout ? ITEM_LATER : ITEM_INTERRUPTED;
        item->detail = is_timeout ? SLICE_LIT("the mailbox did not answer in time") : item->detail;
        a->is_interrupted = a->is_interrupted || !is_timeout;
    } else {
        item->state = m->result == DELIVERY_DONE      ? ITEM_DONE
                      : m->result == DELIVERY_REFUSED ? ITEM_REFUSED
                                                      : ITEM_LATER;
        if (item->state != ITEM_DONE && !arena_copy(&a->arena, m->detail, &item->detail))
            item->detail = SLICE_LIT("could not be delivered");
    }
    dispatch_go_on(d, a);
}
