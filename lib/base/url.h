/* url: an http or https URL as a configuration names it (RFC 3986): a scheme, a host, perhaps a
 * port, a path. No user information and no fragment: what we fetch has neither, and what a reader
 * takes for the host should be the host. */
#ifndef CANDOR_BASE_URL_H
#define CANDOR_BASE_URL_H

#include "lib/base/ip.h"

enum { URL_MAX_BYTES = 1024 };

/* All slices are parts of what was read. */
struct url {
    bool is_https;
    slice host;    /* as it stands there; without the brackets of an IPv6 address */
    struct ip ip;  /* IP_NONE: the host is a name */
    uint16_t port; /* 443 and 80 where none is given */
    slice path;    /* with the query; may be empty */
};

enum url_err {
    URL_OK = 0,
    URL_BAD_SCHEME, /* not http:// or https:// */
    URL_BAD_HOST,   /* no host, or a name or address that cannot be one; user information */
    URL_BAD_PORT,
    URL_BAD_PATH, /* a fragment, a blank, a control character, a letter beyond ASCII */
};

/* The whole of s. */
enum url_err url_read(slice s, struct url *ret) __attribute__((warn_unused_result));
/* https, or http to an address of this machine (127.0.0.1, ::1), for tests and for services that
 * run beside us: nobody can listen between. */
bool url_is_private(const struct url *u);

#endif
