/* The check of EXPN: what directory says of a list. */
#include "lib/session/check_steps.h"

struct verdict check_expn(const struct check_facts *facts, struct view *view)
{
    struct answer a;
    struct verdict not_yet;
    if (!check_ask(view, QUESTION_EXPN, facts->recipient, &a, &not_yet))
        return not_yet;
    if (a.state == ANSWER_FAILED)
        return verdict_defer(REASON_DIRECTORY_DOWN);
    switch ((enum recipient_code)a.code) {
    case RECIPIENT_YES:
    case RECIPIENT_FORWARDED:
        return (struct verdict){.kind = VERDICT_NEXT, .reason = REASON_EXPN_OK, .text = a.text};
    case RECIPIENT_NOT_LOCAL:
    case RECIPIENT_FULL:
    case RECIPIENT_OVERFULL:
        return verdict_next(); /* 252: nothing is known that we could tell */
    case RECIPIENT_UNKNOWN:
    case RECIPIENT_DISABLED:
    case RECIPIENT_MOVED:
        return verdict_reject(REASON_MAILBOX_NOT_FOUND);
    case RECIPIENT_MALFORMED:
        return verdict_reject(REASON_RECIPIENT_ADDRESS_BAD);
    }
    return verdict_defer(REASON_DIRECTORY_DOWN);
}
