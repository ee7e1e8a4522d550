/* Who takes mail by LMTP, wherever the configuration says it. */
#include "lib/conf/conf.h"

size_t conf_lmtp_count(const struct conf *c)
{
    return 1 + c->domain.n + c->route.n;
}

/* Not given: another way. */
static const struct conf_socket *host_at(const struct conf *c, size_t index)
{
    if (index == 0)
        return &c->server.deliver.host;
    if (--index < c->domain.n)
        return &c->domain.v[index].deliver.host;
    return &c->route.v[index - c->domain.n].via.host;
}

const struct conf_socket *conf_lmtp_at(const struct conf *c, size_t index)
{
    const struct conf_socket *host = host_at(c, index);
    return conf_socket_is_given(host) ? host : NULL;
}

bool conf_has_lmtp(const struct conf *c)
{
    for (size_t i = 0; i < conf_lmtp_count(c); i++)
        if (conf_socket_is_given(host_at(c, i)))
            return true;
    return false;
}
