/* AUTH (RFC 4954): the client's side of the wire of a SASL exchange, which runs elsewhere.
 *
 *   verb_auth ──▶ put_step ──answer CHALLENGE──▶ 334, MODE_AUTH ──line──▶ auth_feed ──▶ put_step …
 *                     └─────any other answer──▶ 235 or a refusal, MODE_COMMAND
 *
 * What a response holds is secret: it is decoded into memory of its own, which is overwritten when
 * the answer has come, and no reply and no finding ever shows a word of it. */
#include <stdlib.h>

#include "lib/base/secret.h"
#include "lib/session/session_int.h"

/* RFC 4422 3.1 */
enum { MECHANISM_NAME_MAX_BYTES = 20 };

uint32_t auth_offer(const struct session *s)
{
    if (s->policy->auth_mechanisms == 0 || s->sign_in != NULL || !s->is_extended)
        return 0;
    return sasl_offer(&(struct sasl_ground){
        .allowed = s->policy->auth_mechanisms,
        .is_tls = s->has_tls,
        .has_binding = s->has_binding,
        .has_certificate = s->has_certificate,
    });
}

enum line_event auth_take_line(struct session *s, slice *in, struct line *ret)
{
    bool may_be_long = s->exchange != NULL || auth_offer(s) != 0;
    if (line_reader_pending(&s->reader) == 0)
        s->reader.max_bytes = may_be_long ? AUTH_LINE_MAX_BYTES : SESSION_COMMAND_BYTES;
    enum line_event event = line_reader_take(&s->reader, in, ret);
    if (event != LINE_READY || s->exchange != NULL ||
        ret->text.n + (ret->is_bare_lf ? 1 : 2) <= SESSION_COMMAND_BYTES ||
        slice_is_ci(command_split(ret->text).verb, "AUTH"))
        return event;
    line_reader_done(&s->reader);
    return LINE_TOO_LONG;
}

void sign_in_drop(struct session *s)
{
    if (s->sign_in != NULL)
        secret_wipe(s->sign_in, sizeof *s->sign_in + s->sign_in->account_n + s->sign_in->pass_n);
    free(s->sign_in);
    s->sign_in = NULL;
}

void exchange_drop(struct session *s)
{
    if (s->exchange != NULL)
        secret_release(&s->exchange->response);
    free(s->exchange);
    s->exchange = NULL;
}

/* False without memory. */
static bool sign_in_keep(struct session *s, const struct answer *a)
{
    struct sign_in *in = malloc(sizeof *in + a->text.n + a->token.n);
    if (in == NULL)
        return false;
    *in = (struct sign_in){
        .credential = a->number,
        .account_n = (uint32_t)a->text.n,
        .pass_n = (uint32_t)a->token.n,
    };
    if (a->text.n > 0)
        memcpy(in->bytes, a->text.p, a->text.n);
    if (a->token.n > 0)
        memcpy(in->bytes + a->text.n, a->token.p, a->token.n);
    sign_in_drop(s);
    s->sign_in = in;
    return true;
}

/* All that a line may hold is made room for at once: growing would leave copies. */
static enum auth_wire decode(struct exchange *x, slice text, bool is_initial)
{
    if (text.n > AUTH_LINE_MAX_BYTES)
        return AUTH_WIRE_TOO_LONG;
    if (buf_reserve(&x->response, text.n + 1) == NULL)
        return AUTH_WIRE_NOMEM;
    return is_initial ? auth_initial_read(text, &x->response)
                      : auth_response_read(text, &x->response);
}

/* The step goes out, and the session waits. offered: of a start; 0: of a later step. */
static void put_step(struct session *s, const struct turn *t, uint32_t offered, bool has_response)
{
    struct exchange *x = s->exchange;
    x->ask = ++s->next_ask;
    s->mode = MODE_COMMAND;
    s->deadline_ms = t->now_ms + s->policy->times.answer_ms;
    t->fx->has_auth = true;
    t->fx->auth = (struct session_auth){
        .ask_id = x->ask,
        .is_start = offered != 0,
        .mechanism = sasl_mechanism_get(x->mechanism)->name,
        .offered = offered,
        .has_response = has_response,
        .response = buf_slice(&x->response),
        .fault = x->fault,
        .helo = buf_slice(&s->helo),
    };
}

/* A word that does not look like a mechanism may be a password in base64: it is not repeated. */
static slice name_of_mechanism(slice word)
{
    bool has_upper = false, has_lower = false, has_other = false;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        has_upper = has_upper || (c >= 'A' && c <= 'Z');
        has_lower = has_lower || (c >= 'a' && c <= 'z');
        has_other = has_other || (!ascii_is_alnum(c) && c != '-' && c != '_');
    }
    bool looks_like_one =
        word.n <= MECHANISM_NAME_MAX_BYTES && !has_other && !(has_upper && has_lower);
    return looks_like_one ? word : (slice){0};
}

static enum reason_id fault_reason(enum auth_wire fault)
{
    switch (fault) {
    case AUTH_WIRE_OK:
        return REASON_NONE;
    case AUTH_WIRE_CANCEL:
        return REASON_AUTH_CANCELLED;
    case AUTH_WIRE_BAD:
        return REASON_AUTH_MALFORMED;
    case AUTH_WIRE_TOO_LONG:
        return REASON_AUTH_LINE_TOO_LONG;
    case AUTH_WIRE_NOMEM:
        return REASON_OUT_OF_MEMORY;
    }
    return REASON_AUTH_MALFORMED;
}

