#include "lib/auth/sasl.h"

#include <assert.h>

#include "lib/auth/prep.h"
#include "lib/auth/sasl_int.h"
#include "lib/base/secret.h"

/* A response, what is made of it again after each answer, and the credentials of an account. */
enum { SASL_ARENA_MAX_BYTES = 512 * 1024 };

static sasl_turn *const first_turns[] = {
#define MECHANISM(id, name, turn, flags, digest, source) [SASL_##id] = turn,
#include "lib/auth/mechanisms.def"
#undef MECHANISM
};

static const struct {
    slice word;
    enum sasl_reason reason;
} causes[] = {
#define CAUSE(id, word, reason) [SASL_CAUSE_##id] = {{word, sizeof word - 1}, reason},
#include "lib/auth/causes.def"
#undef CAUSE
};

slice sasl_cause_word(enum sasl_cause c)
{
    return causes[c].word;
}

enum sasl_reason sasl_cause_reason(enum sasl_cause c)
{
    return causes[c].reason;
}

void sasl_init(struct sasl *s, const struct sasl_facts *facts)
{
    *s = (struct sasl){.facts = facts, .mechanism = SASL_MECHANISM_COUNT};
    arena_init(&s->arena, SASL_ARENA_MAX_BYTES);
}

void sasl_clear(struct sasl *s)
{
    const struct sasl_facts *facts = s->facts;
    arena_wipe(&s->arena);
    arena_release(&s->arena);
    sasl_init(s, facts);
}

/* --- what turns return --- */

enum sasl_step sasl_fail(struct sasl *s, enum sasl_cause cause)
{
    s->cause = cause;
    s->reason = causes[cause].reason;
    return s->step = SASL_FAIL;
}

enum sasl_step sasl_say(struct sasl *s, slice challenge, sasl_turn *next)
{
    s->challenge = challenge;
    s->turn = next;
    return s->step = SASL_CHALLENGE;
}

const struct sasl_answer *sasl_ask(struct sasl *s, const struct sasl_question *q)
{
    const struct sasl_answer *a = &s->answers[q->kind];
    if (!s->is_answered[q->kind]) {
        s->question = *q;
        s->step = SASL_NEED;
        return NULL;
    }
    if (a->code == SASL_ANSWER_FAILED) {
        sasl_fail(s, SASL_CAUSE_BACKEND);
        return NULL;
    }
    return a;
}

bool sasl_prep(struct sasl *s, slice in, slice *ret)
{
    enum prep_err e = prep_sasl(&s->arena, in, PREP_QUERY, ret);
    if (e != PREP_OK)
        sasl_fail(s, e == PREP_NOMEM ? SASL_CAUSE_NO_MEMORY : SASL_CAUSE_BAD_NAME);
    return e == PREP_OK;
}

struct buf sasl_buf(struct sasl *s, size_t n)
{
    struct buf b = {.p = arena_take(&s->arena, n), .cap = n, .max = n};
    if (b.p == NULL)
        sasl_fail(s, SASL_CAUSE_NO_MEMORY);
    return b;
}

enum sasl_step sasl_settle(struct sasl *s, const struct sasl_result *proven, slice login,
                           slice identity)
{
    struct sasl_result result = *proven;
    /* A token may be good and be nobody's here. */
    if (result.account.n == 0)
        return sasl_fail(s, SASL_CAUSE_UNKNOWN_USER);
    result.authorization = result.account;
    if (identity.n > 0 && !slice_eq(identity, login) && !slice_eq(identity, result.account)) {
        slice prepared;
        if (!sasl_prep(s, identity, &prepared))
            return s->step;
        const struct sasl_answer *a = sasl_ask(s, &(struct sasl_question){.kind = SASL_ASK_ACT_AS,
                                                                          .name = result.account,
                                                                          .identity = prepared});
        if (a == NULL)
            return s->step;
        if (a->code != SASL_ANSWER_YES)
            return sasl_fail(s, SASL_CAUSE_NOT_ALLOWED_AS);
        result.authorization = prepared;
    }
    s->result = result;
    return s->step = SASL_OK;
}

/* --- what the caller does --- */

static enum sasl_step take(struct sasl *s, slice response)
{
    if (response.n > SASL_RESPONSE_MAX_BYTES)
        return sasl_fail(s, SASL_CAUSE_TOO_LONG);
    if (!arena_copy(&s->arena, response, &s->response))
        return sasl_fail(s, SASL_CAUSE_NO_MEMORY);
    return s->turn(s);
}

enum sasl_step sasl_start(struct sasl *s, slice mechanism, const slice *initial)
{
    assert(s->mechanism == SASL_MECHANISM_COUNT && s->turn == NULL);
    enum sasl_mechanism m = sasl_mechanism_find(mechanism);
    if (m == SASL_MECHANISM_COUNT)
        return sasl_fail(s, SASL_CAUSE_UNKNOWN_MECHANISM);
    s->mechanism = m;
    if ((sasl_mechanism_get(m)->flags & SASL_NEEDS_TLS_FLAG) != 0 && !s->facts->is_tls)
        return sasl_fail(s, SASL_CAUSE_NEEDS_TLS);
    if ((s->facts->offered & 1U << m) == 0)
        return sasl_fail(s, SASL_CAUSE_NOT_OFFERED);
    s->turn = first_turns[m];
    if (initial != NULL)
        return take(s, *initial);
    return sasl_say(s, m == SASL_LOGIN ? SLICE_LIT("Username:") : (slice){0}, s->turn);
}

enum sasl_step sasl_feed(struct sasl *s, slice response)
{
    assert(s->step == SASL_CHALLENGE && s->turn != NULL);
    s->challenge = (slice){0};
    return take(s, response);
}

static bool copy_answer(struct sasl *s, const struct sasl_answer *from, struct sasl_answer *to)
{
    *to = (struct sasl_answer){.code = from->code};
    to->count = from->count < SASL_CREDENTIALS_MAX ? from->count : SASL_CREDENTIALS_MAX;
    struct sasl_credential *kept = arena_take(&s->arena, to->count * sizeof *kept);
    if (kept == NULL || !arena_copy(&s->arena, from->account, &to->account))
        return false;
    for (size_t i = 0; i < to->count; i++) {
        kept[i] = from->credentials[i];
        if (!arena_copy(&s->arena, from->credentials[i].text, &kept[i].text))
            return false;
    }
    to->credentials = kept;
    return true;
}

enum sasl_step sasl_answer(struct sasl *s, const struct sasl_answer *answer)
{
    assert(s->step == SASL_NEED);
    enum sasl_question_kind kind = s->question.kind;
    if (!copy_answer(s, answer, &s->answers[kind]))
        return sasl_fail(s, SASL_CAUSE_NO_MEMORY);
    s->is_answered[kind] = true;
    s->question = (struct sasl_question){0};
    return s->turn(s);
}

enum sasl_step sasl_abandon(struct sasl *s, enum sasl_cause cause)
{
    s->challenge = (slice){0};
    return sasl_fail(s, cause);
}
