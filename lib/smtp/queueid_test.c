#include "lib/smtp/queueid.h"

#include "lib/base/test.h"

static void prints_and_parses(void **state)
{
    (void)state;
    static const struct {
        uint64_t id;
        const char *text;
    } rows[] = {
        {1, "0000000000001"},
        {31, "000000000000z"},
        {32, "0000000000010"},
        {UINT64_MAX, "fzzzzzzzzzzzz"},
        {UINT64_C(1) << 63, "8000000000000"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char to[QUEUEID_CHARS];
        uint64_t back = 0;
        assert_slice(queueid_print(rows[i].id, to), slice_cstr(rows[i].text));
        assert_true(queueid_parse(slice_of(to, sizeof to), &back));
        assert_int_equal(back, rows[i].id);
    }
}

static void accepts_what_people_say(void **state)
{
    (void)state;
    uint64_t id = 0;
    assert_true(queueid_parse(SLICE_LIT("OOOOOOOOOOOIL"), &id));
    assert_int_equal(id, 33);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "1",
        "000000000000",
        "00000000000001",
        "g000000000000",
        "000000000000u",
        "00000000000-1",
        "0000000000000",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t id = 7;
        assert_false(queueid_parse(slice_cstr(rows[i]), &id));
        assert_int_equal(id, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_and_parses),
        cmocka_unit_test(accepts_what_people_say),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
