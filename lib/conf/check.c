#include "lib/conf/check.h"

#include "lib/base/ascii.h"

/* sun_path of Linux, with its NUL. */

static bool is_given(const struct conf_node *node, size_t key)
{
    return node->key_at[key].line > 0;
}

/* --- defaults ------------------------------------------------------------------------------- */

static bool is_local(const struct conf_listen *l)
{
    return l->address.path.n > 0 || ip_is_loopback(&l->address.at.ip);
}

/* RFC 8314 3: 465 is TLS from the first byte; 587 has STARTTLS. 2465 and 2587 are those of people
 * who are not root. */
static void derive_listener(struct conf_listen *l, bool has_certificate)
{
    uint16_t port = l->address.at.port;
    bool is_tls_port = port == 465 || port == 2465;
    bool is_submit_port = is_tls_port || port == 587 || port == 2587;
    if (!is_given(&l->node, CONF_listen_class))
        l->class = is_submit_port ? CONF_CLASS_SUBMIT : CONF_CLASS_MX;
    if (!is_given(&l->node, CONF_listen_tls))
        l->tls = l->address.path.n > 0           ? CONF_TLS_NONE
                 : is_tls_port                   ? CONF_TLS_IMPLICIT
                 : l->class == CONF_CLASS_SUBMIT ? CONF_TLS_REQUIRED
                 : has_certificate               ? CONF_TLS_OPTIONAL
                                                 : CONF_TLS_NONE;
    if (!is_given(&l->node, CONF_listen_auth))
        l->auth = l->class == CONF_CLASS_SUBMIT && (l->tls != CONF_TLS_NONE || !is_local(l))
                      ? CONF_AUTH_REQUIRED
                      : CONF_AUTH_NONE;
}

static bool add_listener(struct reader *r, struct conf *c, uint16_t port)
{
    static const struct conf_origin nowhere[CONF_listen_KEYS];
    struct any_list list = {(void *)(uintptr_t)c->listen.v, c->listen.n};
    struct conf_listen *l = list_add(r, &list, sizeof(struct conf_listen));
    if (l == NULL)
        return false;
    l->node.key_at = nowhere;
    l->address = (struct conf_socket){.at = {.ip = {.family = IP_V6}, .port = port}};
    c->listen.v = list.v;
    c->listen.n = list.n;
    return true;
}

static bool add_fcrdns(struct reader *r, struct conf *c)
{
    struct any_list list = {0};
    struct conf_check *check = list_add(r, &list, sizeof(struct conf_check));
    if (check == NULL)
        return false;
    check->id = CONF_CHECK_FCRDNS;
    c->check_connect.v = list.v;
    c->check_connect.n = list.n;
    return true;
}

/* RFC 8414 3.1 puts its own name elsewhere; this is OpenID Connect Discovery 1.0 4. */
static bool derive_oauth(struct reader *r, struct conf_oauth *o)
{
    static const char below[] = "/.well-known/openid-configuration";
    if (is_given(&o->node, CONF_oauth_configuration))
        return true;
    size_t n = o->issuer.n - (slice_ends(o->issuer, SLICE_LIT("/")) ? 1 : 0);
    char *p = arena_take(r->arena, n + sizeof below);
    if (p == NULL) {
        r->out_of_memory = true;
        return false;
    }
    if (n > 0)
        memcpy(p, o->issuer.p, n);
    memcpy(p + n, below, sizeof below);
    o->configuration = slice_of(p, n + sizeof below - 1);
    return true;
}

bool conf_derive(struct reader *r, struct conf *c)
{
    bool has_certificate = c->tls.certificates.n > 0;
    if (c->listen.n == 0 &&
        (!add_listener(r, c, 25) ||
         (has_certificate && (!add_listener(r, c, 465) || !add_listener(r, c, 587)))))
        return false;
    for (size_t i = 0; i < c->listen.n; i++)
        derive_listener((struct conf_listen *)(uintptr_t)&c->listen.v[i], has_certificate);
    for (size_t i = 0; i < c->domain.n; i++) {
        struct conf_domain *d = (struct conf_domain *)(uintptr_t)&c->domain.v[i];
        if (is_given(&d->node, CONF_domain_deliver))
            continue;
        d->deliver = c->server.deliver;
        *(struct conf_origin *)(uintptr_t)&d->node.key_at[CONF_domain_deliver] =
            c->server.node.key_at[CONF_server_deliver];
    }
    for (size_t i = 0; i < c->oauth.n; i++)
        if (!derive_oauth(r, (struct conf_oauth *)(uintptr_t)&c->oauth.v[i]))
            return false;
    return c->check_connect.at.line > 0 || add_fcrdns(r, c);
}

