#include "src/deliver/roots.h"

#include "lib/base/test.h"

static struct conf *parse(const char *text)
{
    struct conf_errors errors;
    struct conf *conf = NULL;
    char whole[256];
    snprintf(whole, sizeof whole, "host mx.example.org\n%s", text);
    conf_errors_init(&errors);
    assert_int_equal(conf_parse(slice_cstr(whole), SLICE_LIT("t"), SLICE_LIT("/"), &errors, &conf),
                     CONF_OK);
    conf_errors_release(&errors);
    return conf;
}

static void finds_the_nearest(void **state)
{
    static struct root v[] = {{(char *)(uintptr_t) "/var/mail", 4},
                              {(char *)(uintptr_t) "", 5},
                              {(char *)(uintptr_t) "/var/mail/big", 6}};
    static const struct {
        const char *path;
        size_t roots;
        int dir; /* -1: none */
        const char *rest;
    } rows[] = {
        {"/var/mail/a/b", 1, 4, "a/b"}, {"/var/mailbox/a", 1, -1, NULL}, {"/var/mail", 1, -1, NULL},
        {"/var/mail/", 1, -1, NULL},    {"/srv/a", 1, -1, NULL},         {"/srv/a", 2, 5, "srv/a"},
        {"/var/mail/a", 3, 4, "a"},     {"/var/mail/big/a", 3, 6, "a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct roots r = {v, rows[i].roots};
        int dir = -1;
        const char *rest = NULL;
        assert_int_equal(roots_find(&r, rows[i].path, &dir, &rest), rows[i].dir >= 0);
        assert_int_equal(dir, rows[i].dir);
        if (rest != NULL)
            assert_string_equal(rest, rows[i].rest);
    }
}

static void knows_what_is_new(void **state)
{
    static struct root v[] = {{(char *)(uintptr_t) "/var/mail", 4}};
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"deliver maildir /var/mail/{domain}/{local}\n", true},
        {"deliver maildir /var/mail/x{domain}/{local}\n", true},
        {"deliver maildir /var/mail/{domain}/{local}\ndomain a.example { deliver maildir "
         "/srv/{local} }\n",
         false},
        {"deliver maildir /srv/{domain}/{local}\n", false},
        {"deliver maildir /{domain}/{local}\n", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct roots r = {v, 1};
        struct conf *conf = parse(rows[i].text);
        assert_int_equal(roots_are_enough(&r, conf), rows[i].want);
        conf_unref(conf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_nearest),
        cmocka_unit_test(knows_what_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
