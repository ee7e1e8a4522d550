#include "src/fetch/check.h"

#include <stdlib.h>

#include "lib/auth/sasl.h"
#include "lib/base/secret.h"
#include "src/fetch/form.h"
#include "sys/clock.h"

enum { ARENA_MAX_BYTES = 256 * 1024, FORM_MAX_BYTES = 3 * SASL_RESPONSE_MAX_BYTES + 64 };

struct check {
    struct checks *all;
    struct check *next, **link;
    struct rpc *peer; /* NULL: gone */
    uint32_t call;
    struct issuer *issuer; /* NULL: nobody's */
    struct arena arena;    /* holds the token: wiped */
    slice token;
    struct jwt jwt;
    struct jose_header header;
    bool is_waiting; /* for the issuer's keys */
    struct digest_value digest;
};

/* ---- the end ---- */

static void finish(struct check *c)
{
    struct checks *all = c->all;
    http_forget(all->http, c);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    all->open--;
    arena_wipe(&c->arena);
    arena_release(&c->arena);
    free(c);
    if (all->open == 0 && all->role->is_draining)
        role_drained(all->role);
}

static void log_answer(const struct check *c, uint8_t code, slice account, const char *why)
{
    struct log_line line;
    bool is_good = code == SASL_ANSWER_YES;
    log_begin(&line, c->all->role->log, is_good ? LOG_DEBUG : LOG_INFO,
              is_good                      ? "token.good"
              : code == SASL_ANSWER_FAILED ? "token.unchecked"
                                           : "token.refused");
    if (c->issuer != NULL)
        log_slice(&line, "issuer", c->issuer->conf->issuer);
    if (account.n > 0)
        log_slice(&line, "account", account);
    if (c->header.key_id.n > 0)
        log_slice(&line, "key", c->header.key_id);
    log_cstr(&line, "why", why);
    log_end(&line);
}

static void answer(struct check *c, enum sasl_answer_code code, slice account, const char *why)
{
    struct checks *all = c->all;
    const struct ipc_token_checked reply = {.code = (uint8_t)code,
                                            .account =
                                                code == SASL_ANSWER_YES ? account : (slice){0}};
    log_answer(c, (uint8_t)code, account, why);
    all->good += code == SASL_ANSWER_YES ? 1 : 0;
    all->failed += code == SASL_ANSWER_FAILED ? 1 : 0;
    all->refused += code != SASL_ANSWER_YES && code != SASL_ANSWER_FAILED ? 1 : 0;
    /* A peer that is gone needs no reply, and a reply is never refused for want of room. */
    if (c->peer != NULL)
        (void)!rpc_reply_token_checked(c->peer, c->call, &reply);
    finish(c);
}

static enum sasl_answer_code code_of(enum token_verdict verdict)
{
    switch (verdict) {
    case TOKEN_GOOD:
        return SASL_ANSWER_YES;
    case TOKEN_TOO_NARROW:
        return SASL_ANSWER_SCOPE;
    case TOKEN_OF_NOBODY:
        return SASL_ANSWER_UNKNOWN;
    case TOKEN_OF_ANOTHER_ISSUER:
    case TOKEN_FOR_ANOTHER:
    case TOKEN_HAS_EXPIRED:
    case TOKEN_NOT_YET:
    case TOKEN_WITHOUT_END:
        return SASL_ANSWER_NO;
    }
    return SASL_ANSWER_NO;
}

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

static enum token_verdict judge(const struct check *c, const struct token_claims *claims,
                                bool is_signed)
{
    const struct conf_oauth *o = c->issuer->conf;
    const struct token_policy policy = {.issuer = o->issuer,
                                        .audience = o->audience,
                                        .scope = o->scope,
                                        .is_signed = is_signed,
                                        .now = now_s()};
    return token_judge(claims, &policy);
}

/* ---- signed tokens ---- */

static void judge_signed(struct check *c)
{
    struct token_claims claims;
    if (!jose_claims_read(&c->arena, c->jwt.claims, c->issuer->conf->account_claim, &claims)) {
        answer(c, SASL_ANSWER_NO, (slice){0}, "malformed-claims");
        return;
    }
    enum token_verdict verdict = judge(c, &claims, true);
    answer(c, code_of(verdict), claims.account, token_verdict_word(verdict));
}

static void check_signature(struct check *c)
{
    bool was_asked = c->is_waiting;
    c->is_waiting = false;
    switch (issuer_has_signed(c->issuer, &c->jwt, &c->header, was_asked)) {
    case ISSUER_SIGNED:
        judge_signed(c);
        break;
    case ISSUER_NOT_SIGNED:
        answer(c, SASL_ANSWER_NO, (slice){0}, "not-signed-by-it");
        break;
    case ISSUER_WAIT:
        c->is_waiting = true;
        break;
    case ISSUER_SILENT:
        answer(c, SASL_ANSWER_FAILED, (slice){0}, "no-keys");
        break;
    }
}

void check_again(void *owner, struct issuer *issuer)
{
    struct checks *all = owner;
    for (struct check *c = all->first, *next; c != NULL; c = next) {
        next = c->next;
        if (c->is_waiting && c->issuer == issuer)
            check_signature(c);
    }
}

/* ---- tokens that one asks about ---- */