/* --- checks --------------------------------------------------------------------------------- */

static bool is_inside(slice path, slice directory)
{
    return slice_starts(path, directory) && (path.n == directory.n || path.p[directory.n] == '/');
}

static void check_server(const struct conf *c, struct conf_errors *errors)
{
    const struct conf_server *s = &c->server;
    const struct conf_origin *at = s->node.key_at;
    if (s->host.n == 0)
        conf_error(errors, (struct conf_origin){0, 0}, "host mx.example.org",
                   "the server has no name: host is missing");
    else if (slice_find(s->host, '.') == s->host.n)
        conf_warning(errors, at[CONF_server_host], "its full name, as in mx.example.org",
                     "other servers refuse a greeting whose name has no dot");
    if (s->control.n > SOCKET_PATH_MAX)
        conf_error(errors, at[CONF_server_control], NULL,
                   "the path of a socket has at most %d bytes, this one has %zu: %.*s",
                   SOCKET_PATH_MAX, s->control.n, SLICE_ARG(s->control));
    if (is_inside(s->database, s->spool))
        conf_error(errors, at[CONF_server_database], "beside it, not below",
                   "the database lies in the spool, which belongs to the queue alone");
}

static bool has_placeholder(slice path, const char *what)
{
    return slice_find_slice(path, slice_cstr(what)) < path.n;
}

static void check_deliver(const struct conf *c, const struct conf_deliver *d, struct conf_origin at,
                          bool is_for_all, struct conf_errors *errors)
{
    if (d->kind == CONF_DELIVER_LMTP)
        return;
    slice fixed = slice_head(d->path, slice_find(d->path, '{'));
    if (!has_placeholder(d->path, "{local}"))
        conf_error(errors, at, "maildir /srv/mail/{domain}/{local}",
                   "without {local} everybody's mail goes into one mailbox");
    else if (is_for_all && !has_placeholder(d->path, "{domain}"))
        conf_error(errors, at,
                   "maildir /srv/mail/{domain}/{local}, or deliver in each domain's block",
                   "without {domain} mailboxes of the same name in two domains are one");
    if (is_inside(fixed, c->server.spool))
        conf_error(errors, at, "beside it, not below",
                   "this lies in the spool, which belongs to the queue alone");
}

static void check_domains(const struct conf *c, struct conf_errors *errors)
{
    check_deliver(c, &c->server.deliver, c->server.node.key_at[CONF_server_deliver], true, errors);
    for (size_t i = 0; i < c->domain.n; i++) {
        const struct conf_domain *d = &c->domain.v[i];
        if (!slice_eq(d->deliver.path, c->server.deliver.path))
            check_deliver(c, &d->deliver, d->node.key_at[CONF_domain_deliver], false, errors);
        if (slice_find(d->name, '.') == d->name.n)
            conf_warning(errors, d->node.key_at[CONF_domain_name], NULL,
                         "a domain without a dot gets no mail from elsewhere");
        for (size_t j = 0; j < i; j++)
            if (slice_eq(d->name, c->domain.v[j].name)) {
                conf_error(errors, d->node.at, NULL, "%.*s was already given in line %u",
                           SLICE_ARG(d->name), c->domain.v[j].node.at.line);
                break;
            }
    }
}

static void check_routes(const struct conf *c, struct conf_errors *errors)
{
    for (size_t i = 0; i < c->route.n; i++) {
        const struct conf_route *r = &c->route.v[i];
        if (r->via.kind == CONF_VIA_NOTHING)
            conf_error(errors, r->node.at, "via lmtp:unix:/run/dovecot/lmtp",
                       "nothing says on which way mail for %.*s goes", SLICE_ARG(r->domain));
        for (size_t j = 0; j < c->domain.n; j++)
            if (slice_eq(r->domain, c->domain.v[j].name))
                conf_error(errors, r->node.key_at[CONF_route_domain],
                           "deliver lmtp in the domain's block, or leave one of the two out",
                           "%.*s has its accounts here: line %u has it as a domain",
                           SLICE_ARG(r->domain), c->domain.v[j].node.at.line);
        for (size_t j = 0; j < i; j++)
            if (slice_eq(r->domain, c->route.v[j].domain)) {
                conf_error(errors, r->node.at, NULL, "%.*s was already given in line %u",
                           SLICE_ARG(r->domain), c->route.v[j].node.at.line);
                break;
            }
    }
}

