/* DATA (RFC 5321 4.1.1.4). */
#include "lib/session/session_int.h"

void verb_data(struct session *s, const struct turn *t, slice args)
{
    (void)args;
    if (s->state == STATE_IN_MAIL) {
        say(s, t, no_recipients(s), s->verb);
        return;
    }
    if (s->txn->mail.body == BODY_BINARYMIME) {
        say(s, t, REASON_BINARY_NEEDS_BDAT, s->verb);
        return;
    }
    text_begin(s, t);
    say(s, t, REASON_DATA_GO, (slice){0});
}
