/* reply_make: the one way in which Candor makes a reply.
 *
 * Invariants, for any facts whatever: every line is printable ASCII, begins with the reason's three
 * digits, ends in CRLF and has at most 512 octets with it (RFC 5321 4.5.3.1.5); all lines but the
 * last have '-' behind the code, and all repeat the enhanced code, which is left out where RFC 2034
 * says so. Long texts are wrapped at blanks; a link or an incident id is never broken. */
#ifndef CANDOR_CATALOGUE_REPLY_MAKE_H
#define CANDOR_CATALOGUE_REPLY_MAKE_H

#include "lib/base/buf.h"
#include "lib/catalogue/reason.h"

/* What the placeholders of the text stand for. Any bytes may come in: control characters and what
 * is not ASCII are escaped (\x{E4} a code point as in RFC 6533, \xE4 a stray byte), what is too
 * long is cut and ends in "...". An empty fact is printed as "unknown", an empty address as
 * nothing. */
struct reply_facts {
    slice address;      /* without angle brackets */
    slice domain;       /* of the recipient, or the one looked up */
    slice host;         /* our own name */
    slice client;       /* its IP address or name */
    slice word;         /* the verb, parameter or name that the client sent */
    slice moved_to;     /* the recipient's other address, without angle brackets */
    slice queue_id;     /* as shown to people */
    slice incident;     /* shown in a last line, when there is one */
    slice link;         /* likewise; left out when it is over 400 octets or not graphic ASCII */
    const slice *lines; /* further lines: EHLO's keywords, HELP */
    size_t lines_n;
    uint64_t limit;
    bool is_greeting; /* or in answer to HELO or EHLO: no enhanced code for any reason */
};

enum reply_made {
    REPLY_MADE = 0,
    REPLY_NO_ROOM, /* out is full or found no memory; nothing was added, its error stays */
    REPLY_NOT_OURS /* the reason is only explained, never sent; nothing was added */
};

enum reply_made reply_make(struct buf *out, enum reason_id id, const struct reply_facts *facts)
    __attribute__((warn_unused_result));

/* 334 and the server's challenge in base64, on one line however long it is (RFC 4954 4): the one
 * reply that has no text for people. challenge is not yet encoded and may be empty. */
enum reply_made reply_make_challenge(struct buf *out, slice challenge)
    __attribute__((warn_unused_result));

/* text with its placeholders replaced by facts, on one line, without codes; for logs and bounces.
 */
void reason_text_fill(struct buf *out, const char *text, const struct reply_facts *facts);

#endif