static void check_listener(const struct conf *c, const struct conf_listen *l,
                           struct conf_errors *errors)
{
    struct conf_origin at =
        is_given(&l->node, CONF_listen_tls) ? l->node.key_at[CONF_listen_tls] : l->node.at;
    bool is_unix = l->address.path.n > 0;
    if (l->tls != CONF_TLS_NONE && c->tls.certificates.n == 0)
        conf_error(errors, at,
                   "tls { certificate FILE; key FILE }, or `tls none` here; candor setup makes a "
                   "certificate",
                   "TLS needs a certificate, and there is none");
    if (l->class == CONF_CLASS_SUBMIT && l->tls == CONF_TLS_NONE && l->auth != CONF_AUTH_NONE &&
        !is_local(l))
        conf_error(errors, at, "tls required", "passwords would cross the network in the clear");
    else if (l->class == CONF_CLASS_MX && l->auth == CONF_AUTH_REQUIRED)
        conf_error(errors, l->node.key_at[CONF_listen_auth], "class submit",
                   "other servers have no login here: no mail would come in");
    else if (l->tls == CONF_TLS_NONE && l->auth != CONF_AUTH_NONE)
        conf_warning(errors, l->node.key_at[CONF_listen_auth], "tls required",
                     "passwords are taken under TLS alone: nobody can sign in here");
    if (l->client_certificates.n > 0 && l->tls == CONF_TLS_NONE)
        conf_warning(errors, l->node.key_at[CONF_listen_client_certificates], "tls required",
                     "clients show certificates under TLS alone");
    if (l->class == CONF_CLASS_MX && !is_local(l) &&
        (l->tls == CONF_TLS_REQUIRED || l->tls == CONF_TLS_IMPLICIT))
        conf_warning(errors, at, "tls optional",
                     "servers that do not speak TLS cannot send mail here (RFC 3207 4)");
    if (l->protocol == CONF_PROTOCOL_LMTP && l->address.at.port == 25)
        conf_error(errors, l->node.key_at[CONF_listen_protocol],
                   "port 24, or unix:/run/candor/lmtp",
                   "port 25 is for SMTP: other servers would be answered in another protocol");
    if (l->group.n > 0 && !is_unix)
        conf_error(errors, l->node.key_at[CONF_listen_group], "listen unix:PATH { group NAME }",
                   "a port of the network belongs to no group");
    if (is_unix && (l->proxy.n > 0 || l->xclient.n > 0))
        conf_error(errors, l->node.at, NULL,
                   "whoever connects to a socket of this machine has no address that proxy or "
                   "xclient could name");
}

static void check_listeners(const struct conf *c, struct conf_errors *errors)
{
    for (size_t i = 0; i < c->listen.n; i++) {
        check_listener(c, &c->listen.v[i], errors);
        for (size_t j = 0; j < i; j++)
            if (conf_socket_eq(&c->listen.v[i].address, &c->listen.v[j].address))
                conf_error(errors, c->listen.v[i].node.at, NULL,
                           c->listen.v[i].address.path.n > 0
                               ? "this socket was already given in line %u"
                               : "this address and port were already given in line %u",
                           c->listen.v[j].node.at.line);
    }
}

/* Its address is no other line's: `listen` first, and then the `web` lines before it. */
static void check_web_address(const struct conf *c, const struct conf_web *w,
                              struct conf_errors *errors)
{
    const struct conf_node *other = NULL;
    for (size_t i = 0; i < c->listen.n && other == NULL; i++)
        if (conf_socket_eq(&w->address, &c->listen.v[i].address))
            other = &c->listen.v[i].node;
    for (const struct conf_web *before = c->web.v; before != w && other == NULL; before++)
        if (conf_socket_eq(&w->address, &before->address))
            other = &before->node;
    if (other == NULL)
        return;
    if (other->at.line == 0)
        conf_error(errors, w->node.at, "web 127.0.0.1:8025",
                   "without a listen line mail comes in at this address and port");
    else
        conf_error(errors, w->node.at, NULL,
                   w->address.path.n > 0 ? "this socket was already given in line %u"
                                         : "this address and port were already given in line %u",
                   other->at.line);
}

