#include "src/relay/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/utf8.h"
#include "lib/smtp/envelope.h"
#include "sys/answers.h"

/* Of one recipient's words: a hundred recipients' fit an answer. */
enum { WORDS_MAX = 1024 };

static bool take_path(slice *in, slice *ret)
{
    if (in->n < 2)
        return false;
    const unsigned char *p = (const unsigned char *)in->p;
    size_t n = (size_t)p[0] | (size_t)p[1] << 8;
    if (n == 0 || in->n - 2 < n)
        return false;
    *ret = slice_of(in->p + 2, n);
    *in = slice_tail(*in, 2 + n);
    return true;
}

static size_t count_of(slice rcpts)
{
    size_t count = 0;
    slice path;
    while (take_path(&rcpts, &path))
        count++;
    return rcpts.n == 0 ? count : 0;
}

static enum client_body body_of(const struct envelope *e)
{
    switch ((enum envelope_body)e->body) {
    case ENVELOPE_BODY_7BIT:
        return CLIENT_7BIT;
    case ENVELOPE_BODY_8BITMIME:
        return CLIENT_8BIT;
    case ENVELOPE_BODY_BINARY:
        return CLIENT_BINARY;
    }
    return CLIENT_8BIT;
}

/* SMTPUTF8 stands in many envelopes of messages that have no need of it. */
static bool needs_utf8(const struct transfer *t, const struct envelope *e)
{
    bool is_ascii = utf8_is_ascii(e->reverse_path) && utf8_is_ascii(t->head);
    for (size_t i = 0; is_ascii && i < t->message.rcpt_count; i++)
        is_ascii = utf8_is_ascii(t->rcpts[i].path);
    return e->smtputf8 != 0 && !is_ascii;
}

/* Copies what lives in the datagram only. */
static slice keep(struct transfer *t, slice s)
{
    size_t at = t->kept.n;
    buf_add(&t->kept, s);
    return slice_of(t->kept.p + at, s.n);
}

static int read_message(struct transfer *t, const struct ipc_transfer *m)
{
    struct envelope e;
    slice rcpts, envelope;
    size_t n = m->host.n + m->rcpts.n + m->envelope.n + m->head.n + m->body.n;
    size_t count = count_of(m->rcpts);
    buf_init(&t->kept, n);
    if (count == 0 || m->host.n == 0)
        return -EBADMSG;
    t->rcpts = calloc(count, sizeof *t->rcpts);
    if (t->rcpts == NULL || buf_reserve(&t->kept, n) == NULL)
        return -ENOMEM;
    t->host = keep(t, m->host);
    rcpts = keep(t, m->rcpts);
    envelope = keep(t, m->envelope);
    t->head = keep(t, m->head);
    t->body = keep(t, m->body);
    if (envelope_decode(envelope, &e) != ENVELOPE_OK)
        return -EBADMSG;
    t->body_bytes = t->fd >= 0 ? m->body_bytes : t->body.n;
    t->message = (struct client_message){.reverse_path = e.reverse_path,
                                         .body = body_of(&e),
                                         .size_bytes = t->head.n + t->body_bytes,
                                         .rcpts = t->rcpts};
    while (take_path(&rcpts, &t->rcpts[t->message.rcpt_count].path))
        if (++t->message.rcpt_count == count)
            break;
    t->message.needs_utf8 = needs_utf8(t, &e);
    return 0;
}

int transfer_new(struct ipc_transfer *m, uint32_t call, uint64_t epoch, struct transfer **ret)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return -ENOMEM;
    t->job = m->job;
    t->call = call;
    t->epoch = epoch;
    t->fd = ipc_take_fd(&m->fd);
    int err = read_message(t, m);
    if (err != 0) {
        transfer_free(t);
        return err;
    }
    *ret = t;
    return 0;
}

void transfer_free(struct transfer *t)
{
    if (t == NULL)
        return;
    if (t->fd >= 0)
        (void)close(t->fd); /* only read */
    buf_release(&t->kept);
    free(t->rcpts);
    free(t);
}

void transfer_rewind(struct transfer *t)
{
    t->at = 0;
}

int transfer_read(struct transfer *t, char *room, size_t n, slice *ret, bool *ret_is_last)
{
    uint64_t all = t->head.n + t->body_bytes;
    if (t->at < t->head.n) {
        *ret = slice_head(slice_tail(t->head, (size_t)t->at), n);
    } else if (t->fd < 0) {
        *ret = slice_head(slice_tail(t->body, (size_t)(t->at - t->head.n)), n);
    } else if (t->at < all) {
        uint64_t left = all - t->at;
        ssize_t got = pread(t->fd, room, left < n ? (size_t)left : n, (off_t)(t->at - t->head.n));
        if (got <= 0)
            return got < 0 ? -errno : -ENODATA;
        *ret = slice_of(room, (size_t)got);
    } else {
        *ret = (slice){NULL, 0};
    }
    t->at += ret->n;
    *ret_is_last = t->at == all;
    return 0;
}

void transfer_put_off(struct transfer *t, slice words)
{
    for (size_t i = 0; i < t->message.rcpt_count; i++)
        t->rcpts[i] =
            (struct client_rcpt){.path = t->rcpts[i].path, .result = CLIENT_LATER, .text = words};
}

static enum delivery_result result_of(enum client_result result)
{
    switch (result) {
    case CLIENT_DONE:
        return DELIVERY_DONE;
    case CLIENT_REFUSED:
        return DELIVERY_REFUSED;
    case CLIENT_PENDING:
    case CLIENT_LATER:
        break;
    }
    return DELIVERY_LATER;
}

bool transfer_outcomes(const struct transfer *t, struct buf *out)
{
    struct buf words;
    buf_init(&words, 64 * 1024);
    for (size_t i = 0; i < t->message.rcpt_count; i++) {
        buf_clear(&words);
        client_rcpt_print(&words, &t->rcpts[i]);
        slice s = slice_head(buf_slice(&words), WORDS_MAX);
        buf_addc(out, (char)result_of(t->rcpts[i].result));
        buf_addc(out, (char)(s.n & 0xff));
        buf_addc(out, (char)(s.n >> 8));
        buf_add(out, s);
    }
    bool ok = words.err == BUF_OK && out->err == BUF_OK;
    buf_release(&words);
    return ok;
}
