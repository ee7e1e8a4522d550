#include "tests/support/session_host.h"

#include <stdlib.h>

enum { WALL_S = 1795305600 }; /* 2026-11-22 00:00:00 UTC */

void session_host_init(struct session_host *h)
{
    *h = (struct session_host){0};
    effects_init(&h->fx);
    buf_init(&h->said, 64 * 1024 * 1024);
    buf_init(&h->messages, 64 * 1024 * 1024);
    buf_init(&h->store, 64 * 1024 * 1024);
    for (enum phase p = 0; p < PHASE_COUNT; p++)
        h->checks[p] = check_default(p);
    h->policy = (struct session_policy){
        .host = SLICE_LIT("mx.example.org"),
        .refused = h->refused,
        .proxies = h->proxies,
        .checks = h->checks,
        .times = {.greeting_ms = 20000,
                  .mail_ms = 30000,
                  .rcpt_ms = 30000,
                  .command_ms = 300000,
                  .data_block_ms = 300000,
                  .message_ms = 3600000,
                  .answer_ms = 240000},
        .max_message_bytes = 1000000,
        .max_header_bytes = 20000,
        .max_recipients = 3,
        .max_client_sessions = 5,
        .max_received = 4,
        .max_errors = 20,
        .max_commands = 200,
        .starttls = STARTTLS_OFFERED,
        .is_submission = true,
    };
    h->client.ip = (struct ip){.family = IP_V4, .bytes = {192, 0, 2, 1}};
    h->recipients[0].address = SLICE_LIT("alice@example.org");
    h->recipients[0].code = RECIPIENT_YES;
    h->recipient_count = 1;
}

void session_host_release(struct session_host *h)
{
    session_free(h->session);
    if (h->has_sasl)
        sasl_host_release(&h->sasl);
    effects_release(&h->fx);
    buf_release(&h->said);
    buf_release(&h->messages);
    buf_release(&h->store);
}

static struct answer recipient_answer(const struct session_host *h, slice key)
{
    struct answer a = {.state = ANSWER_GIVEN, .code = RECIPIENT_NOT_LOCAL};
    if (h->directory_is_dead)
        return (struct answer){.state = ANSWER_FAILED};
    if (slice_ends(key, SLICE_LIT("@example.org")))
        a.code = RECIPIENT_UNKNOWN;
    if (slice_is_ci(key, "postmaster"))
        a.code = RECIPIENT_YES;
    for (size_t i = 0; i < h->recipient_count; i++)
        if (slice_eq(h->recipients[i].address, key)) {
            a.code = h->recipients[i].code;
            a.text = h->recipients[i].moved_to;
        }
    return a;
}

static struct answer sender_answer(const struct session_host *h, slice key)
{
    if (h->directory_is_dead)
        return (struct answer){.state = ANSWER_FAILED};
    for (size_t i = 0; i < h->sender_count; i++)
        if (slice_eq(h->senders[i].address, key))
            return h->senders[i].answer;
    return (struct answer){.code = SENDER_YES, .number = 100, .token = SLICE_LIT("a grant")};
}

static struct answer find_answer(struct session_host *h, const struct session_ask *ask)
{
    struct answer a = {.state = ANSWER_GIVEN};
    switch (ask->kind) {
    case QUESTION_ADMIT:
        a.code = h->admit;
        if (h->counters_are_dead)
            a.state = ANSWER_FAILED;
        break;
    case QUESTION_CLIENT_NAME:
        a.text = h->client_name;
        break;
    case QUESTION_SPACE:
        a.code = h->space;
        if (h->queue_is_dead)
            a.state = ANSWER_FAILED;
        break;
    case QUESTION_RECIPIENT:
        a = recipient_answer(h, ask->key);
        break;
    case QUESTION_SENDER:
        a = sender_answer(h, ask->key);
        break;
    case QUESTION_EXPN:
        a = recipient_answer(h, ask->key);
        if (slice_is_ci(ask->key, "staff"))
            a = (struct answer){.state = ANSWER_GIVEN,
                                .text = SLICE_LIT("\5\0a@b.c\5\0d@e.f\2\0x\r")};
        break;
    case QUESTION_COMMIT:
    case QUESTION_AUTH:
        abort(); /* never asked this way */
    }
    return a;
}

static void keep_answer(struct session_host *h, uint32_t id, struct answer a)
{
    if (h->answers_never)
        return;
    if (h->pending_count == HOST_PENDING)
        abort();
    h->pending_id[h->pending_count] = id;
    h->pending[h->pending_count++] = a;
}

static void take_commit(struct session_host *h)
{
    const struct session_commit *c = &h->fx.commit;
    if (c->stored ? c->body_bytes != h->store.n : c->body_bytes != c->body.n)
        abort();
    buf_addf(&h->messages, "-- message %zu\n", ++h->commits);
    buf_add(&h->messages, c->envelope);
    buf_add(&h->messages, c->added);
    buf_add(&h->messages, c->header);
    buf_add(&h->messages, c->stored ? buf_slice(&h->store) : c->body);
    buf_clear(&h->store);
    if (!h->commit_is_lost)
        keep_answer(h, c->ask_id,
                    (struct answer){.state = h->queue_is_dead ? ANSWER_FAILED : ANSWER_GIVEN,
                                    .code = h->commit,
                                    .number = h->commits});
}

