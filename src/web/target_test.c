#include "src/web/target.h"

#include "lib/base/test.h"

static void test_split(void **state)
{
    static const struct {
        const char *text, *path, *query; /* path NULL: refused */
    } cases[] = {
        {"/", "/", ""},
        {"/codes", "/codes", ""},
        {"/codes?q=5.7.1", "/codes", "q=5.7.1"},
        {"/codes?", "/codes", ""},
        {"/a?b?c", "/a", "b?c"},
        {"/a#b?c", "/a", ""},
        {"/a?b#c", "/a", "b"},
        {"//host/a", "//host/a", ""},
        {"http://mx.example.org/codes?q=1", "/codes", "q=1"},
        {"HTTPS://mx.example.org:8025/codes", "/codes", ""},
        {"http://mx.example.org", "/", ""},
        {"http://mx.example.org?q=1", "/", "q=1"},
        {"http://mx.example.org#top", "/", ""},
        {"/%2e%2e/%00", "/%2e%2e/%00", ""},
        {"/\xff\xfe?\xfd", "/\xff\xfe", "\xfd"},
        {"", NULL, NULL},
        {"*", NULL, NULL},
        {"?q=1", NULL, NULL},
        {"codes", NULL, NULL},
        {"mx.example.org:443", NULL, NULL},
        {"http://", NULL, NULL},
        {"http:///codes", NULL, NULL},
        {"ftp://mx.example.org/codes", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct target t = {{NULL, 0}, {NULL, 0}};
        bool ok = target_split(slice_cstr(cases[i].text), &t);
        if (cases[i].path == NULL) {
            if (ok)
                fail_msg("%s was taken", cases[i].text);
            assert_null(t.path.p);
            continue;
        }
        if (!ok || !slice_eq(t.path, slice_cstr(cases[i].path)) ||
            !slice_eq(t.query, slice_cstr(cases[i].query)))
            fail_msg("%s: %.*s and %.*s", cases[i].text, SLICE_ARG(t.path), SLICE_ARG(t.query));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
