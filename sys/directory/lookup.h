/* directory look-up: from an address as it stood in RCPT to a verdict and to targets.
 *
 * The order, first match wins:
 * - the whole local part (account, alias);
 * - without its tag (account, alias);
 * - for postmaster, which always works (RFC 5321 4.5.1), the oldest enabled account of the domain,
 *   then of the server, at last a mailbox of its own;
 * - the domain's catch-all.
 *
 * A disabled account ends the search, except for postmaster. An account that has moved is followed
 * to its new address as an alias is, unless its senders are to be told (551). At an address literal
 * of this machine there is postmaster only, the one of the first local domain. Aliases are followed
 * breadth first, each once, so that rings end by themselves and a target that two aliases name is
 * one.
 *
 * A domain that is not local and that the configuration has as a route is taken whole, whatever
 * stands before its @: who takes it by LMTP says who is there. */
#ifndef CANDOR_SYS_DIRECTORY_LOOKUP_H
#define CANDOR_SYS_DIRECTORY_LOOKUP_H

#include "lib/base/ip.h"
#include "lib/route/recipient.h"
#include "lib/route/targets.h"
#include "sys/directory/db.h"

/* Aliases that one recipient may lead through, and targets that may come of it. */
#define DIRECTORY_ALIASES_MAX 200
#define DIRECTORY_TARGETS_MAX 1000
/* The room that a caller of directory_expand gives, less than one message between roles holds. */
#define DIRECTORY_TARGETS_BYTES_MAX ((size_t)120 * 1024)

/* Where a domain's mailboxes are: one of the two is not empty. */
struct directory_way {
    slice maildir; /* the template of their folders */
    slice lmtp;    /* who takes their mail: "unix:/path" or "ADDRESS:PORT" */
};

/* What the configuration says; all of it is the caller's and outlives the look-ups. */
struct directory_rules {
    struct recipient_rules recipient;
    slice host;               /* this server's name: a bare Postmaster's domain, if it is local */
    slice default_domain;     /* of names without one; empty: the only one */
    struct directory_way way; /* of domains that have none of their own */
    const struct ip *own_ips; /* at which <user@[192.0.2.1]> is ours */
    size_t own_ip_count;
    const struct directory_rules_domain {
        slice name;               /* comparable form (recipient_domain) */
        struct directory_way way; /* empty: the common one */
        bool has_backend;         /* somebody else knows its accounts (authx) */
    } * domains;
    size_t domain_count;
    const struct directory_rules_route {
        slice name; /* comparable form */
        slice lmtp;
    } * routes;
    size_t route_count;
};

/* What a backend has said of a name, local@domain. */
enum directory_known {
    DIRECTORY_NOT_ASKED,
    DIRECTORY_IS_THERE,
    DIRECTORY_IS_DISABLED,
    DIRECTORY_IS_UNKNOWN, /* also when it cannot be asked for names: the database said it all */
    DIRECTORY_IS_AWAY,    /* it does not answer: the mail waits */
};

/* Where the answer goes; each buf may be NULL, and is appended to. */
struct directory_answer {
    struct buf *targets;   /* lib/route/targets.h, with verdicts OK and FORWARDED */
    struct buf *canonical; /* the address that was found, local@domain in comparable form: of the
                              account or alias, before aliases are followed */
    struct buf *moved_to;  /* with FORWARDED and MOVED: the new address */
    int error;             /* with TEMPFAIL: -errno, else 0 */
    /* What is known of a name that the database does not have, in a domain that has a backend;
     * NULL: the database alone says. Of a name that was not asked for yet comes the error
     * -EINPROGRESS and the name in wanted: ask, and look up anew. */
    enum directory_known (*known)(void *owner, slice name);
    void *owner;
    struct buf *wanted;
    bool is_of_backend; /* its word was needed: nothing here says when that changes */
};

/* Never fails: what cannot be known is RECIPIENT_IS_TEMPFAIL, with error -ELOOP for aliases that
 * lead nowhere but to each other, -ENODATA when the database has no name at all, -EOVERFLOW past
 * the limits above. FORWARDED is said of the account itself that has moved; of an alias that leads
 * to one it is OK, and MOVED when nothing else came of it. Never FULL: how much is in a mailbox is
 * not known here, only what it may hold. scratch is the caller's to reset. */
enum recipient_verdict directory_expand(struct directory_db *db,
                                        const struct directory_rules *rules, struct arena *scratch,
                                        slice address, struct directory_answer *ret);
/* Does somebody else know the domain's accounts? */
bool directory_has_backend(const struct directory_rules *rules, slice domain);
/* Is it in the configuration or in the database? -errno when that cannot be known, else 0 or 1. */
int directory_is_local(struct directory_db *db, const struct directory_rules *rules,
                       struct arena *scratch, slice domain);
/* The server's domain where it has one only; else *ret is empty. 0 or -errno. */
int directory_only_domain(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice *ret) __attribute__((warn_unused_result));
/* To a name without a domain that of the configuration (default-domain), else the only one; where
 * there are several, *name stays as it is. 0 or -errno. */
int directory_whole_name(struct directory_db *db, const struct directory_rules *rules,
                         struct arena *scratch, slice *name) __attribute__((warn_unused_result));
/* Where the domain's mailboxes are; 0 or -errno. */
int directory_way_of(struct directory_db *db, const struct directory_rules *rules,
                     struct arena *scratch, slice domain, struct directory_way *ret);
/* Does the alias local@domain lead back to itself, or is it one of too many? 0, -ELOOP, -EOVERFLOW
 * or another -errno. For after an alias was added and before that is committed. */
int directory_check_alias(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, struct directory_address alias);

#endif
