#include "lib/base/ip.h"

#include "lib/base/ascii.h"

static bool take_octets(slice s, uint8_t ret[4])
{
    uint8_t octets[4];
    for (size_t i = 0; i < 4; i++) {
        size_t n = 0;
        unsigned v = 0;
        while (n < s.n && n < 3 && ascii_is_digit(s.p[n]))
            v = v * 10 + (unsigned)(s.p[n++] - '0');
        if (n == 0 || v > 255 || (n > 1 && s.p[0] == '0'))
            return false;
        octets[i] = (uint8_t)v;
        s = slice_tail(s, n);
        if (i == 3)
            break;
        if (s.n == 0 || s.p[0] != '.')
            return false;
        s = slice_tail(s, 1);
    }
    if (s.n != 0)
        return false;
    memcpy(ret, octets, 4);
    return true;
}

/* Groups of RFC 4291 2.2: at most one "::", the last 32 bits may be written as IPv4. */
static bool take_groups(slice s, uint8_t ret[16])
{
    uint8_t head[16];
    size_t n = 0;
    size_t gap = SIZE_MAX; /* bytes before the "::" */
    if (slice_starts(s, SLICE_LIT("::"))) {
        gap = 0;
        s = slice_tail(s, 2);
    }
    while (s.n > 0) {
        size_t end = slice_find(s, ':');
        slice group = slice_head(s, end);
        if (slice_find(group, '.') < group.n) {
            if (end != s.n || n > 12 || !take_octets(group, head + n))
                return false;
            n += 4;
            break;
        }
        if (group.n == 0 || group.n > 4 || n > 14)
            return false;
        unsigned v = 0;
        for (size_t i = 0; i < group.n; i++) {
            int digit = ascii_hex_value(group.p[i]);
            if (digit < 0)
                return false;
            v = v * 16 + (unsigned)digit;
        }
        head[n++] = (uint8_t)(v >> 8);
        head[n++] = (uint8_t)v;
        if (end == s.n)
            break;
        s = slice_tail(s, end + 1);
        if (s.n == 0)
            return false; /* one colon at the end */
        if (s.p[0] == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = n;
            s = slice_tail(s, 1);
        }
    }
    if (gap == SIZE_MAX ? n != 16 : n > 14)
        return false;
    memset(ret, 0, 16);
    if (gap == SIZE_MAX)
        gap = n;
    memcpy(ret, head, gap);
    memcpy(ret + 16 - (n - gap), head + gap, n - gap);
    return true;
}

enum ip_err ip_parse(slice s, struct ip *ret)
{
    struct ip ip = {0};
    if (slice_find(s, ':') < s.n) {
        ip.family = IP_V6;
        if (!take_groups(s, ip.bytes))
            return IP_BAD;
    } else {
        ip.family = IP_V4;
        if (!take_octets(s, ip.bytes))
            return IP_BAD;
    }
    *ret = ip;
    return IP_OK;
}

static void mask(struct ip *ip, size_t bits)
{
    for (size_t i = 0; i < sizeof(ip->bytes); i++) {
        size_t kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8)
            ip->bytes[i] &= (uint8_t)(0xff00u >> kept);
    }
}

enum ip_err ip_net_parse(slice s, struct ip_net *ret)
{
    struct ip_net net = {0};
    size_t slash = slice_find(s, '/');
    enum ip_err err = ip_parse(slice_head(s, slash), &net.ip);
    if (err != IP_OK)
        return err;
    uint64_t bits = ip_size(&net.ip) * 8;
    if (slash < s.n) {
        slice digits = slice_tail(s, slash + 1);
        if (digits.n > 3 || !slice_to_u64(digits, bits, &bits))
            return IP_BAD_BITS;
    }
    net.bits = (uint8_t)bits;
    struct ip asked = net.ip;
    mask(&net.ip, net.bits);
    *ret = net;
    return ip_eq(&asked, &net.ip) ? IP_OK : IP_HOST_BITS;
}

bool ip_from_bytes(slice s, struct ip *ret)
{
    if (s.n != 4 && s.n != 16)
        return false;
    *ret = (struct ip){.family = s.n == 4 ? IP_V4 : IP_V6};
    memcpy(ret->bytes, s.p, s.n);
    return true;
}

static unsigned group_at(const struct ip *ip, size_t i)
{
    return (unsigned)ip->bytes[i * 2] << 8 | ip->bytes[i * 2 + 1];
}

static void octets_print(struct buf *out, const uint8_t *b)
{
    buf_addf(out, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

static bool is_mapped(const struct ip *ip)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return ip->family == IP_V6 && memcmp(ip->bytes, prefix, sizeof(prefix)) == 0;
}

/* RFC 5952 4: lower case, no leading zeros, the longest run of two or more zero groups (the first
 * of equals) becomes "::"; 5: a mapped IPv4 address keeps its dots. */
static void groups_print(struct buf *out, const struct ip *ip)
{
    if (is_mapped(ip)) {
        buf_adds(out, "::ffff:");
        octets_print(out, ip->bytes + 12);
        return;
    }
    size_t best = 8, best_n = 1;
    for (size_t i = 0; i < 8; i++) {
        size_t n = 0;
        while (i + n < 8 && group_at(ip, i + n) == 0)
            n++;
        if (n > best_n) {
            best = i;
            best_n = n;
        }
    }
    for (size_t i = 0; i < 8; i++) {
        if (i == best) {
            buf_adds(out, "::");
            i += best_n - 1;
            continue;
        }
        if (i > 0 && i != best + best_n)
            buf_addc(out, ':');
        buf_addf(out, "%x", group_at(ip, i));
    }
}

void ip_print(struct buf *out, const struct ip *ip)
{
    if (ip->family == IP_V4)
        octets_print(out, ip->bytes);
    else if (ip->family == IP_V6)
        groups_print(out, ip);
}

void ip_net_print(struct buf *out, const struct ip_net *net)
{
    ip_print(out, &net->ip);
    if (net->bits != ip_size(&net->ip) * 8)
        buf_addf(out, "/%u", net->bits);
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, ip_size(a)) == 0;
}

struct ip ip_unmap(const struct ip *ip)
{
    if (!is_mapped(ip))
        return *ip;
    struct ip v4 = {.family = IP_V4};
    memcpy(v4.bytes, ip->bytes + 12, 4);
    return v4;
}

bool ip_is_loopback(const struct ip *ip)
{
    static const struct ip one = {IP_V6, {[15] = 1}};
    struct ip plain = ip_unmap(ip);
    return plain.family == IP_V4 ? plain.bytes[0] == 127 : ip_eq(&plain, &one);
}

bool ip_is_any(const struct ip *ip)
{
    static const uint8_t zero[16];
    return ip->family != IP_NONE && memcmp(ip->bytes, zero, ip_size(ip)) == 0;
}

bool ip_net_has(const struct ip_net *net, const struct ip *ip)
{
    if (net->ip.family != ip->family)
        return false;
    struct ip masked = *ip;
    mask(&masked, net->bits);
    return ip_eq(&masked, &net->ip);
}
