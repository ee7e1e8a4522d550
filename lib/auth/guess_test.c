#include "lib/auth/guess.h"

#include <stdio.h>

#include "lib/base/test.h"

static const struct guess_limits limits = {
    .rules =
        {
            [GUESS_ACCOUNT] = {.free = 3, .refuse = 8, .forgive_ms = 300000},
            [GUESS_ADDRESS] = {.free = 5, .refuse = 10, .forgive_ms = 60000},
            [GUESS_NETWORK] = {.free = 10, .refuse = 20, .forgive_ms = 15000},
            [GUESS_PAIR] = {.free = 3, .refuse = 8, .forgive_ms = 60000},
        },
    .delay_ms = 1000,
    .delay_max_ms = 10000,
    .strangers_per_s = 5,
};
static const char secret[32] = "what survives a restart, 32 byte";

static void start(struct guess *g, uint32_t counters)
{
    assert_true(guess_init(g, &limits, counters, 100, slice_of(secret, sizeof secret)));
}

static struct guess_who who_is(const char *account, const char *ip)
{
    struct guess_who who = {.account = slice_cstr(account)};
    assert_int_equal(ip_parse(slice_cstr(ip), &who.ip), IP_OK);
    return who;
}

/* ---- stories: what happens, what is decided ---- */

enum { REFUSED = -1 };

struct scene {
    const char *account, *ip;
    char outcome;   /* R right, W wrong, N neither; of an attempt that is not refused */
    unsigned times; /* so often in a row */
    int want_ms;    /* what the last of them was told: to go at once (0), after so long, REFUSED */
    uint64_t then_ms;
};

