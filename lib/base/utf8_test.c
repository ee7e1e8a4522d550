#include "lib/base/utf8.h"

#include "lib/base/test.h"

static void knows_good_from_bad(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
    } rows[] = {
        {"", true},
        {"abc", true},
        {"\xc3\xa4", true},
        {"\xe0\xa4\xa8", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xc0\xaf", false},
        {"\xe0\x80\xaf", false},
        {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf8\x88\x80\x80\x80", false},
        {"\xc3", false},
        {"\x80", false},
        {"\xe2\x82", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(utf8_is_valid(slice_cstr(rows[i].in)), rows[i].ok);
}

static void round_trip(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    for (uint32_t cp = 0; cp <= 0x10ffff; cp += cp < 0x3000 ? 1 : 97) {
        if (cp >= 0xd800 && cp < 0xe000)
            continue;
        buf_clear(&b);
        utf8_add(&b, cp);
        slice s = buf_slice(&b);
        uint32_t got;
        assert_true(utf8_take(&s, &got));
        assert_int_equal(got, cp);
        assert_int_equal(s.n, 0);
    }
    buf_release(&b);
}

static void counts_columns(void **state)
{
    (void)state;
    assert_int_equal(utf8_width(SLICE_LIT("Gr\xc3\xb6\xc3\x9f"
                                          "e")),
                     5);
    assert_int_equal(utf8_width(SLICE_LIT("\xe6\x97\xa5\xe6\x9c\xac")), 4);
    assert_int_equal(utf8_width(SLICE_LIT("e\xcc\x81")), 1);
    assert_int_equal(utf8_count(SLICE_LIT("e\xcc\x81\xff")), 3);
    assert_int_equal(utf8_width(SLICE_LIT("\xe0\xa4\xa8\xe0\xa5\x8d")), 1);
    assert_true(utf8_is_ascii(SLICE_LIT("a\x7f")));
    assert_false(utf8_is_ascii(SLICE_LIT("\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_good_from_bad),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(counts_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
