#include "src/resolver/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>

#include "sys/loop.h"

enum { CLASS_IN = 1, RCODE_OK = 0, RCODE_NXDOMAIN = 3, SEC_BOGUS = 1, SEC_SECURE = 2 };
enum { NEGATIVE_TTL = 60 }; /* the cache has the zone's own; who asks again asks the cache */

struct base {
    struct ub_event_base ub; /* first: libunbound hands it back */
    struct loop *loop;
};

struct question {
    struct engine *engine;
    struct question *next, **link;
    struct turn_hook hook;
    struct timer timer;
    struct dns_name name;
    uint16_t type;
    bool is_open; /* libunbound will still call back */
    bool is_done; /* the answer is here */
    enum dns_result result;
    uint32_t ttl;
    bool is_secure;
    struct buf records;
    engine_done *done; /* NULL: nobody waits any more */
    void *owner;
    uint64_t token;
};

struct engine {
    struct base base;
    struct ub_ctx *ub;
    struct question *questions;
    size_t open; /* what libunbound still works on, given up questions included */
    uint32_t timeout_ms;
};

/* ---- libunbound's events on our loop ---- */

struct event {
    struct ub_event ub; /* first */
    struct loop *loop;
    struct watch watch;
    struct timer timer;
    int fd;
    short bits;
    uint64_t timeout_ms; /* of the last add; for events that persist */
    void (*fn)(int fd, short bits, void *arg);
    void *arg;
};

static uint64_t milliseconds(const struct timeval *tv)
{
    uint64_t s = tv->tv_sec < 0 ? 0 : (uint64_t)tv->tv_sec;
    return s * 1000 + ((uint64_t)tv->tv_usec + 999) / 1000;
}

static void event_stop(struct event *e)
{
    watch_stop(e->loop, &e->watch);
    timer_stop(e->loop, &e->timer);
}

/* As libevent does it: one that does not persist is off before it is told, one that does begins its
 * time-out anew. e may be freed by what it calls. */
static void event_fire(struct event *e, short bits)
{
    if ((e->bits & UB_EV_PERSIST) == 0)
        event_stop(e);
    else if (timer_is_set(&e->timer) || bits == UB_EV_TIMEOUT)
        timer_set(e->loop, &e->timer, e->timeout_ms, e->timer.fire);
    e->fn(e->fd, bits, e->arg);
}

static void on_ready(struct watch *w, uint32_t ready)
{
    struct event *e = CONTAINER_OF(w, struct event, watch);
    unsigned bits = ((ready & WATCH_READ) != 0 ? UB_EV_READ : 0u) |
                    ((ready & WATCH_WRITE) != 0 ? UB_EV_WRITE : 0u);
    event_fire(e, (short)(bits & (unsigned)e->bits));
}

static void on_timer(struct timer *t)
{
    event_fire(CONTAINER_OF(t, struct event, timer), UB_EV_TIMEOUT);
}

static void event_add_bits(struct ub_event *ev, short bits)
{
    ((struct event *)ev)->bits = (short)(((struct event *)ev)->bits | bits);
}

static void event_del_bits(struct ub_event *ev, short bits)
{
    ((struct event *)ev)->bits = (short)(((struct event *)ev)->bits & ~bits);
}

static void event_set_fd(struct ub_event *ev, int fd)
{
    ((struct event *)ev)->fd = fd;
}

static void event_free(struct ub_event *ev)
{
    event_stop((struct event *)ev);
    free(ev);
}

static int event_add(struct ub_event *ev, struct timeval *tv)
{
    struct event *e = (struct event *)ev;
    uint32_t want = ((e->bits & UB_EV_READ) != 0 ? WATCH_READ : 0u) |
                    ((e->bits & UB_EV_WRITE) != 0 ? WATCH_WRITE : 0u);
    event_stop(e);
    if (e->fd >= 0 && want != 0 && watch_start(e->loop, &e->watch, e->fd, want, on_ready) != 0)
        return -1;
    if (tv != NULL && (e->bits & UB_EV_TIMEOUT) != 0) {
        e->timeout_ms = milliseconds(tv);
        timer_set(e->loop, &e->timer, e->timeout_ms, on_timer);
    }
    return 0;
}

