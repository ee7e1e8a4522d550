/* The steps that checks.def names, a file each (check_*.c). */
#ifndef CANDOR_SESSION_CHECK_STEPS_H
#define CANDOR_SESSION_CHECK_STEPS_H

#include "lib/session/check.h"

check_step check_refuse_list, check_sessions, check_client_name, check_space, check_mailbox,
    check_loop, check_form;

static inline struct verdict verdict_next(void)
{
    return (struct verdict){.kind = VERDICT_NEXT};
}

static inline struct verdict verdict_need(void)
{
    return (struct verdict){.kind = VERDICT_NEED};
}

static inline struct verdict verdict_reject(enum reason_id reason)
{
    return (struct verdict){VERDICT_REJECT, reason};
}

static inline struct verdict verdict_defer(enum reason_id reason)
{
    return (struct verdict){VERDICT_DEFER, reason};
}

#endif
