#include "lib/base/slice.h"

#include "lib/base/test.h"

static void finds_and_splits(void **state)
{
    (void)state;
    slice s = SLICE_LIT("a,b,,c");
    assert_int_equal(slice_find(s, ','), 1);
    assert_int_equal(slice_rfind(s, ','), 4);
    assert_int_equal(slice_find(s, 'x'), s.n);
    assert_int_equal(slice_find_slice(s, SLICE_LIT(",c")), 4);
    assert_int_equal(slice_find_slice(s, SLICE_LIT(",d")), s.n);
    assert_int_equal(slice_find_slice(SLICE_LIT("aab"), SLICE_LIT("ab")), 1);
    assert_int_equal(slice_find_slice((slice){0}, SLICE_LIT("a")), 0);
    static const char *const parts[] = {"a", "b", "", "c"};
    slice part;
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_true(slice_split(&s, ',', &part));
        assert_slice(part, slice_cstr(parts[i]));
    }
    assert_false(slice_split(&s, ',', &part));
}

static void compares(void **state)
{
    (void)state;
    assert_true(slice_eq_ci(SLICE_LIT("MaIl"), SLICE_LIT("mAiL")));
    assert_false(slice_eq_ci(SLICE_LIT("[a"), SLICE_LIT("{a")));
    assert_true(slice_eq((slice){0}, SLICE_LIT("")));
    assert_true(slice_cmp(SLICE_LIT("a"), SLICE_LIT("ab")) < 0);
    assert_true(slice_cmp(SLICE_LIT("\xff"), SLICE_LIT("a")) > 0);
    assert_int_equal(slice_cmp_ci(SLICE_LIT("AB"), SLICE_LIT("ab")), 0);
    assert_true(slice_ends(SLICE_LIT("x.org"), SLICE_LIT(".org")));
    assert_false(slice_ends(SLICE_LIT("org"), SLICE_LIT(".org")));
    assert_slice(slice_trim(SLICE_LIT("\t a b  ")), SLICE_LIT("a b"));
}

static void reads_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        uint64_t max;
        bool ok;
        uint64_t want;
    } rows[] = {
        {"0", 9, true, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"10", 9, false, 0},
        {"", 9, false, 0},
        {"-1", 9, false, 0},
        {"+1", 9, false, 0},
        {"1 ", 9, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t got = 77;
        bool ok = slice_to_u64(slice_cstr(rows[i].in), rows[i].max, &got);
        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(got, rows[i].ok ? rows[i].want : 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_and_splits),
        cmocka_unit_test(compares),
        cmocka_unit_test(reads_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
