#include "lib/auth/usage.h"

#include "lib/base/test.h"

static const char secret[32] = "what survives a restart, 32 byte";
static const uint64_t SECOND = 1000, MINUTE = 60 * 1000, HOUR = 3600 * 1000, DAY = 24 * 3600 * 1000;
/* The beginning of some day. */
static const uint64_t T0 = UINT64_C(20000) * 24 * 3600 * 1000;
#define ALICE SLICE_LIT("alice@example.org")
#define BOB SLICE_LIT("bob@example.org")

static void start(struct usage *u, uint32_t accounts)
{
    assert_true(usage_init(u, accounts, slice_of(secret, sizeof secret)));
}

static unsigned take_all(struct usage *u, const struct usage_limits *limits, uint64_t now_ms,
                         struct usage_decision *ret)
{
    unsigned n = 0;
    for (; n < 1000 && !(*ret = usage_take(u, ALICE, limits, now_ms)).is_limited; n++)
        ;
    return n;
}

static void each_window_limits(void **state)
{
    (void)state;
    static const struct {
        struct usage_limits limits;
        uint32_t limit, window_s;
    } cases[] = {
        {{.per_minute = 5, .per_hour = 20}, 5, 60},
        {{.per_minute = 50, .per_hour = 20}, 20, 3600},
        {{.per_hour = 30, .per_day = 25}, 25, 86400},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct usage u;
        struct usage_decision d;
        start(&u, 10);
        assert_int_equal(take_all(&u, &cases[i].limits, T0, &d), cases[i].limit);
        assert_int_equal(d.limit, cases[i].limit);
        assert_int_equal(d.window_s, cases[i].window_s);
        assert_false(d.is_of_recipients);
        assert_false(usage_take(&u, BOB, &cases[i].limits, T0).is_limited);
        /* Full again once the window has passed, and not before. */
        uint64_t window_ms = (uint64_t)cases[i].window_s * 1000;
        assert_int_equal(take_all(&u, &cases[i].limits, T0 + window_ms * 5 / 6, &d), 0);
        assert_int_equal(take_all(&u, &cases[i].limits, T0 + window_ms * 7 / 6, &d),
                         cases[i].limit);
        usage_release(&u);
    }
}

static void no_limit_is_none(void **state)
{
    (void)state;
    struct usage u;
    struct usage_decision d;
    const struct usage_limits none = {0};
    start(&u, 10);
    assert_int_equal(take_all(&u, &none, T0, &d), 1000);
    assert_int_equal(d.recipients, UINT32_MAX);
    assert_int_equal(usage_counts(&u, ALICE, T0).minute, 1000);
    usage_release(&u);
}

/* However the attempts lie: never much more than the limit in any minute. */
static void windows_slide(void **state)
{
    (void)state;
    struct usage u;
    const struct usage_limits limits = {.per_minute = 12};
    static unsigned taken[600]; /* by second */
    start(&u, 10);
    for (size_t s = 0; s < COUNT(taken); s++) {
        taken[s] = 0;
        for (size_t i = 0; i < 3; i++)
            taken[s] += !usage_take(&u, ALICE, &limits, T0 + 777 + s * SECOND).is_limited;
    }
    unsigned total = 0;
    for (size_t s = 0; s < COUNT(taken); s++) {
        unsigned in_minute = 0;
        for (size_t i = s; i < s + 60 && i < COUNT(taken); i++)
            in_minute += taken[i];
        assert_in_range(in_minute, 0, 14);
        total += taken[s];
    }
    assert_in_range(total, 110, 132);
    usage_release(&u);
}

static void recipients_are_an_allowance(void **state)
{
    (void)state;
    struct usage u;
    const struct usage_limits limits = {.recipients_per_day = 100};
    start(&u, 10);
    assert_int_equal(usage_take(&u, ALICE, &limits, T0).recipients, 100);
    usage_add_recipients(&u, ALICE, 70, T0);
    assert_int_equal(usage_take(&u, ALICE, &limits, T0).recipients, 30);
    usage_add_recipients(&u, ALICE, 30, T0 + HOUR);
    struct usage_decision d = usage_take(&u, ALICE, &limits, T0 + HOUR);
    assert_true(d.is_limited && d.is_of_recipients);
    assert_int_equal(d.limit, 100);
    assert_int_equal(d.window_s, 86400);
    assert_int_equal(usage_take(&u, ALICE, &limits, T0 + DAY + HOUR).recipients, 70);
    usage_release(&u);
}

