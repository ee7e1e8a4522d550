#include "lib/base/test.h"

#include "lib/base/crowd.h"

static struct crowd crowd;

static struct ip v6(uint8_t net, uint8_t host)
{
    return (struct ip){.family = IP_V6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [7] = net, [15] = host}};
}

static void test_counts_by_network(void **state)
{
    const struct ip a = {.family = IP_V4, .bytes = {192, 0, 2, 1}};
    const struct ip b = {.family = IP_V4, .bytes = {192, 0, 2, 2}};
    const struct ip c = v6(1, 1), same = v6(1, 2), other = v6(2, 1);
    (void)state;
    crowd_init(&crowd, 42);
    crowd_add(&crowd, &a);
    crowd_add(&crowd, &a);
    crowd_add(&crowd, &c);
    assert_int_equal(crowd_count(&crowd, &a), 2);
    assert_int_equal(crowd_count(&crowd, &b), 0);
    assert_int_equal(crowd_count(&crowd, &same), 1);
    assert_int_equal(crowd_count(&crowd, &other), 0);
    crowd_remove(&crowd, &a);
    crowd_remove(&crowd, &same);
    assert_int_equal(crowd_count(&crowd, &a), 1);
    assert_int_equal(crowd_count(&crowd, &c), 0);
}

/* Neighbours do not gather in a few places. */
static void test_spreads(void **state)
{
    uint32_t most = 0;
    (void)state;
    crowd_init(&crowd, UINT64_C(0x123456789abcdef));
    for (unsigned i = 0; i < CROWD_PLACES; i++)
        crowd_add(&crowd,
                  &(struct ip){.family = IP_V4, .bytes = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}});
    for (unsigned i = 0; i < CROWD_PLACES; i++)
        most = crowd.counts[i] > most ? crowd.counts[i] : most;
    assert_true(most < 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_by_network),
        cmocka_unit_test(test_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
