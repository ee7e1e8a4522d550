/* The checks of a transaction: room in the spool, the recipient, the finished message. */
#include "lib/session/check_steps.h"
#include "lib/session/session.h"

struct verdict check_space(const struct check_facts *facts, struct view *view)
{
    (void)facts;
    struct answer a;
    struct verdict not_yet;
    if (!check_ask(view, QUESTION_SPACE, (slice){0}, &a, &not_yet))
        return not_yet;
    if (a.state == ANSWER_FAILED)
        return verdict_defer(REASON_QUEUE_DOWN);
    return a.code == SPACE_YES ? verdict_next() : verdict_defer(REASON_DISK_FULL);
}

struct verdict check_mailbox(const struct check_facts *facts, struct view *view)
{
    struct answer a;
    struct verdict not_yet;
    if (!check_ask(view, QUESTION_RECIPIENT, facts->recipient, &a, &not_yet))
        return not_yet;
    if (a.state == ANSWER_FAILED)
        return verdict_defer(REASON_DIRECTORY_DOWN);
    switch ((enum recipient_code)a.code) {
    case RECIPIENT_YES:
        return verdict_next();
    case RECIPIENT_UNKNOWN:
        return verdict_reject(REASON_MAILBOX_NOT_FOUND);
    case RECIPIENT_DISABLED:
        return verdict_reject(REASON_MAILBOX_DISABLED);
    case RECIPIENT_MALFORMED:
        return verdict_reject(REASON_RECIPIENT_ADDRESS_BAD);
    case RECIPIENT_NOT_LOCAL:
        return verdict_reject(REASON_RELAY_DENIED);
    case RECIPIENT_FORWARDED:
        return (struct verdict){VERDICT_NEXT, REASON_USER_FORWARDED, a.text};
    case RECIPIENT_MOVED:
        return (struct verdict){VERDICT_REJECT, REASON_USER_MOVED, a.text};
    case RECIPIENT_FULL:
        return verdict_defer(REASON_MAILBOX_FULL);
    case RECIPIENT_OVERFULL:
        return verdict_reject(REASON_MAILBOX_OVER_QUOTA);
    }
    return verdict_defer(REASON_DIRECTORY_DOWN);
}

struct verdict check_loop(const struct check_facts *facts, struct view *view)
{
    (void)view;
    return facts->received_fields > facts->policy->max_received
               ? verdict_reject(REASON_LOOP_DETECTED)
               : verdict_next();
}

struct verdict check_form(const struct check_facts *facts, struct view *view)
{
    (void)view;
    return facts->text_fault != REASON_NONE ? verdict_reject(facts->text_fault) : verdict_next();
}
