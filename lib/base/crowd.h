/* crowd: how many connections each client network has here, whatever they are doing: waiting in a
 * TLS handshake, speaking, or refused and not gone yet. Only admitted sessions are counted by
 * counters; without this one host could hold all places with connections that never become one.
 *
 * A fixed table of sums: two networks may share a place, which nobody can bring about on purpose
 * since the place comes from a secret. */
#ifndef CANDOR_BASE_CROWD_H
#define CANDOR_BASE_CROWD_H

#include "lib/base/ip.h"

enum { CROWD_PLACES = 8192 };

struct crowd {
    uint64_t secret;
    uint32_t counts[CROWD_PLACES];
};

void crowd_init(struct crowd *c, uint64_t secret);
/* Connections from this address or, in IPv6, from its /64. */
uint32_t crowd_count(const struct crowd *c, const struct ip *ip);
void crowd_add(struct crowd *c, const struct ip *ip);
/* Once for each crowd_add. */
void crowd_remove(struct crowd *c, const struct ip *ip);

#endif
