/* directory look-up: from an address as it stood in RCPT to a verdict and to targets.
 *
 * The order, first match wins:
 *   the whole local part (account, alias); without its tag (account, alias); for postmaster the
 *   configured address, the oldest account of the domain, of the server, at last a mailbox of its
 *   own; the domain's catch-all. */
#ifndef CANDOR_SYS_DIRECTORY_LOOKUP_H
#define CANDOR_SYS_DIRECTORY_LOOKUP_H

#include "lib/route/recipient.h"
#include "lib/route/targets.h"
#include "sys/directory/db.h"

#define DIRECTORY_ALIAS_DEPTH 8
#define DIRECTORY_TARGETS_MAX 1000

/* What the configuration says; slices are the caller's and outlive all look-ups. */
struct directory_rules {
    slice separators;      /* "+" */
    slice host;            /* this server's name: a bare Postmaster's domain, if it is local */
    slice postmaster;      /* an address, or empty */
    slice maildir;         /* the template for domains that have none of their own */
    const slice *literals; /* addresses, "192.0.2.1" or "IPv6:…", at which postmaster is taken */
    size_t literal_count;
    const struct directory_rules_domain {
        slice name;    /* comparable form (recipient_domain) */
        slice maildir; /* its own template; empty for the common one */
    } * domains;
    size_t domain_count;
};

/* Appends the targets when the verdict is RECIPIENT_IS_OK; for a check alone out may be NULL.
 * canonical (may be NULL) gets the address that the mail is really for, local@domain, unquoted
 * forms printed as recipient_print does. Never fails: what cannot be known is RECIPIENT_IS_TEMPFAIL
 * and *ret_error (may be NULL) its -errno, -ELOOP for aliases in a ring. */
enum recipient_verdict directory_expand(struct directory_db *db,
                                        const struct directory_rules *rules, struct arena *scratch,
                                        slice address, struct buf *out, struct buf *canonical,
                                        int *ret_error);
/* Is it in the configuration or in the database? -errno when that cannot be known, else 0 or 1. */
int directory_is_local(struct directory_db *db, const struct directory_rules *rules,
                       struct arena *scratch, slice domain);

#endif
