/* address: the paths, mailboxes and domains of RFC 5321 4.1.2 with RFC 6531 3.3.
 *
 * Everything handed out are slices of the input. Parsing is pure syntax: no DNS, no policy.
 * A UTF-8 mailbox is always read, is_utf8 tells: SMTPUTF8 comes after the path on the line, so the
 * caller compares once the parameters are known (or passes smtputf8 false to refuse it at once).
 *
 * print(parse(s)) gives s without source route and brackets added back: path_print(). */
#ifndef CANDOR_SMTP_ADDRESS_H
#define CANDOR_SMTP_ADDRESS_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"

/* RFC 5321 4.5.3.1; octets. A path counts its brackets, so a mailbox has two less. A reverse-path
 * may have a longer local-part within its 256: SRS and VERP make such, and 4.5.3.1 asks for no
 * limit where it can be. */
enum { LOCAL_MAX_BYTES = 64, DOMAIN_MAX_BYTES = 255, PATH_MAX_BYTES = 256, LABEL_MAX_BYTES = 63 };

enum path_err {
    PATH_OK = 0,
    PATH_EMPTY,           /* nothing stands there */
    PATH_NO_BRACKETS,     /* no '<' first; take_mailbox may read it, for who wants to be kind */
    PATH_UNCLOSED,        /* the mailbox is good, but no '>' follows it */
    PATH_NULL,            /* <> where a recipient is wanted */
    PATH_BAD_ROUTE,       /* source route: "@a,@b:" */
    PATH_BAD_LOCAL,       /* a character, a dot too many, an unfinished quoted string */
    PATH_NO_DOMAIN,       /* no '@' after the local-part, or nothing after the '@' */
    PATH_BAD_DOMAIN,      /* an empty label, a label too long, a hyphen at an end, a character */
    PATH_BAD_LITERAL,     /* [ ] with something that is no address literal */
    PATH_LOCAL_TOO_LONG,  /* over 64 octets, forward-path and take_mailbox */
    PATH_DOMAIN_TOO_LONG, /* over 255 octets */
    PATH_TOO_LONG,        /* over 256 octets with its brackets */
    PATH_NEEDS_SMTPUTF8,  /* non-ASCII where it is not allowed */
    PATH_BAD_UTF8,        /* bytes above 127 that are no UTF-8 */
};

struct path {
    slice text;         /* local@domain as given, without <> and source route; may be empty */
    slice local;        /* as given, quotes included: local_dequote() for the account's name */
    slice domain;       /* as given; with [ ] when is_literal; empty for <> and Postmaster */
    bool is_null;       /* <> : only take_reverse_path */
    bool is_postmaster; /* <Postmaster> without a domain, any case: only take_forward_path */
    bool is_literal;    /* domain is an address literal */
    bool is_utf8;       /* any byte above 127 */
    bool is_quoted;     /* local is a quoted string */
    bool has_route;     /* a source route stood before it and was ignored (RFC 5321 4.1.1.3) */
};

/* A HELO or EHLO argument. */
struct domain {
    slice text;      /* as given, with [ ] when is_literal */
    bool is_literal; /* address literal (RFC 5321 4.1.3) */
    bool is_utf8;
    bool is_strict; /* false only from take_domain_tolerant: not the RFC's grammar */
};

/* Each takes what it names off *in and stops right behind it; on error *in and *ret are untouched.
 * Reverse-path of MAIL FROM: <mailbox> or <>. */
enum path_err take_reverse_path(slice *in, bool smtputf8, struct path *ret)
    __attribute__((warn_unused_result));
/* Forward-path of RCPT TO: <mailbox> or <Postmaster>. */
enum path_err take_forward_path(slice *in, bool smtputf8, struct path *ret)
    __attribute__((warn_unused_result));
/* A mailbox without brackets. */
enum path_err take_mailbox(slice *in, bool smtputf8, struct path *ret)
    __attribute__((warn_unused_result));
/* The whole of s must be one mailbox. */
enum path_err mailbox_parse(slice s, bool smtputf8, struct path *ret)
    __attribute__((warn_unused_result));

/* Domain or address literal (RFC 5321 4.1.1.1). */
enum path_err take_domain(slice *in, bool smtputf8, struct domain *ret)
    __attribute__((warn_unused_result));
/* What clients really say: one word (up to SP, HTAB or the end) of 1 to 255 octets, ASCII graphic
 * characters or well-formed UTF-8. Whoever prints it elsewhere must escape it (mail/received.h
 * does). is_strict tells whether take_domain would have taken the same. */
enum path_err take_domain_tolerant(slice *in, struct domain *ret)
    __attribute__((warn_unused_result));

enum literal_kind { LITERAL_NONE, LITERAL_IPV4, LITERAL_IPV6, LITERAL_GENERAL };
/* Kind of the address literal s, with its [ ]. *ret_ip (may be NULL) is set for LITERAL_IPV4 and
 * LITERAL_IPV6. Stricter than ip_parse: "::" stands for two groups at least (RFC 5321 4.1.3). */
enum literal_kind literal_parse(slice s, struct ip *ret_ip);
/* The address as a literal, with [ ] and "IPv6:". */
void literal_print(struct buf *out, const struct ip *ip);

/* The local-part without quotes and quoted-pairs: the one name that all spellings of it share
 * ("a"@x and a@x are one mailbox, RFC 5321 4.1.2). Case is kept. */
void local_dequote(struct buf *out, slice local);
/* The other way: a Dot-string when it can be one, else a Quoted-string. False (nothing added) when
 * name holds what no local-part can say (control characters, bad UTF-8). */
bool local_print(struct buf *out, slice name) __attribute__((warn_unused_result));
/* "<local@domain>", "<>" or "<Postmaster>", as it was given but for the source route. */
void path_print(struct buf *out, const struct path *path);
/* For a log or a test: "bad-domain". */
const char *path_err_name(enum path_err err);

#endif
