/* loop_int: what sys/ shares of the loop and others do not need. */
#ifndef CANDOR_SYS_LOOP_INT_H
#define CANDOR_SYS_LOOP_INT_H

#include "sys/loop.h"

/* IPC_DATAGRAM_MAX bytes, one a loop, for a datagram while it is handled. The loop does not nest,
 * so one is enough. NULL: no memory. */
char *loop_datagram_room(struct loop *l);

#endif