static int event_del(struct ub_event *ev)
{
    event_stop((struct event *)ev);
    return 0;
}

static int event_add_timer(struct ub_event *ev, struct ub_event_base *base,
                           void (*fn)(int, short, void *), void *arg, struct timeval *tv)
{
    struct event *e = (struct event *)ev;
    (void)base;
    e->fn = fn;
    e->arg = arg;
    e->timeout_ms = milliseconds(tv);
    timer_set(e->loop, &e->timer, e->timeout_ms, on_timer);
    return 0;
}

static int event_del_timer(struct ub_event *ev)
{
    timer_stop(((struct event *)ev)->loop, &((struct event *)ev)->timer);
    return 0;
}

/* Signals and Windows: libunbound does not ask for them here. */
static int no_signal(struct ub_event *ev, struct timeval *tv)
{
    (void)ev;
    (void)tv;
    return -1;
}

static void no_windows(struct ub_event *ev)
{
    (void)ev;
}

static void no_windows_bit(struct ub_event *ev, int bit)
{
    (void)ev;
    (void)bit;
}

static struct ub_event *event_new(struct ub_event_base *base, int fd, short bits,
                                  void (*fn)(int, short, void *), void *arg)
{
    static struct ub_event_vmt vmt = {
        .add_bits = event_add_bits,
        .del_bits = event_del_bits,
        .set_fd = event_set_fd,
        .free = event_free,
        .add = event_add,
        .del = event_del,
        .add_timer = event_add_timer,
        .del_timer = event_del_timer,
        .add_signal = no_signal,
        .del_signal = event_del,
        .winsock_unregister_wsaevent = no_windows,
        .winsock_tcp_wouldblock = no_windows_bit,
    };
    struct event *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->ub = (struct ub_event){.magic = UB_EVENT_MAGIC, .vmt = &vmt};
    e->loop = ((struct base *)base)->loop;
    e->fd = fd;
    e->bits = bits;
    e->fn = fn;
    e->arg = arg;
    return &e->ub;
}

static void base_free(struct ub_event_base *base)
{
    (void)base;
}

static int base_run(struct ub_event_base *base)
{
    (void)base;
    return -1;
}

static int base_exit(struct ub_event_base *base, struct timeval *tv)
{
    (void)base;
    (void)tv;
    return 0;
}

static struct ub_event *no_new_signal(struct ub_event_base *base, int fd,
                                      void (*fn)(int, short, void *), void *arg)
{
    (void)base;
    (void)fd;
    (void)fn;
    (void)arg;
    return NULL;
}

static struct ub_event *no_new_windows(struct ub_event_base *base, void *event,
                                       void (*fn)(int, short, void *), void *arg)
{
    (void)event;
    return no_new_signal(base, -1, fn, arg);
}

static void base_init(struct base *base, struct loop *loop)
{
    static struct ub_event_base_vmt vmt = {
        .free = base_free,
        .dispatch = base_run,
        .loopexit = base_exit,
        .new_event = event_new,
        .new_signal = no_new_signal,
        .winsock_register_wsaevent = no_new_windows,
    };
    base->ub = (struct ub_event_base){.magic = UB_EVENT_MAGIC, .vmt = &vmt};
    base->loop = loop;
}

/* ---- questions ---- */

static void unlink_question(struct question *q)
{
    if (q->link == NULL)
        return;
    *q->link = q->next;
    if (q->next != NULL)
        q->next->link = q->link;
    q->link = NULL;
}

static void question_free(struct question *q)
{
    buf_release(&q->records);
    free(q);
}

/* Nobody waits for q any more; libunbound may still call back. */
static void question_end(struct question *q)
{
    struct loop *loop = q->engine->base.loop;
    unlink_question(q);
    timer_stop(loop, &q->timer);
    turn_hook_cancel(loop, &q->hook);
    q->done = NULL;
    if (!q->is_open)
        question_free(q);
}

static void tell(struct question *q)
{
    struct engine_answer a = {
        .result = q->result,
        .ttl = q->ttl,
        .is_secure = q->is_secure,
        .records = buf_slice(&q->records),
    };
    engine_done *done = q->done;
    void *owner = q->owner;
    uint64_t token = q->token;
    struct buf records = q->records; /* outlives q, which ends first */
    buf_init(&q->records, 0);
    question_end(q);
    done(owner, token, &a);
    buf_release(&records);
}

