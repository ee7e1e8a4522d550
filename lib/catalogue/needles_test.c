#include "lib/catalogue/needles.h"

#include "lib/base/test.h"

static void finds_what_a_pattern_needs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *want; /* '|' between */
    } rows[] = {
        {"spam", "spam"},
        {"User Unknown", "user unknown"},
        {"no", ""},
        {"quota (exceeded|reached)", "quota "},
        {"(over|above) (the )?quota", "quota"},
        {"mailbox.{0,40}full", "full"}, /* mailbox is in many a reply */
        {"(user|mailbox) unknown", " unknown"},
        {"(too (many|much)|excess)", "too |excess"},
        {"mail ?box", "box"},
        {"colou?rs", "colo"},
        {"a(b|c)d", ""},
        {"\\bptr\\b", "ptr"},
        {"[.]example[.]org", ".example.org"},
        {"\\[ts[0-9]+\\]", "[ts"},
        {"(?:abc|def)(ghij)?", "abc|def"},
        {"^(?!.*unknown)blocked", "blocked"},
        {"(?<ip>[0-9.]+) is listed", " is listed"},
        {"x{0,3}yyy", "yyy"},
        {"(abc)?|def", ""},
        {"grün und blau", "grün und blau"},
        {"ab+cde+", "cde"},
        {"(abc|d)", ""},
    };
    struct arena a;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct needles set, second;
        char got[256] = "";
        size_t n = 0;
        assert_true(needles_of(&a, slice_cstr(rows[i].pattern), &set, &second));
        for (size_t k = 0; k < set.n; k++) {
            if (k > 0)
                got[n++] = '|';
            memcpy(got + n, set.texts[k].p, set.texts[k].n);
            n += set.texts[k].n;
        }
        got[n] = '\0';
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s needs \"%s\", not \"%s\"", rows[i].pattern, rows[i].want, got);
    }
    arena_release(&a);
}

static void finds_a_second_place(void **state)
{
    (void)state;
    struct arena a;
    struct needles best, second;
    arena_init(&a, 1 << 16);
    assert_true(needles_of(&a, SLICE_LIT("(user|mailbox).{0,9}unknown"), &best, &second));
    assert_int_equal(best.n, 1);
    assert_slice(best.texts[0], SLICE_LIT("unknown"));
    assert_int_equal(second.n, 2);
    assert_slice(second.texts[1], SLICE_LIT("mailbox"));
    assert_true(needles_of(&a, SLICE_LIT("abc.def|ghi"), &best, &second));
    assert_int_equal(second.n, 0);
    arena_release(&a);
}

static void takes_alternatives(void **state)
{
    (void)state;
    slice pattern = SLICE_LIT("a(b|c)[|]\\||d||e"), one;
    static const char *const want[] = {"a(b|c)[|]\\|", "d", "", "e"};
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(alternative_take(&pattern, &one));
        assert_slice(one, slice_cstr(want[i]));
    }
    assert_false(alternative_take(&pattern, &one));
}

static void broken_patterns_end(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(",   ")", "[", "\\", "a{", "((((((((((((((((((x",
                                           "(?<", "|", ""};
    struct arena a;
    struct needles set, second;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        slice pattern = slice_cstr(patterns[i]), one;
        assert_true(needles_of(&a, pattern, &set, &second));
        while (alternative_take(&pattern, &one))
            assert_true(needles_of(&a, one, &set, &second));
    }
    arena_release(&a);
}

static void a_full_arena_is_said(void **state)
{
    (void)state;
    struct arena a;
    struct needles set = {.n = 7}, second = {.n = 7};
    arena_init(&a, 1);
    assert_false(needles_of(&a, SLICE_LIT("literal"), &set, &second));
    assert_int_equal(second.n, 7);
    assert_int_equal(set.n, 7);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_pattern_needs), cmocka_unit_test(finds_a_second_place),
        cmocka_unit_test(takes_alternatives),         cmocka_unit_test(broken_patterns_end),
        cmocka_unit_test(a_full_arena_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
