#include "lib/session/session.h"

#include <stdlib.h>

#include "lib/session/session_int.h"

enum { REPLY_BYTES = 1024 * 1024, STORE_BYTES = 4 * 1024 * 1024 };

void effects_init(struct effects *fx)
{
    *fx = (struct effects){0};
    buf_init(&fx->reply, REPLY_BYTES);
    buf_init(&fx->store, STORE_BYTES);
}

void effects_release(struct effects *fx)
{
    buf_release(&fx->reply);
    buf_release(&fx->store);
}

void effects_clear(struct effects *fx)
{
    buf_clear(&fx->reply);
    buf_clear(&fx->store);
    fx->ask_count = fx->finding_count = 0;
    fx->has_commit = fx->has_auth = fx->has_client = false;
    fx->discard = fx->start_tls = fx->close = false;
}

/* 16 letters and digits of 80 random bits: nobody guesses another session's (DESIGN 8). */
static void make_id(char id[SESSION_ID_CHARS], const uint8_t random[16])
{
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz023456789";
    for (size_t i = 0; i < SESSION_ID_CHARS; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)random[bit / 8] << 8 | random[bit / 8 + 1];
        id[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
}

struct session *session_new(const struct session_policy *policy,
                            const struct session_client *client, uint64_t now_ms, int64_t wall_s,
                            struct effects *fx)
{
    struct session *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct session){
        .policy = policy,
        .client = client->ip,
        .client_port = client->port,
        .state = STATE_CONNECTING,
        .mode = MODE_COMMAND,
        .has_tls = client->tls,
        .peer = client->ip,
        .greet_at_ms = now_ms + policy->times.pause_ms,
        .until_ms = policy->times.session_ms > 0 ? now_ms + policy->times.session_ms : 0,
    };
    buf_init(&s->told_helo, DOMAIN_MAX_BYTES);
    line_reader_init(&s->reader, SESSION_COMMAND_BYTES);
    buf_init(&s->helo, DOMAIN_MAX_BYTES);
    buf_init(&s->client_name, DOMAIN_MAX_BYTES);
    buf_init(&s->tls_version, 32);
    buf_init(&s->tls_cipher, 64);
    make_id(s->id, client->random);
    const struct turn t = {now_ms, wall_s, fx};
    s->deadline_ms = now_ms + policy->times.greeting_ms;
    if (!policy_begin(s, &t, PHASE_CONNECT, &(struct check_facts){.text_fault = REASON_NONE})) {
        session_free(s);
        return NULL;
    }
    session_decide(s, &t);
    return s;
}

void session_free(struct session *s)
{
    if (s == NULL)
        return;
    policy_drop(s);
    exchange_drop(s);
    sign_in_drop(s);
    transaction_free(s->txn);
    line_reader_release(&s->reader);
    buf_release(&s->helo);
    buf_release(&s->client_name);
    buf_release(&s->tls_version);
    buf_release(&s->tls_cipher);
    buf_release(&s->told_helo);
    forwarded_drop(s);
    free(s);
}

void session_wait_for_command(struct session *s, const struct turn *t)
{
    s->deadline_ms = t->now_ms + s->policy->times.command_ms;
}

static void connect_decided(struct session *s, const struct turn *t, struct verdict v)
{
    switch (v.kind) {
    case VERDICT_NEXT:
        greet(s, t);
        return;
    case VERDICT_REJECT:
        /* RFC 5321 3.1: a server that gives no service says 554 and waits for QUIT. */
        say_decision(s, t, v.reason, (slice){0});
        s->state = STATE_REFUSED;
        break;
    case VERDICT_DEFER:
        say_and_close(s, t, v.reason);
        break;
    case VERDICT_NEED:
        break;
    }
    session_wait_for_command(s, t);
}

static uint32_t time_of(const struct session_times *times, enum phase phase)
{
    switch (phase) {
    case PHASE_CONNECT:
        return times->greeting_ms;
    case PHASE_MAIL:
        return times->mail_ms;
    case PHASE_RCPT:
        return times->rcpt_ms;
    case PHASE_EXPN:
        return times->rcpt_ms;
    case PHASE_MESSAGE:
    case PHASE_COUNT:
        break;
    }
    return times->answer_ms;
}

