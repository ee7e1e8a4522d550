/* ip: an IPv4 or IPv6 address and a network, as text (RFC 4291 2.2 in, RFC 5952 out) and as bytes.
 */
#ifndef CANDOR_BASE_IP_H
#define CANDOR_BASE_IP_H

#include "lib/base/buf.h"

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

/* bytes in network order; an IPv4 address fills the first four, the others are zero. */
struct ip {
    uint8_t family; /* enum ip_family */
    uint8_t bytes[16];
};

/* bits is 0 to 32 or 0 to 128; all bytes behind them are zero. */
struct ip_net {
    struct ip ip;
    uint8_t bits;
};

enum ip_err { IP_OK = 0, IP_BAD, IP_BAD_BITS, IP_HOST_BITS };

/* 4 or 16; 0 for IP_NONE. */
static inline size_t ip_size(const struct ip *ip)
{
    return ip->family == IP_V4 ? 4 : ip->family == IP_V6 ? 16 : 0;
}

/* The whole of s is one address, without brackets, port or zone. Octets of IPv4 are plain decimal:
 * no leading zeros, which some read as octal. */
enum ip_err ip_parse(slice s, struct ip *ret) __attribute__((warn_unused_result));
/* ADDRESS or ADDRESS/BITS. IP_HOST_BITS: bits are set behind the prefix; *ret is then the network
 * that was probably meant (in all other errors it is untouched). */
enum ip_err ip_net_parse(slice s, struct ip_net *ret) __attribute__((warn_unused_result));
/* 4 bytes, 16 bytes, or else false. */
bool ip_from_bytes(slice s, struct ip *ret) __attribute__((warn_unused_result));

void ip_print(struct buf *out, const struct ip *ip);
/* Without the bits where the network is one address. */
void ip_net_print(struct buf *out, const struct ip_net *net);

static inline slice ip_bytes(const struct ip *ip)
{
    return (slice){(const char *)ip->bytes, ip_size(ip)};
}

bool ip_eq(const struct ip *a, const struct ip *b);
/* ::ffff:192.0.2.1, as a dual-stack socket gives it, becomes 192.0.2.1; others stay. */
struct ip ip_unmap(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);
/* 0.0.0.0 or :: */
bool ip_is_any(const struct ip *ip);
/* Families must match; unmap first. */
bool ip_net_has(const struct ip_net *net, const struct ip *ip);

#endif
