/* mime: the parts of a message (RFC 2045, 2046), found as the bytes come, by their offsets.
 *
 * Invariants: events and offsets do not depend on how the bytes were cut; the parts form a tree
 * whose children lie inside the body of their parent; memory is the struct. Nothing is decoded: an
 * encoded message/rfc822 is a leaf (RFC 2046 5.2.1 forbids the encoding).
 *
 * A part's body ends before the line end that the delimiter takes with it (RFC 2046 5.1.1). Of two
 * delimiters that fit, the inner one counts. A message that ends too early closes all its parts. */
#ifndef CANDOR_MAIL_MIME_H
#define CANDOR_MAIL_MIME_H

#include "lib/base/buf.h"

enum {
    MIME_DEPTH_MAX = 16,
    MIME_PARTS_MAX = 1000,
    MIME_BOUNDARY_MAX_BYTES = 128, /* RFC 2046 5.1.1 has 70 */
    MIME_FIELD_KEPT_BYTES = 2048,  /* of a Content-… field */
    MIME_LINE_KEPT_BYTES = 1000,
};

enum {
    MIME_SEEN_TOO_DEEP = 1,       /* a part below MIME_DEPTH_MAX was left a leaf */
    MIME_SEEN_TOO_MANY = 2,       /* so was one when there were MIME_PARTS_MAX */
    MIME_SEEN_NO_BOUNDARY = 4,    /* a multipart without a usable boundary is a leaf */
    MIME_SEEN_UNCLOSED = 8,       /* a multipart without its last delimiter */
    MIME_SEEN_ENCODED_PARENT = 16 /* a multipart or message in base64 or quoted-printable */
};

enum mime_kind { MIME_LEAF, MIME_MULTIPART, MIME_MESSAGE };

/* Offsets from the first byte that was fed. */
struct mime_part {
    unsigned index;  /* from 0, the message itself, in the order of beginning */
    unsigned parent; /* its index; 0 for the message */
    unsigned depth;  /* 0 for the message */
    enum mime_kind kind;
    uint64_t header_at;
    uint64_t body_at;
    uint64_t end_at; /* MIME_PART_END only */
    /* MIME_PART_BEGIN only, valid until the next call; as given, defaults filled in. */
    slice type, subtype;
    slice encoding; /* Content-Transfer-Encoding, "7bit" when there is none */
};

enum mime_event {
    MIME_MORE = 0,   /* *in is used up */
    MIME_PART_BEGIN, /* the header section is read */
    MIME_PART_END,
    MIME_DONE, /* mime_walk_finish: nothing is left */
};

struct mime_level {
    struct mime_part part;
    size_t boundary_n; /* 0: none is looked for */
    bool is_digest;
    char boundary[MIME_BOUNDARY_MAX_BYTES];
};

struct mime_walk {
    uint64_t at;    /* bytes taken */
    unsigned parts; /* begun so far */
    unsigned seen;  /* MIME_SEEN_… */

    /* The walk's own. */
    unsigned depth;  /* open parts; the innermost is level[depth - 1] */
    unsigned pop_to; /* how many of them stay open */
    uint64_t line_at, pop_end_at;
    size_t line_n, field_n, type_n, encoding_n; /* may be more than is kept */
    uint8_t line_end_bytes;                     /* of the line before this one */
    char last;                                  /* byte of the line under way */
    bool is_in_header, is_begin_due, is_child_due, is_child_headless, is_part_due;
    bool is_type, is_encoding; /* the field under way */
    bool has_type, has_encoding;
    char encoding[32];
    char line[MIME_LINE_KEPT_BYTES];
    char field[MIME_FIELD_KEPT_BYTES];
    char type[MIME_FIELD_KEPT_BYTES];
    struct mime_level level[MIME_DEPTH_MAX];
};

void mime_walk_init(struct mime_walk *w);
enum mime_event mime_walk_feed(struct mime_walk *w, slice *in, struct mime_part *ret)
    __attribute__((warn_unused_result));
/* No more bytes will come: until it is MIME_DONE. */
enum mime_event mime_walk_finish(struct mime_walk *w, struct mime_part *ret)
    __attribute__((warn_unused_result));

/* "type/subtype" at the head of a Content-Type value; comments and folding are passed over. False:
 * it is none. */
bool take_content_type(slice *in, slice *ret_type, slice *ret_subtype)
    __attribute__((warn_unused_result));
/* One ";name=value" behind it; the value as given, quotes included. False: none is left. */
bool take_content_param(slice *in, slice *ret_name, slice *ret_value)
    __attribute__((warn_unused_result));

#endif