void session_decide(struct session *s, const struct turn *t)
{
    struct verdict v = policy_run(s, t);
    struct decision *d = s->decision;
    enum phase phase = d->phase;
    if (v.kind == VERDICT_NEED) {
        s->deadline_ms = t->now_ms + time_of(&s->policy->times, phase);
        return;
    }
    s->decision = NULL; /* what the verdict names lies in d */
    switch (phase) {
    case PHASE_CONNECT:
        connect_decided(s, t, v);
        break;
    case PHASE_MAIL:
        mail_decided(s, t, v, &d->view);
        break;
    case PHASE_RCPT:
        rcpt_decided(s, t, v);
        break;
    case PHASE_MESSAGE:
        text_decided(s, t, v);
        break;
    case PHASE_EXPN:
        expn_decided(s, t, v, d);
        break;
    case PHASE_COUNT:
        break;
    }
    decision_free(d);
}

bool session_is_waiting(const struct session *s)
{
    return s->decision != NULL || s->commit_ask != 0 || s->is_pausing ||
           (s->exchange != NULL && s->exchange->ask != 0);
}

/* One thing to do before more bytes are taken. */
static bool has_stopping_effect(const struct effects *fx)
{
    return fx->start_tls || fx->close || fx->finding_count == SESSION_FINDINGS ||
           fx->ask_count == SESSION_ASKS || fx->store.n >= SESSION_STORE_BYTES ||
           fx->reply.n >= 65536;
}

static void feed_command(struct session *s, const struct turn *t, slice *in)
{
    struct line line;
    if (turn_is_broken(s, t, *in))
        return;
    switch (auth_take_line(s, in, &line)) {
    case LINE_MORE:
        return;
    case LINE_READY:
        turn_look_behind(s, *in);
        verb_dispatch(s, t, &line);
        line_reader_done(&s->reader);
        break;
    case LINE_TOO_LONG:
        say(s, t, REASON_LINE_TOO_LONG, (slice){0});
        break;
    case LINE_NOMEM:
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        break;
    }
    if (s->mode == MODE_COMMAND && !session_is_waiting(s))
        session_wait_for_command(s, t);
}

size_t session_feed(struct session *s, slice in, uint64_t now_ms, int64_t wall_s,
                    struct effects *fx)
{
    const struct turn t = {now_ms, wall_s, fx};
    slice left = in;
    if (in.n > 0)
        speak_early(s, &t);
    while (left.n > 0 && !session_is_waiting(s) && !has_stopping_effect(fx)) {
        switch (s->mode) {
        case MODE_COMMAND:
            feed_command(s, &t, &left);
            break;
        case MODE_AUTH:
            auth_feed(s, &t, &left);
            break;
        case MODE_TEXT:
            text_feed(s, &t, &left);
            break;
        case MODE_CHUNK:
            chunk_feed(s, &t, &left);
            break;
        case MODE_HANDSHAKE:
        case MODE_ENDED:
            /* RFC 3207 4.2: nothing that came before the handshake is trusted; and after our last
             * word there is nothing more to hear. */
            left = slice_tail(left, left.n);
            break;
        }
    }
    if (s->mode == MODE_HANDSHAKE || s->mode == MODE_ENDED)
        return in.n;
    return in.n - left.n;
}

void session_bytes_wait(struct session *s, uint64_t now_ms, struct effects *fx)
{
    const struct turn t = {now_ms, 0, fx};
    speak_early(s, &t);
}

void session_answer(struct session *s, uint32_t id, const struct answer *answer, uint64_t now_ms,
                    int64_t wall_s, struct effects *fx)
{
    const struct turn t = {now_ms, wall_s, fx};
    if (id == s->client_name_ask && id != 0) {
        s->client_name_ask = 0;
        if (answer->state == ANSWER_GIVEN)
            buf_add(&s->client_name, answer->text);
    }
    if (s->exchange != NULL && id == s->exchange->ask && id != 0) {
        auth_answered(s, &t, answer);
        return;
    }
    if (id == s->commit_ask && id != 0) {
        commit_answered(s, &t, answer);
        return;
    }
    if (s->decision != NULL && view_answer(&s->decision->view, id, answer) &&
        view_is_ready(&s->decision->view))
        session_decide(s, &t);
}

