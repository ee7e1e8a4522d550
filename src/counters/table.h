/* table: how many sessions there are, from where, and with which smtpd.
 *
 * Pure but for the memory. A client is its IPv4 address, or the /64 of its IPv6 address (a customer
 * is given at least that much).
 *
 * Invariants:
 *  1. What is counted was opened and not yet closed; total is the sum over all clients.
 *  2. For each client there is one entry with its total, and one for each smtpd that serves it;
 *     none is zero. So there are never more than twice as many entries as sessions.
 *  3. Closing what was not opened changes nothing: a confused smtpd harms its own count at most. */
#ifndef CANDOR_SRC_COUNTERS_TABLE_H
#define CANDOR_SRC_COUNTERS_TABLE_H

#include "lib/base/ip.h"
#include "sys/answers.h"

struct table_entry;

struct table {
    struct table_entry *entry; /* open addressing, room a power of two or 0 */
    size_t room;
    size_t used;
    size_t sessions;
    size_t clients;
    uint64_t secret; /* so that nobody can choose addresses that collide */
};

struct table_limits {
    uint64_t sessions;
    uint64_t sessions_per_client; /* UINT64_MAX: no limit */
};

void table_init(struct table *t, uint64_t secret);
void table_release(struct table *t);

/* smtpd is any number but 0 that tells one process from another. *ret_count as in answers.h. Out of
 * memory is ADMIT_IS_TOO_MANY. */
enum admit_verdict table_open(struct table *t, uint32_t smtpd, const struct ip *ip,
                              const struct table_limits *limits, uint32_t *ret_count);
void table_close(struct table *t, uint32_t smtpd, const struct ip *ip);
/* This smtpd is dead, and its sessions with it. */
void table_forget(struct table *t, uint32_t smtpd);
size_t table_sessions_of(const struct table *t, const struct ip *ip);

/* Up to max clients with the most sessions, the busiest first. */
struct table_client {
    struct ip_net net;
    uint32_t sessions;
};
size_t table_busiest(const struct table *t, struct table_client *ret, size_t max);

#endif
