/* envelope: all that is known of a message besides its text, as TLVs.
 *
 * It is made by smtpd, kept in the spool, read by queue and relay, and must be readable by programs
 * of other ages: a field that a reader does not know is skipped, unless it carries the
 * must-understand bit; then the envelope is refused and the message stays where it is.
 *
 * Stored: a run of {u16 tag, u16 length, value}, little-endian; bit 15 of the tag is
 * must-understand. Fields of the message come from envelope.def; each recipient is one TLV whose
 * value is again a run of TLVs. Order is free, a second TLV of the same field is an error.
 *
 * Decoding copies nothing: slices point into what was decoded. */
#ifndef CANDOR_SMTP_ENVELOPE_H
#define CANDOR_SMTP_ENVELOPE_H

#include "lib/base/buf.h"

/* Encoded, recipients included. What does not fit is 452 to the next RCPT. Chosen so that an
 * envelope and a header section travel in one datagram. */
#define ENVELOPE_MAX_BYTES 65536
#define ENVELOPE_MAX_RCPTS 4096
#define ENVELOPE_MAX_PATH_BYTES 1024
#define ENVELOPE_MAX_ORCPT_BYTES 1024

enum envelope_body { ENVELOPE_BODY_7BIT = 0, ENVELOPE_BODY_8BITMIME, ENVELOPE_BODY_BINARY };
enum envelope_ret { ENVELOPE_RET_NONE = 0, ENVELOPE_RET_FULL, ENVELOPE_RET_HDRS };
enum envelope_by { ENVELOPE_BY_NONE = 0, ENVELOPE_BY_NOTIFY, ENVELOPE_BY_RETURN };
/* NOTIFY= of RFC 3461 4.1, a set; 0: not given. NEVER stands alone. */
enum envelope_notify {
    ENVELOPE_NOTIFY_NEVER = 1,
    ENVELOPE_NOTIFY_SUCCESS = 2,
    ENVELOPE_NOTIFY_FAILURE = 4,
    ENVELOPE_NOTIFY_DELAY = 8,
};

/* Meaning and source of each field: envelope.def. */
struct envelope {
#define TEXT(tag, name, must, max_bytes) slice name;
#define BYTES(tag, name, must, max_bytes) slice name;
#define NUMBER(tag, name, must, type, max) type name;
#include "lib/smtp/envelope.def"
#undef TEXT
#undef BYTES
#undef NUMBER
    /* Set by envelope_decode, for envelope_next; not looked at by envelope_add. */
    slice tlvs;
    uint32_t rcpt_count;
};

struct envelope_rcpt {
    slice forward_path; /* the mailbox: no brackets, no source route; never empty */
    slice orcpt;        /* RFC 3461 4.2 as given, "type;xtext"; empty: not given */
    uint8_t notify;     /* enum envelope_notify */
};

enum envelope_err {
    ENVELOPE_OK = 0,
    ENVELOPE_BAD,     /* cut short, a field twice, too long, out of range, control characters */
    ENVELOPE_UNKNOWN, /* a must-understand field of a newer program */
    ENVELOPE_TOO_BIG, /* ENVELOPE_MAX_BYTES or ENVELOPE_MAX_RCPTS */
};

/* Appends the fields of the message; what does not fit is seen in out->err. Slices must be within
 * the bounds of envelope.def (an assert: the parsers of commands are stricter). */
void envelope_add(struct buf *out, const struct envelope *e);
/* Appends one recipient, before or after envelope_add. */
void envelope_add_rcpt(struct buf *out, const struct envelope_rcpt *rcpt);
/* What envelope_add_rcpt will take. */
size_t envelope_rcpt_bytes(const struct envelope_rcpt *rcpt);

/* All of in is checked, recipients too, so envelope_next cannot fail later. Fields not there are
 * empty or 0. *ret is untouched on error and borrows from in. */
enum envelope_err envelope_decode(slice in, struct envelope *ret)
    __attribute__((warn_unused_result));

/* *rest begins as e->tlvs and is used up; false when there is no further recipient. Recipients come
 * in the order in which they were added: their numbers, from 0, are what outcomes refer to. */
bool envelope_next(slice *rest, struct envelope_rcpt *ret) __attribute__((warn_unused_result));

#endif
