/* line_reader: complete command lines out of bytes that come as they like.
 *
 * Invariants: the lines handed out do not depend on how the bytes were cut. At most max_bytes of an
 * unfinished line are kept, the rest of an over-long one is passed over and counted. Between lines
 * no memory is held: a line that came whole is a slice of the caller's bytes, and the buffer for a
 * split one is given back by line_reader_done, or by the next take. Before that it is overwritten,
 * and no other copy was made: a line may be a password (RFC 4954 4).
 *
 * Use: while ((event = line_reader_take(&r, &in, &line)) != LINE_MORE) …; stop at any time and come
 * back with the rest of `in`. */
#ifndef CANDOR_SMTP_LINE_READER_H
#define CANDOR_SMTP_LINE_READER_H

#include "lib/base/buf.h"

enum line_event {
    LINE_MORE = 0, /* *in is used up, the line is not finished */
    LINE_READY,
    LINE_TOO_LONG, /* the end of a line over max_bytes: text is empty */
    LINE_NOMEM,    /* as LINE_TOO_LONG, but because memory was missing: 4xx */
};

struct line {
    slice text;       /* without its line end; valid until the next call or the end of `in` */
    bool is_bare_lf;  /* ended by LF without CR before it (RFC 5321 2.3.8) */
    bool has_bare_cr; /* a CR that is not in a CRLF stands in text */
    bool has_nul;
};

struct line_reader {
    struct buf partial;     /* the head of an unfinished line */
    size_t max_bytes;       /* of a line with its line end; may be changed between lines */
    uint64_t skipped_bytes; /* of the over-long line that is under way */
    uint8_t is_handed_out;  /* partial was the last line's text */
    uint8_t is_skipping;
    uint8_t is_nomem;
};

/* max_bytes: 512 for commands (RFC 5321 4.5.3.1.4), more with extensions. Takes no memory. */
void line_reader_init(struct line_reader *r, size_t max_bytes);
void line_reader_release(struct line_reader *r);
/* Forgets an unfinished line (STARTTLS: what came in the clear is thrown away). */
void line_reader_reset(struct line_reader *r);
/* Takes the bytes up to the end of the next line off *in. */
enum line_event line_reader_take(struct line_reader *r, slice *in, struct line *ret)
    __attribute__((warn_unused_result));
/* The line handed out last is not used any more: whoever may wait long for the next one says so. */
void line_reader_done(struct line_reader *r);
/* Bytes of the unfinished line so far. */
uint64_t line_reader_pending(const struct line_reader *r);

#endif
