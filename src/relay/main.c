/* relay: hands mail on to other servers, by LMTP. What they answer is a stranger's word: it is read
 * by lib/client, and goes to queue as text. It sees the messages that queue gives it, one at a
 * time, and never the spool. */
#include <errno.h>
#include <stdlib.h>

#include "src/relay/relay.h"
#include "sys/answers.h"

/* Under what queue waits (ipc.def). */
enum { TRANSFER_LIMIT_MS = 30 * 60 * 1000 };
/* Under what master waits for queue and us. */
enum { DRAIN_MS = 20 * 1000 };

static void drain_if_done(struct relay *r)
{
    if (r->role->is_draining && r->open == 0)
        role_drained(r->role);
}

/* ---- answers ---- */

static void count(struct relay *r, const struct transfer *t, uint64_t sums[CLIENT_REFUSED + 1],
                  slice *ret_words)
{
    for (size_t i = 0; i < t->message.rcpt_count; i++) {
        sums[t->rcpts[i].result]++;
        if (t->rcpts[i].result != CLIENT_DONE && ret_words->n == 0)
            *ret_words = t->rcpts[i].text;
    }
    r->done += sums[CLIENT_DONE];
    r->later += sums[CLIENT_LATER];
    r->refused += sums[CLIENT_REFUSED];
}

static void log_transfer(struct relay *r, const struct transfer *t)
{
    uint64_t sums[CLIENT_REFUSED + 1] = {0};
    slice words = {NULL, 0};
    struct log_line line;
    count(r, t, sums, &words);
    log_begin(&line, r->role->log, words.n > 0 ? LOG_INFO : LOG_DEBUG, "transfer.done");
    log_slice(&line, "host", t->host);
    log_u64(&line, "ms", loop_now_ms(r->role->loop) - t->started_ms);
    log_u64(&line, "delivered", sums[CLIENT_DONE]);
    log_u64(&line, "later", sums[CLIENT_LATER]);
    log_u64(&line, "refused", sums[CLIENT_REFUSED]);
    if (words.n > 0)
        log_slice(&line, "why", words);
    log_end(&line);
}

void relay_answer(struct relay *r, struct transfer *t)
{
    struct rpc *queue = role_peer(r->role, ROLE_QUEUE, 0);
    struct buf out;
    buf_init(&out, IPC_BYTES_MAX);
    log_transfer(r, t);
    int err = transfer_outcomes(t, &out) ? 0 : -ENOMEM;
    if (err == 0 && queue != NULL && t->epoch == r->epoch)
        err = rpc_reply_transferred(queue, t->call,
                                    &(struct ipc_transferred){t->job, buf_slice(&out)});
    if (err != 0 && err != -EPIPE)
        role_fail(r->role, "relay.reply", err);
    buf_release(&out);
    transfer_free(t);
    r->open--;
    drain_if_done(r);
}

/* ---- questions ---- */

static void take_transfer(struct relay *r, struct ipc_message *m)
{
    struct transfer *t;
    int err = transfer_new(&m->transfer, m->call, r->epoch, &t);
    if (err != 0) {
        /* Ours or queue's fault: without an answer it would wait for ever. */
        role_fail(r->role, "relay.transfer", err);
        return;
    }
    t->started_ms = loop_now_ms(r->role->loop);
    t->ends_ms = t->started_ms + TRANSFER_LIMIT_MS;
    r->open++;
    host_take(r, t);
}

static void answer_admin(struct relay *r, struct rpc *control, uint32_t call)
{
    size_t links = 0, hosts = 0, down = 0;
    struct buf json;
    for (const struct host *h = r->hosts; h != NULL; h = h->next) {
        hosts++;
        links += h->link_count;
        down += h->is_suspect;
    }
    buf_init(&json, 1024);
    buf_addf(
        &json,
        "{\"role\":\"relay\",\"open\":%zu,\"connections\":%zu,\"hosts\":%zu,\"unreachable\":%zu,"
        "\"delivered\":%llu,\"later\":%llu,\"refused\":%llu}",
        r->open, links, hosts, down, (unsigned long long)r->done, (unsigned long long)r->later,
        (unsigned long long)r->refused);
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *role, struct rpc *peer, struct ipc_message *m)
{
    struct relay *r = role->self;
    if (m->type == IPC_TRANSFER)
        take_transfer(r, m);
    else if (m->type == IPC_ADMIN)
        answer_admin(r, peer, m->call);
}

static void on_answer(struct role *role, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)peer, (void)result;
    if (call == IPC_UNIX_OPEN)
        link_opened(role->self, token, m == NULL ? -1 : ipc_take_fd(&m->unix_opened.fd),
                    m == NULL ? ETIMEDOUT : (int)m->unix_opened.error);
}

/* Nobody would hear the answers: what is not yet said to the end is broken off. */
static void on_gone(struct role *role, struct rpc *peer)
{
    struct relay *r = role->self;
    if (rpc_peer(peer) != ROLE_QUEUE)
        return;
    r->epoch++;
    for (struct host *h = r->hosts, *next; h != NULL; h = next) {
        struct transfer *t;
        next = h->next;
        while ((t = host_next(h)) != NULL) {
            transfer_put_off(t, SLICE_LIT("4.3.2 broken off"));
            relay_answer(r, t);
        }
        links_abort(h, false);
    }
}

/* ---- life ---- */

static struct conf *read_conf(const struct role *role, slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL) {
        struct log_line line;
        log_begin(&line, role->log, LOG_ERROR, "config.invalid");
        log_end(&line);
    }
    return conf;
}

static int relay_open(struct role *role, slice text)
{
    struct relay *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -ENOMEM;
    role->self = r;
    r->role = role;
    r->conf = read_conf(role, text);
    r->conns = conn_set_new(role->loop);
    return r->conf == NULL ? -EINVAL : r->conns == NULL ? -ENOMEM : 0;
}

static bool relay_reconfigure(struct role *role, slice text)
{
    struct relay *r = role->self;
    struct conf *conf = read_conf(role, text);
    if (conf == NULL)
        return false;
    conf_unref(r->conf);
    r->conf = conf;
    return true;
}

static void on_drain_limit(struct timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, drain_limit);
    for (struct host *h = r->hosts, *next; h != NULL; h = next) {
        next = h->next;
        host_failed(h, SLICE_LIT("4.3.2 this server is ending"));
        links_abort(h, true);
    }
}

static void relay_drain(struct role *role)
{
    struct relay *r = role->self;
    for (struct host *h = r->hosts, *next; h != NULL; h = next) {
        next = h->next;
        links_quit(h);
    }
    timer_set(role->loop, &r->drain_limit, DRAIN_MS, on_drain_limit);
    drain_if_done(r);
}

static void relay_close(struct role *role)
{
    struct relay *r = role->self;
    timer_stop(role->loop, &r->drain_limit);
    r->is_closing = true;
    role->is_draining = false; /* what still ends is nobody's any more */
    r->epoch++;
    conn_set_end(r->conns);
    for (struct host *h = r->hosts; h != NULL; h = h->next)
        links_free(h);
    hosts_free(r);
    conn_set_free(r->conns);
    conf_unref(r->conf);
    free(r);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_RELAY),
    .open = relay_open,
    .reconfigure = relay_reconfigure,
    .gone = on_gone,
    .message = on_message,
    .answer = on_answer,
    .drain = relay_drain,
    .close = relay_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
