/* queueid: the number of a message in the queue and the text that people see.
 *
 * 13 characters of 0-9 a-z without i, l, o and u, highest digit first, so that texts sort as the
 * numbers do. Ids grow with time and are never given twice by one spool; they are not secret. */
#ifndef CANDOR_SMTP_QUEUEID_H
#define CANDOR_SMTP_QUEUEID_H

#include "lib/base/slice.h"

#define QUEUEID_CHARS 13

/* to has room for QUEUEID_CHARS; no NUL is written. The slice points there. */
slice queueid_print(uint64_t id, char to[QUEUEID_CHARS]);

/* Upper case is accepted, and o for 0, i and l for 1: people read ids to each other. The id 0 is
 * no message's and is refused. *ret is untouched on failure. */
bool queueid_parse(slice text, uint64_t *ret) __attribute__((warn_unused_result));

#endif
