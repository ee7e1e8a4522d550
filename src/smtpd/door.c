/* door: what happens on a connection before there is a session: a load balancer's PROXY header, and
 * TLS where it comes first.
 *
 * Only from the networks that `listen … { proxy … }` names a header is looked for, and from these
 * one must come; the address in it is the client's everywhere from then on. A client that speaks
 * in the clear where TLS comes first, or waits there for a greeting, is told so in the clear. */
#include <stdlib.h>

#include "lib/catalogue/reply_make.h"
#include "src/smtpd/client_int.h"

static bool is_among(const struct conf_nets *nets, const struct ip *ip)
{
    for (size_t i = 0; i < nets->n; i++)
        if (ip_net_has(&nets->v[i], ip))
            return true;
    return false;
}

bool door_is_proxy(const struct ruleset *rules, uint32_t listener, const struct ip *ip)
{
    return is_among(&rules->conf->listen.v[listener].proxy, ip);
}

static void log_refusal(const struct client *c, const struct reason *r)
{
    struct log_line line;
    struct buf ip;
    buf_init(&ip, 64);
    ip_print(&ip, &c->ip);
    c->server->refusals++;
    log_begin(&line, c->server->role->log, LOG_INFO, "smtp.refused");
    log_slice(&line, "client", buf_slice(&ip));
    log_cstr(&line, "reason", r->id);
    log_u64(&line, "code", r->basic);
    log_end(&line);
    buf_release(&ip);
}

/* The only words that are ever said without a session. */
static void refuse(struct client *c, enum reason_id reason)
{
    struct buf reply;
    const struct reply_facts facts = {.host = c->rules->conf->server.host, .is_greeting = true};
    buf_init(&reply, 1024);
    if (reply_make(&reply, reason, &facts) == REPLY_MADE)
        conn_write(c->conn, buf_slice(&reply));
    buf_release(&reply);
    log_refusal(c, reason_of(reason));
    client_begin_close(c);
}

static void leave_door(struct client *c)
{
    timer_stop(c->server->role->loop, &c->timer);
    free(c->proxy);
    c->proxy = NULL;
}

static void on_late(struct timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);
    if (c->is_closing || c->proxy == NULL)
        return;
    leave_door(c);
    refuse(c, REASON_PROXY_HEADER_BAD);
}

void door_open(struct client *c)
{
    if (!door_is_proxy(c->rules, c->listener, &c->ip)) {
        client_begin(c);
        return;
    }
    c->proxy = calloc(1, sizeof *c->proxy);
    if (c->proxy == NULL)
        conn_abort(c->conn);
    else
        timer_set(c->server->role->loop, &c->timer, c->rules->conf->timeouts.greeting, on_late);
}

size_t door_take(struct client *c, slice in)
{
    struct proxy_header header;
    slice rest = in;
    enum proxy_event event = proxy_take(c->proxy, &rest, &header);
    if (event == PROXY_MORE)
        return in.n;
    leave_door(c);
    if (event == PROXY_BAD) {
        refuse(c, REASON_PROXY_HEADER_BAD);
        return in.n;
    }
    if (!header.is_local && !client_become(c, &header.source, header.source_port)) {
        conn_abort(c->conn);
        return in.n;
    }
    client_begin(c);
    return in.n - rest.n;
}

void door_plain(struct client *c)
{
    refuse(c, REASON_TLS_NEEDED_HERE);
}

void door_close(struct client *c)
{
    free(c->proxy);
    c->proxy = NULL;
}
