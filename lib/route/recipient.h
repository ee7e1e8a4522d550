/* recipient: what an address in RCPT means to the directory, before any mailbox is looked for.
 *
 * One rule decides when two spellings are one mailbox, and it stands here:
 * - the domain is compared as lower-case A-labels, so bücher.example is xn--bcher-kva.example;
 * - a quoted local part is unquoted first: "a.b"@x and a.b@x are one (RFC 5321 4.1.2);
 * - the local part is compared in NFC (RFC 6532 3.1) and, unless the configuration keeps case, in
 *   lower case, for all of Unicode and without a locale (RFC 5321 2.4 leaves case to the domain
 * that owns the mailbox: that is us); postmaster has no case whatever is configured (4.5.1);
 * - what follows the first separator ("+" unless configured) is a tag: alice+shop is alice's.
 * Pure. */
#ifndef CANDOR_ROUTE_RECIPIENT_H
#define CANDOR_ROUTE_RECIPIENT_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum recipient_err {
    RECIPIENT_OK = 0,
    RECIPIENT_SYNTAX,   /* no address: quotes, a control character, an empty part, not UTF-8 */
    RECIPIENT_DOMAIN,   /* the domain cannot be one, or not under IDNA 2008 */
    RECIPIENT_TOO_LONG, /* local part above 64, domain above 255 octets (RFC 5321 4.5.3.1) */
    RECIPIENT_NOMEM,
};

struct recipient_rules {
    slice separators; /* each byte may begin a tag; empty for no tags */
    bool keep_case;
};

struct recipient {
    slice local;  /* comparable form, with its tag, unquoted; empty for @domain */
    slice user;   /* the same without separator and tag; equal to local when there is none */
    slice tag;    /* as comparable form; empty when there is none */
    slice domain; /* comparable form; for a literal "[192.0.2.1]"; empty for a bare Postmaster */
    slice shown;  /* the local part as it was written, unquoted, for people to read */
    bool is_literal;
    bool is_postmaster; /* the user is postmaster, at whatever domain */
};

/* address is local@domain, without angle brackets, as it stood in RCPT; "Postmaster" alone is taken
 * too (RFC 5321 4.5.1), and "@domain", which names a catch-all, when may_be_catch_all. *ret's
 * slices live in a; it is untouched on failure. */
enum recipient_err recipient_read(struct arena *a, slice address, struct recipient_rules rules,
                                  bool may_be_catch_all, struct recipient *ret)
    __attribute__((warn_unused_result));

/* The comparable form of a domain name alone. */
enum recipient_err recipient_domain(struct arena *a, slice domain, slice *ret)
    __attribute__((warn_unused_result));

/* The domain (in comparable form) as people write it: with U-labels where they lead back to it. */
slice recipient_domain_shown(struct arena *a, slice domain);
/* local@domain with quotes where the local part needs them, so that recipient_read takes it back.
 */
void recipient_print(struct buf *out, slice local, slice domain);

/* A phrase for a person: what is wrong with the address. */
slice recipient_err_text(enum recipient_err e);

#endif
