#include "lib/auth/token.h"

#include "lib/base/test.h"

#define ISSUER SLICE_LIT("https://id.example")

static struct token_claims good(void)
{
    return (struct token_claims){
        .issuer = ISSUER,
        .audience = {SLICE_LIT("web"), SLICE_LIT("smtp")},
        .audiences = 2,
        .scope = {SLICE_LIT("openid mail"), SLICE_LIT("send")},
        .scopes = 2,
        .has_end = true,
        .has_begin = true,
        .has_made = true,
        .ends_at = 2000,
        .begins_at = 1000,
        .made_at = 1000,
        .account = SLICE_LIT("alice@x.example"),
    };
}

static struct token_policy strict(int64_t now)
{
    return (struct token_policy){.issuer = ISSUER,
                                 .audience = SLICE_LIT("smtp"),
                                 .scope = SLICE_LIT("send  mail"),
                                 .is_signed = true,
                                 .now = now};
}

static void times(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        enum token_verdict want;
    } rows[] = {
        {1500, TOKEN_GOOD}, {2000, TOKEN_GOOD},   {2059, TOKEN_GOOD}, {2060, TOKEN_HAS_EXPIRED},
        {940, TOKEN_GOOD},  {939, TOKEN_NOT_YET}, {0, TOKEN_NOT_YET}, {1000, TOKEN_GOOD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct token_claims c = good();
        struct token_policy p = strict(rows[i].now);
        assert_int_equal(token_judge(&c, &p), rows[i].want);
        c.has_begin = false; /* iat says the same */
        assert_int_equal(token_judge(&c, &p), rows[i].want);
    }
    struct token_claims c = good();
    struct token_policy p = strict(1500);
    c.has_end = false;
    assert_int_equal(token_judge(&c, &p), TOKEN_WITHOUT_END);
    p.is_signed = false; /* the issuer itself has just said that it is active */
    assert_int_equal(token_judge(&c, &p), TOKEN_GOOD);
    c = good();
    c.ends_at = 1000;
    c.begins_at = c.made_at = 0;
    assert_int_equal(token_judge(&c, &p), TOKEN_HAS_EXPIRED);
}

static void who_and_for_whom(void **state)
{
    (void)state;
    struct token_claims c = good();
    struct token_policy p = strict(1500);
    c.issuer = SLICE_LIT("https://id.example/");
    assert_int_equal(token_judge(&c, &p), TOKEN_OF_ANOTHER_ISSUER);
    c.issuer = (slice){0};
    assert_int_equal(token_judge(&c, &p), TOKEN_OF_ANOTHER_ISSUER);
    p.is_signed = false;
    assert_int_equal(token_judge(&c, &p), TOKEN_GOOD);
    c = good();
    p = strict(1500);
    p.audience = SLICE_LIT("SMTP");
    assert_int_equal(token_judge(&c, &p), TOKEN_FOR_ANOTHER);
    c.audiences = 0;
    p.audience = (slice){0}; /* the configuration does not let this be; no hole if it did */
    assert_int_equal(token_judge(&c, &p), TOKEN_FOR_ANOTHER);
    p.is_signed = false;
    assert_int_equal(token_judge(&c, &p), TOKEN_GOOD);
    p.audience = SLICE_LIT("smtp");
    assert_int_equal(token_judge(&c, &p), TOKEN_FOR_ANOTHER);
}

static void scope_and_account(void **state)
{
    (void)state;
    struct token_claims c = good();
    struct token_policy p = strict(1500);
    static const char *const missing[] = {"sen", "sendx", "mail send more", "Mail"};
    for (size_t i = 0; i < COUNT(missing); i++) {
        p.scope = slice_cstr(missing[i]);
        assert_int_equal(token_judge(&c, &p), TOKEN_TOO_NARROW);
    }
    p.scope = (slice){0};
    c.scopes = 0;
    assert_int_equal(token_judge(&c, &p), TOKEN_GOOD);
    c.is_unverified = true;
    assert_int_equal(token_judge(&c, &p), TOKEN_OF_NOBODY);
    c.is_unverified = false;
    c.account = (slice){0};
    assert_int_equal(token_judge(&c, &p), TOKEN_OF_NOBODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times), cmocka_unit_test(who_and_for_whom),
                                       cmocka_unit_test(scope_and_account)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
