/* servers: the resolvers that resolv.conf(5) names. */
#ifndef CANDOR_SRC_RESOLVER_SERVERS_H
#define CANDOR_SRC_RESOLVER_SERVERS_H

#include "src/resolver/engine.h"

/* Up to max of its `nameserver` lines that are an address; one with a zone (fe80::1%eth0) is left
 * out. The number. */
size_t servers_of_resolv_conf(slice text, struct engine_server *ret, size_t max);

#endif