/* Why there can be no AUTH now (RFC 4954 4, Restrictions); REASON_NONE: there can. */
static enum reason_id refusal(const struct session *s)
{
    if (s->policy->auth_mechanisms == 0)
        return REASON_AUTH_NOT_OFFERED;
    if (s->state == STATE_GREETED)
        return REASON_HELO_FIRST;
    if (s->sign_in != NULL)
        return REASON_AUTH_TWICE;
    if (s->txn != NULL)
        return REASON_AUTH_IN_TRANSACTION;
    if (!s->has_tls)
        return REASON_AUTH_NEEDS_TLS;
    return auth_offer(s) == 0 ? REASON_AUTH_NOT_OFFERED : REASON_NONE;
}

void verb_auth(struct session *s, const struct turn *t, slice args)
{
    struct command c = command_split(args);
    enum reason_id reason = refusal(s);
    s->hides_words = true;
    if (reason == REASON_NONE && c.verb.n == 0)
        reason = REASON_ARGUMENT_MISSING;
    if (reason != REASON_NONE) {
        say(s, t, reason, s->verb);
        return;
    }
    enum sasl_mechanism mechanism = sasl_mechanism_find(c.verb);
    uint32_t offered = auth_offer(s);
    if (mechanism == SASL_MECHANISM_COUNT || (offered & 1U << mechanism) == 0) {
        say(s, t, REASON_AUTH_MECHANISM_UNKNOWN, name_of_mechanism(c.verb));
        return;
    }
    struct exchange *x = malloc(sizeof *x);
    if (x == NULL) {
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        return;
    }
    *x = (struct exchange){.mechanism = mechanism};
    buf_init(&x->response, AUTH_LINE_MAX_BYTES + 1);
    s->exchange = x;
    if (c.args.n > 0 && (x->fault = decode(x, c.args, true)) != AUTH_WIRE_OK) {
        /* Nothing was begun. */
        reason = fault_reason(x->fault);
        exchange_drop(s);
        say(s, t, reason, sasl_mechanism_get(mechanism)->name);
        return;
    }
    put_step(s, t, offered, c.args.n > 0);
}

void auth_feed(struct session *s, const struct turn *t, slice *in)
{
    struct line line;
    struct exchange *x = s->exchange;
    if (turn_is_broken(s, t, *in))
        return;
    switch (auth_take_line(s, in, &line)) {
    case LINE_MORE:
        return;
    case LINE_READY:
        x->fault = line.is_bare_lf ? AUTH_WIRE_BAD : decode(x, line.text, false);
        line_reader_done(&s->reader);
        break;
    case LINE_TOO_LONG:
        x->fault = AUTH_WIRE_TOO_LONG;
        break;
    case LINE_NOMEM:
        x->fault = AUTH_WIRE_NOMEM;
        break;
    }
    put_step(s, t, 0, x->fault == AUTH_WIRE_OK);
}

static enum reason_id answer_reason(struct session *s, const struct answer *a)
{
    if (a->state == ANSWER_FAILED)
        return REASON_AUTH_TEMPORARY;
    switch ((enum auth_code)a->code) {
    case AUTH_DONE:
        return sign_in_keep(s, a) ? REASON_AUTH_SUCCEEDED : REASON_OUT_OF_MEMORY;
    case AUTH_CHALLENGE:
        break;
    case AUTH_WRONG:
        return REASON_AUTH_FAILED;
    case AUTH_MALFORMED:
        return REASON_AUTH_MALFORMED;
    case AUTH_CANCELLED:
        return REASON_AUTH_CANCELLED;
    case AUTH_UNKNOWN:
    case AUTH_UNSUPPORTED:
        return REASON_AUTH_MECHANISM_UNKNOWN;
    case AUTH_IN_CLEAR:
        return REASON_AUTH_NEEDS_TLS;
    case AUTH_UNAVAILABLE:
        break;
    case AUTH_TOO_WEAK:
        return REASON_APP_PASSWORD_REQUIRED;
    case AUTH_TOO_MANY:
        return REASON_AUTH_TOO_MANY_FAILURES;
    }
    return REASON_AUTH_TEMPORARY;
}

void auth_answered(struct session *s, const struct turn *t, const struct answer *answer)
{
    struct exchange *x = s->exchange;
    enum auth_wire fault = x->fault;
    slice mechanism = sasl_mechanism_get(x->mechanism)->name;
    bool is_given = answer->state == ANSWER_GIVEN;
    x->ask = 0;
    secret_release(&x->response);
    session_wait_for_command(s, t);
    if (is_given && answer->code == AUTH_CHALLENGE && fault == AUTH_WIRE_OK) {
        s->mode = MODE_AUTH;
        say_challenge(s, t, answer->text);
        return;
    }
    exchange_drop(s);
    enum reason_id reason = fault_reason(fault);
    if (fault == AUTH_WIRE_OK || (is_given && answer->code == AUTH_TOO_MANY))
        reason = answer_reason(s, answer);
    if (reason == REASON_AUTH_TOO_MANY_FAILURES)
        say_and_close(s, t, reason);
    else if (reason == REASON_AUTH_SUCCEEDED)
        say(s, t, reason, session_account(s));
    else if (reason == REASON_AUTH_FAILED || reason == REASON_APP_PASSWORD_REQUIRED)
        say_decision(s, t, reason, mechanism);
    else
        say(s, t, reason, mechanism);
}

slice session_account(const struct session *s)
{
    return s->sign_in == NULL ? (slice){0} : slice_of(s->sign_in->bytes, s->sign_in->account_n);
}

uint64_t session_credential(const struct session *s)
{
    return s->sign_in == NULL ? 0 : s->sign_in->credential;
}

slice session_pass(const struct session *s)
{
    return s->sign_in == NULL
               ? (slice){0}
               : slice_of(s->sign_in->bytes + s->sign_in->account_n, s->sign_in->pass_n);
}
