/* retry: when a message that could not be delivered is tried again. Pure: randomness is given.
 *
 * The wait doubles from first_ms up to max_ms; a fifth of it, more or less, is left to chance, so
 * that what failed together does not come back together. */
#ifndef CANDOR_ROUTE_RETRY_H
#define CANDOR_ROUTE_RETRY_H

#include <stdint.h>

struct retry_plan {
    uint64_t first_ms; /* not 0 */
    uint64_t max_ms;   /* at least first_ms; below 2^53 */
};

/* Into a mailbox of our own: a full disk or a restart is over soon, or an admin's matter. */
extern const struct retry_plan retry_local;
/* To the server that keeps our mailboxes: mostly it is started anew, on the same machine. */
extern const struct retry_plan retry_lmtp;

/* attempts: how many there were, from 1. random: any number. */
uint64_t retry_wait_ms(const struct retry_plan *plan, uint32_t attempts, uint32_t random);

#endif
