/* Who speaks before it is his turn, or another language. None of it may cost much: whoever does it
 * is told once, and the session is over. */
#include "lib/session/session_int.h"

/* A line that has not ended by then ends the session. */
enum { LINE_FLOOD_BYTES = 65536 };

/* RFC 8446 5.1: a record of the handshake; no command begins so. */
enum { TLS_HANDSHAKE = 0x16 };

static void say_last(struct session *s, const struct turn *t, enum reason_id reason, slice about)
{
    s->mode = MODE_ENDED;
    t->fx->close = true;
    say(s, t, reason, about);
}

bool turn_is_broken(struct session *s, const struct turn *t, slice in)
{
    uint64_t pending = line_reader_pending(&s->reader);
    if (pending == 0 && in.n > 0 && in.p[0] == TLS_HANDSHAKE) {
        say_last(s, t, REASON_TLS_NOT_HERE, (slice){0});
        return true;
    }
    if (pending + in.n >= LINE_FLOOD_BYTES && pending + slice_find(in, '\n') >= LINE_FLOOD_BYTES) {
        say_last(s, t, REASON_LINE_TOO_LONG, (slice){0});
        return true;
    }
    return false;
}

/* RFC 9110 9.3, and what HTTP/2 begins with. */
static bool is_http(struct command c)
{
    static const char *const words[] = {"GET",     "POST",  "HEAD",  "PUT", "DELETE",
                                        "OPTIONS", "TRACE", "PATCH", "PRI", "CONNECT"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is(c.verb, words[i]))
            return c.args.n > 0;
    return false;
}

/* RFC 2920 3.1, and 3207 4, 4954 4: the reply to these decides what may follow. */
static bool ends_a_group(verb_handler *handler)
{
    return handler == verb_ehlo || handler == verb_helo || handler == verb_data ||
           handler == verb_starttls || handler == verb_auth || handler == verb_xclient;
}

void turn_look_behind(struct session *s, slice rest)
{
    s->has_more = rest.n > 0;
    s->has_quit_next = slice_is_ci(rest, "QUIT\r\n");
}

/* Whoever only wants to see what EHLO says and go (a monitor, a person with nc) harms nobody. */
static bool comes_early(const struct session *s, verb_handler *handler)
{
    bool is_hello = handler == verb_ehlo || handler == verb_helo;
    return s->has_more && ends_a_group(handler) && !(is_hello && s->has_quit_next);
}

bool turn_is_taken(struct session *s, const struct turn *t, struct command c, verb_handler *handler)
{
    if (handler == NULL && is_http(c)) {
        say_last(s, t, REASON_HTTP_SPOKEN, c.verb);
        return true;
    }
    if (s->policy->refuses_early && comes_early(s, handler)) {
        say_last(s, t,
                 handler == verb_starttls ? REASON_PIPELINED_AFTER_STARTTLS
                                          : REASON_PIPELINED_TOO_EARLY,
                 c.verb);
        return true;
    }
    if (s->until_ms != 0 && t->now_ms >= s->until_ms && handler != verb_quit) {
        say_last(s, t, REASON_SESSION_TOO_LONG, (slice){0});
        return true;
    }
    return false;
}

/* ---- the greeting ---- */

void greet(struct session *s, const struct turn *t)
{
    if (s->has_spoken_early) {
        if (s->policy->times.pause_ms > 0) {
            say_last(s, t, REASON_SPOKE_TOO_EARLY, (slice){0});
            return;
        }
        session_notice(t, REASON_SPOKE_TOO_EARLY);
    } else if (t->now_ms < s->greet_at_ms) {
        s->is_pausing = true;
        s->deadline_ms = s->greet_at_ms;
        return;
    }
    say(s, t, s->policy->is_lmtp ? REASON_LMTP_READY : REASON_SERVICE_READY, (slice){0});
    s->state = STATE_GREETED;
    s->was_greeted = true;
    session_wait_for_command(s, t);
}

void greet_after_pause(struct session *s, const struct turn *t)
{
    s->is_pausing = false;
    greet(s, t);
}

void speak_early(struct session *s, const struct turn *t)
{
    if (s->state != STATE_CONNECTING || s->has_spoken_early || s->was_greeted)
        return;
    s->has_spoken_early = true;
    if (s->is_pausing)
        greet_after_pause(s, t);
}
