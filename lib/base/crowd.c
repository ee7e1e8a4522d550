#include "lib/base/crowd.h"

void crowd_init(struct crowd *c, uint64_t secret)
{
    *c = (struct crowd){.secret = secret};
}

/* The finisher of SplitMix64, keyed. */
static size_t place_of(const struct crowd *c, const struct ip *ip)
{
    uint64_t prefix = 0;
    memcpy(&prefix, ip->bytes, ip->family == IP_V4 ? 4 : 8);
    uint64_t h = prefix ^ c->secret ^ (uint64_t)ip->family << 56;
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h ^= c->secret << 1;
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return (h ^ h >> 31) % CROWD_PLACES;
}

uint32_t crowd_count(const struct crowd *c, const struct ip *ip)
{
    return c->counts[place_of(c, ip)];
}

void crowd_add(struct crowd *c, const struct ip *ip)
{
    c->counts[place_of(c, ip)]++;
}

void crowd_remove(struct crowd *c, const struct ip *ip)
{
    c->counts[place_of(c, ip)]--;
}
