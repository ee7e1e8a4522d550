#include "lib/catalogue/blocklist.h"

#include "lib/base/ascii.h"
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

/* What else lists are called in replies, in lower case; narrow names before wide ones. */
static const struct {
    const char *word;
    enum blocklist_id id;
} nicknames[] = {
    {"spamhaus.org/sbl", BLOCKLIST_SPAMHAUS_SBL},
    {"spamhaus.org/xbl", BLOCKLIST_SPAMHAUS_XBL},
    {"spamhaus.org/pbl", BLOCKLIST_SPAMHAUS_PBL},
    {"spamhaus.org/dbl", BLOCKLIST_SPAMHAUS_DBL},
    {"exploits block list", BLOCKLIST_SPAMHAUS_XBL},
    {"policy block list", BLOCKLIST_SPAMHAUS_PBL},
    {"domain is listed in spamhaus", BLOCKLIST_SPAMHAUS_DBL},
    {"spamhaus", BLOCKLIST_SPAMHAUS_ZEN},
    {"abuseat.org", BLOCKLIST_CBL},
    {"spamcop", BLOCKLIST_SPAMCOP},
    {"barracudacentral", BLOCKLIST_BARRACUDA},
    {"barracuda reputation", BLOCKLIST_BARRACUDA},
    {"barracudanetworks.com/reputation", BLOCKLIST_BARRACUDA},
    {"sorbs", BLOCKLIST_SORBS},
    {"uceprotect", BLOCKLIST_UCEPROTECT_1},
    {"backscatterer", BLOCKLIST_BACKSCATTERER},
    {"abusix", BLOCKLIST_ABUSIX},
    {"mailspike", BLOCKLIST_MAILSPIKE},
    {"psbl", BLOCKLIST_PSBL},
    {"surriel", BLOCKLIST_PSBL},
    {"surbl", BLOCKLIST_SURBL},
    {"uribl.com", BLOCKLIST_URIBL},
    {"ivmuri", BLOCKLIST_INVALUEMENT_URI},
    {"ivmsip", BLOCKLIST_INVALUEMENT_SIP},
    {"invaluement", BLOCKLIST_INVALUEMENT_SIP},
    {"senderscore", BLOCKLIST_SENDERSCORE},
    {"sender score", BLOCKLIST_SENDERSCORE},
    {"junkemailfilter", BLOCKLIST_HOSTKARMA},
    {"hostkarma", BLOCKLIST_HOSTKARMA},
    {"spamrats", BLOCKLIST_SPAMRATS},
    {"gbudb", BLOCKLIST_GBUDB},
    {"dronebl", BLOCKLIST_DRONEBL},
    {"blocklist.de", BLOCKLIST_BLOCKLIST_DE},
    {"spameatingmonkey", BLOCKLIST_SEM_BLACK},
    {"s5h.net", BLOCKLIST_S5H},
    {"0spam", BLOCKLIST_ZEROSPAM},
    {"spfbl", BLOCKLIST_SPFBL},
    {"nixspam", BLOCKLIST_NIXSPAM},
    {"manitu", BLOCKLIST_NIXSPAM},
    {"njabl", BLOCKLIST_NJABL},
    {"ordb.org", BLOCKLIST_ORDB},
    {"dsbl.org", BLOCKLIST_DSBL},
    {"ahbl", BLOCKLIST_AHBL},
};

static bool has_word(slice text, slice word)
{
    char first = ascii_lower(word.p[0]);
    for (size_t i = 0; i + word.n <= text.n; i++) {
        if (ascii_lower(text.p[i]) == first && slice_starts_ci(slice_tail(text, i), word))
            return true;
    }
    return false;
}

bool blocklist_named(slice text, enum blocklist_id *ret)
{
    size_t longest = 0;
    for (unsigned i = 0; i < BLOCKLIST_COUNT; i++) {
        const slice names[] = {slice_cstr(lists[i].zone), slice_cstr(lists[i].name)};
        for (size_t k = 0; k < 2; k++) {
            if (names[k].n > longest && names[k].n > 4 && has_word(text, names[k])) {
                longest = names[k].n;
                *ret = (enum blocklist_id)i;
            }
        }
    }
    for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0] && longest == 0; i++) {
        if (has_word(text, slice_cstr(nicknames[i].word))) {
            *ret = nicknames[i].id;
            return true;
        }
    }
    return longest > 0;
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
