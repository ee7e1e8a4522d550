/* The verbs that change little: RSET, VRFY, HELP, NOOP, QUIT, STARTTLS, and what is not served. */
#include "lib/session/session_int.h"

void verb_rset(struct session *s, const struct turn *t, slice args)
{
    (void)args;
    transaction_end(s, t);
    say(s, t, REASON_RESET_OK, (slice){0});
}

/* RFC 5321 7.3: it neither confirms nor denies. */
void verb_vrfy(struct session *s, const struct turn *t, slice args)
{
    say(s, t, REASON_VRFY_UNVERIFIED, args);
}

void verb_help(struct session *s, const struct turn *t, slice args)
{
    say(s, t, REASON_HELP_TEXT, args);
}

void verb_noop(struct session *s, const struct turn *t, slice args)
{
    (void)args;
    say(s, t, REASON_NOOP_OK, (slice){0});
}

void verb_quit(struct session *s, const struct turn *t, slice args)
{
    (void)args;
    transaction_end(s, t);
    say_and_close(s, t, REASON_BYE);
}

void verb_starttls(struct session *s, const struct turn *t, slice args)
{
    (void)args;
    if (s->has_tls) {
        say(s, t, REASON_TLS_ALREADY, (slice){0});
        return;
    }
    switch (s->policy->starttls) {
    case STARTTLS_NO:
        say(s, t, REASON_COMMAND_NOT_IMPLEMENTED, SLICE_LIT("STARTTLS"));
        return;
    case STARTTLS_UNAVAILABLE:
        say(s, t, REASON_TLS_UNAVAILABLE, (slice){0});
        return;
    case STARTTLS_OFFERED:
        break;
    }
    transaction_end(s, t);
    say(s, t, REASON_TLS_READY, (slice){0});
    s->mode = MODE_HANDSHAKE;
    s->deadline_ms = t->now_ms + s->policy->times.command_ms;
    t->fx->start_tls = true;
}

void verb_not_implemented(struct session *s, const struct turn *t, slice args)
{
    (void)args;
    say(s, t, REASON_COMMAND_NOT_IMPLEMENTED, s->verb);
}
