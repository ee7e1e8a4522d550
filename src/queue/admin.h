/* admin: what `candor queue` asks (src/control/requests.def says what comes and goes). */
#ifndef CANDOR_QUEUE_ADMIN_H
#define CANDOR_QUEUE_ADMIN_H

#include "lib/base/buf.h"
#include "src/queue/spool.h"

/* Appends the answer to the request, JSON both, at most out's maximum. Reads messages from the
 * spool; one that turns out to be damaged is left out. What does not fit is seen in out->err. */
void queue_admin(struct spool *s, slice request, bool is_held, struct buf *out);

#endif