static void a_clock_that_is_set_back(void **state)
{
    (void)state;
    struct usage u;
    struct usage_decision d;
    const struct usage_limits limits = {.per_hour = 10};
    start(&u, 10);
    assert_int_equal(take_all(&u, &limits, T0 + DAY, &d), 10);
    assert_int_equal(take_all(&u, &limits, T0 + DAY - HOUR / 2, &d), 0);
    assert_int_equal(take_all(&u, &limits, T0 + DAY + 2 * HOUR, &d), 10);
    usage_release(&u);
}

/* A machine that began in the wrong year: what was counted there would limit for as long. */
static void a_clock_that_was_wrong(void **state)
{
    (void)state;
    struct usage u;
    struct usage_counts c;
    const uint64_t wrong = T0 + 1000 * DAY;
    const struct usage_limits limits = {.per_minute = 2, .per_hour = 2, .per_day = 2};
    start(&u, 10);
    for (int i = 0; i < 2; i++)
        assert_false(usage_take(&u, ALICE, &limits, wrong).is_limited);
    assert_true(usage_take(&u, ALICE, &limits, wrong).is_limited);
    usage_add_recipients(&u, ALICE, USAGE_ALARM_RECIPIENTS, wrong);
    assert_true(usage_alarms(&u, ALICE, wrong, &c));
    assert_false(usage_take(&u, ALICE, &limits, T0).is_limited);
    assert_false(usage_take(&u, ALICE, &limits, T0 + MINUTE).is_limited);
    assert_true(usage_take(&u, ALICE, &limits, T0 + 2 * MINUTE).is_limited);
    assert_false(usage_take(&u, ALICE, &limits, T0 + 26 * HOUR).is_limited);
    usage_add_recipients(&u, ALICE, 10 * USAGE_ALARM_RECIPIENTS, T0 + 26 * HOUR);
    assert_true(usage_alarms(&u, ALICE, T0 + 26 * HOUR, &c));
    usage_release(&u);
}

static void habits_alarm_when_they_change(void **state)
{
    (void)state;
    struct usage u;
    struct usage_counts c;
    start(&u, 10);
    /* A month of 40 recipients an hour. */
    uint64_t now = T0;
    for (; now < T0 + 30 * DAY; now += HOUR) {
        usage_add_recipients(&u, ALICE, 40, now);
        assert_false(usage_alarms(&u, ALICE, now, &c));
    }
    usage_add_recipients(&u, ALICE, 100, now);
    assert_false(usage_alarms(&u, ALICE, now, &c)); /* more, but nothing unheard of */
    usage_add_recipients(&u, ALICE, 60, now);
    assert_true(usage_alarms(&u, ALICE, now, &c));
    assert_in_range(c.recipients_hour, 160, 200);
    assert_in_range(c.usual_recipients_hour, 38, 40);
    usage_add_recipients(&u, ALICE, 500, now + MINUTE);
    assert_false(usage_alarms(&u, ALICE, now + MINUTE, &c)); /* once an hour */
    assert_true(usage_alarms(&u, ALICE, now + HOUR, &c));
    /* After some hours of it so much is usual. */
    unsigned alarms = 0;
    for (unsigned i = 0; i < 10; i++) {
        now += HOUR;
        usage_add_recipients(&u, ALICE, 600, now);
        alarms += usage_alarms(&u, ALICE, now, &c);
    }
    assert_in_range(alarms, 1, 3);
    assert_false(usage_alarms(&u, ALICE, now, &c));
    /* After a quiet year it is not. */
    now += 365 * DAY;
    usage_add_recipients(&u, ALICE, 600, now);
    assert_true(usage_alarms(&u, ALICE, now, &c));
    assert_int_equal(c.usual_recipients_hour, 0);
    usage_release(&u);
}