static const struct story {
    const char *name;
    struct scene scenes[8];
} stories[] = {
    {"delays double up to a limit, then attempts are refused",
     {{"alice", "192.0.2.1", 'W', 3, 0, 0},
      {"alice", "192.0.2.1", 'W', 1, 1000, 0},
      {"alice", "192.0.2.1", 'W', 1, 2000, 0},
      {"alice", "192.0.2.1", 'W', 2, 8000, 0},
      {"alice", "192.0.2.1", 'W', 1, 10000, 0},
      {"alice", "192.0.2.1", 'W', 1, REFUSED, 0},
      {"bob", "192.0.2.1", 'W', 1, 8000, 0}}},
    {"time forgives one after the other",
     {{"alice", "192.0.2.1", 'W', 8, 10000, 0},
      {"alice", "192.0.2.1", 'W', 1, REFUSED, 300000},
      {"alice", "192.0.2.1", 'N', 1, 10000, 300000},
      {"alice", "192.0.2.1", 'N', 1, 8000, 300000 * 3},
      {"alice", "192.0.2.1", 'N', 1, 1000, 300000},
      {"alice", "192.0.2.1", 'N', 1, 0, 0}}},
    {"an account that is attacked from everywhere",
     {{"alice", "192.0.2.1", 'R', 1, 0, 0},
      {"alice", "198.51.100.1", 'W', 4, 1000, 0},
      {"alice", "203.0.113.1", 'W', 4, 10000, 0},
      {"alice", "203.0.113.1", 'W', 1, REFUSED, 0},
      {"alice", "192.0.2.77", 'R', 5, 0, 0}, /* at home: a lane of her own */
      {"bob", "192.0.2.77", 'N', 1, 0, 0}}},
    {"at home too, wrong ones are slowed, and nobody else with her",
     {{"alice", "192.0.2.1", 'R', 1, 0, 0},
      {"alice", "192.0.2.1", 'W', 4, 1000, 0},
      {"alice", "192.0.2.1", 'W', 4, 10000, 0},
      {"alice", "192.0.2.1", 'W', 1, REFUSED, 0},
      {"bob", "192.0.2.1", 'N', 1, 0, 0},
      {"alice", "198.51.100.1", 'N', 1, 0, 0}}},
    {"a success forgives the pair and nothing else",
     {{"alice", "192.0.2.1", 'R', 1, 0, 0},
      {"alice", "192.0.2.1", 'W', 5, 2000, 0},
      {"alice", "192.0.2.1", 'R', 1, 4000, 0},
      {"alice", "192.0.2.1", 'W', 3, 0, 0},
      {"mallory", "198.51.100.1", 'R', 1, 0, 0},
      {"victim", "198.51.100.1", 'W', 3, 0, 0},
      {"mallory", "198.51.100.1", 'R', 9, 0, 0},
      {"victim", "198.51.100.1", 'W', 1, 1000, 0}}},
    {"many names from one address",
     {{"a", "192.0.2.1", 'W', 3, 0, 0},
      {"b", "192.0.2.1", 'W', 2, 0, 0},
      {"c", "192.0.2.1", 'W', 1, 1000, 0},
      {"d", "192.0.2.1", 'W', 3, 8000, 0},
      {"e", "192.0.2.1", 'W', 1, 10000, 0},
      {"f", "192.0.2.1", 'W', 1, REFUSED, 0},
      {"f", "192.0.2.2", 'N', 1, 1000, 0}}}, /* the network has 10 */
    {"many addresses of one network",
     {{"a", "192.0.2.1", 'W', 5, 2000, 0},
      {"b", "192.0.2.2", 'W', 5, 2000, 0},
      {"c", "192.0.2.3", 'W', 5, 10000, 0},
      {"d", "192.0.2.4", 'W', 5, 10000, 0},
      {"e", "192.0.2.5", 'W', 1, REFUSED, 0},
      {"e", "192.0.3.5", 'W', 1, 0, 0}}},
    {"IPv6: a /64 is an address, a /48 a network",
     {{"a", "2001:db8:1:1::1", 'W', 5, 2000, 0},
      {"b", "2001:db8:1:1::2", 'N', 1, 1000, 0},
      {"b", "2001:db8:1:2::2", 'W', 5, 2000, 0},
      {"c", "2001:db8:1:3::2", 'N', 1, 1000, 0},
      {"c", "2001:db8:2:3::2", 'N', 1, 0, 0}}},
    {"tokens have no name: the address alone",
     {{"", "192.0.2.1", 'W', 5, 0, 0},
      {"", "192.0.2.1", 'W', 1, 1000, 0},
      {"", "192.0.2.1", 'R', 1, 2000, 0},
      {"", "192.0.2.1", 'N', 1, 2000, 0}}},
};

static int attempt(struct guess *g, const struct scene *s, uint64_t now_ms)
{
    struct guess_who who = who_is(s->account, s->ip);
    struct guess_decision d = guess_begin(g, &who, now_ms);
    if (d.verdict == GUESS_REFUSE)
        return REFUSED;
    assert_int_equal(d.verdict == GUESS_WAIT, d.delay_ms > 0);
    guess_end(g, &who,
              s->outcome == 'R'   ? GUESS_RIGHT
              : s->outcome == 'W' ? GUESS_WRONG
                                  : GUESS_NEITHER,
              0, now_ms);
    return (int)d.delay_ms;
}

static void tells_its_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(stories); i++) {
        struct guess g;
        uint64_t now_ms = 1000000;
        start(&g, 1000);
        for (size_t j = 0; j < 8 && stories[i].scenes[j].account != NULL; j++) {
            const struct scene *s = &stories[i].scenes[j];
            int got = 0;
            for (unsigned n = 0; n < s->times; n++)
                got = attempt(&g, s, now_ms);
            if (got != s->want_ms)
                fail_msg("%s, scene %zu: got %d, want %d", stories[i].name, j, got, s->want_ms);
            now_ms += s->then_ms;
        }
        guess_release(&g);
    }
}

/* ---- many at a time ---- */

