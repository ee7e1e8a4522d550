/* The steps that checks.def names, a file each (check_*.c). */
#ifndef CANDOR_SESSION_CHECK_STEPS_H
#define CANDOR_SESSION_CHECK_STEPS_H

#include "lib/session/check.h"

check_step check_refuse_list, check_sessions, check_client_name, check_space, check_sender,
    check_mailbox, check_loop, check_form, check_expn;

static inline struct verdict verdict_next(void)
{
    return (struct verdict){.kind = VERDICT_NEXT};
}

static inline struct verdict verdict_need(void)
{
    return (struct verdict){.kind = VERDICT_NEED};
}

/* True: *ret_answer is there. False: the check returns *ret_verdict. */
static inline bool check_ask(struct view *view, enum question_kind kind, slice key,
                             struct answer *ret_answer, struct verdict *ret_verdict)
{
    switch (view_ask(view, kind, key, ret_answer)) {
    case VIEW_HAVE:
        return true;
    case VIEW_NEED:
        *ret_verdict = verdict_need();
        return false;
    case VIEW_FULL:
        break;
    }
    *ret_verdict = (struct verdict){.kind = VERDICT_DEFER, .reason = REASON_OUT_OF_MEMORY};
    return false;
}

static inline struct verdict verdict_reject(enum reason_id reason)
{
    return (struct verdict){.kind = VERDICT_REJECT, .reason = reason};
}

static inline struct verdict verdict_defer(enum reason_id reason)
{
    return (struct verdict){.kind = VERDICT_DEFER, .reason = reason};
}

#endif
