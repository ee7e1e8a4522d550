#include "src/counters/table.h"

#include <stdlib.h>

enum { ROOM_MIN = 64 };

/* smtpd 0: of all. count 0: an empty place. */
struct table_entry {
    uint64_t prefix;
    uint32_t smtpd;
    uint32_t count;
    uint8_t family;
};

struct key {
    uint64_t prefix;
    uint32_t smtpd;
    uint8_t family;
};

static struct key key_of(uint32_t smtpd, const struct ip *ip)
{
    struct ip plain = ip_unmap(ip);
    struct key k = {.smtpd = smtpd, .family = plain.family};
    size_t n = plain.family == IP_V4 ? 4 : 8;
    for (size_t i = 0; i < n; i++)
        k.prefix = k.prefix << 8 | plain.bytes[i];
    return k;
}

/* The finisher of SplitMix64, keyed: an attacker does not see the order and cannot steer it. */
static size_t place(const struct table *t, const struct key *k)
{
    uint64_t h = k->prefix ^ t->secret;
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h ^= (uint64_t)k->smtpd << 8 | k->family;
    h = (h ^ t->secret >> 7) + UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(h ^ h >> 31) & (t->room - 1);
}

/* The entry, or the empty place where it belongs. There is always an empty one. */
static struct table_entry *seek(const struct table *t, const struct key *k)
{
    size_t at = place(t, k);
    while (t->entry[at].count > 0 &&
           (t->entry[at].prefix != k->prefix || t->entry[at].smtpd != k->smtpd ||
            t->entry[at].family != k->family))
        at = (at + 1) & (t->room - 1);
    return &t->entry[at];
}

static uint32_t count_of(const struct table *t, const struct key *k)
{
    return t->room == 0 ? 0 : seek(t, k)->count;
}

static struct key key_at(const struct table_entry *e)
{
    return (struct key){.prefix = e->prefix, .smtpd = e->smtpd, .family = e->family};
}

/* Room for two more entries with a quarter of all places empty. */
static bool reserve(struct table *t)
{
    if (t->room > 0 && (t->used + 2) * 4 <= t->room * 3)
        return true;
    struct table grown = *t;
    grown.room = t->room == 0 ? ROOM_MIN : t->room * 2;
    grown.entry = calloc(grown.room, sizeof *grown.entry);
    if (grown.entry == NULL)
        return false;
    for (size_t i = 0; i < t->room; i++) {
        struct key k = key_at(&t->entry[i]);
        if (t->entry[i].count > 0)
            *seek(&grown, &k) = t->entry[i];
    }
    free(t->entry);
    *t = grown;
    return true;
}

static void raise_by_one(struct table *t, const struct key *k)
{
    struct table_entry *e = seek(t, k);
    if (e->count == 0) {
        *e = (struct table_entry){.prefix = k->prefix, .smtpd = k->smtpd, .family = k->family};
        t->used++;
        t->clients += k->smtpd == 0;
    }
    e->count++;
}

/* Those behind the hole move up, so that no search ends too early. */
static void remove_at(struct table *t, size_t hole)
{
    size_t mask = t->room - 1;
    t->used--;
    t->clients -= t->entry[hole].smtpd == 0;
    for (size_t at = (hole + 1) & mask; t->entry[at].count > 0; at = (at + 1) & mask) {
        struct key k = key_at(&t->entry[at]);
        size_t home = place(t, &k);
        /* May it stand in the hole? Only if its search comes by there. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            t->entry[hole] = t->entry[at];
            hole = at;
        }
    }
    t->entry[hole].count = 0;
}

static void lower(struct table *t, const struct key *k, uint32_t by)
{
    struct table_entry *e = seek(t, k);
    if (e->count > by)
        e->count -= by;
    else if (e->count > 0)
        remove_at(t, (size_t)(e - t->entry));
}

void table_init(struct table *t, uint64_t secret)
{
    *t = (struct table){.secret = secret};
}

void table_release(struct table *t)
{
    free(t->entry);
    table_init(t, t->secret);
}

enum admit_verdict table_open(struct table *t, uint32_t smtpd, const struct ip *ip,
                              const struct table_limits *limits, uint32_t *ret_count)
{
    struct key all = key_of(0, ip), one = key_of(smtpd, ip);
    uint32_t count = count_of(t, &all);
    if (t->sessions >= limits->sessions || t->sessions >= UINT32_MAX || !reserve(t)) {
        *ret_count = (uint32_t)t->sessions;
        return ADMIT_IS_TOO_MANY;
    }
    if (count >= limits->sessions_per_client) {
        *ret_count = count;
        return ADMIT_IS_TOO_MANY_HERE;
    }
    raise_by_one(t, &all);
    raise_by_one(t, &one);
    t->sessions++;
    *ret_count = count + 1;
    return ADMIT_IS_YES;
}

void table_close(struct table *t, uint32_t smtpd, const struct ip *ip)
{
    struct key all = key_of(0, ip), one = key_of(smtpd, ip);
    if (count_of(t, &one) == 0)
        return;
    lower(t, &one, 1);
    lower(t, &all, 1);
    t->sessions--;
}

void table_forget(struct table *t, uint32_t smtpd)
{
    /* A removal may move an entry to a place that was looked at before: again until none is found,
     * which is two or three times. */
    bool again = true;
    while (again) {
        again = false;
        for (size_t i = 0; i < t->room;) {
            struct table_entry e = t->entry[i];
            if (e.count == 0 || e.smtpd != smtpd) {
                i++;
                continue;
            }
            struct key one = key_at(&e), all = one;
            all.smtpd = 0;
            t->sessions -= e.count;
            lower(t, &all, e.count);
            lower(t, &one, e.count);
            again = true;
        }
    }
}

size_t table_sessions_of(const struct table *t, const struct ip *ip)
{
    struct key k = key_of(0, ip);
    return count_of(t, &k);
}

size_t table_busiest(const struct table *t, struct table_client *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < t->room; i++) {
        const struct table_entry *e = &t->entry[i];
        if (e->count == 0 || e->smtpd != 0)
            continue;
        struct table_client c = {.sessions = e->count};
        c.net.ip.family = e->family;
        c.net.bits = e->family == IP_V4 ? 32 : 64;
        size_t bytes = e->family == IP_V4 ? 4 : 8;
        for (size_t b = 0; b < bytes; b++)
            c.net.ip.bytes[b] = (uint8_t)(e->prefix >> (8 * (bytes - 1 - b)));
        size_t at = n < max ? n++ : max;
        while (at > 0 && ret[at - 1].sessions < c.sessions) {
            if (at < max)
                ret[at] = ret[at - 1];
            at--;
        }
        if (at < max)
            ret[at] = c;
    }
    return n;
}
