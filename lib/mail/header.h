/* header: the header section of a message (RFC 5322 2.2), walked as the bytes come.
 *
 * Invariants: events, offsets and counts do not depend on how the bytes were cut. Memory is the
 * struct: of a field only its place is told; whoever wants its text keeps the section's bytes and
 * slices them, or walks a section in one piece with take_header_field.
 *
 * Lines end in CRLF; a bare LF counts as a line end too (and is seen), so the walk is good for
 * files with Unix line ends. The section ends with an empty line, or before the first line that is
 * neither field nor continuation (HEADER_SEEN_NO_BLANK: the body begins with that line). A first
 * line "From " or ">From " (mbox) is passed over. */
#ifndef CANDOR_MAIL_HEADER_H
#define CANDOR_MAIL_HEADER_H

#include "lib/base/buf.h"

/* A field name beyond this is no name (RFC 5322 2.1.1: the line could not hold it). */
enum { HEADER_NAME_MAX_BYTES = 998 };
enum { HEADER_NAME_KEPT_BYTES = 64 };

enum {
    HEADER_SEEN_8BIT = 1,
    HEADER_SEEN_NUL = 2,
    HEADER_SEEN_BARE_CR = 4,
    HEADER_SEEN_BARE_LF = 8,
    HEADER_SEEN_MBOX_FROM = 16,   /* the first line was "From …" */
    HEADER_SEEN_NO_BLANK = 32,    /* the section ended without an empty line */
    HEADER_SEEN_BLANK_NAME = 64,  /* "Subject : x": obsolete blanks before the colon */
    HEADER_SEEN_LONG_LINE = 128,  /* over 998 octets */
    HEADER_SEEN_LEAD_BLANK = 256, /* the first line is a continuation of nothing: passed over */
};

enum header_event {
    HEADER_MORE = 0, /* *in is used up */
    HEADER_FIELD,    /* *ret is one, call again */
    HEADER_END,      /* body_at is known; see header_walk_feed for what is left in *in */
    HEADER_TOO_BIG,  /* max_bytes or max_fields; the walk cannot go on */
};

/* Offsets from the first byte that was fed. */
struct header_field {
    slice name;        /* at most the first 64 bytes; valid until the next call */
    uint64_t at;       /* of the name */
    uint64_t value_at; /* behind the colon */
    uint64_t end_at;   /* behind the last line's end */
};

struct header_walk {
    uint64_t body_at;   /* where the body begins, after HEADER_END */
    uint64_t fields_at; /* where the first field begins: behind an mbox line */
    uint64_t max_bytes;
    uint64_t max_fields;
    uint64_t fields;   /* handed out so far */
    uint64_t received; /* of these: Received (RFC 5321 6.3 counts them) */
    unsigned seen;     /* HEADER_SEEN_… */

    /* The walk's own. */
    uint64_t at; /* bytes looked at */
    uint64_t line_at;
    uint64_t field_at, value_at;
    size_t name_n;
    int state;
    bool is_in_field, has_cr, is_first;
    char name[HEADER_NAME_KEPT_BYTES];
};

void header_walk_init(struct header_walk *w, uint64_t max_bytes, uint64_t max_fields);
/* Takes bytes off *in. At HEADER_END after an empty line *in begins with the body. Where a line
 * turned out to be no field, up to 998 bytes of the body are taken already: the body begins at
 * body_at, and w->at bytes were taken in all, so whoever keeps the section's bytes has them. */
enum header_event header_walk_feed(struct header_walk *w, slice *in, struct header_field *ret)
    __attribute__((warn_unused_result));
/* No more bytes will come: like feed, until it is HEADER_END. */
enum header_event header_walk_finish(struct header_walk *w, struct header_field *ret)
    __attribute__((warn_unused_result));

/* One field of a section that is there in one piece; no mbox line is passed over here. */
struct header_text {
    slice whole; /* name to line end */
    slice name;  /* without blanks before the colon */
    slice value; /* raw: folding inside, blanks before and line end behind cut off */
};
/* False: no field stands first in *section. */
bool take_header_field(slice *section, struct header_text *ret) __attribute__((warn_unused_result));
/* The first field of this name (any case) in a section or a message; false when there is none. */
bool header_find(slice section, const char *name, struct header_text *ret)
    __attribute__((warn_unused_result));
/* A raw value with its line ends taken out (RFC 5322 2.2.3). */
void header_unfold(struct buf *out, slice value);

#endif