static void those_under_way_count(void **state)
{
    (void)state;
    struct guess g;
    struct guess_who who[9];
    struct guess_decision d[9];
    start(&g, 1000);
    for (size_t i = 0; i < 9; i++) {
        who[i] = who_is("alice", "192.0.2.1");
        d[i] = guess_begin(&g, &who[i], 0);
    }
    assert_int_equal(d[2].verdict, GUESS_GO);
    assert_int_equal(d[3].delay_ms, 1000);
    assert_int_equal(d[4].delay_ms, 2000);
    assert_int_equal(d[7].delay_ms, 10000);
    /* More are not kept waiting. */
    assert_int_equal(d[8].verdict, GUESS_REFUSE);
    /* One gives up, and there is room for another. */
    guess_end(&g, &who[7], GUESS_NEITHER, 0, 5);
    assert_int_equal(guess_begin(&g, &who[7], 5).verdict, GUESS_WAIT);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(guess_again(&g, &who[i], 10).verdict, GUESS_GO);
        guess_end(&g, &who[i], GUESS_WRONG, 0, 10);
    }
    /* Eight have been wrong: others are not looked at any more. */
    assert_int_equal(guess_begin(&g, &who[8], 20).verdict, GUESS_REFUSE);
    /* Nothing is left of them once it is forgiven. */
    struct guess_who later = who_is("alice", "192.0.2.1");
    assert_int_equal(guess_begin(&g, &later, 300000 * 8 + 20).verdict, GUESS_GO);
    guess_end(&g, &later, GUESS_NEITHER, 0, 300000 * 8 + 20);
    guess_release(&g);
}

/* One became known while the other was under way: each ends as it began. */
static void becoming_known_leaves_nothing_behind(void **state)
{
    (void)state;
    struct guess g;
    struct guess_who first = who_is("alice", "192.0.2.1"), second = first, other;
    start(&g, 1000);
    guess_begin(&g, &first, 0);
    guess_begin(&g, &second, 0);
    guess_end(&g, &first, GUESS_RIGHT, 0, 0);
    assert_true(guess_is_known(&g, &first));
    guess_end(&g, &second, GUESS_NEITHER, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        other = who_is("alice", "198.51.100.1");
        assert_int_equal(guess_begin(&g, &other, 0).verdict, GUESS_GO);
    }
    guess_release(&g);
}

/* ---- the same again ---- */

static void a_repeat_is_no_new_guess(void **state)
{
    (void)state;
    struct guess g;
    struct guess_who who = who_is("alice", "192.0.2.1");
    start(&g, 1000);
    uint32_t old = guess_mark(&g, who.account, SLICE_LIT("old password"), 7);
    guess_begin(&g, &who, 0);
    assert_false(guess_is_repeat(&g, &who, old));
    guess_end(&g, &who, GUESS_WRONG, old, 0);
    guess_begin(&g, &who, 0);
    assert_true(guess_is_repeat(&g, &who, old));
    assert_false(guess_is_repeat(&g, &who, guess_mark(&g, who.account, SLICE_LIT("new"), 7)));
    /* It may be right by now. */
    assert_false(
        guess_is_repeat(&g, &who, guess_mark(&g, who.account, SLICE_LIT("old password"), 8)));
    assert_false(
        guess_is_repeat(&g, &who, guess_mark(&g, SLICE_LIT("bob"), SLICE_LIT("old password"), 7)));
    guess_end(&g, &who, GUESS_NEITHER, 0, 0);
    for (uint64_t i = 0; i < 4; i++) {
        guess_begin(&g, &who, 0);
        guess_end(&g, &who, GUESS_WRONG, guess_mark(&g, who.account, SLICE_LIT("x"), i), 0);
    }
    assert_false(guess_is_repeat(&g, &who, old));
    assert_int_equal(guess_failures(&g, &who, GUESS_ACCOUNT, 0), 5);
    guess_release(&g);
}

/* ---- names that are none ---- */

