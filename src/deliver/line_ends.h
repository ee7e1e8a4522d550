/* line_ends: CRLF of the wire becomes the LF of a Maildir, in pieces of any size.
 *
 * Maildir's readers and writers (Dovecot, Courier, Postfix, mutt) keep mail in the system's own
 * line ends; turning each LF back into CRLF gives what was sent, byte for byte, since no message
 * with a lone CR or LF is taken at the door. A lone one that comes here all the same is left as it
 * is. */
#ifndef CANDOR_DELIVER_LINE_ENDS_H
#define CANDOR_DELIVER_LINE_ENDS_H

#include "lib/base/buf.h"

struct line_ends {
    bool has_cr; /* the piece before ended in a CR, which was not written yet */
};

/* Appends piece's bytes; never more than one byte more than it has. */
void line_ends_add(struct line_ends *l, struct buf *out, slice piece);
/* After the last piece: a CR that nothing followed. */
void line_ends_end(struct line_ends *l, struct buf *out);

#endif