static void check_web(const struct conf *c, struct conf_errors *errors)
{
    for (size_t i = 0; i < c->web.n; i++) {
        const struct conf_web *w = &c->web.v[i];
        check_web_address(c, w, errors);
        if (w->group.n > 0 && w->address.path.n == 0)
            conf_error(errors, w->node.key_at[CONF_web_group], "web unix:PATH { group NAME }",
                       "a port of the network belongs to no group");
    }
}

static void check_tls(const struct conf *c, struct conf_errors *errors)
{
    const struct conf_origin *at = c->tls.node.key_at;
    size_t certificates = c->tls.certificates.n, keys = c->tls.keys.n;
    if (certificates != keys)
        conf_error(errors, at[certificates > keys ? CONF_tls_certificates : CONF_tls_keys],
                   "certificate A; key A; certificate B; key B",
                   "there are %zu certificates and %zu keys", certificates, keys);
}

static void check_issuer(const struct conf_oauth *o, struct conf_errors *errors)
{
    const struct conf_origin *at = o->node.key_at;
    if ((o->jwks.n > 0) == (o->introspection.n > 0))
        conf_error(errors, o->node.at, "jwks URL, or introspection URL",
                   o->jwks.n > 0 ? "its tokens are verified by jwks or by introspection, not both"
                                 : "nothing says how its tokens are verified");
    if (o->jwks.n > 0 && o->audience.n == 0)
        conf_error(errors, at[CONF_oauth_jwks], "audience, as the issuer writes it for this server",
                   "without audience a token for any other service of this issuer would do here");
    if (o->introspection.n > 0 && (o->client_id.n == 0 || o->client_secret_file.n == 0))
        conf_error(errors, at[CONF_oauth_introspection], "client-id and client-secret-file",
                   "introspection answers only those whom it knows (RFC 7662 2.1)");
}

static void check_issuers(const struct conf *c, struct conf_errors *errors)
{
    const struct conf_oauth *asked = NULL;
    for (size_t i = 0; i < c->oauth.n; i++) {
        const struct conf_oauth *o = &c->oauth.v[i];
        check_issuer(o, errors);
        if (o->introspection.n > 0 && asked != NULL)
            conf_error(errors, o->node.key_at[CONF_oauth_introspection], "jwks for all but one",
                       "a token does not say whom to ask: line %u has introspection already",
                       asked->node.at.line);
        if (o->introspection.n > 0)
            asked = o;
        for (size_t j = 0; j < i; j++)
            if (slice_eq(o->issuer, c->oauth.v[j].issuer)) {
                conf_error(errors, o->node.at, NULL, "%.*s was already given in line %u",
                           SLICE_ARG(o->issuer), c->oauth.v[j].node.at.line);
                break;
            }
    }
}

/* What is allowed and yet never offered. */
static void check_mechanisms(const struct conf *c, struct conf_errors *errors)
{
    const unsigned chosen = c->auth.mechanisms;
    const unsigned tokens = (1U << CONF_MECHANISM_OAUTHBEARER) | (1U << CONF_MECHANISM_XOAUTH2);
    struct conf_origin at = c->auth.node.key_at[CONF_auth_mechanisms];
    bool has_certificates = false;
    for (size_t i = 0; i < c->listen.n; i++)
        has_certificates = has_certificates || c->listen.v[i].client_certificates.n > 0;
    if ((chosen & tokens) != 0 && c->oauth.n == 0)
        conf_warning(errors, at, "oauth https://id.example.org { jwks URL; audience NAME }",
                     "OAUTHBEARER and XOAUTH2 are not offered: nobody is there to verify tokens");
    if ((chosen & (1U << CONF_MECHANISM_EXTERNAL)) != 0 && !has_certificates)
        conf_warning(errors, at, "client-certificates FILE in a block listen",
                     "EXTERNAL is not offered: no port asks clients for a certificate");
}

