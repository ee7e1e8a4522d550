/* OAUTHBEARER (RFC 7628) and XOAUTH2, its elder: the client has a token of somebody who knows it.
 * When the token is not good, the client first hears why, in JSON, and says that it has understood.
 */
#include "lib/auth/gs2.h"
#include "lib/auth/sasl_int.h"
#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

enum { SEPARATOR = 1, NAME_MAX_BYTES = 1024 };

/* RFC 6750 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=". */
static bool is_token(slice s)
{
    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && memchr("-._~+/", s.p[i], 6) == NULL)
            return false;
    return s.n > 0;
}

/* "Bearer" without case, blanks, the token; empty when it is anything else. */
static slice bearer_token(slice value)
{
    slice scheme = SLICE_LIT("Bearer ");
    if (!slice_starts_ci(value, scheme))
        return (slice){0};
    slice token = slice_trim(slice_tail(value, scheme.n));
    return is_token(token) ? token : (slice){0};
}

/* RFC 7628 3.1: key=value with a separator behind it. */
static bool take_pair(slice *in, slice *key, slice *value)
{
    size_t end = slice_find(*in, SEPARATOR);
    slice pair = slice_head(*in, end);
    size_t equals = slice_find(pair, '=');
    if (end == in->n || equals == pair.n || equals == 0)
        return false;
    for (size_t i = 0; i < equals; i++)
        if (!ascii_is_alpha(pair.p[i]))
            return false;
    for (size_t i = equals + 1; i < pair.n; i++)
        if (!ascii_is_graphic(pair.p[i]) && memchr(" \t\r\n", pair.p[i], 4) == NULL)
            return false;
    *key = slice_head(pair, equals);
    *value = slice_tail(pair, equals + 1);
    *in = slice_tail(*in, end + 1);
    return true;
}

static void add_json(struct buf *out, const char *key, slice value)
{
    if (value.n == 0)
        return;
    buf_addf(out, "%c\"%s\":\"", out->n == 0 ? '{' : ',', key);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_addc(out, '\\');
        if (!ascii_is_control(value.p[i]))
            buf_addc(out, value.p[i]);
    }
    buf_addc(out, '"');
}

/* Whatever comes now, the exchange has failed. */
static enum sasl_step oauth_refused(struct sasl *s)
{
    return sasl_fail(s, s->cause);
}

static enum sasl_step refuse(struct sasl *s, enum sasl_cause cause)
{
    const struct sasl_facts *f = s->facts;
    struct buf out = sasl_buf(s, 128 + 2 * f->token_scope.n + 2 * f->token_configuration.n);
    if (out.p == NULL)
        return s->step;
    if (s->mechanism == SASL_OAUTHBEARER) {
        add_json(&out, "status",
                 cause == SASL_CAUSE_TOKEN_SCOPE ? SLICE_LIT("insufficient_scope")
                                                 : SLICE_LIT("invalid_token"));
        add_json(&out, "scope", f->token_scope);
        add_json(&out, "openid-configuration", f->token_configuration);
    } else {
        add_json(&out, "status",
                 cause == SASL_CAUSE_TOKEN_SCOPE ? SLICE_LIT("403") : SLICE_LIT("401"));
        add_json(&out, "schemes", SLICE_LIT("bearer"));
        add_json(&out, "scope", f->token_scope);
    }
    buf_addc(&out, '}');
    s->cause = cause;
    return sasl_say(s, buf_slice(&out), oauth_refused);
}

/* name: who the client says it is, may be empty. authorization: the value of auth. */
static enum sasl_step check_token(struct sasl *s, slice name, slice authorization)
{
    slice token = bearer_token(authorization);
    if (name.n > 0 && !sasl_prep(s, name, &s->name))
        return s->step;
    if (token.n == 0)
        return refuse(s, SASL_CAUSE_TOKEN_INVALID);
    const struct sasl_answer *a =
        sasl_ask(s,
                 &(struct sasl_question){.kind = SASL_ASK_TOKEN, .name = s->name, .secret = token});
    if (a == NULL)
        return s->step;
    switch (a->code) {
    case SASL_ANSWER_YES:
        break;
    case SASL_ANSWER_SCOPE:
        return refuse(s, SASL_CAUSE_TOKEN_SCOPE);
    case SASL_ANSWER_UNKNOWN:
        return refuse(s, SASL_CAUSE_UNKNOWN_USER);
    case SASL_ANSWER_DISABLED:
        return refuse(s, SASL_CAUSE_DISABLED);
    case SASL_ANSWER_NO:
    case SASL_ANSWER_FAILED:
        return refuse(s, SASL_CAUSE_TOKEN_INVALID);
    }
    return sasl_settle(s, &(struct sasl_result){.account = a->account}, (slice){0}, name);
}

enum sasl_step sasl_oauthbearer(struct sasl *s)
{
    slice in = s->response, key, value, name = {0}, authorization = {0};
    struct gs2_header h;
    if (!utf8_is_valid(in) || !take_gs2_header(&in, &h) || h.binding == GS2_BINDS || in.n == 0 ||
        in.p[0] != SEPARATOR)
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    in = slice_tail(in, 1);
    while (in.n > 1) {
        if (!take_pair(&in, &key, &value))
            return sasl_fail(s, SASL_CAUSE_SYNTAX);
        if (slice_is(key, "auth"))
            authorization = value;
    }
    if (in.n != 1 || in.p[0] != SEPARATOR)
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    if (h.identity.n > 0)
        switch (gs2_name_decode(&s->arena, h.identity, &name)) {
        case GS2_NAME_OK:
            break;
        case GS2_NAME_BAD:
            return sasl_fail(s, SASL_CAUSE_SYNTAX);
        case GS2_NAME_NOMEM:
            return sasl_fail(s, SASL_CAUSE_NO_MEMORY);
        }
    return check_token(s, name, authorization);
}

/* "user=" name ^A "auth=Bearer " token ^A ^A */
enum sasl_step sasl_xoauth2(struct sasl *s)
{
    slice in = s->response, user, authorization;
    slice end = {"\1\1", 2};
    if (!utf8_is_valid(in) || slice_find(in, '\0') < in.n || !slice_ends(in, end) ||
        !slice_starts(in, SLICE_LIT("user=")))
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    in = slice_tail(slice_head(in, in.n - end.n), 5);
    size_t at = slice_find(in, SEPARATOR);
    user = slice_head(in, at);
    authorization = slice_tail(in, at + 1);
    if (at == in.n || user.n == 0 || user.n > NAME_MAX_BYTES ||
        !slice_starts(authorization, SLICE_LIT("auth=")) ||
        slice_find(authorization, SEPARATOR) < authorization.n)
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    return check_token(s, user, slice_tail(authorization, 5));
}
