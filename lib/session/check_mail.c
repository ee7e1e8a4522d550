/* The checks of a transaction: room in the spool, who sends, the recipient, the finished message.
 */
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

/* May who is signed in send as this? Others are asked nothing: they may write to our own domains.
 */
struct verdict check_sender(const struct check_facts *facts, struct view *view)
{
    struct answer a;
    struct verdict not_yet;
    if (!facts->is_signed_in)
        return verdict_next();
    if (!check_ask(view, QUESTION_SENDER, facts->sender, &a, &not_yet))
        return not_yet;
    if (a.state == ANSWER_FAILED)
        return verdict_defer(REASON_DIRECTORY_DOWN);
    switch ((enum sender_code)a.code) {
    case SENDER_YES:
        return verdict_next();
    case SENDER_NOT_OWN:
        return verdict_reject(REASON_SENDER_NOT_AUTHORIZED);
    case SENDER_LIMITED:
        return verdict_defer(REASON_SENDER_LIMITED);
    case SENDER_OVER:
        return verdict_reject(REASON_SIGN_IN_EXPIRED);
    }
    return verdict_defer(REASON_DIRECTORY_DOWN);
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
        /* RFC 6409 3.1: our own users write to everybody. */
        if (facts->is_signed_in)
            return verdict_next();
        return verdict_reject(slice_ends(facts->recipient, SLICE_LIT("]"))
                                  ? REASON_DOMAIN_LITERAL_NOT_LOCAL
                                  : REASON_RELAY_DENIED);
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