static void few_never_alarm(void **state)
{
    (void)state;
    struct usage u;
    struct usage_counts c;
    start(&u, 10);
    usage_add_recipients(&u, BOB, USAGE_ALARM_RECIPIENTS - 1, T0);
    assert_false(usage_alarms(&u, BOB, T0, &c));
    usage_add_recipients(&u, BOB, 1, T0);
    assert_true(usage_alarms(&u, BOB, T0, &c));
    usage_release(&u);
}

static void so_do_networks(void **state)
{
    (void)state;
    struct usage u;
    struct usage_counts c;
    unsigned alarms = 0;
    start(&u, 10);
    for (unsigned i = 0; i < 3; i++) {
        struct ip ip = {.family = IP_V4, .bytes = {192, 0, 2, (uint8_t)i}};
        usage_signed_in(&u, ALICE, &ip, T0);
        assert_false(usage_alarms(&u, ALICE, T0, &c));
    }
    assert_int_equal(usage_counts(&u, ALICE, T0).networks_hour, 1);
    for (unsigned i = 0; i < 20; i++) {
        struct ip ip = {.family = IP_V4, .bytes = {198, (uint8_t)i, 100, 1}};
        usage_signed_in(&u, ALICE, &ip, T0);
        alarms += usage_alarms(&u, ALICE, T0, &c);
    }
    assert_int_equal(alarms, 1);
    assert_int_equal(c.networks_hour, USAGE_ALARM_NETWORKS);
    usage_release(&u);
}

/* ---- over a restart ---- */

struct copies {
    struct usage to;
    unsigned count;
    bool refuses;
};

static bool copy(void *owner, slice key, slice text)
{
    struct copies *c = owner;
    assert_in_range(text.n, 1, USAGE_TEXT_MAX_BYTES);
    c->count++;
    if (!c->refuses)
        assert_true(usage_read(&c->to, key, text));
    assert_false(usage_read(&c->to, slice_head(key, 3), text));
    assert_false(usage_read(&c->to, key, slice_head(text, text.n - 1)));
    return !c->refuses;
}

static void what_was_counted_survives(void **state)
{
    (void)state;
    struct usage u;
    struct copies copies = {.refuses = true};
    struct usage_decision d;
    const struct usage_limits limits = {.per_hour = 10, .recipients_per_day = 100};
    start(&u, 10);
    start(&copies.to, 10);
    assert_int_equal(take_all(&u, &limits, T0, &d), 10);
    usage_add_recipients(&u, ALICE, 60, T0);
    usage_add_recipients(&u, BOB, 1, T0);
    usage_each_changed(&u, copy, &copies);
    assert_int_equal(copies.count, 1);
    copies = (struct copies){.to = copies.to};
    usage_each_changed(&u, copy, &copies);
    assert_int_equal(copies.count, 2);
    usage_each_changed(&u, copy, &copies);
    assert_int_equal(copies.count, 2);
    assert_int_equal(take_all(&copies.to, &limits, T0 + MINUTE, &d), 0);
    assert_int_equal(usage_take(&copies.to, ALICE, &limits, T0 + 2 * HOUR).recipients, 40);
    assert_int_equal(usage_take(&copies.to, BOB, &limits, T0 + 2 * HOUR).recipients, 99);
    usage_release(&u);
    usage_release(&copies.to);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct usage u;
    const struct usage_limits limits = {.per_day = 1};
    start(&u, 100);
    for (uint32_t i = 0; i < 1000; i++)
        assert_false(usage_take(&u, slice_of(&i, sizeof i), &limits, T0).is_limited);
    uint32_t last = 999, first = 0;
    assert_true(usage_take(&u, slice_of(&last, sizeof last), &limits, T0).is_limited);
    assert_false(usage_take(&u, slice_of(&first, sizeof first), &limits, T0).is_limited);
    usage_release(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_window_limits),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(windows_slide),
        cmocka_unit_test(recipients_are_an_allowance),
        cmocka_unit_test(a_clock_that_is_set_back),
        cmocka_unit_test(a_clock_that_was_wrong),
        cmocka_unit_test(habits_alarm_when_they_change),
        cmocka_unit_test(few_never_alarm),
        cmocka_unit_test(so_do_networks),
        cmocka_unit_test(what_was_counted_survives),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
