/* Replies: the one place where a session speaks. */
#include "lib/session/session_int.h"

/* What {limit} means where a reason names one. */
static uint64_t limit_of(const struct session_policy *p, enum reason_id reason)
{
    if (reason == REASON_TOO_MANY_RECIPIENTS)
        return p->max_recipients;
    if (reason == REASON_MESSAGE_TOO_BIG || reason == REASON_MESSAGE_TOO_BIG_DECLARED)
        return p->max_message_bytes;
    if (reason == REASON_HEADER_TOO_LARGE)
        return p->max_header_bytes;
    if (reason == REASON_LOOP_DETECTED)
        return p->max_received;
    if (reason == REASON_LINE_TOO_LONG)
        return SESSION_COMMAND_BYTES;
    if (reason == REASON_AUTH_LINE_TOO_LONG)
        return AUTH_LINE_MAX_BYTES;
    if (reason == REASON_LINE_TOO_LONG_IN_MESSAGE)
        return SESSION_TEXT_LINE_BYTES;
    return p->max_client_sessions;
}

static void find(const struct turn *t, enum reason_id reason, slice about, bool is_notice)
{
    if (t->fx->finding_count == SESSION_FINDINGS)
        return;
    struct finding *f = &t->fx->findings[t->fx->finding_count++];
    f->reason = reason;
    f->is_notice = is_notice;
    f->about_n = about.n < sizeof f->about ? about.n : sizeof f->about;
    if (f->about_n > 0)
        memcpy(f->about, about.p, f->about_n);
}

void session_notice(const struct turn *t, enum reason_id reason)
{
    find(t, reason, (slice){0}, true);
}

void say_facts(struct session *s, const struct turn *t, enum reason_id reason, slice about,
               struct reply_facts *facts)
{
    const struct reason *r = reason_of(reason);
    struct buf client, link;
    bool is_refusal = r->basic >= 400;
    buf_init(&client, 64);
    buf_init(&link, 512);
    ip_print(&client, &s->client);
    facts->is_greeting = facts->is_greeting || s->state == STATE_CONNECTING; /* RFC 2034 4 */
    facts->host = s->policy->host;
    facts->client = buf_slice(&client);
    if (facts->limit == 0)
        facts->limit = limit_of(s->policy, reason);
    if (facts->word.n == 0)
        facts->word = about;
    facts->address = about;
    facts->domain = slice_tail(about, slice_rfind(about, '@') + 1);
    if (is_refusal)
        find(t, reason, about, false);
    /* A client learns of the limit by the 452 and may have sent all its recipients by then (RFC
     * 5321 4.5.3.1.10, RFC 2920): those that were taken must still get their mail. */
    bool is_error =
        is_refusal && reason != REASON_TOO_MANY_RECIPIENTS && reason != REASON_RECIPIENTS_LIMITED;
    s->errors += is_error;
    if (facts->incident.n > 0 && s->policy->link.n > 0) {
        buf_add(&link, s->policy->link);
        buf_add(&link, facts->incident);
        facts->link = buf_slice(&link);
    }
    if (reply_make(&t->fx->reply, reason, facts) != REPLY_MADE) {
        /* Without memory for one line there is nothing left to say. */
        s->mode = MODE_ENDED;
        t->fx->close = true;
    }
    buf_release(&client);
    buf_release(&link);
    if (is_error && s->policy->max_errors > 0 && s->errors > s->policy->max_errors &&
        s->mode != MODE_ENDED && s->mode != MODE_TEXT)
        say_and_close(s, t, REASON_TOO_MANY_ERRORS);
}

void say(struct session *s, const struct turn *t, enum reason_id reason, slice about)
{
    struct reply_facts facts = {0};
    say_facts(s, t, reason, about, &facts);
}

void say_decision(struct session *s, const struct turn *t, enum reason_id reason, slice about)
{
    struct reply_facts facts = {.incident = session_id(s)};
    say_facts(s, t, reason, about, &facts);
}

void say_challenge(struct session *s, const struct turn *t, slice challenge)
{
    if (reply_make_challenge(&t->fx->reply, challenge) == REPLY_MADE)
        return;
    s->mode = MODE_ENDED;
    t->fx->close = true;
}

void say_and_close(struct session *s, const struct turn *t, enum reason_id reason)
{
    s->mode = MODE_ENDED;
    t->fx->close = true;
    say(s, t, reason, (slice){0});
}
