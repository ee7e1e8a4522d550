/* blocklist: the table of block lists (blocklists.def) as C sees it: what a list says of an address
 * or a domain, and where one asks to be removed. All strings are static, ASCII, NUL-terminated. */
#ifndef CANDOR_CATALOGUE_BLOCKLIST_H
#define CANDOR_CATALOGUE_BLOCKLIST_H

#include "lib/base/slice.h"

enum blocklist_id {
#define BLOCKLIST(name, ...) BLOCKLIST_##name,
#include "lib/catalogue/blocklists.def"
#undef BLOCKLIST
    BLOCKLIST_COUNT
};

/* A listing by a closed list never counts. DOUBTFUL: nobody is known to have checked it lately. */
enum blocklist_state { LIST_OPEN, LIST_KEYED, LIST_DOUBTFUL, LIST_CLOSED };

enum blocklist_target { TARGET_ADDRESSES, TARGET_DOMAINS, TARGET_BOTH };

/* What an entry means. The last three are no blame: REFUSED is no answer about the query at all. */
enum listing {
    LISTING_SPAM_SOURCE,
    LISTING_EXPLOITED_HOST,
    LISTING_HIJACKED_NETWORK,
    LISTING_DYNAMIC_RANGE,
    LISTING_NETWORK, /* a whole range or provider, whatever this address did */
    LISTING_NO_REVERSE_DNS,
    LISTING_POOR_REPUTATION,
    LISTING_BACKSCATTER,
    LISTING_ATTACKS,
    LISTING_TOR,
    LISTING_SPAM_DOMAIN,
    LISTING_PHISHING,
    LISTING_MALWARE,
    LISTING_BOTNET,
    LISTING_ABUSED_SITE,
    LISTING_NEW_DOMAIN,
    LISTING_MIXED,
    LISTING_TRUSTED,
    LISTING_REFUSED,
};
enum { LISTING_COUNT = LISTING_REFUSED + 1 };

struct blocklist {
    const char *name;
    const char *zone;
    const char *codes; /* see blocklists.def */
    const char *removal;
    const char *source;
    const char *checked; /* "2026-08-03" */
    enum blocklist_state state;
    enum blocklist_target target;
    enum listing lists;
};

/* id < BLOCKLIST_COUNT. */
const struct blocklist *blocklist_of(enum blocklist_id id);
/* By its zone or a name below it ("2.0.0.127.zen.spamhaus.org"), case-insensitive. *ret is
 * untouched when there is none. */
bool blocklist_find(slice zone, enum blocklist_id *ret) __attribute__((warn_unused_result));

/* The list that a text speaks of, by zone, name or address of its pages ("see www.spamcop.net"),
 * the longest that occurs. *ret is untouched when there is none. */
bool blocklist_named(slice text, enum blocklist_id *ret) __attribute__((warn_unused_result));

/* What the answer means that a list gave. False: it is no answer of a block list (outside
 * 127.0.0.0/8, or no address), or the list is closed. */
bool blocklist_listing(enum blocklist_id id, slice answer, enum listing *ret)
    __attribute__((warn_unused_result));

/* "spam-source"; l < LISTING_COUNT. */
const char *listing_name(enum listing l);

#endif
