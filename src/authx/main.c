/* authx: asks others about accounts: Dovecot, LDAP, PAM. It is what a name and a password go to
 * when our own database does not know them; directory asks, and decides whether it may be asked at
 * all (lib/auth/guess.h). Which backend a name belongs to stands in the configuration by its
 * domain. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/authx/backend_dovecot.h"
#include "src/authx/backend_ldap.h"
#include "src/authx/backend_pam.h"
#include "src/authx/request.h"
#include "sys/role.h"

struct authx {
    struct role *role;
    struct conf *conf;  /* of the last reload: whose domain is whose */
    struct conf *start; /* of the start: what the backends are made from */
    struct requests requests;
    struct backend *dovecot, *ldap, *pam; /* NULL: not configured */
};

static void log_problem(struct role *r, const char *event)
{
    struct log_line line;
    log_begin(&line, r->log, LOG_ERROR, event);
    log_end(&line);
}

/* ---- whose is it? ---- */

static enum conf_accounts accounts_of(const struct conf *conf, slice name)
{
    slice domain = slice_tail(name, slice_rfind(name, '@') + 1);
    for (size_t i = 0; i < conf->domain.n; i++)
        if (slice_eq_ci(conf->domain.v[i].name, domain))
            return conf->domain.v[i].accounts;
    return CONF_ACCOUNTS_DATABASE;
}

static struct backend *backend_of(const struct authx *x, slice name)
{
    switch (accounts_of(x->conf, name)) {
    case CONF_ACCOUNTS_DOVECOT:
        return x->dovecot;
    case CONF_ACCOUNTS_LDAP:
        return x->ldap;
    case CONF_ACCOUNTS_PAM:
        return x->pam;
    case CONF_ACCOUNTS_DATABASE: /* an account of its own that is marked as somebody else's */
        break;
    }
    return x->dovecot != NULL ? x->dovecot : x->ldap != NULL ? x->ldap : x->pam;
}

/* ---- messages ---- */

static void answer_admin(struct authx *x, struct rpc *control, uint32_t call)
{
    const struct requests *all = &x->requests;
    struct buf json;
    buf_init(&json, 1024);
    buf_addf(&json, "{\"role\":\"authx\",\"open\":%zu,\"yes\":%llu,\"no\":%llu,\"failed\":%llu}",
             all->open, (unsigned long long)all->yes, (unsigned long long)all->no,
             (unsigned long long)all->failed);
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    struct authx *x = r->self;
    if (m->type == IPC_VERIFY)
        request_begin(&x->requests, backend_of(x, m->verify.name), peer, m);
    else if (m->type == IPC_FIND_USER)
        request_begin(&x->requests, backend_of(x, m->find_user.name), peer, m);
    else if (m->type == IPC_ADMIN)
        answer_admin(x, peer, m->call);
}

static void on_unix_opened(struct authx *x, uint64_t token, enum rpc_result result,
                           struct ipc_message *m)
{
    bool is_there = result == RPC_ANSWER && m->unix_opened.error == 0;
    int error = result != RPC_ANSWER ? ETIMEDOUT : (int)m->unix_opened.error;
    int fd = is_there ? ipc_take_fd(&m->unix_opened.fd) : -1;
    if (x->dovecot != NULL && dovecot_unix_opened(x->dovecot, token, error, fd))
        return;
    if (x->ldap != NULL && ldap_backend_unix_opened(x->ldap, token, error, fd))
        return;
    if (fd >= 0)
        (void)close(fd); /* nobody waits for it any more */
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    struct authx *x = r->self;
    (void)peer;
    if (call == IPC_UNIX_OPEN)
        on_unix_opened(x, token, result, m);
    else if (call == IPC_DNS_QUERY)
        ldap_backend_resolved(x->ldap, token, result == RPC_ANSWER ? m : NULL);
    else if (call == IPC_PAM_CHECK)
        pam_checked(x->pam, token, result == RPC_ANSWER ? m : NULL);
}

