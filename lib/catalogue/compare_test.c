#include "lib/catalogue/compare.h"

#include "lib/base/test.h"

static void compares_every_pair_in_every_language(void **state)
{
    (void)state;
    static const char *const whats[] = {"220", "235",   "250",          "450", "535",  "550",
                                        "554", "5.7.1", "mailbox-full", "599", "what", ""};
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct language *lang;
    for (size_t n = 0; (lang = language_nth(n)) != NULL; n++) {
        for (size_t i = 0; i < COUNT(whats) * COUNT(whats); i++) {
            struct comparison c;
            arena_reset(&a);
            assert_true(compare(&a, lang, slice_cstr(whats[i / COUNT(whats)]),
                                slice_cstr(whats[i % COUNT(whats)]), &c));
            assert_true(c.title.n > 0 && c.intro.n > 0 && c.differences.n > 0);
            assert_true(c.when_a.n > 0 && c.when_b.n > 0 && c.name_a.n > 0 && c.name_b.n > 0);
            assert_int_equal(slice_find_slice(c.title, SLICE_LIT("{")), c.title.n);
        }
    }
    arena_release(&a);
}

static void uses_the_written_pairs_both_ways(void **state)
{
    (void)state;
    struct arena a;
    struct comparison c, d;
    arena_init(&a, 1 << 20);
    assert_true(compare(&a, language_english(), SLICE_LIT("250"), SLICE_LIT("554"), &c));
    assert_true(compare(&a, language_english(), SLICE_LIT("554"), SLICE_LIT("250"), &d));
    assert_slice(c.title, SLICE_LIT("SMTP 250 OK and 554 Transaction failed"));
    assert_slice(d.title, c.title);
    assert_slice(d.when_a, c.when_b);
    assert_slice(d.when_b, c.when_a);
    assert_int_equal(d.a.code, 554);
    arena_release(&a);
}

static void composes_from_facets(void **state)
{
    (void)state;
    struct arena a;
    struct comparison c;
    arena_init(&a, 1 << 20);
    assert_true(compare(&a, language_english(), SLICE_LIT("mailbox-full"),
                        SLICE_LIT("mailbox-not-found"), &c));
    slice line = c.differences;
    assert_true(slice_find_slice(line, SLICE_LIT("Kind: mailbox-full = temporary failure; "
                                                 "mailbox-not-found = permanent failure")) <
                line.n);
    assert_true(compare(&a, language_english(), SLICE_LIT("450 4.7.1"), SLICE_LIT("450"), &c));
    assert_slice(c.name_a, SLICE_LIT("450 4.7.1"));
    assert_slice(c.name_b, SLICE_LIT("450"));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_every_pair_in_every_language),
        cmocka_unit_test(uses_the_written_pairs_both_ways),
        cmocka_unit_test(composes_from_facets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
