/* counters: answers what several smtpd must know together. As yet: how many sessions there are, in
 * all and from one client, and whether one more may begin. In memory only. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/conf/conf.h"
#include "src/counters/table.h"
#include "sys/role.h"

enum { BUSIEST = 20 };

struct counters {
    struct table table;
    struct conf *conf;
    uint64_t admitted, refused; /* since the start */
};

static struct conf *read_conf(struct role *r, slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL) {
        struct log_line line;
        log_begin(&line, r->log, LOG_ERROR, "config.invalid");
        log_end(&line);
    }
    return conf;
}

static bool is_unlimited(const struct conf *conf, const struct ip *ip)
{
    struct ip plain = ip_unmap(ip);
    for (size_t i = 0; i < conf->limits.unlimited.n; i++) {
        if (ip_net_has(&conf->limits.unlimited.v[i], &plain))
            return true;
    }
    return false;
}

static uint32_t number_of(const struct rpc *smtpd)
{
    return ((uint32_t)rpc_peer(smtpd) << 16) + rpc_peer_instance(smtpd);
}

static void answer_open(struct counters *c, struct rpc *smtpd, const struct ipc_message *m)
{
    struct ip ip;
    struct ipc_session_admit a = {.verdict = ADMIT_IS_YES};
    if (ip_from_bytes(m->session_open.ip, &ip)) {
        struct table_limits limits = {
            .sessions = c->conf->limits.sessions,
            .sessions_per_client =
                is_unlimited(c->conf, &ip) ? UINT64_MAX : c->conf->limits.sessions_per_address,
        };
        a.verdict = (uint8_t)table_open(&c->table, number_of(smtpd), &ip, &limits, &a.count);
    } else {
        a.verdict = ADMIT_IS_TOO_MANY; /* no address, no session */
    }
    if (a.verdict == ADMIT_IS_YES)
        c->admitted++;
    else
        c->refused++;
    /* A peer that is gone needs no answer, and takes its sessions with it. */
    (void)!rpc_reply_session_admit(smtpd, m->call, &a);
}

static void answer_admin(struct counters *c, struct rpc *control, uint32_t call)
{
    struct table_client top[BUSIEST];
    struct buf json;
    buf_init(&json, 8192);
    buf_addf(&json,
             "{\"role\":\"counters\",\"sessions\":%zu,\"clients\":%zu,\"admitted\":%llu,"
             "\"refused\":%llu,\"busiest\":[",
             c->table.sessions, c->table.clients, (unsigned long long)c->admitted,
             (unsigned long long)c->refused);
    size_t n = table_busiest(&c->table, top, BUSIEST);
    for (size_t i = 0; i < n; i++) {
        buf_adds(&json, i == 0 ? "{\"client\":\"" : ",{\"client\":\"");
        ip_net_print(&json, &top[i].net);
        buf_addf(&json, "\",\"sessions\":%u}", (unsigned)top[i].sessions);
    }
    buf_adds(&json, "]}");
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    struct counters *c = r->self;
    struct ip ip;
    if (m->type == IPC_SESSION_OPEN)
        answer_open(c, peer, m);
    else if (m->type == IPC_SESSION_CLOSE && ip_from_bytes(m->session_close.ip, &ip))
        table_close(&c->table, number_of(peer), &ip);
    else if (m->type == IPC_ADMIN)
        answer_admin(c, peer, m->call);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    struct counters *c = r->self;
    if ((ROLE_BIT(rpc_peer(peer)) & ROLES_SMTPD) != 0)
        table_forget(&c->table, number_of(peer));
}

static int counters_open(struct role *r, slice text)
{
    uint64_t secret;
    struct counters *c = calloc(1, sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    r->self = c;
    if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return -EIO;
    table_init(&c->table, secret);
    c->conf = read_conf(r, text);
    return c->conf == NULL ? -EINVAL : 0;
}

static bool counters_reconfigure(struct role *r, slice text)
{
    struct counters *c = r->self;
    struct conf *conf = read_conf(r, text);
    if (conf == NULL)
        return false;
    conf_unref(c->conf);
    c->conf = conf;
    return true;
}

static void counters_close(struct role *r)
{
    struct counters *c = r->self;
    table_release(&c->table);
    conf_unref(c->conf);
    free(c);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_COUNTERS),
    .open = counters_open,
    .reconfigure = counters_reconfigure,
    .gone = on_gone,
    .message = on_message,
    .close = counters_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
