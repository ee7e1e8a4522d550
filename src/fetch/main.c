/* fetch: asks others over HTTPS. As yet only those whose tokens sign people in: are they good, and
 * whose (token_check)? It alone reads what web servers answer; it has no file, no mail and no
 * account, and learns addresses from `resolver`.
 *
 * What needs files (authorities, secrets) is read at the start: a configuration that changes any of
 * it has master start this role anew. */
#include <errno.h>
#include <stdlib.h>

#include "src/fetch/check.h"

/* Everything of the oauth blocks as text: two configurations with the same are the same to us. */
enum { DESCRIPTION_MAX_BYTES = 4 * 1024 * 1024 };

struct fetch {
    struct role *role;
    struct conf *conf;
    struct buf description;
    struct http *http;
    struct checks checks;
};

static void describe_item(void *context, const struct conf_item *item)
{
    if (slice_is(item->block, "oauth"))
        buf_addf(context, "%.*s %.*s %.*s\n", SLICE_ARG(item->argument), SLICE_ARG(item->key),
                 SLICE_ARG(item->value));
}

static void describe(const struct conf *conf, struct buf *out)
{
    buf_init(out, DESCRIPTION_MAX_BYTES);
    conf_each(conf, describe_item, out);
}

static void log_problem(const struct fetch *f, const char *event, int err)
{
    struct log_line line;
    log_begin(&line, f->role->log, LOG_ERROR, event);
    log_error(&line, err);
    log_end(&line);
}

/* ---- messages ---- */

static void answer_admin(const struct fetch *f, struct rpc *control, uint32_t call)
{
    const struct checks *c = &f->checks;
    struct buf json;
    buf_init(&json, 1024);
    buf_addf(&json,
             "{\"role\":\"fetch\",\"issuers\":%zu,\"open\":%zu,\"questions\":%zu,\"good\":%llu,"
             "\"refused\":%llu,\"failed\":%llu,\"known\":%llu}",
             c->issuers, c->open, http_open(f->http), (unsigned long long)c->good,
             (unsigned long long)c->refused, (unsigned long long)c->failed,
             (unsigned long long)c->verdicts.found);
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    struct fetch *f = r->self;
    if (m->type == IPC_TOKEN_CHECK)
        check_begin(&f->checks, peer, m);
    else if (m->type == IPC_ADMIN)
        answer_admin(f, peer, m->call);
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    struct fetch *f = r->self;
    (void)peer;
    if (call == IPC_DNS_QUERY)
        http_addresses(f->http, token, result, m);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    struct fetch *f = r->self;
    check_forget_peer(&f->checks, peer);
}

/* ---- the role's life ---- */

static int open_issuers(struct fetch *f)
{
    size_t n = f->conf->oauth.n;
    f->checks.issuer = calloc(n, sizeof *f->checks.issuer);
    int err = f->checks.issuer == NULL && n > 0 ? -ENOMEM : 0;
    for (size_t i = 0; i < n && err == 0; i++) {
        struct issuer *issuer = &f->checks.issuer[i];
        err = issuer_init(issuer, &f->conf->oauth.v[i], f->role);
        issuer->http = f->http;
        issuer->changed = check_again;
        issuer->owner = &f->checks;
        f->checks.issuers = i + 1;
    }
    return err;
}

static int fetch_open(struct role *r, slice text)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    r->self = f;
    f->role = r;
    jose_init();
    f->conf = conf_read_print(text);
    if (f->conf == NULL) {
        log_problem(f, "config.invalid", EINVAL);
        return -EINVAL;
    }
    describe(f->conf, &f->description);
    f->http = http_new(r);
    f->checks.role = r;
    f->checks.http = f->http;
    if (f->http == NULL || !verdicts_init(&f->checks.verdicts)) {
        log_problem(f, "fetch.not-started", ENOMEM);
        return -ENOMEM;
    }
    return open_issuers(f);
}

static bool fetch_reconfigure(struct role *r, slice text)
{
    struct fetch *f = r->self;
    struct conf *conf = conf_read_print(text);
    struct buf description;
    if (conf == NULL) {
        log_problem(f, "config.invalid", EINVAL);
        return false;
    }
    describe(conf, &description);
    if (conf->oauth.n > 0 && !slice_eq(buf_slice(&description), buf_slice(&f->description)))
        role_renew(r);
    buf_release(&description);
    conf_unref(conf); /* ours says the same, or is not needed for long */
    return true;
}

static void fetch_drain(struct role *r)
{
    struct fetch *f = r->self;
    if (f->checks.open == 0)
        role_drained(r);
}

static void fetch_close(struct role *r)
{
    struct fetch *f = r->self;
    r->is_draining = false; /* nobody is told of it any more */
    check_end_all(&f->checks);
    http_free(f->http);
    for (size_t i = 0; i < f->checks.issuers; i++)
        issuer_release(&f->checks.issuer[i]);
    free(f->checks.issuer);
    verdicts_release(&f->checks.verdicts);
    buf_release(&f->description);
    conf_unref(f->conf);
    free(f);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_FETCH),
    .open = fetch_open,
    .reconfigure = fetch_reconfigure,
    .gone = on_gone,
    .message = on_message,
    .answer = on_answer,
    .drain = fetch_drain,
    .close = fetch_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
