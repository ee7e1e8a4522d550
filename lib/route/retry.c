#include "lib/route/retry.h"

const struct retry_plan retry_local = {.first_ms = 30 * 1000, .max_ms = 3600 * 1000};
const struct retry_plan retry_lmtp = {.first_ms = 10 * 1000, .max_ms = 1800 * 1000};

uint64_t retry_wait_ms(const struct retry_plan *plan, uint32_t attempts, uint32_t random)
{
    uint64_t wait = plan->first_ms;
    for (uint32_t i = 1; i < attempts && wait < plan->max_ms; i++)
        wait *= 2;
    if (wait > plan->max_ms)
        wait = plan->max_ms;
    uint64_t spread = wait / 5;
    return wait - spread + 2 * spread * (random % 1024) / 1023;
}
