/* What dispatch does with time; with its peers it is tried by the whole server's tests. */
#include "src/queue/dispatch.h"

#include "lib/base/test.h"
#include "src/queue/spool_world.h"

#define HOUR_MS ((uint64_t)3600 * 1000)

static struct world w;
static struct role role;
static struct dispatch d;

static int fresh(void **state)
{
    (void)state;
    world_init(&w, 1);
    if (world_open(&w) != 0)
        return 1;
    dispatch_init(&d, &role, 1);
    return 0;
}

static int gone(void **state)
{
    (void)state;
    dispatch_release(&d);
    world_release(&w);
    return 0;
}

static void a_message_with_state(uint16_t attempts, uint64_t next_try_ms)
{
    assert_int_equal(world_give(&w, WORLD_INLINE, 10), 0);
    world_drain(&w);
    struct entry *e = spool_find(w.s, w.expect[w.given - 1].id);
    assert_int_equal(spool_state(w.s, e, attempts, next_try_ms, SLICE_LIT("")), 0);
    world_drain(&w);
}

/* The clock was a month ahead when it was written; nothing waits for a month now. */
static void a_clock_that_was_wrong_does_not_hold_mail(void **state)
{
    (void)state;
    a_message_with_state(1, w.now_ms + 720 * HOUR_MS);
    world_crash(&w, VFS_MEM_KILL, 0);
    assert_int_equal(world_open(&w), 0);
    assert_true(dispatch_start(&d, w.s, w.now_ms));
    assert_true(dispatch_next_ms(&d) <= w.now_ms + 2 * HOUR_MS);
}

/* One that its sender asked to be held waits as long as was asked. */
static void mail_that_is_to_be_held_is(void **state)
{
    (void)state;
    a_message_with_state(0, w.now_ms + 720 * HOUR_MS);
    assert_true(dispatch_start(&d, w.s, w.now_ms));
    assert_int_equal(dispatch_next_ms(&d), w.now_ms + 720 * HOUR_MS);
}

static void a_jump_moves_what_waits_with_it(void **state)
{
    (void)state;
    a_message_with_state(1, w.now_ms + HOUR_MS);
    a_message_with_state(1, w.now_ms + HOUR_MS / 2);
    assert_true(dispatch_start(&d, w.s, w.now_ms));
    dispatch_shift(&d, (int64_t)(24 * HOUR_MS));
    assert_int_equal(dispatch_next_ms(&d), w.now_ms + 24 * HOUR_MS + HOUR_MS / 2);
    dispatch_shift(&d, -(int64_t)(48 * HOUR_MS));
    assert_int_equal(dispatch_next_ms(&d), w.now_ms - 24 * HOUR_MS + HOUR_MS / 2);
    dispatch_shift(&d, INT64_MIN + 1);
    assert_int_equal(dispatch_next_ms(&d), 0);
}

static void held_mail_is_never_due(void **state)
{
    (void)state;
    a_message_with_state(1, 5);
    assert_true(dispatch_start(&d, w.s, w.now_ms));
    assert_int_equal(dispatch_next_ms(&d), 5);
    d.is_held = true;
    assert_int_equal(dispatch_next_ms(&d), UINT64_MAX);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
    const struct CMUnitTest tests[] = {
        CASE(a_clock_that_was_wrong_does_not_hold_mail),
        CASE(mail_that_is_to_be_held_is),
        CASE(a_jump_moves_what_waits_with_it),
        CASE(held_mail_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
