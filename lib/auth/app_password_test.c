#include "lib/auth/app_password.h"

#include "lib/base/test.h"

static slice letters_of(const struct app_password *p)
{
    return slice_of(p->letters, sizeof p->letters);
}

static void shows_groups(void **state)
{
    (void)state;
    static const struct {
        unsigned char bytes[APP_PASSWORD_RANDOM_BYTES];
        const char *want;
    } rows[] = {
        {{0}, "babab-babab-babab-babab-babab-babab-babab-babab"},
        {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
         "zuzuz-zuzuz-zuzuz-zuzuz-zuzuz-zuzuz-zuzuz-zuzuz"},
        /* 127.0.0.1 and 63.84.220.193, the examples of the proquint paper. */
        {{127, 0, 0, 1, 63, 84, 220, 193, 0, 0, 0, 0, 0, 0, 0, 0},
         "lusab-babad-gutih-tugad-babab-babab-babab-babab"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct app_password p, again;
        char shown[APP_PASSWORD_SHOWN];
        app_password_make(rows[i].bytes, &p);
        app_password_show(&p, shown);
        assert_slice(slice_of(shown, sizeof shown), slice_cstr(rows[i].want));
        assert_true(app_password_read(slice_of(shown, sizeof shown), &again));
        assert_slice(letters_of(&again), letters_of(&p));
    }
}

static void reads_what_is_typed(void **state)
{
    (void)state;
    static const char want[] = "lusabbabadgutihtugadbababbababbababbabab";
    static const struct {
        const char *typed;
        bool ok;
    } rows[] = {
        {"lusabbabadgutihtugadbababbababbababbabab", true},
        {"LUSAB BABAD GUTIH TUGAD BABAB BABAB BABAB BABAB", true},
        {"  lusab--babad\tgutih - tugad babab babab babab babab  ", true},
        {"lusab\xc2\xa0"
         "babad\xe2\x80\x93gutih\xe2\x88\x92tugad-babab-babab-babab-babab",
         true},
        {"", false},
        {"-----", false},
        {"lusabbabadgutihtugadbababbababbababbaba", false},
        {"lusabbabadgutihtugadbababbababbababbababb", false},
        {"lusabbabadgutihtugadbababbababbababbabab.", false},
        {"lusabbabadgutihtugadbababbababbababbabab\x80", false},
        {"lusebbabadgutihtugadbababbababbababbabab", false},
        {"ulsabbabadgutihtugadbababbababbababbabab", false},
        {"lusabbabadgutihtugadbababbababbababbab\xc3\xa4"
         "b",
         false},
        {"correct horse battery staple", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct app_password p = {.letters = "untouched"};
        bool ok = app_password_read(slice_cstr(rows[i].typed), &p);
        if (ok != rows[i].ok)
            fail_msg("row %zu: %s", i, rows[i].typed);
        assert_slice(slice_head(letters_of(&p), 9),
                     slice_head(slice_cstr(ok ? want : "untouched"), 9));
    }
}

static void keeps_a_digest(void **state)
{
    (void)state;
    static const unsigned char bytes[2][APP_PASSWORD_RANDOM_BYTES] = {{1}, {2}};
    struct app_password a, b;
    struct digest_value da, db, again;
    app_password_make(bytes[0], &a);
    app_password_make(bytes[1], &b);
    assert_true(app_password_digest(&a, &da) && app_password_digest(&b, &db));
    assert_true(app_password_digest(&a, &again));
    assert_int_equal(da.n, 32);
    assert_slice(digest_slice(&again), digest_slice(&da));
    assert_false(slice_eq(digest_slice(&da), digest_slice(&db)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_groups),
        cmocka_unit_test(reads_what_is_typed),
        cmocka_unit_test(keeps_a_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
