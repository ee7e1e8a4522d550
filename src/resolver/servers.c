#include "src/resolver/servers.h"

enum { DNS_PORT = 53 };

size_t servers_of_resolv_conf(slice text, struct engine_server *ret, size_t max)
{
    size_t n = 0;
    slice line;
    while (n < max && slice_split(&text, '\n', &line)) {
        slice word = slice_trim(line);
        if (!slice_starts(word, SLICE_LIT("nameserver")))
            continue;
        slice rest = slice_tail(word, sizeof "nameserver" - 1);
        slice address = slice_trim(rest);
        if (address.n == rest.n)
            continue; /* nameserverX */
        address = slice_head(address, slice_find(address, ' '));
        address = slice_head(address, slice_find(address, '\t'));
        if (ip_parse(address, &ret[n].ip) == IP_OK)
            ret[n++].port = DNS_PORT;
    }
    return n;
}
