/* A command line finds its verb: grammar, then state, then the verb's own file. */
#include "lib/session/session_int.h"

struct verb {
    const char *word;
    unsigned states; /* enum state, or'ed */
    enum args_rule args;
    verb_handler *handler;
};

static const struct verb verbs[VERB_COUNT] = {
#define VERB(id, word, states, args, handler, source) {word, states, args, handler},
#include "lib/session/verbs.def"
#undef VERB
};

static const struct verb *find_verb(slice word)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (slice_is_ci(word, verbs[i].word))
            return &verbs[i];
    return NULL;
}

/* RFC 5321 2.4, 4.1.1: commands are printable ASCII, or UTF-8 where SMTPUTF8 allows (RFC 6531 3.3).
 */
static bool has_bad_bytes(const struct line *line)
{
    if (line->has_bare_cr || line->has_nul || line->is_bare_lf)
        return true;
    for (size_t i = 0; i < line->text.n; i++)
        if (ascii_is_control(line->text.p[i]) && line->text.p[i] != '\t')
            return true;
    return !utf8_is_valid(line->text);
}

/* RFC 5321 4.1.4: which command should have come first. */
static enum reason_id out_of_order(const struct session *s, const struct verb *v)
{
    if (s->state == STATE_REFUSED)
        return REASON_SERVICE_REFUSED;
    if (s->state == STATE_GREETED)
        return s->policy->is_lmtp ? REASON_LHLO_FIRST : REASON_HELO_FIRST;
    if (v->handler == verb_mail && s->state != STATE_IN_CHUNKS)
        return REASON_MAIL_NESTED;
    return s->state == STATE_IN_CHUNKS ? REASON_BDAT_UNFINISHED : REASON_MAIL_FIRST;
}

/* RFC 3207 4: where TLS is required, only these go without. AUTH has a reply of its own for it (RFC
 * 4954 6). */
static bool goes_without_tls(const struct verb *v)
{
    return v->handler == verb_ehlo || v->handler == verb_helo || v->handler == verb_starttls ||
           v->handler == verb_auth || v->handler == verb_noop || v->handler == verb_quit ||
           v->handler == verb_bdat || v->handler == verb_help;
}

void verb_dispatch(struct session *s, const struct turn *t, const struct line *line)
{
    struct command c = command_split(line->text);
    if (s->policy->max_commands > 0 && ++s->commands > s->policy->max_commands) {
        say_and_close(s, t, REASON_TOO_MANY_COMMANDS);
        return;
    }
    if (s->is_draining && s->txn == NULL && !slice_is_ci(c.verb, "QUIT")) {
        say_and_close(s, t, REASON_SERVER_SHUTDOWN);
        return;
    }
    if (s->is_revoked && !slice_is_ci(c.verb, "QUIT")) {
        say_and_close(s, t, REASON_SESSION_REVOKED);
        return;
    }
    if (has_bad_bytes(line)) {
        say(s, t, REASON_COMMAND_BAD_BYTES, (slice){0});
        return;
    }
    const struct verb *v = find_verb(c.verb);
    /* A client whose AUTH was refused may go on and say its password all the same. */
    s->hides_words = s->hides_words && v == NULL;
    if (turn_is_taken(s, t, c, v == NULL ? NULL : v->handler))
        return;
    enum reason_id other = v == NULL ? REASON_NONE : hello_of_the_other(s, v->handler, c.verb);
    if (other != REASON_NONE)
        say(s, t, other, c.verb);
    else if (v == NULL)
        say(s, t, s->state == STATE_REFUSED ? REASON_SERVICE_REFUSED : REASON_COMMAND_UNKNOWN,
            s->hides_words ? (slice){0} : c.verb);
    else if ((v->states & s->state) == 0)
        say(s, t, out_of_order(s, v), c.verb);
    else if (s->policy->tls_required && !s->has_tls && !goes_without_tls(v))
        say(s, t, REASON_STARTTLS_FIRST, c.verb);
    else if (v->args == ARGS_NONE && c.args.n > 0)
        say(s, t, REASON_ARGUMENT_UNEXPECTED, c.verb);
    else if (v->args == ARGS_NEEDED && c.args.n == 0)
        say(s, t, REASON_ARGUMENT_MISSING, c.verb);
    else
        s->verb = c.verb, v->handler(s, t, c.args);
}
