/* resolver: asks DNS, for everybody. It alone reads what strangers put there; what it hands on was
 * read whole and found to be what it should (lib/dns). It keeps the cache. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "src/resolver/lookup.h"
#include "src/resolver/servers.h"
#include "sys/role.h"

enum { FILE_MAX_BYTES = 256 * 1024, RETIRE_MS = 5000 };

/* An engine from before a reload, until its questions are answered. */
struct retired {
    struct retired *next;
    struct engine *engine;
};

struct resolver {
    struct role *role;
    struct lookups lookups;
    struct conf *conf;
    /* As they were at the start: they cannot be read later. */
    struct buf resolv_conf, anchor, anchor_path;
    struct retired *retired;
    struct timer retire;
};

static int read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? -errno : 0;
    while (err == 0) {
        char *room = buf_reserve(out, 4096);
        ssize_t n = room == NULL ? 0 : read(fd, room, 4096);
        if (room == NULL)
            err = -EFBIG;
        else if (n < 0)
            err = -errno;
        else if (n == 0)
            break;
        else
            out->n += (size_t)n;
    }
    if (fd >= 0)
        (void)close(fd); /* only read */
    return err;
}

static void log_problem(struct resolver *s, const char *event, slice file, const char *why, int err)
{
    struct log_line line;
    log_begin(&line, s->role->log, LOG_ERROR, event);
    if (file.n > 0)
        log_slice(&line, "file", file);
    if (why != NULL)
        log_cstr(&line, "why", why);
    log_error(&line, err);
    log_end(&line);
}

static struct conf *read_conf(struct resolver *s, slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL)
        log_problem(s, "config.invalid", (slice){0}, NULL, EINVAL);
    return conf;
}

static void choose_servers(const struct resolver *s, const struct conf *conf,
                           struct engine_options *o)
{
    const struct conf_endpoints *servers = &conf->resolver.servers;
    for (size_t i = 0; i < servers->n && o->servers < ENGINE_SERVERS_MAX; i++)
        o->server[o->servers++] =
            (struct engine_server){.ip = servers->v[i].ip, .port = servers->v[i].port};
    if (o->servers == 0)
        o->servers =
            servers_of_resolv_conf(buf_slice(&s->resolv_conf), o->server, ENGINE_SERVERS_MAX);
}

/* NULL: logged why not. */
static struct engine *start_engine(struct resolver *s, const struct conf *conf)
{
    struct engine *engine = NULL;
    const char *why = NULL;
    struct engine_options o = {
        .loop = s->role->loop,
        .cache_bytes = conf->resolver.cache_size,
        .timeout_ms = (uint32_t)conf->resolver.timeout,
    };
    slice path = conf->resolver.trust_anchor;
    if (path.n > 0 && !slice_eq(path, buf_slice(&s->anchor_path))) {
        log_problem(s, "dns.trust-anchor-unread", path, "another one is read by a restart only", 0);
    } else {
        choose_servers(s, conf, &o);
        if (path.n > 0)
            o.trust_anchor = buf_slice(&s->anchor);
        engine = engine_new(&o, &why);
        if (engine == NULL)
            log_problem(s, "dns.not-started", (slice){0}, why, 0);
    }
    return engine;
}

static void on_retire(struct timer *t)
{
    struct resolver *s = CONTAINER_OF(t, struct resolver, retire);
    for (struct retired **at = &s->retired; *at != NULL;) {
        struct retired *old = *at;
        if (engine_open_questions(old->engine) > 0) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        engine_free(old->engine);
        free(old);
    }
    if (s->retired != NULL)
        timer_set(s->role->loop, t, RETIRE_MS, on_retire);
}

/* ---- requests ---- */

