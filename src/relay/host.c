#include <stdlib.h>

#include "src/relay/relay.h"

enum { BACKOFF_MIN_MS = 1000, BACKOFF_MAX_MS = 30 * 1000 };

static struct host *find(struct relay *r, slice name)
{
    struct host *h = r->hosts;
    while (h != NULL && !slice_is(name, h->name))
        h = h->next;
    if (h != NULL)
        return h;
    h = calloc(1, sizeof *h + name.n + 1);
    if (h == NULL)
        return NULL;
    memcpy(h->name, name.p, name.n);
    h->relay = r;
    h->row_end = &h->row;
    h->next = r->hosts;
    r->hosts = h;
    return h;
}

bool host_place(const struct host *h, struct conf_endpoint *ret_at, uint32_t *ret_index)
{
    const struct conf *conf = h->relay->conf;
    bool is_found = false;
    struct buf name;
    buf_init(&name, 4096);
    for (size_t i = 0; !is_found && i < conf_lmtp_count(conf); i++) {
        const struct conf_socket *s = conf_lmtp_at(conf, i);
        if (s == NULL)
            continue;
        buf_clear(&name);
        conf_socket_print(&name, s);
        is_found = slice_is(buf_slice(&name), h->name);
        if (is_found) {
            *ret_at = s->at;
            *ret_index = (uint32_t)i;
        }
    }
    buf_release(&name);
    return is_found;
}

static bool is_down(const struct host *h)
{
    return loop_now_ms(h->relay->role->loop) < h->down_until_ms;
}

static size_t link_limit(const struct host *h)
{
    return h->is_suspect ? 1 : (size_t)h->relay->conf->relay.connections;
}

static void put_off(struct relay *r, struct transfer *t, slice words)
{
    transfer_put_off(t, words);
    relay_answer(r, t);
}

struct transfer *host_next(struct host *h)
{
    struct transfer *t = h->row;
    if (t == NULL)
        return NULL;
    h->row = t->next;
    if (h->row == NULL)
        h->row_end = &h->row;
    t->next = NULL;
    return t;
}

void host_put_first(struct host *h, struct transfer *t)
{
    t->next = h->row;
    if (h->row == NULL)
        h->row_end = &t->next;
    h->row = t;
}

void host_take(struct relay *r, struct transfer *t)
{
    struct host *h = find(r, t->host);
    if (h == NULL || r->role->is_draining) {
        put_off(r, t,
                h == NULL ? SLICE_LIT("4.3.0 there is no memory here")
                          : SLICE_LIT("4.3.2 this server is ending"));
    } else if (is_down(h)) {
        put_off(r, t, slice_cstr(h->why));
    } else if (!link_reuse(h, t)) {
        *h->row_end = t;
        h->row_end = &t->next;
    }
    if (h != NULL)
        host_kick(h);
}

/* One that is down is remembered, so that it is not asked again by everybody. */
static void clean(struct turn_hook *hook)
{
    struct relay *r = CONTAINER_OF(hook, struct relay, clean);
    for (struct host **at = &r->hosts; *at != NULL;) {
        struct host *h = *at;
        if (h->row != NULL || h->link_count > 0 || h->is_suspect) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        free(h);
    }
}

void hosts_free(struct relay *r)
{
    turn_hook_cancel(r->role->loop, &r->clean);
    for (struct host *h = r->hosts, *next; h != NULL; h = next) {
        struct transfer *t;
        next = h->next;
        while ((t = host_next(h)) != NULL)
            transfer_free(t);
        free(h);
    }
    r->hosts = NULL;
}

void host_kick(struct host *h)
{
    struct relay *r = h->relay;
    struct transfer *t;
    if (r->is_closing)
        return;
    while (h->link_count < link_limit(h) && !is_down(h) && (t = host_next(h)) != NULL)
        link_new(h, t);
    turn_hook_queue(r->role->loop, &r->clean, clean);
}

void host_works(struct host *h)
{
    struct log_line line;
    if (!h->is_suspect)
        return;
    h->is_suspect = false;
    h->backoff_ms = h->down_until_ms = 0;
    log_begin(&line, h->relay->role->log, LOG_INFO, "lmtp.reachable");
    log_cstr(&line, "host", h->name);
    log_end(&line);
}

void host_failed(struct host *h, slice why)
{
    struct log_line line;
    struct transfer *t;
    h->backoff_ms = h->backoff_ms == 0                   ? BACKOFF_MIN_MS
                    : h->backoff_ms * 2 < BACKOFF_MAX_MS ? h->backoff_ms * 2
                                                         : BACKOFF_MAX_MS;
    h->down_until_ms = loop_now_ms(h->relay->role->loop) + h->backoff_ms;
    size_t n = why.n < sizeof h->why ? why.n : sizeof h->why - 1;
    memcpy(h->why, why.p, n);
    h->why[n] = '\0';
    log_begin(&line, h->relay->role->log, h->is_suspect ? LOG_INFO : LOG_WARN, "lmtp.unreachable");
    log_cstr(&line, "host", h->name);
    log_cstr(&line, "why", h->why);
    log_u64(&line, "again_ms", h->backoff_ms);
    log_end(&line);
    h->is_suspect = true;
    while ((t = host_next(h)) != NULL)
        put_off(h->relay, t, slice_cstr(h->why));
}
