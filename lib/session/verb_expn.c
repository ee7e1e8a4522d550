/* EXPN (RFC 5321 3.5, 4.1.1.7): who is on a list, for those who have signed in; others learn
 * nothing of our users (7.3). */
#include "lib/session/session_int.h"

enum { LIST_LINES = 1000, LIST_NAME_MAX_BYTES = 1000, LINE_MAX_BYTES = 2048 };

bool session_may_expand(const struct session *s)
{
    return s->policy->has_expn && s->sign_in != NULL;
}

/* The line is gone before the answer comes. */
static bool begin(struct session *s, const struct turn *t, slice name)
{
    if (!policy_begin(s, t, PHASE_EXPN, &(struct check_facts){.text_fault = REASON_NONE}))
        return false;
    if (arena_copy(&s->decision->arena, name, &s->decision->facts.recipient))
        return true;
    policy_drop(s);
    return false;
}

void verb_expn(struct session *s, const struct turn *t, slice args)
{
    slice name = path_inside(args);
    if (!s->policy->has_expn)
        say(s, t, REASON_COMMAND_NOT_IMPLEMENTED, s->verb);
    else if (s->sign_in == NULL)
        say(s, t, REASON_EXPN_REFUSED, (slice){0});
    else if (name.n == 0 || name.n > LIST_NAME_MAX_BYTES)
        say(s, t, REASON_MAILBOX_NOT_FOUND, name);
    else if (!begin(s, t, name))
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
    else
        session_decide(s, t);
}

/* One address off *in, each behind its length in two bytes. */
static bool take_address(slice *in, slice *ret)
{
    if (in->n < 2)
        return false;
    size_t n = (unsigned char)in->p[0] | (size_t)(unsigned char)in->p[1] << 8;
    if (in->n - 2 < n)
        return false;
    *ret = slice_of(in->p + 2, n);
    *in = slice_tail(*in, 2 + n);
    return true;
}

static bool add_line(struct arena *arena, slice address, slice *ret)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(&line, "List member <%.*s>", SLICE_ARG(address));
    bool ok = line.err == BUF_OK && arena_copy(arena, buf_slice(&line), ret);
    buf_release(&line);
    return ok;
}

void expn_decided(struct session *s, const struct turn *t, struct verdict v, struct decision *d)
{
    slice name = d->facts.recipient, first, one;
    session_wait_for_command(s, t);
    if (v.kind != VERDICT_NEXT) {
        say(s, t, v.reason, name);
        return;
    }
    struct reply_facts facts = {0};
    slice *lines = arena_zero(&d->arena, LIST_LINES * sizeof *lines);
    if (!take_address(&v.text, &first)) {
        say(s, t, REASON_VRFY_UNVERIFIED, name);
        return;
    }
    while (lines != NULL && facts.lines_n < LIST_LINES && take_address(&v.text, &one) &&
           add_line(&d->arena, one, &lines[facts.lines_n]))
        facts.lines_n++;
    facts.lines = lines;
    say_facts(s, t, REASON_EXPN_OK, first, &facts);
}
