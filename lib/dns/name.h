/* name: a domain name as it travels in DNS, and as text.
 *
 * DNS carries any bytes in a label; whoever asked for a name gets it only after this module has
 * read it. Text is RFC 1035 5.1: labels with dots between, \. and \DDD for what would be misread,
 * no dot at the end ("." alone is the root). */
#ifndef CANDOR_DNS_NAME_H
#define CANDOR_DNS_NAME_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"

enum { DNS_NAME_MAX = 255, DNS_LABEL_MAX = 63 };
/* The longest text: each byte as \DDD. */
enum { DNS_NAME_TEXT_MAX = 4 * DNS_NAME_MAX };

/* Labels with their length bytes, the root's zero at the end; n counts it. Never compressed. */
struct dns_name {
    uint8_t n;
    char wire[DNS_NAME_MAX];
};

enum dns_err {
    DNS_OK = 0,
    DNS_SHORT,    /* the message ends inside of it */
    DNS_TOO_LONG, /* a label above 63, a name above 255 */
    DNS_BAD,      /* a pointer that does not point back, an unknown kind of label, bad text */
};

/* Reads the name at *at of a message, following pointers (RFC 1035 4.1.4), which must point to
 * before themselves, so that none goes in a circle. *at is then behind it. */
enum dns_err dns_name_read(slice message, size_t *at, struct dns_name *ret)
    __attribute__((warn_unused_result));
/* The whole of s is the name; a dot at its end is allowed. */
enum dns_err dns_name_parse(slice s, struct dns_name *ret) __attribute__((warn_unused_result));
void dns_name_print(struct buf *out, const struct dns_name *name);
/* ASCII case does not count (RFC 4343). */
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b);
/* Could it be a host's: letters, digits, '-' inside a label, '_' (which is no host's by the book
 * and many a host's in life), and a last label that is not all digits. */
bool dns_name_is_host(const struct dns_name *name);
/* 192.0.2.1 -> 1.2.0.192.in-addr.arpa (RFC 1035 3.5), and ip6.arpa (RFC 3596 2.5). */
void dns_name_reverse(const struct ip *ip, struct dns_name *ret);

#endif
