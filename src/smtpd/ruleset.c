#include "src/smtpd/ruleset.h"

#include <stdlib.h>

#include "lib/auth/mechanism.h"

static struct check_list connect_checks(struct ruleset *r, size_t refused_count)
{
    const struct conf_check_list *wanted = &r->conf->check_connect;
    size_t n = 0;
    bool has_client_name = false;
    if (refused_count > 0)
        r->connect_checks[n++] = CHECK_REFUSE_LIST;
    r->connect_checks[n++] = CHECK_SESSIONS;
    for (size_t i = 0; i < wanted->n; i++)
        has_client_name = has_client_name || wanted->v[i].id == CONF_CHECK_FCRDNS;
    if (has_client_name)
        r->connect_checks[n++] = CHECK_CLIENT_NAME;
    return (struct check_list){r->connect_checks, n};
}

/* All networks of all refuse-list lines in one array. False without memory. */
static bool gather_refused(struct ruleset *r, size_t *ret_count)
{
    const struct conf_check_list *list = &r->conf->check_connect;
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += list->v[i].id == CONF_CHECK_REFUSE_LIST ? list->v[i].nets.n : 0;
    *ret_count = n;
    if (n == 0)
        return true;
    r->refused = calloc(n, sizeof *r->refused);
    if (r->refused == NULL)
        return false;
    n = 0;
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; list->v[i].id == CONF_CHECK_REFUSE_LIST && k < list->v[i].nets.n; k++)
            r->refused[n++] = list->v[i].nets.v[k];
    return true;
}

static struct session_policy common_policy(const struct ruleset *r, size_t refused_count)
{
    const struct conf *c = r->conf;
    return (struct session_policy){
        .host = c->server.host,
        .refused = r->refused,
        .refused_count = refused_count,
        .checks = r->checks,
        .times =
            {
                .greeting_ms = (uint32_t)c->timeouts.greeting,
                .mail_ms = (uint32_t)c->timeouts.mail,
                .rcpt_ms = (uint32_t)c->timeouts.rcpt,
                .command_ms = (uint32_t)c->timeouts.command,
                .data_block_ms = (uint32_t)c->timeouts.data_block,
                .message_ms = (uint32_t)c->timeouts.data_total,
                .answer_ms = (uint32_t)c->timeouts.data_end,
            },
        .hides_client = c->submission.hide_client == CONF_ON,
        .max_message_bytes = c->limits.message_size,
        .max_header_bytes = (uint32_t)c->limits.header_size,
        .max_recipients = (uint32_t)c->limits.recipients,
        .max_client_sessions = (uint32_t)c->limits.sessions_per_address,
        .max_received = (uint32_t)c->limits.received,
        .max_messages = (uint32_t)c->limits.messages,
        .max_errors = (uint32_t)c->limits.errors,
        .max_commands = (uint32_t)c->limits.commands,
    };
}

static void add_tls(struct session_policy policies[2], enum conf_tls_mode mode)
{
    bool is_offered = mode == CONF_TLS_OPTIONAL || mode == CONF_TLS_REQUIRED;
    policies[0].starttls = is_offered ? STARTTLS_UNAVAILABLE : STARTTLS_NO;
    policies[1].starttls = is_offered ? STARTTLS_OFFERED : STARTTLS_NO;
    policies[0].tls_required = policies[1].tls_required = mode == CONF_TLS_REQUIRED;
}

static void add_auth(struct session_policy *policy, const struct conf *c,
                     const struct conf_listen *l)
{
    policy->auth_mechanisms = l->auth == CONF_AUTH_NONE ? 0 : sasl_allowed(c);
    policy->auth_required = l->auth == CONF_AUTH_REQUIRED;
    policy->is_submission = l->auth != CONF_AUTH_NONE;
}

/* What one `listen` line says of protocol and proxies. */
static void add_listener(struct session_policy *p, const struct conf *c,
                         const struct conf_listen *l)
{
    p->is_lmtp = l->protocol == CONF_PROTOCOL_LMTP;
    p->has_expn = l->expn == CONF_ON;
    p->proxies = l->xclient.v;
    p->proxies_count = l->xclient.n;
    p->refuses_early = c->limits.early_commands == CONF_OFF;
    p->times.pause_ms = (uint32_t)c->timeouts.pause;
    p->times.session_ms = (uint32_t)c->timeouts.session;
}

struct ruleset *ruleset_new(slice text)
{
    size_t refused_count = 0;
    struct ruleset *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->refs = 1;
    bool ok = (r->conf = conf_read_print(text)) != NULL && gather_refused(r, &refused_count) &&
              (r->policies = calloc(r->conf->listen.n + 1, sizeof *r->policies)) != NULL;
    if (!ok) {
        ruleset_unref(r);
        return NULL;
    }
    r->checks[PHASE_CONNECT] = connect_checks(r, refused_count);
    for (enum phase p = PHASE_CONNECT + 1; p < PHASE_COUNT; p++)
        r->checks[p] = check_default(p);
    for (size_t i = 0; i < r->conf->listen.n; i++) {
        r->policies[i][0] = common_policy(r, refused_count);
        add_listener(&r->policies[i][0], r->conf, &r->conf->listen.v[i]);
        add_auth(&r->policies[i][0], r->conf, &r->conf->listen.v[i]);
        r->policies[i][1] = r->policies[i][0];
        add_tls(r->policies[i], r->conf->listen.v[i].tls);
    }
    return r;
}

struct ruleset *ruleset_ref(struct ruleset *r)
{
    r->refs++;
    return r;
}

void ruleset_unref(struct ruleset *r)
{
    if (r == NULL || --r->refs > 0)
        return;
    conf_unref(r->conf);
    free(r->refused);
    free(r->policies);
    free(r);
}

const struct session_policy *ruleset_policy(const struct ruleset *r, uint32_t listener,
                                            bool has_certificate)
{
    return &r->policies[listener][has_certificate];
}
