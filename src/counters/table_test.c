#include "lib/base/test.h"

#include <stdlib.h>

#include "src/counters/table.h"

static const struct table_limits no_limits = {UINT64_MAX, UINT64_MAX};

static struct ip ip(const char *text)
{
    struct ip ret;
    assert_int_equal(ip_parse(slice_cstr(text), &ret), IP_OK);
    return ret;
}

static uint32_t open_one(struct table *t, uint32_t smtpd, const char *text,
                         const struct table_limits *limits, enum admit_verdict want)
{
    struct ip a = ip(text);
    uint32_t count;
    assert_int_equal(table_open(t, smtpd, &a, limits, &count), want);
    return count;
}

static size_t sessions_of(const struct table *t, const char *text)
{
    struct ip a = ip(text);
    return table_sessions_of(t, &a);
}

static void close_one(struct table *t, uint32_t smtpd, const char *text)
{
    struct ip a = ip(text);
    table_close(t, smtpd, &a);
}

static void counts_by_client(void **state)
{
    (void)state;
    struct table t;
    table_init(&t, 42);
    assert_int_equal(sessions_of(&t, "192.0.2.1"), 0);
    close_one(&t, 1, "192.0.2.1");
    assert_int_equal(open_one(&t, 1, "192.0.2.1", &no_limits, ADMIT_IS_YES), 1);
    assert_int_equal(open_one(&t, 2, "192.0.2.1", &no_limits, ADMIT_IS_YES), 2);
    assert_int_equal(open_one(&t, 2, "::ffff:192.0.2.1", &no_limits, ADMIT_IS_YES), 3);
    assert_int_equal(open_one(&t, 1, "192.0.2.2", &no_limits, ADMIT_IS_YES), 1);
    assert_int_equal(open_one(&t, 1, "2001:db8::1", &no_limits, ADMIT_IS_YES), 1);
    assert_int_equal(open_one(&t, 1, "2001:db8::ffff:1", &no_limits, ADMIT_IS_YES), 2);
    assert_int_equal(open_one(&t, 1, "2001:db8:0:1::1", &no_limits, ADMIT_IS_YES), 1);
    /* The same bits in the other family are another client. */
    assert_int_equal(open_one(&t, 1, "0:0:c000:201::", &no_limits, ADMIT_IS_YES), 1);
    assert_int_equal(t.sessions, 8);
    assert_int_equal(t.clients, 5);
    close_one(&t, 3, "192.0.2.1"); /* was never there */
    assert_int_equal(sessions_of(&t, "192.0.2.1"), 3);
    close_one(&t, 2, "192.0.2.1");
    close_one(&t, 2, "192.0.2.1");
    close_one(&t, 2, "192.0.2.1"); /* one too many */
    assert_int_equal(sessions_of(&t, "192.0.2.1"), 1);
    assert_int_equal(t.sessions, 6);
    table_release(&t);
}

static void limits_hold(void **state)
{
    (void)state;
    struct table t;
    struct table_limits limits = {.sessions = 4, .sessions_per_client = 2};
    table_init(&t, 0);
    assert_int_equal(open_one(&t, 1, "192.0.2.1", &limits, ADMIT_IS_YES), 1);
    assert_int_equal(open_one(&t, 1, "192.0.2.1", &limits, ADMIT_IS_YES), 2);
    assert_int_equal(open_one(&t, 1, "192.0.2.1", &limits, ADMIT_IS_TOO_MANY_HERE), 2);
    assert_int_equal(open_one(&t, 2, "192.0.2.1", &limits, ADMIT_IS_TOO_MANY_HERE), 2);
    assert_int_equal(open_one(&t, 2, "192.0.2.2", &limits, ADMIT_IS_YES), 1);
    assert_int_equal(open_one(&t, 2, "192.0.2.3", &limits, ADMIT_IS_YES), 1);
    assert_int_equal(open_one(&t, 2, "192.0.2.4", &limits, ADMIT_IS_TOO_MANY), 4);
    assert_int_equal(t.sessions, 4);
    close_one(&t, 1, "192.0.2.1");
    assert_int_equal(open_one(&t, 2, "192.0.2.4", &limits, ADMIT_IS_YES), 1);
    table_release(&t);
}

/* Against the plainest of models: an array of counts. */
static void many_as_the_model(void **state)
{
    (void)state;
    enum { SMTPDS = 4, CLIENTS = 3000, STEPS = 200000 };
    static uint32_t model[SMTPDS][CLIENTS];
    struct table t;
    uint64_t x = 88172645463325252u;
    size_t sessions = 0;
    table_init(&t, 7);
    for (int i = 0; i < STEPS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint32_t smtpd = (uint32_t)(x % SMTPDS), client = (uint32_t)(x >> 8) % CLIENTS, count;
        struct ip a = {.family = IP_V4};
        memcpy(a.bytes, &client, 4);
        if (x >> 60 < 9) {
            assert_int_equal(table_open(&t, smtpd + 1, &a, &no_limits, &count), ADMIT_IS_YES);
            model[smtpd][client]++;
            sessions++;
        } else {
            table_close(&t, smtpd + 1, &a);
            sessions -= model[smtpd][client] > 0;
            model[smtpd][client] -= model[smtpd][client] > 0;
        }
        if (i % 50000 == 49999) {
            table_forget(&t, smtpd + 1);
            for (size_t c = 0; c < CLIENTS; c++) {
                sessions -= model[smtpd][c];
                model[smtpd][c] = 0;
            }
        }
        assert_int_equal(t.sessions, sessions);
        if (i % 5000 > 0)
            continue;
        size_t used = 0, clients = 0;
        for (uint32_t c = 0; c < CLIENTS; c++) {
            size_t all = 0;
            for (size_t s = 0; s < SMTPDS; s++) {
                all += model[s][c];
                used += model[s][c] > 0;
            }
            clients += all > 0;
            memcpy(a.bytes, &c, 4);
            assert_int_equal(table_sessions_of(&t, &a), all);
        }
        assert_int_equal(t.clients, clients);
        assert_int_equal(t.used, used + clients);
    }
    for (uint32_t s = 1; s <= SMTPDS; s++)
        table_forget(&t, s);
    assert_int_equal(t.sessions + t.used + t.clients, 0);
    table_release(&t);
}

static void busiest_first(void **state)
{
    (void)state;
    struct table t;
    struct table_client top[3];
    table_init(&t, 1);
    assert_int_equal(table_busiest(&t, top, 3), 0);
    static const char *const from[] = {"192.0.2.1",   "192.0.2.2", "192.0.2.2",
                                       "2001:db8::5", "192.0.2.3", "192.0.2.3",
                                       "192.0.2.3",   "192.0.2.4", "2001:db8::6"};
    for (size_t i = 0; i < COUNT(from); i++)
        open_one(&t, 1 + i % 2, from[i], &no_limits, ADMIT_IS_YES);
    assert_int_equal(table_busiest(&t, top, 3), 3);
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < 3; i++) {
        ip_net_print(&b, &top[i].net);
        buf_addf(&b, "=%u ", (unsigned)top[i].sessions);
    }
    slice s = buf_slice(&b);
    assert_true(slice_starts(s, SLICE_LIT("192.0.2.3=3 ")));
    assert_true(slice_find_slice(s, SLICE_LIT("2001:db8::/64=2 ")) < s.n);
    assert_true(slice_find_slice(s, SLICE_LIT("192.0.2.2=2 ")) < s.n);
    buf_release(&b);
    table_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_client),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(many_as_the_model),
        cmocka_unit_test(busiest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
