#include "lib/base/civil.h"

#include "lib/base/test.h"

static void knows_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        struct civil want;
    } rows[] = {
        {0, {1970, 1, 1, 0, 0, 0, 4}},          {-1, {1969, 12, 31, 23, 59, 59, 3}},
        {951782400, {2000, 2, 29, 0, 0, 0, 2}}, {1795305600, {2026, 11, 22, 0, 0, 0, 0}},
        {4107542400, {2100, 3, 1, 0, 0, 0, 1}}, {-62135596800, {1, 1, 1, 0, 0, 0, 1}},
        {-62167219200, {0, 1, 1, 0, 0, 0, 6}},  {253402300799, {9999, 12, 31, 23, 59, 59, 5}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct civil got = civil_of(rows[i].at);
        assert_memory_equal(&got, &rows[i].want, sizeof got);
        int64_t back;
        assert_true(civil_to(&got, &back));
        assert_int_equal(back, rows[i].at);
    }
}

static void goes_back_and_forth(void **state)
{
    (void)state;
    for (int64_t day = -1000000; day < 3000000; day += 13) {
        struct civil c = civil_of(day * 86400 + 43261);
        int64_t back;
        assert_true(civil_to(&c, &back));
        assert_int_equal(back, day * 86400 + 43261);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const struct civil rows[] = {
        {.year = 2026, .month = 2, .day = 29}, {.year = 2026, .month = 13, .day = 1},
        {.year = 2026, .month = 0, .day = 1},  {.year = 2026, .month = 4, .day = 31},
        {.year = 2026, .month = 4, .day = 0},  {.year = 2026, .month = 4, .day = 1, .hour = 24},
        {.year = 1900, .month = 2, .day = 29}, {.year = 2026, .month = 4, .day = 1, .minute = 60},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t at = 77;
        assert_false(civil_to(&rows[i], &at));
        assert_int_equal(at, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_dates),
        cmocka_unit_test(goes_back_and_forth),
        cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