static void strangers_have_a_budget(void **state)
{
    (void)state;
    struct guess g;
    start(&g, 1000);
    for (size_t i = 0; i < 10; i++) /* two seconds' worth */
        assert_true(guess_may_hash_stranger(&g, 0));
    assert_false(guess_may_hash_stranger(&g, 0));
    assert_false(guess_may_hash_stranger(&g, 199));
    assert_true(guess_may_hash_stranger(&g, 200));
    assert_false(guess_may_hash_stranger(&g, 200));
    size_t n = 0;
    for (uint64_t t = 0; t < 10000; t++)
        n += guess_may_hash_stranger(&g, 1000 + t);
    assert_in_range(n, 50, 54);
    guess_release(&g);
}

/* ---- memory ---- */

/* Attempts that are given up cost nothing; they must not make what others did be forgotten. */
static void given_up_names_push_nobody_out(void **state)
{
    (void)state;
    struct guess g;
    struct guess_who alice = who_is("alice", "192.0.2.1");
    start(&g, 50);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(guess_begin(&g, &alice, 1000).verdict, GUESS_GO);
        guess_end(&g, &alice, GUESS_WRONG, 0, 1000);
    }
    for (int i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof name, "name %d", i);
        struct guess_who other = who_is(name, "198.51.100.1");
        assert_int_equal(guess_begin(&g, &other, 1000).verdict, GUESS_GO);
        guess_end(&g, &other, i % 2 == 0 ? GUESS_NEITHER : GUESS_RIGHT, 0, 1000);
    }
    assert_int_equal(guess_failures(&g, &alice, GUESS_ACCOUNT, 1000), 3);
    assert_int_equal(guess_failures(&g, &alice, GUESS_ADDRESS, 1000), 3);
    guess_release(&g);
}

static void attackers_do_not_push_the_known_out(void **state)
{
    (void)state;
    struct guess g;
    struct guess_who who = who_is("alice", "192.0.2.1");
    start(&g, 50);
    guess_begin(&g, &who, 0);
    guess_end(&g, &who, GUESS_RIGHT, 0, 0);
    for (uint32_t i = 0; i < 10000; i++) {
        char name[16] = {0};
        struct guess_who guesser = {.ip.family = IP_V4};
        memcpy(name, &i, sizeof i);
        memcpy(guesser.ip.bytes, &i, sizeof i);
        guesser.account = slice_of(name, sizeof name);
        guess_begin(&g, &guesser, i);
        guess_end(&g, &guesser, GUESS_WRONG, 0, i);
    }
    assert_true(guess_is_known(&g, &who));
    assert_int_equal(guess_begin(&g, &who, 10000).verdict, GUESS_GO);
    guess_release(&g);
}

static void the_known_survive_a_restart(void **state)
{
    (void)state;
    struct guess g;
    struct guess_who alice = who_is("alice", "192.0.2.0"), bob = who_is("bob", "2001:db8::");
    start(&g, 50);
    guess_remember(&g, &alice);
    guess_remember(&g, &bob);
    for (uint32_t i = 0; i < 1000; i++) {
        struct guess_who more = {.account = slice_of(&i, sizeof i), .ip = alice.ip};
        guess_remember(&g, &more);
    }
    alice = who_is("alice", "192.0.2.77");
    bob = who_is("bob", "2001:db8::1");
    assert_true(guess_is_known(&g, &alice) && guess_is_known(&g, &bob));
    struct guess_who carol = who_is("carol", "192.0.2.1");
    assert_false(guess_is_known(&g, &carol));
    guess_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_its_stories),
        cmocka_unit_test(those_under_way_count),
        cmocka_unit_test(becoming_known_leaves_nothing_behind),
        cmocka_unit_test(a_repeat_is_no_new_guess),
        cmocka_unit_test(strangers_have_a_budget),
        cmocka_unit_test(attackers_do_not_push_the_known_out),
        cmocka_unit_test(the_known_survive_a_restart),
        cmocka_unit_test(given_up_names_push_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