static void on_peer(struct role *r, struct rpc *peer)
{
    struct authx *x = r->self;
    if (rpc_peer(peer) == ROLE_PAM && x->pam != NULL)
        pam_is_there(x->pam);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    struct authx *x = r->self;
    requests_forget_peer(&x->requests, peer);
}

/* ---- life ---- */

static struct conf *read_conf(struct role *r, slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL)
        log_problem(r, "config.invalid");
    return conf;
}

static int authx_open(struct role *r, slice text)
{
    struct authx *x = calloc(1, sizeof *x);
    if (x == NULL)
        return -ENOMEM;
    r->self = x;
    x->role = r;
    x->requests = (struct requests){.loop = r->loop, .log = r->log};
    x->conf = read_conf(r, text);
    if (x->conf == NULL)
        return -EINVAL;
    x->start = conf_ref(x->conf);
    return x->start->ldap.urls.n > 0 ? ldap_backend_new(r, &x->requests, &x->start->ldap, &x->ldap)
                                     : 0;
}

static int authx_start(struct role *r)
{
    struct authx *x = r->self;
    const struct conf *conf = x->start;
    if (conf_socket_is_given(&conf->dovecot.socket)) {
        x->dovecot = dovecot_new(r, &x->requests, &conf->dovecot);
        if (x->dovecot == NULL)
            return -ENOMEM;
    }
    if (conf->pam.service.n > 0) {
        x->pam = pam_new(r, &x->requests, &conf->pam);
        if (x->pam == NULL)
            return -ENOMEM;
    }
    return 0;
}

static void add_item(void *context, const struct conf_item *item)
{
    struct buf *out = context;
    if (slice_is(item->block, "dovecot") || slice_is(item->block, "ldap") ||
        slice_is(item->block, "pam"))
        buf_addf(out, "%.*s %.*s %.*s\n", SLICE_ARG(item->block), SLICE_ARG(item->key),
                 SLICE_ARG(item->value));
}

/* Are the backends the same? */
static bool is_same(const struct conf *a, const struct conf *b)
{
    struct buf one, other;
    buf_init(&one, CONF_TEXT_MAX);
    buf_init(&other, CONF_TEXT_MAX);
    conf_each(a, add_item, &one);
    conf_each(b, add_item, &other);
    bool is_eq =
        one.err == BUF_OK && other.err == BUF_OK && slice_eq(buf_slice(&one), buf_slice(&other));
    buf_release(&one);
    buf_release(&other);
    return is_eq;
}

/* Other backends are another start: passwords of theirs are read and authorities known only then.
 */
static bool authx_reconfigure(struct role *r, slice text)
{
    struct authx *x = r->self;
    struct conf *conf = read_conf(r, text);
    if (conf == NULL)
        return false;
    if (!is_same(conf, x->start))
        role_renew(r);
    conf_unref(x->conf);
    x->conf = conf;
    return true;
}

static void on_idle(struct requests *all)
{
    role_drained(CONTAINER_OF(all, struct authx, requests)->role);
}

static void authx_drain(struct role *r)
{
    struct authx *x = r->self;
    x->requests.idle = on_idle;
    if (x->requests.open == 0)
        on_idle(&x->requests);
}

static void authx_close(struct role *r)
{
    struct authx *x = r->self;
    x->requests.idle = NULL;
    requests_end(&x->requests);
    dovecot_free(x->dovecot);
    pam_free(x->pam);
    if (!ldap_backend_free(x->ldap))
        return;
    conf_unref(x->start);
    conf_unref(x->conf);
    free(x);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_AUTHX),
    .workers = LDAP_SLOTS,
    .open = authx_open,
    .start = authx_start,
    .reconfigure = authx_reconfigure,
    .peer = on_peer,
    .gone = on_gone,
    .message = on_message,
    .answer = on_answer,
    .drain = authx_drain,
    .close = authx_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
