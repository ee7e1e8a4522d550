/* letter: makes plain what was pasted as it lay in a mailbox.
 *
 * "> " in front of the lines of a forwarded text is taken off, and parts in base64 or
 * quoted-printable (RFC 2045 6) are decoded where they stand. Nothing else is changed. */
#ifndef CANDOR_CATALOGUE_LETTER_H
#define CANDOR_CATALOGUE_LETTER_H

#include "lib/base/arena.h"

/* *ret is text itself where there is nothing to do, else in the arena and never longer than text.
 * False: the arena is full; *ret is untouched. */
bool letter_plain(struct arena *a, slice text, slice *ret) __attribute__((warn_unused_result));

#endif
