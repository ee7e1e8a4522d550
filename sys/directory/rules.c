#include "sys/directory/rules.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

/* As lib/route/targets writes it. */
static bool host_of(const struct conf_socket *host, struct arena *a, slice *ret)
{
    struct buf text;
    bool ok;

    buf_init(&text, 1024);
    conf_socket_print(&text, host);
    ok = text.err == BUF_OK && arena_copy(a, buf_slice(&text), ret);
    buf_release(&text);
    return ok;
}

static bool way_of(const struct conf_deliver *deliver, struct arena *a, struct directory_way *ret)
{
    *ret = (struct directory_way){.maildir = deliver->path};
    return deliver->kind != CONF_DELIVER_LMTP || host_of(&deliver->host, a, &ret->lmtp);
}

/* RECIPIENT_OK: *ret_count has grown. A name that is none is kept for the log only. */
static int add_name(slice name, struct arena *a, slice *ret, size_t *ret_count, slice *ret_bad)
{
    switch (recipient_domain(a, name, ret)) {
    case RECIPIENT_OK:
        ++*ret_count;
        return 0;
    case RECIPIENT_NOMEM:
        return -ENOMEM;
    case RECIPIENT_SYNTAX:
    case RECIPIENT_DOMAIN:
    case RECIPIENT_TOO_LONG:
        *ret_bad = name;
        return 0;
    }
    return 0;
}

static int add_routes(const struct conf *conf, struct arena *a, struct directory_rules *ret,
                      slice *ret_bad)
{
    struct directory_rules_route *routes = arena_zero(a, (conf->route.n + 1) * sizeof *routes);
    int err = routes == NULL ? -ENOMEM : 0;

    for (size_t i = 0; err == 0 && i < conf->route.n; i++) {
        struct directory_rules_route *r = &routes[ret->route_count];

        if (!host_of(&conf->route.v[i].via.host, a, &r->lmtp))
            return -ENOMEM;
        err = add_name(conf->route.v[i].domain, a, &r->name, &ret->route_count, ret_bad);
    }
    ret->routes = routes;
    return err;
}

int directory_rules_make(const struct conf *conf, struct arena *a, const struct ip *own_ips,
                         size_t own_ip_count, struct directory_rules *ret, slice *ret_bad_domain)
{
    struct directory_rules_domain *domains = arena_zero(a, (conf->domain.n + 1) * sizeof *domains);

    struct directory_way way;
    size_t count = 0;
    int err = domains == NULL || !way_of(&conf->server.deliver, a, &way) ? -ENOMEM : 0;

    *ret_bad_domain = slice_of(NULL, 0);
    for (size_t i = 0; err == 0 && i < conf->domain.n; i++) {
        const struct conf_domain *d = &conf->domain.v[i];

        domains[count].has_backend = d->accounts != CONF_ACCOUNTS_DATABASE;
        err = way_of(&d->deliver, a, &domains[count].way)
                  ? add_name(d->name, a, &domains[count].name, &count, ret_bad_domain)
                  : -ENOMEM;
    }
    if (err != 0)
        return err;
    *ret = (struct directory_rules){
        .recipient = {.separators = conf->addresses.separator,
                      .keep_case = conf->addresses.local_case == CONF_CASE_KEEP},
        .host = conf->server.host,
        .default_domain = conf->auth.default_domain,
        .way = way,
        .own_ips = own_ips,
        .own_ip_count = own_ip_count,
        .domains = domains,
        .domain_count = count,
    };
    return add_routes(conf, a, ret, ret_bad_domain);
}

static bool ip_of(const struct sockaddr *sa, struct ip *ret)
{
    if (sa == NULL)
        return false;
    if (sa->sa_family == AF_INET)
        return ip_from_bytes(slice_of(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4),
                             ret);
    if (sa->sa_family == AF_INET6)
        return ip_from_bytes(slice_of(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
                                      16),
                             ret);
    return false;
}

size_t directory_own_ips(struct ip ret[DIRECTORY_OWN_IPS_MAX])
{
    struct ifaddrs *list;
    size_t count = 0;

    if (getifaddrs(&list) < 0)
        return 0;
    for (const struct ifaddrs *i = list; i != NULL && count < DIRECTORY_OWN_IPS_MAX;
         i = i->ifa_next) {
        if (ip_of(i->ifa_addr, &ret[count]))
            count++;
    }
    freeifaddrs(list);
    return count;
}