static void check_nets(const struct conf_nets *nets, struct conf_origin at, const char *message,
                       struct conf_errors *errors)
{
    for (size_t i = 0; i < nets->n; i++)
        if (nets->v[i].bits == 0) {
            conf_warning(errors, at, NULL, "%s", message);
            return;
        }
}

/* --- who checks passwords -------------------------------------------------------------------- */

bool conf_has_accounts(const struct conf *c, enum conf_accounts accounts)
{
    switch (accounts) {
    case CONF_ACCOUNTS_DATABASE:
        return true;
    case CONF_ACCOUNTS_DOVECOT:
        return conf_socket_is_given(&c->dovecot.socket);
    case CONF_ACCOUNTS_LDAP:
        return c->ldap.urls.n > 0;
    case CONF_ACCOUNTS_PAM:
        return c->pam.service.n > 0;
    }
    return false;
}

bool conf_can_find(const struct conf *c, enum conf_accounts accounts)
{
    switch (accounts) {
    case CONF_ACCOUNTS_DOVECOT:
        return conf_socket_is_given(&c->dovecot.users);
    case CONF_ACCOUNTS_LDAP:
        return c->ldap.base.n > 0;
    case CONF_ACCOUNTS_DATABASE:
    case CONF_ACCOUNTS_PAM:
        break;
    }
    return false;
}

static void check_accounts(const struct conf *c, struct conf_errors *errors)
{
    static const char *const hints[] = {
        [CONF_ACCOUNTS_DATABASE] = "",
        [CONF_ACCOUNTS_DOVECOT] = "dovecot { socket unix:/run/dovecot/auth-client }",
        [CONF_ACCOUNTS_LDAP] = "ldap { url ldaps://ldap.example.org; bind-as ... }",
        [CONF_ACCOUNTS_PAM] = "pam { service candor }",
    };
    for (size_t i = 0; i < c->domain.n; i++) {
        const struct conf_domain *d = &c->domain.v[i];
        if (!conf_has_accounts(c, d->accounts))
            conf_error(errors, d->node.key_at[CONF_domain_accounts], hints[d->accounts],
                       "nothing says where these accounts are asked for");
    }
}

/* Only {local}, {domain} and {address} stand for anything. */
static void check_template(slice text, struct conf_origin at, struct conf_errors *errors)
{
    while (text.n > 0) {
        slice open = slice_tail(text, slice_find(text, '{'));
        slice what = slice_head(open, slice_find(open, '}') + 1);
        if (what.n > 0 && !slice_is(what, "{local}") && !slice_is(what, "{domain}") &&
            !slice_is(what, "{address}"))
            conf_error(errors, at, "there are {local}, {domain} and {address}",
                       "\"%.*s\" stands for nothing", SLICE_ARG(what));
        text = slice_tail(open, what.n);
    }
}

static bool is_personal(slice text)
{
    return slice_find_slice(text, SLICE_LIT("{local}")) < text.n ||
           slice_find_slice(text, SLICE_LIT("{address}")) < text.n;
}

static void check_ldap_url(const struct conf *c, slice url, struct conf_errors *errors)
{
    const struct conf_origin *at = c->ldap.node.key_at;
    size_t scheme = slice_find_slice(url, SLICE_LIT("://"));
    slice name = slice_head(url, scheme), rest = slice_tail(url, scheme + 3);
    bool is_clear = slice_is(name, "ldap");
    if ((!is_clear && !slice_is(name, "ldaps") && !slice_is(name, "ldapi")) || rest.n == 0 ||
        (!slice_is(name, "ldapi") && slice_find(rest, '/') < rest.n))
        conf_error(errors, at[CONF_ldap_urls], "as in ldaps://ldap.example.org",
                   "\"%.*s\" is no address of an LDAP server", SLICE_ARG(url));
    else if (is_clear && c->ldap.starttls == CONF_OFF && !slice_starts(rest, SLICE_LIT("127.")) &&
             !slice_starts(rest, SLICE_LIT("[::1]")) && !slice_starts(rest, SLICE_LIT("localhost")))
        conf_warning(errors, at[CONF_ldap_starttls], "starttls on, or ldaps://",
                     "passwords cross the network in the clear");
}

