/* EHLO and HELO (RFC 5321 4.1.1.1). */
#include "lib/session/session_int.h"

/* What the client calls itself: any word is taken and shown safely; only nothing, or what is no
 * word at all, is refused (RFC 5321 4.1.4: mail is not refused for an unverifiable name). */
static bool take_name(struct session *s, const struct turn *t, slice args)
{
    struct domain name;
    if (take_domain_tolerant(&args, &name) != PATH_OK || slice_trim(args).n > 0) {
        struct reply_facts facts = {.is_greeting = true};
        say_facts(s, t, REASON_HELO_SYNTAX, s->verb, &facts);
        return false;
    }
    buf_clear(&s->helo);
    buf_add(&s->helo, s->told_helo.n > 0 ? buf_slice(&s->told_helo) : name.text);
    if (s->helo.err != BUF_OK) {
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        return false;
    }
    /* RFC 5321 4.1.4: a second EHLO is an implied RSET. */
    transaction_end(s, t);
    s->state = STATE_READY;
    return true;
}

void verb_ehlo(struct session *s, const struct turn *t, slice args)
{
    if (!take_name(s, t, args))
        return;
    s->is_extended = true;
    extensions_announce(s, t);
}

void verb_helo(struct session *s, const struct turn *t, slice args)
{
    if (!take_name(s, t, args))
        return;
    s->is_extended = false;
    say(s, t, REASON_HELO_OK, buf_slice(&s->helo));
}