static void keep(struct check *c, enum sasl_answer_code code, const struct token_claims *claims)
{
    uint64_t now = loop_now_ms(c->all->role->loop), lives_ms = CHECK_NO_MS;
    if (code == SASL_ANSWER_YES) {
        int64_t left_s = claims->has_end ? claims->ends_at - now_s() : INT32_MAX;
        lives_ms = left_s > 0 ? (uint64_t)left_s * 1000 : 0;
        if (lives_ms > c->issuer->conf->cache)
            lives_ms = c->issuer->conf->cache;
    }
    verdicts_keep(&c->all->verdicts, &c->digest, now, now + lives_ms, (uint8_t)code,
                  claims->account);
}

static void log_failure(const struct check *c, const struct http_answer *a)
{
    struct log_line line;
    /* 401: it does not know us (RFC 7662 2.3), for an administrator to put right. */
    log_begin(&line, c->all->role->log, LOG_WARN, "issuer.introspection-failed");
    log_slice(&line, "issuer", c->issuer->conf->issuer);
    log_cstr(&line, "result", http_result_name(a->result));
    if (a->status != 0)
        log_u64(&line, "status", a->status);
    if (a->about != NULL)
        log_cstr(&line, "about", a->about);
    log_end(&line);
}

static void on_introspected(void *owner, const struct http_answer *a)
{
    struct check *c = owner;
    struct token_claims claims = {0};
    bool is_active = false;
    if (a->result != HTTP_ANSWERED || a->status != 200 ||
        !jose_introspection_read(&c->arena, a->body, c->issuer->conf->account_claim, &is_active,
                                 &claims)) {
        log_failure(c, a);
        answer(c, SASL_ANSWER_FAILED, (slice){0}, "no-introspection");
        return;
    }
    enum token_verdict verdict = is_active ? judge(c, &claims, false) : TOKEN_HAS_EXPIRED;
    enum sasl_answer_code code = code_of(verdict);
    keep(c, code, &claims);
    answer(c, code, claims.account, is_active ? token_verdict_word(verdict) : "not-active");
}

static void introspect(struct check *c)
{
    struct buf form;
    uint64_t now = loop_now_ms(c->all->role->loop);
    bool is_hashed = digest_hash(DIGEST_SHA256, c->token, &c->digest);
    const struct verdict *known =
        is_hashed ? verdicts_find(&c->all->verdicts, &c->digest, now) : NULL;
    if (known != NULL) {
        answer(c, (enum sasl_answer_code)known->code, slice_of(known->account, known->account_n),
               "known");
        return;
    }
    buf_init(&form, FORM_MAX_BYTES);
    bool ok = is_hashed && buf_reserve(&form, 3 * c->token.n + 64) != NULL;
    /* RFC 7662 2.1 */
    buf_adds(&form, "token=");
    form_add(&form, c->token);
    buf_adds(&form, "&token_type_hint=access_token");
    const struct http_request request = {
        .url = c->issuer->conf->introspection,
        .authorities = buf_slice(&c->issuer->authorities),
        .authorization = buf_slice(&c->issuer->authorization),
        .form = buf_slice(&form),
        .timeout_ms = (uint32_t)c->issuer->conf->timeout,
        .answer_max = CHECK_ANSWER_MAX,
    };
    ok = ok && form.err == BUF_OK && http_ask(c->all->http, &request, on_introspected, c) == 0;
    secret_release(&form);
    if (!ok)
        answer(c, SASL_ANSWER_FAILED, (slice){0}, "too-busy");
}

/* ---- whose is it? ---- */

static struct issuer *find_issuer(struct checks *all, slice name)
{
    for (size_t i = 0; i < all->issuers; i++)
        if (slice_eq(all->issuer[i].conf->issuer, name))
            return &all->issuer[i];
    return NULL;
}

static struct issuer *who_is_asked(struct checks *all)
{
    for (size_t i = 0; i < all->issuers; i++)
        if (all->issuer[i].conf->introspection.n > 0)
            return &all->issuer[i];
    return NULL;
}

static void look(struct check *c)
{
    slice name = {0};
    bool is_jwt = jwt_read(&c->arena, c->token, &c->jwt) &&
                  jose_header_read(&c->arena, c->jwt.header, &c->header);
    if (is_jwt)
        name = jose_issuer(&c->arena, c->jwt.claims);
    c->issuer = name.n > 0 ? find_issuer(c->all, name) : who_is_asked(c->all);
    if (c->issuer == NULL)
        answer(c, SASL_ANSWER_NO, (slice){0}, "no-issuer-of-ours");
    else if (c->issuer->conf->introspection.n > 0)
        introspect(c);
    else if (c->header.algorithm == JWT_ALGORITHM_COUNT)
        answer(c, SASL_ANSWER_NO, (slice){0}, "algorithm");
    else if (c->header.is_strange)
        answer(c, SASL_ANSWER_NO, (slice){0}, "another-kind-of-token");
    else
        check_signature(c);
}

void check_begin(struct checks *all, struct rpc *peer, const struct ipc_message *m)
{
    struct check *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort(); /* a call must be replied to, and there is no memory to do it with */
    *c = (struct check){
        .all = all, .next = all->first, .link = &all->first, .peer = peer, .call = m->call};
    if (c->next != NULL)
        c->next->link = &c->next;
    all->first = c;
    all->open++;
    arena_init(&c->arena, ARENA_MAX_BYTES);
    if (!arena_copy(&c->arena, m->token_check.token, &c->token))
        answer(c, SASL_ANSWER_FAILED, (slice){0}, "no-memory");
    else
        look(c);
}

void check_forget_peer(struct checks *all, const struct rpc *peer)
{
    for (struct check *c = all->first; c != NULL; c = c->next)
        if (c->peer == peer)
            c->peer = NULL;
}

void check_end_all(struct checks *all)
{
    while (all->first != NULL)
        finish(all->first);
}
