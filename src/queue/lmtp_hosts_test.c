#include "src/queue/lmtp_hosts.h"

#include "lib/base/test.h"

#define A SLICE_LIT("unix:/a")
#define B SLICE_LIT("127.0.0.1:24")

static void a_slow_host_leaves_room(void **state)
{
    struct lmtp_hosts h = {0};
    (void)state;
    for (size_t i = 0; i < LMTP_HOST_MAX; i++)
        assert_true(lmtp_hosts_enter(&h, A));
    assert_false(lmtp_hosts_enter(&h, A));
    assert_true(lmtp_hosts_enter(&h, B));
    lmtp_hosts_leave(&h, A);
    assert_true(lmtp_hosts_enter(&h, A));
    lmtp_hosts_release(&h);
}

static void all_together_have_a_bound(void **state)
{
    static const char names[] = "abcdefghijklmnop";
    struct lmtp_hosts h = {0};
    size_t in = 0;
    (void)state;
    for (size_t i = 0; i < sizeof names - 1; i++)
        for (size_t j = 0; j < LMTP_HOST_MAX; j++)
            in += lmtp_hosts_enter(&h, slice_of(names + i, 1));
    assert_int_equal(in, LMTP_MAX);
    lmtp_hosts_release(&h);
}

static void parked_ones_come_in_turn(void **state)
{
    struct lmtp_hosts h = {0};
    uint64_t id;
    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        assert_true(lmtp_hosts_park(&h, A, 1000 + i));
    for (uint64_t i = 0; i < 3; i++)
        assert_true(lmtp_hosts_park(&h, B, 2000 + i));
    static const uint64_t want[] = {1000, 2000, 1001, 2001, 1002, 2002, 1003, 1004};
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(lmtp_hosts_unpark(&h, &id));
        assert_int_equal(id, want[i]);
    }
    /* As many as there are places, until they have come or are forgotten. */
    for (size_t i = 5; i < LMTP_HOST_MAX; i++)
        assert_true(lmtp_hosts_unpark(&h, &id));
    assert_false(lmtp_hosts_unpark(&h, &id));
    for (size_t i = 0; i < LMTP_HOST_MAX; i++)
        assert_true(lmtp_hosts_enter(&h, A));
    assert_false(lmtp_hosts_unpark(&h, &id));
    lmtp_hosts_leave(&h, A);
    assert_true(lmtp_hosts_unpark(&h, &id));
    assert_int_equal(id, 1000 + LMTP_HOST_MAX);
    assert_false(lmtp_hosts_unpark(&h, &id));
    lmtp_hosts_tick(&h);
    assert_true(lmtp_hosts_unpark(&h, &id));
    lmtp_hosts_release(&h);
}

static void nothing_is_kept_of_idle_hosts(void **state)
{
    struct lmtp_hosts h = {0};
    uint64_t id;
    (void)state;
    assert_true(lmtp_hosts_enter(&h, A));
    lmtp_hosts_leave(&h, A);
    assert_int_equal(h.n, 0);
    assert_true(lmtp_hosts_park(&h, B, 1));
    assert_true(lmtp_hosts_unpark(&h, &id));
    assert_int_equal(h.n, 0);
    lmtp_hosts_leave(&h, A); /* twice does no harm */
    assert_int_equal(h.active, 0);
    lmtp_hosts_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_host_leaves_room),
        cmocka_unit_test(all_together_have_a_bound),
        cmocka_unit_test(parked_ones_come_in_turn),
        cmocka_unit_test(nothing_is_kept_of_idle_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