static void check_ldap(const struct conf *c, struct conf_errors *errors)
{
    const struct conf_ldap *l = &c->ldap;
    const struct conf_origin *at = l->node.key_at;
    for (size_t i = 0; i < l->urls.n; i++)
        check_ldap_url(c, l->urls.v[i], errors);
    check_template(l->bind_as, at[CONF_ldap_bind_as], errors);
    check_template(l->filter, at[CONF_ldap_filter], errors);
    if (l->urls.n > 0 && (l->bind_as.n > 0) == (l->base.n > 0))
        conf_error(errors, l->node.at, "bind-as \"uid={local},ou=people,dc=example,dc=org\"",
                   "it takes either bind-as or base, and not both");
    if (l->bind_as.n > 0 && !is_personal(l->bind_as))
        conf_error(errors, at[CONF_ldap_bind_as], "uid={local},ou=people,dc=example,dc=org",
                   "without {local} or {address} everybody would be the same entry");
    if (!is_personal(l->filter))
        conf_error(errors, at[CONF_ldap_filter], "(mail={address})",
                   "without {local} or {address} everybody would be the same entry");
    if (l->bind_dn.n > 0 && l->password_file.n == 0)
        conf_error(errors, at[CONF_ldap_bind_dn], "password-file FILE",
                   "bind-dn has no password: the server would take it for nobody");
}

static void check_backends(const struct conf *c, struct conf_errors *errors)
{
    check_accounts(c, errors);
    check_ldap(c, errors);
    check_template(c->pam.user, c->pam.node.key_at[CONF_pam_user], errors);
    if (!is_personal(c->pam.user))
        conf_error(errors, c->pam.node.key_at[CONF_pam_user], "user \"{local}\"",
                   "without {local} or {address} everybody would be the same user");
    if (conf_socket_is_given(&c->dovecot.users) && !conf_socket_is_given(&c->dovecot.socket))
        conf_error(errors, c->dovecot.node.key_at[CONF_dovecot_users],
                   "socket unix:/run/dovecot/auth-client", "nobody could sign in without a socket");
}

static void check_proxies(const struct conf *c, struct conf_errors *errors)
{
    for (size_t i = 0; i < c->listen.n; i++) {
        const struct conf_listen *l = &c->listen.v[i];
        check_nets(&l->proxy, l->node.key_at[CONF_listen_proxy],
                   "this lets everybody say which address he comes from", errors);
        check_nets(&l->xclient, l->node.key_at[CONF_listen_xclient],
                   "this lets everybody say which address he comes from", errors);
    }
}

static void check_rest(const struct conf *c, struct conf_errors *errors)
{
    for (size_t i = 0; i < c->check_connect.n; i++)
        check_nets(&c->check_connect.v[i].nets, c->check_connect.v[i].at, "this refuses everybody",
                   errors);
    check_nets(&c->limits.unlimited, c->limits.node.key_at[CONF_limits_unlimited],
               "with this sessions-per-address applies to nobody", errors);
    if (is_given(&c->limits.node, CONF_limits_sessions_per_address) &&
        c->limits.sessions_per_address > c->limits.sessions)
        conf_warning(errors, c->limits.node.key_at[CONF_limits_sessions_per_address], NULL,
                     "one address may take all %u sessions", (unsigned)c->limits.sessions);
    if (c->timeouts.command < 5 * 60 * 1000)
        conf_warning(errors, c->timeouts.node.key_at[CONF_timeouts_command], NULL,
                     "RFC 5321 4.5.3.2.7 asks for at least 5 minutes");
    if ((c->queue.segment_size & (c->queue.segment_size - 1)) != 0)
        conf_error(errors, c->queue.node.key_at[CONF_queue_segment_size], "16M, 32M, 64M",
                   "segment-size is a power of two");
    const struct conf_addresses *a = &c->addresses;
    for (size_t i = 0; i < a->separator.n; i++)
        if (!ascii_is_graphic(a->separator.p[i]) || a->separator.p[i] == '@')
            conf_error(errors, a->node.key_at[CONF_addresses_separator], "as in + or +-",
                       "a separator is an ASCII letter or sign, and no @");
}

void conf_check(const struct conf *c, struct conf_errors *errors)
{
    check_server(c, errors);
    check_tls(c, errors);
    check_listeners(c, errors);
    check_web(c, errors);
    check_domains(c, errors);
    check_routes(c, errors);
    check_issuers(c, errors);
    check_mechanisms(c, errors);
    check_backends(c, errors);
    check_proxies(c, errors);
    check_rest(c, errors);
}
