/* message: what a DNS answer says to a question (RFC 1035 4). Trusts nothing in it. */
#ifndef CANDOR_DNS_MESSAGE_H
#define CANDOR_DNS_MESSAGE_H

#include "lib/dns/name.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_TLSA = 52,
};

enum { DNS_CHAIN_MAX = 8 }; /* CNAMEs one behind the other */

struct dns_record {
    struct dns_name owner;
    uint16_t type;
    uint16_t class;
    uint32_t ttl; /* RFC 2181 8: 0 when the top bit is set */
    size_t at;    /* of the data, in the message */
    slice data;
};

/* The records of the answer section, one by one. */
struct dns_cursor {
    slice message;
    size_t at;
    unsigned left;
};

/* 0 to 15; 2, a failure, when there is no whole header. */
int dns_message_rcode(slice message);
/* Steps over the header and the question. */
enum dns_err dns_message_open(slice message, struct dns_cursor *ret)
    __attribute__((warn_unused_result));
/* False when there is no more, or on an error, which is then in *err (else DNS_OK). */
bool dns_message_next(struct dns_cursor *c, struct dns_record *ret, enum dns_err *err);

/* The answer to (name, type) at the end of a chain of CNAMEs, appended to out: for each record a
 * u16 length in network order and its data, names in it (CNAME, NS, PTR, MX, SOA, SRV)
 * uncompressed. *ret_ttl is the lowest on the way; *ret_count the number of records, 0 when there
 * is none. Data of the wrong size for A and AAAA is DNS_BAD. Nothing is appended on an error, nor
 * when out has no room (DNS_TOO_LONG). */
enum dns_err dns_message_answer(slice message, const struct dns_name *name, uint16_t type,
                                struct buf *out, uint32_t *ret_ttl, size_t *ret_count)
    __attribute__((warn_unused_result));
/* One of those records off *s. False at the end, or if it is not whole. */
bool dns_record_take(slice *s, slice *ret);

#endif