static enum auth_code code_of(const struct sasl *s)
{
    if (s->step != SASL_FAIL)
        return s->step == SASL_OK ? AUTH_DONE : AUTH_CHALLENGE;
    switch (s->reason) {
    case SASL_REASON_NONE:
    case SASL_WRONG:
        break;
    case SASL_MALFORMED:
        return AUTH_MALFORMED;
    case SASL_CANCELLED:
        return AUTH_CANCELLED;
    case SASL_UNKNOWN_MECHANISM:
        return AUTH_UNKNOWN;
    case SASL_UNSUPPORTED:
        return AUTH_UNSUPPORTED;
    case SASL_NEEDS_TLS:
        return AUTH_IN_CLEAR;
    case SASL_UNAVAILABLE:
        return AUTH_UNAVAILABLE;
    }
    return AUTH_WRONG;
}

/* One step, as directory takes it. */
static void take_auth(struct session_host *h)
{
    const struct session_auth *auth = &h->fx.auth;
    if (session_is_signing_in(h->session) != (auth->is_start || h->has_sasl) ||
        (auth->fault != AUTH_WIRE_OK && auth->response.n > 0))
        abort();
    if (auth->is_start) {
        if (h->has_sasl)
            sasl_host_release(&h->sasl);
        sasl_host_init(&h->sasl);
        h->has_sasl = true;
        h->sasl.facts.offered = auth->offered;
        if (h->directory_is_dead)
            h->sasl.dead = SASL_ASK_CREDENTIALS;
        (void)sasl_host_start(&h->sasl, auth->mechanism,
                              auth->has_response ? &auth->response : NULL);
    } else if (auth->fault == AUTH_WIRE_OK) {
        (void)sasl_host_feed(&h->sasl, auth->response);
    } else {
        (void)sasl_abandon(&h->sasl.s, auth->fault == AUTH_WIRE_CANCEL ? SASL_CAUSE_CANCELLED
                                                                       : SASL_CAUSE_SYNTAX);
    }
    const struct sasl *s = &h->sasl.s;
    struct answer a = {.code = code_of(s)};
    if (s->step == SASL_CHALLENGE)
        a.text = s->challenge;
    if (s->step == SASL_OK) {
        a.text = SLICE_LIT("user@example.org");
        a.token = SLICE_LIT("a pass");
        a.number = s->result.credential;
    }
    if (h->has_auth)
        a = h->auth;
    keep_answer(h, auth->ask_id, a);
}

/* The effects of the last call, in the order of session.h. */
static void carry_out(struct session_host *h)
{
    struct effects *fx = &h->fx;
    buf_add(&h->store, buf_slice(&fx->store));
    if (h->store_fails && fx->store.n > 0)
        session_store_failed(h->session, false);
    if (fx->has_commit)
        take_commit(h);
    if (fx->has_auth)
        take_auth(h);
    if (fx->discard)
        buf_clear(&h->store);
    for (size_t i = 0; i < fx->ask_count; i++)
        keep_answer(h, fx->asks[i].id, find_answer(h, &fx->asks[i]));
    buf_add(&h->said, buf_slice(&fx->reply));
    h->wants_tls = h->wants_tls || fx->start_tls;
    h->is_closed = h->is_closed || fx->close;
    effects_clear(fx);
}

static void give_answers(struct session_host *h)
{
    while (h->pending_count > 0) {
        uint32_t id = h->pending_id[0];
        struct answer a = h->pending[0];
        h->pending_count--;
        memmove(h->pending_id, h->pending_id + 1, h->pending_count * sizeof h->pending_id[0]);
        memmove(h->pending, h->pending + 1, h->pending_count * sizeof h->pending[0]);
        session_answer(h->session, id, &a, h->now_ms, WALL_S, &h->fx);
        carry_out(h);
    }
}

void session_host_begin(struct session_host *h)
{
    h->session = session_new(&h->policy, &h->client, h->now_ms, WALL_S, &h->fx);
    if (h->session == NULL)
        abort();
    carry_out(h);
    give_answers(h);
}

void session_host_feed(struct session_host *h, slice bytes, size_t chunk)
{
    struct buf in;
    buf_init(&in, 64 * 1024 * 1024);
    while ((bytes.n > 0 || in.n > 0) && !h->is_closed) {
        slice piece = slice_head(bytes, chunk == 0 ? bytes.n : chunk);
        bytes = slice_tail(bytes, piece.n);
        buf_add(&in, piece);
        size_t took = session_feed(h->session, buf_slice(&in), h->now_ms, WALL_S, &h->fx);
        carry_out(h);
        buf_drop(&in, took);
        if (h->wants_tls)
            break;
        if (!h->answers_late || bytes.n == 0 || in.n > 64)
            give_answers(h);
        if (took == 0 && bytes.n == 0 && session_is_waiting(h->session) && h->pending_count == 0)
            break;
    }
    give_answers(h);
    buf_release(&in);
}

void session_host_wait(struct session_host *h, uint64_t ms)
{
    h->now_ms += ms;
    while (!h->is_closed && session_deadline_ms(h->session) <= h->now_ms) {
        session_tick(h->session, h->now_ms, &h->fx);
        carry_out(h);
        give_answers(h);
    }
}

void session_host_tls(struct session_host *h, bool ok)
{
    const struct session_tls tls = {SLICE_LIT("TLSv1.3"), SLICE_LIT("TLS_AES_256_GCM_SHA384"),
                                    SLICE_LIT("mx.example.org"), h->has_binding,
                                    h->has_certificate};
    h->wants_tls = false;
    session_tls_done(h->session, ok ? &tls : NULL, h->now_ms, &h->fx);
    carry_out(h);
}

void session_host_shutdown(struct session_host *h)
{
    session_shutdown(h->session, &h->fx);
    carry_out(h);
}

void session_host_revoke(struct session_host *h)
{
    session_revoke(h->session, &h->fx);
    carry_out(h);
}
