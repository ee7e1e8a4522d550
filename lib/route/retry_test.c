#include "lib/route/retry.h"

#include "lib/base/test.h"

static void doubles_up_to_the_maximum(void **state)
{
    (void)state;
    static const struct {
        uint32_t attempts;
        uint64_t want_ms;
    } rows[] = {{0, 1000}, {1, 1000},  {2, 2000},          {3, 4000},
                {4, 8000}, {5, 10000}, {4000000000, 10000}};
    const struct retry_plan plan = {1000, 10000};
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t least = retry_wait_ms(&plan, rows[i].attempts, 0);
        uint64_t most = retry_wait_ms(&plan, rows[i].attempts, 1023);
        assert_int_equal(least, rows[i].want_ms - rows[i].want_ms / 5);
        assert_int_equal(most, rows[i].want_ms + rows[i].want_ms / 5);
        for (uint32_t random = 0; random < 5000; random += 7) {
            uint64_t wait = retry_wait_ms(&plan, rows[i].attempts, random);
            assert_true(wait >= least && wait <= most);
        }
    }
}

static void is_never_at_once(void **state)
{
    (void)state;
    const struct retry_plan tiny = {1, 1};
    assert_int_equal(retry_wait_ms(&tiny, 1, 0), 1);
    assert_true(retry_wait_ms(&retry_local, 1, 0) >= 20000);
    assert_true(retry_wait_ms(&retry_local, UINT32_MAX, UINT32_MAX) <= 4320000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_maximum),
        cmocka_unit_test(is_never_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
