#include "lib/catalogue/blocklist.h"

#include "lib/base/ip.h"

static const struct blocklist lists[BLOCKLIST_COUNT] = {
#define BLOCKLIST(id, state_, target_, lists_, name_, zone_, codes_, removal_, source_, checked_)  \
    [BLOCKLIST_##id] = {                                                                           \
        .name = (name_),                                                                           \
        .zone = (zone_),                                                                           \
        .codes = (codes_),                                                                         \
        .removal = (removal_),                                                                     \
        .source = (source_),                                                                       \
        .checked = (checked_),                                                                     \
        .state = LIST_##state_,                                                                    \
        .target = TARGET_##target_,                                                                \
        .lists = LISTING_##lists_,                                                                 \
    },
#include "lib/catalogue/blocklists.def"
#undef BLOCKLIST
};

static const char *const listing_names[LISTING_COUNT] = {
    [LISTING_SPAM_SOURCE] = "spam-source",
    [LISTING_EXPLOITED_HOST] = "exploited-host",
    [LISTING_HIJACKED_NETWORK] = "hijacked-network",
    [LISTING_DYNAMIC_RANGE] = "dynamic-range",
    [LISTING_NETWORK] = "network",
    [LISTING_NO_REVERSE_DNS] = "no-reverse-dns",
    [LISTING_POOR_REPUTATION] = "poor-reputation",
    [LISTING_BACKSCATTER] = "backscatter",
    [LISTING_ATTACKS] = "attacks",
    [LISTING_TOR] = "tor",
    [LISTING_SPAM_DOMAIN] = "spam-domain",
    [LISTING_PHISHING] = "phishing",
    [LISTING_MALWARE] = "malware",
    [LISTING_BOTNET] = "botnet",
    [LISTING_ABUSED_SITE] = "abused-site",
    [LISTING_NEW_DOMAIN] = "new-domain",
    [LISTING_MIXED] = "mixed",
    [LISTING_TRUSTED] = "trusted",
    [LISTING_REFUSED] = "refused",
};

const struct blocklist *blocklist_of(enum blocklist_id id)
{
    return &lists[id];
}

const char *listing_name(enum listing l)
{
    return listing_names[l];
}

bool blocklist_find(slice zone, enum blocklist_id *ret)
{
    for (unsigned i = 0; i < BLOCKLIST_COUNT; i++) {
        slice known = slice_cstr(lists[i].zone);
        if (zone.n < known.n || !slice_eq_ci(slice_tail(zone, zone.n - known.n), known))
            continue;
        if (zone.n == known.n || zone.p[zone.n - known.n - 1] == '.') {
            *ret = (enum blocklist_id)i;
            return true;
        }
    }
    return false;
}

static bool listing_find(slice name, enum listing *ret)
{
    for (unsigned i = 0; i < LISTING_COUNT; i++) {
        if (slice_is(name, listing_names[i])) {
            *ret = (enum listing)i;
            return true;
        }
    }
    return false;
}

/* "127.0.0.2", "127.0.0.4-7" or "bit 8": is the answer meant? */
static bool code_covers(slice code, const struct ip *answer)
{
    const uint8_t *octet = answer->bytes;
    uint64_t bit, last;
    struct ip first;
    slice head;
    if (slice_starts(code, SLICE_LIT("bit ")))
        return octet[1] == 0 && octet[2] == 0 && slice_to_u64(slice_tail(code, 4), 255, &bit) &&
               (octet[3] & bit) != 0;
    if (!slice_split(&code, '-', &head) || ip_parse(head, &first) != IP_OK)
        return false;
    if (!slice_to_u64(code, 255, &last))
        last = first.bytes[3];
    return memcmp(octet, first.bytes, 3) == 0 && octet[3] >= first.bytes[3] && octet[3] <= last;
}

bool blocklist_listing(enum blocklist_id id, slice answer, enum listing *ret)
{
    const struct blocklist *list = &lists[id];
    struct ip ip;
    if (list->state == LIST_CLOSED || ip_parse(answer, &ip) != IP_OK || ip.family != IP_V4 ||
        ip.bytes[0] != 127)
        return false;
    if (ip.bytes[1] == 255 && ip.bytes[2] == 255) {
        *ret = LISTING_REFUSED;
        return true;
    }
    slice codes = slice_cstr(list->codes), item;
    while (slice_split(&codes, ',', &item)) {
        item = slice_trim(item);
        size_t space = slice_rfind(item, ' ');
        if (code_covers(slice_head(item, space), &ip))
            return listing_find(slice_tail(item, space + 1), ret);
    }
    *ret = list->lists;
    return true;
}
