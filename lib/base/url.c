#include "lib/base/url.h"

#include "lib/base/ascii.h"

static bool take_scheme(slice *s, bool *ret_https)
{
    const slice https = SLICE_LIT("https://"), http = SLICE_LIT("http://");
    *ret_https = slice_starts_ci(*s, https);
    if (!*ret_https && !slice_starts_ci(*s, http))
        return false;
    *s = slice_tail(*s, *ret_https ? https.n : http.n);
    return true;
}

/* Labels of letters, digits, hyphens and underlines. A last label of digits is an address that is
 * none (RFC 3986 3.2.2 would have it read as a name; who resolves it may not). */
static bool is_name(slice s)
{
    bool is_number = true;
    if (s.n == 0 || s.n > 253)
        return false;
    while (s.n > 0) {
        size_t n = slice_find(s, '.');
        if (n == 0 || n > 63 || n + 1 == s.n)
            return false;
        is_number = true;
        for (size_t i = 0; i < n; i++) {
            if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
                return false;
            is_number = is_number && ascii_is_digit(s.p[i]);
        }
        s = slice_tail(s, n + 1);
    }
    return !is_number;
}

static bool take_host(slice *s, struct url *u)
{
    if (s->n > 0 && s->p[0] == '[') {
        size_t end = slice_find(*s, ']');
        if (end == s->n)
            return false;
        u->host = slice_of(s->p + 1, end - 1);
        *s = slice_tail(*s, end + 1);
        return ip_parse(u->host, &u->ip) == IP_OK && u->ip.family == IP_V6;
    }
    u->host = slice_head(*s, slice_find(*s, ':'));
    *s = slice_tail(*s, u->host.n);
    if (ip_parse(u->host, &u->ip) == IP_OK)
        return u->ip.family == IP_V4;
    u->ip = (struct ip){0};
    return is_name(u->host);
}

enum url_err url_read(slice s, struct url *ret)
{
    struct url u = {0};
    uint64_t port;
    if (!take_scheme(&s, &u.is_https))
        return URL_BAD_SCHEME;
    size_t n = 0;
    while (n < s.n && memchr("/?#", s.p[n], 3) == NULL)
        n++;
    slice authority = slice_head(s, n);
    u.path = slice_tail(s, n);
    if (!take_host(&authority, &u))
        return URL_BAD_HOST;
    u.port = u.is_https ? 443 : 80;
    if (authority.n > 0) {
        if (authority.p[0] != ':')
            return URL_BAD_HOST;
        if (!slice_to_u64(slice_tail(authority, 1), 65535, &port) || port == 0)
            return URL_BAD_PORT;
        u.port = (uint16_t)port;
    }
    for (size_t i = 0; i < u.path.n; i++)
        if (!ascii_is_graphic(u.path.p[i]) || memchr("\"#<>\\^`{|}", u.path.p[i], 10) != NULL)
            return URL_BAD_PATH;
    *ret = u;
    return URL_OK;
}

bool url_is_private(const struct url *u)
{
    return u->is_https || ip_is_loopback(&u->ip);
}
