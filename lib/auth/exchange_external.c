/* EXTERNAL (RFC 4422 A): the client has shown a certificate. */
#include "lib/auth/sasl_int.h"
#include "lib/base/utf8.h"

enum sasl_step sasl_external(struct sasl *s)
{
    slice identity = s->response;
    if (slice_find(identity, '\0') < identity.n || !utf8_is_valid(identity))
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    if (s->facts->certificate.n == 0)
        return sasl_fail(s, SASL_CAUSE_NO_SECRET);
    const struct sasl_answer *a =
        sasl_ask(s, &(struct sasl_question){.kind = SASL_ASK_CERTIFICATE,
                                            .secret = s->facts->certificate});
    if (a == NULL)
        return s->step;
    if (a->code != SASL_ANSWER_YES)
        return sasl_fail(s, a->code == SASL_ANSWER_DISABLED ? SASL_CAUSE_DISABLED
                                                            : SASL_CAUSE_UNKNOWN_USER);
    s->name = a->account;
    return sasl_settle(s, &(struct sasl_result){.account = a->account}, (slice){0}, identity);
}
