#include "src/resolver/lookup.h"

#include <stdlib.h>

#include "sys/rpc.h"

struct lookup {
    struct lookups *all;
    struct lookup *next, **link;
    struct timer timer;
    struct rpc *peer; /* NULL: gone, or has its reply */
    uint32_t call;
    bool is_ptr;
    bool has_failed; /* a question about one of the names did */
    struct ip ip;
    uint32_t ttl;
    size_t names, at;
    struct dns_name name[LOOKUP_NAMES_MAX];
};

static void reply(struct lookup *l, enum dns_result result, slice name,
                  const struct engine_answer *a)
{
    struct lookups *all = l->all;
    struct rpc *peer = l->peer;
    if (peer == NULL)
        return;
    l->peer = NULL;
    switch (result) {
    case DNS_FOUND:
        all->found++;
        break;
    case DNS_NONE:
        all->none++;
        break;
    case DNS_UNCONFIRMED:
        all->unconfirmed++;
        break;
    case DNS_TEMPFAIL:
        all->failed++;
        break;
    case DNS_REFUSED:
        all->refused++;
        break;
    }
    /* A peer that is gone needs no reply, and a reply is never refused for want of room. */
    if (l->is_ptr)
        (void)!rpc_reply_dns_name(peer, l->call,
                                  &(struct ipc_dns_name){.result = (uint8_t)result,
                                                         .ttl = l->ttl,
                                                         .name = name});
    else
        (void)!rpc_reply_dns_answer(peer, l->call,
                                    &(struct ipc_dns_answer){.result = (uint8_t)result,
                                                             .ttl = l->ttl,
                                                             .secure = a != NULL && a->is_secure,
                                                             .records = a != NULL ? a->records
                                                                                  : (slice){0}});
}

static void finish(struct lookup *l)
{
    timer_stop(l->all->loop, &l->timer);
    *l->link = l->next;
    if (l->next != NULL)
        l->next->link = l->link;
    l->all->open--;
    free(l);
}

static void fail(struct lookup *l)
{
    l->ttl = 0;
    reply(l, DNS_TEMPFAIL, (slice){0}, NULL);
}

/* Its question is still open: the answer to that frees it. */
static void on_timeout(struct timer *t)
{
    fail(CONTAINER_OF(t, struct lookup, timer));
}

static void on_address(void *owner, uint64_t token, const struct engine_answer *a);

static void ask_name(struct lookup *l)
{
    uint16_t type = l->ip.family == IP_V4 ? DNS_A : DNS_AAAA;
    while (l->at < l->names) {
        if (l->peer == NULL)
            break;
        if (engine_ask(l->all->engine, &l->name[l->at], type, on_address, l, 0) == 0)
            return;
        l->has_failed = true;
        l->at++;
    }
    if (l->has_failed)
        fail(l);
    else
        reply(l, DNS_UNCONFIRMED, (slice){0}, NULL);
    finish(l);
}

static void on_address(void *owner, uint64_t token, const struct engine_answer *a)
{
    struct lookup *l = owner;
    slice records = a->records, data;
    (void)token;
    l->has_failed = l->has_failed || a->result == DNS_TEMPFAIL;
    if (a->result == DNS_FOUND && a->ttl < l->ttl)
        l->ttl = a->ttl;
    while (dns_record_take(&records, &data)) {
        if (!slice_eq(data, ip_bytes(&l->ip)))
            continue;
        struct buf text;
        buf_init(&text, DNS_NAME_TEXT_MAX);
        dns_name_print(&text, &l->name[l->at]);
        if (text.err == BUF_OK)
            reply(l, DNS_FOUND, buf_slice(&text), NULL);
        else
            fail(l);
        buf_release(&text);
        finish(l);
        return;
    }
    l->at++;
    ask_name(l);
}

static void add_name(struct lookup *l, slice data)
{
    size_t at = 0;
    struct dns_name *name = &l->name[l->names];
    if (l->names == LOOKUP_NAMES_MAX || dns_name_read(data, &at, name) != DNS_OK ||
        !dns_name_is_host(name))
        return;
    for (size_t i = 0; i < l->names; i++) {
        if (dns_name_eq(&l->name[i], name))
            return;
    }
    l->names++;
}

static void on_names(void *owner, uint64_t token, const struct engine_answer *a)
{
    struct lookup *l = owner;
    slice records = a->records, data;
    (void)token;
    l->ttl = a->ttl;
    if (a->result != DNS_FOUND) {
        reply(l, a->result, (slice){0}, NULL);
        finish(l);
        return;
    }
    while (dns_record_take(&records, &data))
        add_name(l, data);
    ask_name(l);
}

static void on_records(void *owner, uint64_t token, const struct engine_answer *a)
{
    struct lookup *l = owner;
    (void)token;
    l->ttl = a->ttl;
    reply(l, a->result, (slice){0}, a);
    finish(l);
}

/* Types that are a question's way of asking, not a record's kind (RFC 6895 3.1), and none at all.
 */
static bool is_meta_type(uint16_t type)
{
    return type == 0 || type == 41 || (type >= 128 && type <= 255);
}

/* 0: the question is on its way; else why not. */
static enum dns_result begin(struct lookup *l, const struct ipc_message *m)
{
    struct dns_name name;
    int err;
    if (l->all->open > LOOKUP_OPEN_MAX)
        return DNS_TEMPFAIL;
    if (l->is_ptr) {
        struct ip ip;
        if (!ip_from_bytes(m->dns_ptr.ip, &ip))
            return DNS_REFUSED;
        l->ip = ip_unmap(&ip);
        dns_name_reverse(&l->ip, &name);
        err = engine_ask(l->all->engine, &name, DNS_PTR, on_names, l, 0);
    } else {
        if (is_meta_type(m->dns_query.type) || dns_name_parse(m->dns_query.name, &name) != DNS_OK)
            return DNS_REFUSED;
        err = engine_ask(l->all->engine, &name, m->dns_query.type, on_records, l, 0);
    }
    return err == 0 ? DNS_FOUND : DNS_TEMPFAIL;
}

void lookup_begin(struct lookups *all, struct rpc *peer, const struct ipc_message *m)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort(); /* a call must be replied to, and there is no memory to do it with */
    l->all = all;
    l->peer = peer;
    l->call = m->call;
    l->is_ptr = m->type == IPC_DNS_PTR;
    l->next = all->first;
    l->link = &all->first;
    if (l->next != NULL)
        l->next->link = &l->next;
    all->first = l;
    all->open++;
    enum dns_result result = begin(l, m);
    if (result == DNS_FOUND) {
        timer_set(all->loop, &l->timer, all->timeout_ms, on_timeout);
        return;
    }
    reply(l, result, (slice){0}, NULL);
    finish(l);
}

void lookup_forget_peer(struct lookups *all, const struct rpc *peer)
{
    for (struct lookup *l = all->first; l != NULL; l = l->next) {
        if (l->peer == peer)
            l->peer = NULL;
    }
}

void lookup_end_all(struct lookups *all)
{
    while (all->first != NULL)
        finish(all->first);
}
