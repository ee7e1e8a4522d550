#include "sys/directory/rules.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

int directory_rules_make(const struct conf *conf, struct arena *a, const struct ip *own_ips,
                         size_t own_ip_count, struct directory_rules *ret, slice *ret_bad_domain)
{
    struct directory_rules_domain *domains = arena_zero(a, (conf->domain.n + 1) * sizeof *domains);

    size_t count = 0;

    *ret_bad_domain = slice_of(NULL, 0);
    if (domains == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < conf->domain.n; i++) {
        domains[count].maildir = conf->domain.v[i].deliver.path;
        switch (recipient_domain(a, conf->domain.v[i].name, &domains[count].name)) {
        case RECIPIENT_OK:
            count++;
            continue;
        case RECIPIENT_NOMEM:
            return -ENOMEM;
        case RECIPIENT_SYNTAX:
        case RECIPIENT_DOMAIN:
        case RECIPIENT_TOO_LONG:
            *ret_bad_domain = conf->domain.v[i].name;
            continue;
        }
    }
    *ret = (struct directory_rules){
        .recipient = {.separators = conf->addresses.separator,
                      .keep_case = conf->addresses.local_case == CONF_CASE_KEEP},
        .host = conf->server.host,
        .maildir = conf->server.deliver.path,
        .own_ips = own_ips,
        .own_ip_count = own_ip_count,
        .domains = domains,
        .domain_count = count,
    };
    return 0;
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
