/* dot: the text of DATA (RFC 5321 4.5.2), both ways, streaming, without copying.
 *
 * Invariants: only CRLF "." CRLF ends the text (the line end of the DATA command counts as the
 * first CRLF); a bare CR, a bare LF and any mixture of them never do. The bytes handed out, put
 * together, and everything in the struct are the same however the input was cut. What is handed out
 * are slices of the input, or of a constant. Memory: the struct. */
#ifndef CANDOR_SMTP_DOT_H
#define CANDOR_SMTP_DOT_H

#include "lib/base/slice.h"

/* What was seen in the text: to refuse or to note, the decoder goes on in any case. */
enum {
    DOT_SEEN_BARE_CR = 1,
    DOT_SEEN_BARE_LF = 2,
    DOT_SEEN_NUL = 4,
    DOT_SEEN_8BIT = 8,
    DOT_SEEN_LONG_LINE = 16,
};

enum dot_event {
    DOT_MORE = 0, /* *in is used up */
    DOT_DATA,     /* *ret holds text, call again */
    DOT_END,      /* the text has ended; what is left in *in follows it */
};

struct dot_decoder {
    uint64_t size_bytes;   /* handed out so far, line ends as CRLF counted, stuffed dots not */
    uint64_t lines;        /* ended by CRLF */
    uint64_t bare_line;    /* number (from 1) of the line with the first bare CR or LF; 0: none */
    size_t max_line_bytes; /* of a line without its CRLF; a leading dot that is dropped is free */
    size_t line_bytes;     /* of the line under way */
    unsigned seen;         /* DOT_SEEN_… */
    int state;
};

/* max_line_bytes is 998 by RFC 5321 4.5.3.1.6. */
void dot_decoder_init(struct dot_decoder *d, size_t max_line_bytes);
/* After DOT_END it must not be called again before an init. *ret is valid while the bytes of *in
 * are. */
enum dot_event dot_decode(struct dot_decoder *d, slice *in, slice *ret)
    __attribute__((warn_unused_result));

struct dot_encoder {
    unsigned seen; /* DOT_SEEN_… but LONG_LINE */
    int state;
};

void dot_encoder_init(struct dot_encoder *e);
/* Takes text off *in; false when *in is used up, else *ret is the next piece to send. Bare CR and
 * LF are sent as they are (and seen): whoever must not send them checks before. */
bool dot_encode(struct dot_encoder *e, slice *in, slice *ret);
/* What ends the text: ".\r\n", after "\r\n" where the last line was not ended (a last CR gets its
 * LF). A constant. */
slice dot_encode_end(const struct dot_encoder *e);

#endif
