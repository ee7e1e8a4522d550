#include "lib/auth/token.h"

const char *token_verdict_word(enum token_verdict v)
{
    static const char *const words[] = {
        [TOKEN_GOOD] = "good",
        [TOKEN_OF_ANOTHER_ISSUER] = "another-issuer",
        [TOKEN_FOR_ANOTHER] = "another-audience",
        [TOKEN_HAS_EXPIRED] = "expired",
        [TOKEN_NOT_YET] = "not-yet",
        [TOKEN_WITHOUT_END] = "without-end",
        [TOKEN_TOO_NARROW] = "scope",
        [TOKEN_OF_NOBODY] = "no-account",
    };
    return words[v];
}

static bool has_audience(const struct token_claims *c, slice wanted)
{
    for (size_t i = 0; i < c->audiences; i++)
        if (slice_eq(c->audience[i], wanted))
            return true;
    return false;
}

static bool has_scope(const struct token_claims *c, slice wanted)
{
    for (size_t i = 0; i < c->scopes; i++) {
        slice rest = c->scope[i], word;
        while (slice_split(&rest, ' ', &word))
            if (slice_eq(word, wanted))
                return true;
    }
    return false;
}

static bool has_scopes(const struct token_claims *c, slice wanted)
{
    slice word;
    while (slice_split(&wanted, ' ', &word))
        if (word.n > 0 && !has_scope(c, word))
            return false;
    return true;
}

enum token_verdict token_judge(const struct token_claims *c, const struct token_policy *p)
{
    /* Letter by letter: RFC 7519 2, StringOrURI. */
    if ((c->issuer.n > 0 || p->is_signed) && !slice_eq(c->issuer, p->issuer))
        return TOKEN_OF_ANOTHER_ISSUER;
    if ((p->audience.n > 0 || p->is_signed) && !has_audience(c, p->audience))
        return TOKEN_FOR_ANOTHER;
    if (p->is_signed && !c->has_end)
        return TOKEN_WITHOUT_END;
    /* RFC 7519 4.1.4: on or after exp it is over. */
    if (c->has_end && p->now - TOKEN_LEEWAY_S >= c->ends_at)
        return TOKEN_HAS_EXPIRED;
    if ((c->has_begin && p->now + TOKEN_LEEWAY_S < c->begins_at) ||
        (c->has_made && p->now + TOKEN_LEEWAY_S < c->made_at))
        return TOKEN_NOT_YET;
    if (!has_scopes(c, p->scope))
        return TOKEN_TOO_NARROW;
    return c->account.n > 0 && !c->is_unverified ? TOKEN_GOOD : TOKEN_OF_NOBODY;
}