void session_tls_done(struct session *s, const struct session_tls *tls, uint64_t now_ms,
                      struct effects *fx)
{
    const struct turn t = {now_ms, 0, fx};
    if (tls == NULL) {
        s->mode = MODE_ENDED;
        fx->close = true;
        return;
    }
    s->has_tls = true;
    s->has_binding = tls->has_binding;
    s->has_certificate = tls->has_certificate;
    buf_clear(&s->tls_version);
    buf_clear(&s->tls_cipher);
    buf_add(&s->tls_version, tls->version);
    buf_add(&s->tls_cipher, tls->cipher);
    if (s->mode == MODE_HANDSHAKE) {
        /* RFC 3207 4.2: what was said before is forgotten, the client begins with EHLO again. */
        line_reader_reset(&s->reader);
        buf_clear(&s->helo);
        sign_in_drop(s);
        s->is_extended = false;
        s->state = STATE_GREETED;
        s->mode = MODE_COMMAND;
    }
    session_wait_for_command(s, &t);
}

void session_tick(struct session *s, uint64_t now_ms, struct effects *fx)
{
    const struct turn t = {now_ms, 0, fx};
    if (now_ms < s->deadline_ms || s->mode == MODE_ENDED)
        return;
    const struct answer none = {.state = ANSWER_FAILED};
    if (s->exchange != NULL && s->exchange->ask != 0) {
        auth_answered(s, &t, &none);
    } else if (s->is_pausing) {
        greet_after_pause(s, &t);
    } else if (s->commit_ask != 0) {
        /* It may still be stored and delivered: the client tries again, a double is no loss. */
        commit_answered(s, &t, &none);
    } else if (s->decision != NULL) {
        struct view *v = &s->decision->view;
        for (size_t i = 0; i < v->count; i++)
            if (!v->entries[i].is_answered)
                view_answer(v, v->entries[i].id, &none);
        session_decide(s, &t);
    } else if (s->mode == MODE_HANDSHAKE) {
        s->mode = MODE_ENDED;
        fx->close = true;
    } else {
        say_and_close(s, &t,
                      s->mode == MODE_TEXT || s->mode == MODE_CHUNK ? REASON_DATA_TIMEOUT
                                                                    : REASON_IDLE_TIMEOUT);
    }
}

/* Nothing is under way, and the client may be told at once. */
static bool is_idle(const struct session *s)
{
    return !session_is_busy(s) && !session_is_waiting(s) &&
           (s->mode == MODE_COMMAND || s->mode == MODE_AUTH);
}

void session_shutdown(struct session *s, struct effects *fx)
{
    const struct turn t = {s->deadline_ms, 0, fx};
    s->is_draining = true;
    if (is_idle(s))
        say_and_close(s, &t, REASON_SERVER_SHUTDOWN);
}

void session_revoke(struct session *s, struct effects *fx)
{
    const struct turn t = {s->deadline_ms, 0, fx};
    if (s->sign_in == NULL)
        return;
    s->is_revoked = true;
    if (is_idle(s))
        say_and_close(s, &t, REASON_SESSION_REVOKED);
}

bool session_open_key(const struct session *s, uint32_t id, slice *ret)
{
    for (size_t i = 0; s->decision != NULL && i < s->decision->view.count; i++) {
        const struct view_entry *e = &s->decision->view.entries[i];
        if (e->id == id && !e->is_answered) {
            *ret = e->key;
            return true;
        }
    }
    return false;
}

uint64_t session_deadline_ms(const struct session *s)
{
    return s->deadline_ms;
}

slice session_id(const struct session *s)
{
    return slice_of(s->id, SESSION_ID_CHARS);
}

uint64_t session_declared_bytes(const struct session *s)
{
    return s->txn != NULL ? s->txn->mail.size_bytes : 0;
}

uint32_t session_messages(const struct session *s)
{
    return s->messages;
}

bool session_is_signing_in(const struct session *s)
{
    return s->exchange != NULL;
}

bool session_is_busy(const struct session *s)
{
    return s->txn != NULL;
}

void session_store_failed(struct session *s, bool disk_full)
{
    if (s->txn != NULL && s->txn->fault == REASON_NONE)
        s->txn->fault = disk_full ? REASON_DISK_FULL : REASON_LOCAL_ERROR;
}