static void on_turn(struct turn_hook *h)
{
    tell(CONTAINER_OF(h, struct question, hook));
}

static void on_timeout(struct timer *t)
{
    struct question *q = CONTAINER_OF(t, struct question, timer);
    q->result = DNS_TEMPFAIL;
    q->ttl = 0;
    tell(q);
}

/* What rcode and packet mean. */
static void read_answer(struct question *q, int rcode, slice packet, int security)
{
    size_t count = 0;
    q->result = DNS_TEMPFAIL;
    q->ttl = 0;
    q->is_secure = security == SEC_SECURE;
    if (security == SEC_BOGUS)
        return;
    /* A failure or a denial from the cache comes with rcode 0, and says so in its packet only. */
    if (rcode == RCODE_OK)
        rcode = dns_message_rcode(packet);
    if (rcode == RCODE_NXDOMAIN) {
        q->result = DNS_NONE;
        q->ttl = NEGATIVE_TTL;
        return;
    }
    if (rcode != RCODE_OK ||
        dns_message_answer(packet, &q->name, q->type, &q->records, &q->ttl, &count) != DNS_OK)
        return;
    q->result = count > 0 ? DNS_FOUND : DNS_NONE;
    if (count == 0)
        q->ttl = NEGATIVE_TTL;
}

/* From inside ub_resolve_event when the cache has it, else from the loop. */
static void on_answer(void *arg, int rcode, void *packet, int packet_n, int security,
                      char *why_bogus, int was_ratelimited)
{
    struct question *q = arg;
    (void)why_bogus;
    (void)was_ratelimited;
    q->is_open = false;
    q->engine->open--;
    if (q->done == NULL) {
        question_free(q);
        return;
    }
    read_answer(q, rcode, slice_of(packet, packet_n > 0 ? (size_t)packet_n : 0), security);
    q->is_done = true;
    turn_hook_queue(q->engine->base.loop, &q->hook, on_turn);
}

int engine_ask(struct engine *e, const struct dns_name *name, uint16_t type, engine_done *done,
               void *owner, uint64_t token)
{
    char text[DNS_NAME_TEXT_MAX + 1];
    struct buf b;
    if (e->open >= ENGINE_ASKED_MAX)
        return -EBUSY;
    struct question *q = calloc(1, sizeof *q);
    buf_init(&b, DNS_NAME_TEXT_MAX);
    dns_name_print(&b, name);
    bool ok = q != NULL && b.err == BUF_OK;
    if (ok) {
        memcpy(text, b.p, b.n);
        text[b.n] = '\0';
    }
    buf_release(&b);
    if (!ok) {
        free(q);
        return -ENOMEM;
    }
    *q = (struct question){.engine = e,
                           .name = *name,
                           .type = type,
                           .done = done,
                           .owner = owner,
                           .token = token,
                           .is_open = true};
    buf_init(&q->records, ENGINE_RECORDS_MAX);
    e->open++;
    if (ub_resolve_event(e->ub, text, type, CLASS_IN, q, on_answer, NULL) != 0) {
        e->open--;
        turn_hook_cancel(e->base.loop, &q->hook);
        question_free(q);
        return -EIO;
    }
    q->next = e->questions;
    q->link = &e->questions;
    if (q->next != NULL)
        q->next->link = &q->next;
    e->questions = q;
    if (!q->is_done)
        timer_set(e->base.loop, &q->timer, e->timeout_ms, on_timeout);
    return 0;
}

size_t engine_open_questions(const struct engine *e)
{
    return e->open;
}

/* ---- the context ---- */

static bool set(struct ub_ctx *ub, const char *option, const char *value)
{
    return ub_ctx_set_option(ub, option, value) == 0;
}

static bool set_number(struct ub_ctx *ub, const char *option, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return set(ub, option, text);
}

/* What libunbound would answer by itself (RFC 6303, RFC 6761) is for the servers that were named to
 * answer: they may well know private addresses. Nobody else is asked for them. */
