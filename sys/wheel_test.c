#include "sys/wheel.h"

#include "lib/base/test.h"

struct probe {
    struct timer timer;
    uint64_t want_tick;
    unsigned fired;
};

static struct wheel wheel;
static unsigned fired_in_all;

static void note(struct timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);
    assert_int_equal(wheel.now_tick, p->want_tick);
    p->fired++;
    fired_in_all++;
}

static void set(struct probe *p, uint64_t tick)
{
    p->timer.fire = note;
    p->want_tick = tick;
    wheel_add(&wheel, &p->timer, tick);
}

/* Each fires exactly once and at its very tick, from whatever position and by whatever steps. */
static void fires_at_its_tick(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 1, 255, 256, 65535, 65536, 0xfffffe, 0xffffffff};
    static const uint64_t deltas[] = {1,        2,        254,      255,      256,
                                      257,      511,      512,      65279,    65534,
                                      65535,    65536,    65537,    131071,   200000,
                                      16777215, 16777216, 16777217, 33554431, 1000000000};
    static const uint64_t steps[] = {1ULL << 40, 70001, 16777216};
    for (size_t s = 0; s < COUNT(starts); s++)
        for (size_t k = 0; k < COUNT(steps); k++) {
            struct probe probes[COUNT(deltas)] = {0};
            wheel_init(&wheel, starts[s]);
            fired_in_all = 0;
            for (size_t i = 0; i < COUNT(deltas); i++)
                set(&probes[i], starts[s] + deltas[i]);
            for (uint64_t now = starts[s]; fired_in_all < COUNT(deltas);) {
                now += steps[k];
                wheel_advance(&wheel, now);
                for (size_t i = 0; i < COUNT(deltas); i++)
                    assert_int_equal(probes[i].fired, probes[i].want_tick <= now);
            }
            assert_true(wheel.next_tick == WHEEL_NEVER);
        }
}

static struct probe *victim;

static void stop_victim(struct timer *t)
{
    (void)t;
    timer_stop(NULL, &victim->timer);
    fired_in_all++;
}

static void a_stopped_timer_stays_silent(void **state)
{
    (void)state;
    struct probe a = {0}, b = {0};
    wheel_init(&wheel, 0);
    fired_in_all = 0;
    /* Both are due at once; whichever goes first stops the other. */
    victim = &b;
    a.timer.fire = stop_victim;
    set(&b, 10);
    wheel_add(&wheel, &a.timer, 10);
    b.want_tick = 10;
    timer_stop(NULL, &b.timer);
    assert_false(timer_is_set(&b.timer));
    wheel_advance(&wheel, 20);
    assert_int_equal(fired_in_all, 1);
    assert_int_equal(b.fired, 0);
    timer_stop(NULL, &b.timer);
}

static unsigned again;

static void set_again(struct timer *t)
{
    if (++again < 5)
        wheel_add(&wheel, t, wheel.now_tick + 300);
}

static void may_be_set_again_when_it_fires(void **state)
{
    (void)state;
    struct timer t = {.fire = set_again};
    wheel_init(&wheel, 7);
    again = 0;
    wheel_add(&wheel, &t, 0); /* has passed: the next tick */
    assert_int_equal(wheel.next_tick, 8);
    wheel_advance(&wheel, 8 + 4 * 300 - 1);
    assert_int_equal(again, 4);
    wheel_advance(&wheel, 8 + 4 * 300);
    assert_int_equal(again, 5);
    assert_false(timer_is_set(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_at_its_tick),
        cmocka_unit_test(a_stopped_timer_stays_silent),
        cmocka_unit_test(may_be_set_again_when_it_fires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
