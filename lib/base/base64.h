/* base64 (RFC 4648 4), with padding, and base64url (5) without, as RFC 7515 2 has it; strict when
 * read: no white space, no stray bits. */
#ifndef CANDOR_BASE_BASE64_H
#define CANDOR_BASE_BASE64_H

#include "lib/base/buf.h"

enum base64_err { BASE64_OK = 0, BASE64_BAD, BASE64_NO_ROOM };

/* One line without a line end; what does not fit is seen in out->err. */
void base64_encode(struct buf *out, slice in);
/* Appends the decoded bytes. On BASE64_BAD (length, letter, padding, or unused bits that are not
 * zero: RFC 4648 3.5) and BASE64_NO_ROOM out->n is as before. */
enum base64_err base64_decode(struct buf *out, slice in) __attribute__((warn_unused_result));
/* The same for base64url without padding; a "=" is BASE64_BAD. */
enum base64_err base64url_decode(struct buf *out, slice in) __attribute__((warn_unused_result));

#endif