static void answer_admin(struct resolver *s, struct rpc *control, uint32_t call)
{
    const struct lookups *l = &s->lookups;
    struct buf json;
    buf_init(&json, 1024);
    buf_addf(&json,
             "{\"role\":\"resolver\",\"open\":%zu,\"questions\":%zu,\"found\":%llu,\"none\":%llu,"
             "\"unconfirmed\":%llu,\"failed\":%llu,\"refused\":%llu}",
             l->open, engine_open_questions(l->engine), (unsigned long long)l->found,
             (unsigned long long)l->none, (unsigned long long)l->unconfirmed,
             (unsigned long long)l->failed, (unsigned long long)l->refused);
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    struct resolver *s = r->self;
    if (m->type == IPC_DNS_PTR || m->type == IPC_DNS_QUERY)
        lookup_begin(&s->lookups, peer, m);
    else if (m->type == IPC_ADMIN)
        answer_admin(s, peer, m->call);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    struct resolver *s = r->self;
    lookup_forget_peer(&s->lookups, peer);
}

/* ---- the role's life ---- */

static int read_anchor(struct resolver *s, slice path)
{
    int err = path.n > 0 ? read_file(path.p, &s->anchor) : 0;
    buf_add(&s->anchor_path, path);
    if (err == 0 && s->anchor_path.err != BUF_OK)
        err = -ENOMEM;
    if (err != 0)
        log_problem(s, "dns.trust-anchor-unreadable", path, NULL, err);
    return err;
}

static int resolver_open(struct role *r, slice text)
{
    struct resolver *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    r->self = s;
    s->role = r;
    s->lookups.loop = r->loop;
    buf_init(&s->resolv_conf, FILE_MAX_BYTES);
    buf_init(&s->anchor, FILE_MAX_BYTES);
    buf_init(&s->anchor_path, FILE_MAX_BYTES);
    /* Without one we ask the root ourselves. */
    (void)read_file("/etc/resolv.conf", &s->resolv_conf);
    s->conf = read_conf(s, text);
    if (s->conf == NULL)
        return -EINVAL;
    int err = read_anchor(s, s->conf->resolver.trust_anchor);
    if (err != 0)
        return err;
    s->lookups.timeout_ms = (uint32_t)s->conf->resolver.timeout;
    s->lookups.engine = start_engine(s, s->conf);
    return s->lookups.engine == NULL ? -EINVAL : 0;
}

static bool same(const struct conf *a, const struct conf *b)
{
    const struct conf_endpoints *x = &a->resolver.servers, *y = &b->resolver.servers;
    bool equal = x->n == y->n && a->resolver.cache_size == b->resolver.cache_size &&
                 a->resolver.timeout == b->resolver.timeout &&
                 slice_eq(a->resolver.trust_anchor, b->resolver.trust_anchor);
    for (size_t i = 0; equal && i < x->n; i++)
        equal = conf_endpoint_eq(&x->v[i], &y->v[i]);
    return equal;
}

static bool resolver_reconfigure(struct role *r, slice text)
{
    struct resolver *s = r->self;
    struct conf *conf = read_conf(s, text);
    struct engine *engine = NULL;
    if (conf == NULL)
        return false;
    if (!same(conf, s->conf)) {
        struct retired *old = calloc(1, sizeof *old);
        engine = old == NULL ? NULL : start_engine(s, conf);
        if (engine == NULL) {
            free(old);
            conf_unref(conf);
            return false;
        }
        *old = (struct retired){.next = s->retired, .engine = s->lookups.engine};
        s->retired = old;
        s->lookups.engine = engine;
        s->lookups.timeout_ms = (uint32_t)conf->resolver.timeout;
        timer_set(r->loop, &s->retire, RETIRE_MS, on_retire);
    }
    conf_unref(s->conf);
    s->conf = conf;
    return true;
}

static void resolver_close(struct role *r)
{
    struct resolver *s = r->self;
    timer_stop(r->loop, &s->retire);
    while (s->retired != NULL) {
        struct retired *old = s->retired;
        s->retired = old->next;
        engine_free(old->engine);
        free(old);
    }
    engine_free(s->lookups.engine);
    lookup_end_all(&s->lookups);
    conf_unref(s->conf);
    buf_release(&s->resolv_conf);
    buf_release(&s->anchor);
    buf_release(&s->anchor_path);
    free(s);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_RESOLVER),
    .open = resolver_open,
    .reconfigure = resolver_reconfigure,
    .gone = on_gone,
    .message = on_message,
    .close = resolver_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