static bool unblock(struct ub_ctx *ub)
{
    return set(ub, "unblock-lan-zones:", "yes") && set(ub, "insecure-lan-zones:", "yes");
}

/* The same for what no option covers ("local-zone: NAME nodefault" has no effect when it is set one
 * by one, in 1.17 at least). The context is finished by then. */
static bool unblock_more(struct ub_ctx *ub)
{
    static const char *const zones[] = {
        "test.",
        "127.in-addr.arpa.",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
    };
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        if (ub_ctx_zone_remove(ub, zones[i]) != 0)
            return false;
    }
    return true;
}

static bool add_servers(struct ub_ctx *ub, const struct engine_options *o)
{
    for (size_t i = 0; i < o->servers; i++) {
        char text[64];
        struct buf b;
        buf_init(&b, sizeof text - 1);
        ip_print(&b, &o->server[i].ip);
        buf_addf(&b, "@%u", (unsigned)o->server[i].port);
        bool ok = b.err == BUF_OK;
        if (ok) {
            memcpy(text, b.p, b.n);
            text[b.n] = '\0';
        }
        buf_release(&b);
        if (!ok || ub_ctx_set_fwd(ub, text) != 0)
            return false;
    }
    return true;
}

static bool add_anchors(struct ub_ctx *ub, slice text)
{
    slice line;
    while (slice_split(&text, '\n', &line)) {
        line = slice_trim(slice_head(line, slice_find(line, ';')));
        if (line.n == 0)
            continue;
        char *copy = strndup(line.p, line.n);
        bool ok = copy != NULL && ub_ctx_add_ta(ub, copy) == 0;
        free(copy);
        if (!ok)
            return false;
    }
    return true;
}

static void ignore_answer(void *arg, int rcode, void *packet, int packet_n, int security,
                          char *why_bogus, int was_ratelimited)
{
    (void)arg;
    (void)rcode;
    (void)packet;
    (void)packet_n;
    (void)security;
    (void)why_bogus;
    (void)was_ratelimited;
}

static const char *configure(struct ub_ctx *ub, const struct engine_options *o)
{
    /* A third for whole answers, the rest for records, as unbound's manual has it. */
    if (!set(ub, "module-config:", o->trust_anchor.n > 0 ? "validator iterator" : "iterator") ||
        !set_number(ub, "msg-cache-size:", o->cache_bytes / 3) ||
        !set_number(ub, "rrset-cache-size:", o->cache_bytes - o->cache_bytes / 3) ||
        !set(ub, "outgoing-range:", "512") || !set(ub, "num-queries-per-thread:", "1024") ||
        !set(ub, "outgoing-num-tcp:", "16") || !set(ub, "edns-buffer-size:", "1232") ||
        !set(ub, "do-not-query-localhost:", "no") || !set(ub, "use-syslog:", "no"))
        return "libunbound refuses an option";
    if (o->servers > 0 && !unblock(ub))
        return "libunbound refuses to unblock private zones";
    if (!add_servers(ub, o))
        return "libunbound refuses a server's address";
    if (!add_anchors(ub, o->trust_anchor))
        return "the trust anchor is not understood";
    /* Finishes the context: it opens what it needs. */
    if (ub_resolve_event(ub, "localhost.", DNS_A, CLASS_IN, NULL, ignore_answer, NULL) != 0)
        return "libunbound does not start";
    if (o->servers > 0 && !unblock_more(ub))
        return "libunbound refuses to unblock private zones";
    return NULL;
}

struct engine *engine_new(const struct engine_options *options, const char **ret_why)
{
    struct engine *e = calloc(1, sizeof *e);
    *ret_why = "out of memory";
    if (e == NULL)
        return NULL;
    base_init(&e->base, options->loop);
    e->timeout_ms = options->timeout_ms;
    e->ub = ub_ctx_create_ub_event(&e->base.ub);
    const char *why = e->ub == NULL ? "out of memory" : configure(e->ub, options);
    if (why != NULL) {
        *ret_why = why;
        engine_free(e);
        return NULL;
    }
    return e;
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    while (e->questions != NULL)
        question_end(e->questions);
    /* Calls back for each question that is still open, with SERVFAIL or not at all. */
    if (e->ub != NULL)
        ub_ctx_delete(e->ub);
    free(e);
}
