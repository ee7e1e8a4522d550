/* reply: what a server answers (RFC 5321 4.2), read piece by piece, and printed.
 *
 * Invariants: the reply handed out does not depend on how the bytes were cut; memory is bounded by
 * max_bytes, the text of a longer reply is cut (is_cut) and its code still right. A bare LF as line
 * end and a missing text are tolerated, other faults are REPLY_BAD: the dialogue is lost. */
#ifndef CANDOR_SMTP_REPLY_H
#define CANDOR_SMTP_REPLY_H

#include "lib/base/buf.h"
#include "lib/smtp/line_reader.h"
#include "lib/smtp/status.h"

/* With CRLF. RFC 5321 4.5.3.1.5 says what may be sent; real servers send more. */
enum { REPLY_LINE_MAX_BYTES = 512, REPLY_READ_LINE_MAX_BYTES = 2048 };

enum reply_event {
    REPLY_MORE = 0, /* *in is used up */
    REPLY_READY,
    REPLY_BAD,  /* no reply: no code, codes that differ, a NUL, a line over the limit */
    REPLY_NOMEM /* local trouble */
};

struct reply {
    unsigned code;        /* 200 to 599 */
    struct status status; /* class 0 when the first line has none, or not of the code's class */
    slice text; /* the lines without codes, '\n' between them; valid until the next call */
    size_t lines;
    bool is_cut;
};

struct reply_reader {
    struct line_reader lines;
    struct buf text;
    unsigned code; /* of the first line, 0 before it */
    size_t count;
    bool is_done; /* the last call handed out text */
    bool is_cut;
};

/* max_bytes of all text of a reply. Takes no memory. */
void reply_reader_init(struct reply_reader *r, size_t max_bytes);
void reply_reader_release(struct reply_reader *r);
enum reply_event reply_reader_take(struct reply_reader *r, slice *in, struct reply *ret)
    __attribute__((warn_unused_result));
/* A whole reply: code, status (class 0: none) on each line, and lines ('\n' between them) with
 * CRLF. Control characters in text become
 * '?', so that no text can end a line. No line is wrapped here. */
void reply_print(struct buf *out, unsigned code, struct status status, slice text);

#endif
