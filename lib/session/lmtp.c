/* LMTP (RFC 2033): where a session of another kind differs from SMTP. */
#include "lib/session/session_int.h"

enum reason_id hello_of_the_other(const struct session *s, verb_handler *handler, slice word)
{
    bool is_hello = handler == verb_ehlo || handler == verb_helo;
    if (!is_hello || slice_is_ci(word, "LHLO") == s->policy->is_lmtp)
        return REASON_NONE;
    return s->policy->is_lmtp ? REASON_LMTP_SPOKEN_HERE : REASON_COMMAND_UNKNOWN;
}

enum reason_id no_recipients(const struct session *s)
{
    /* RFC 5321 3.3: none given is an error of order, none accepted is 554; RFC 2033 4.2 wants 503
     * in any case. */
    return s->txn->refused > 0 && !s->policy->is_lmtp ? REASON_NO_VALID_RECIPIENTS
                                                      : REASON_RCPT_FIRST;
}

void say_of_message(struct session *s, const struct turn *t, enum reason_id reason,
                    const struct reply_facts *facts)
{
    struct reply_facts once = *facts;
    if (!s->policy->is_lmtp) {
        say_facts(s, t, reason, (slice){0}, &once);
        return;
    }
    /* It is one fault however many hear of it, and the id once is enough. */
    const uint32_t errors = s->errors;
    for (const struct recipient *r = s->txn->first; r != NULL && s->mode != MODE_ENDED;
         r = r->next) {
        if (r != s->txn->first && s->errors > errors)
            s->errors = errors;
        say_facts(s, t, reason, r->path, &once);
        once = *facts;
        once.incident = (slice){0};
    }
}
