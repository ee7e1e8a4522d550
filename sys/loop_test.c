#include "sys/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/test.h"
#include "sys/chan.h"

/* One loop for each test; the order of what happened, as letters. */
struct fixture {
    struct loop *loop;
    char trace[64];
    size_t n;
    int fds[2];
    struct watch a, b;
    struct timer timer, other;
    struct turn_hook hook;
    struct work work[3];
};

static struct fixture f;

static void trace(char c)
{
    assert_true(f.n < sizeof f.trace);
    f.trace[f.n++] = c;
}

#define assert_trace(want) assert_slice(slice_of(f.trace, f.n), SLICE_LIT(want))

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.loop = loop_new();
    assert_non_null(f.loop);
    assert_int_equal(chan_pair(f.fds), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watch_stop(f.loop, &f.a);
    watch_stop(f.loop, &f.b);
    loop_free(f.loop);
    close(f.fds[0]);
    close(f.fds[1]);
    return 0;
}

static void stop_now(struct timer *t)
{
    (void)t;
    trace('t');
    loop_stop(f.loop);
}

static void end_of_turn(struct turn_hook *h)
{
    (void)h;
    trace('h');
}

static void read_one(struct watch *w, uint32_t events)
{
    char c = 0;
    assert_int_equal(events, WATCH_READ);
    assert_int_equal(read(w->fd, &c, 1), 1);
    trace(c);
    turn_hook_queue(f.loop, &f.hook, end_of_turn);
    turn_hook_queue(f.loop, &f.hook, end_of_turn);
    timer_set(f.loop, &f.timer, 0, stop_now);
}

static void a_turn_has_its_order(void **state)
{
    (void)state;
    assert_int_equal(watch_start(f.loop, &f.a, f.fds[0], WATCH_READ, read_one), 0);
    assert_int_equal(write(f.fds[1], "r", 1), 1);
    assert_int_equal(loop_run(f.loop), 0);
    assert_trace("rht");
}

static void cancel_both(struct watch *w, uint32_t events)
{
    (void)events;
    trace('x');
    watch_stop(f.loop, w == &f.a ? &f.b : &f.a); /* it is ready in this very turn */
    watch_change(f.loop, w, 0);
    turn_hook_queue(f.loop, &f.hook, end_of_turn);
    turn_hook_cancel(f.loop, &f.hook);
    timer_set(f.loop, &f.other, 0, stop_now);
    timer_stop(f.loop, &f.other);
    timer_set(f.loop, &f.timer, 20, stop_now);
}

static void what_is_stopped_is_not_called(void **state)
{
    (void)state;
    assert_int_equal(watch_start(f.loop, &f.a, f.fds[0], WATCH_WRITE, cancel_both), 0);
    assert_int_equal(watch_start(f.loop, &f.b, f.fds[1], WATCH_WRITE, cancel_both), 0);
    assert_int_equal(loop_run(f.loop), 0);
    assert_trace("xt");
}

static void end_of_file(struct watch *w, uint32_t events)
{
    char c;
    assert_int_equal(events, WATCH_READ);
    assert_int_equal(read(w->fd, &c, 1), 0);
    trace('e');
    loop_stop(f.loop);
}

static void a_hangup_is_seen_by_who_reads(void **state)
{
    (void)state;
    assert_int_equal(watch_start(f.loop, &f.a, f.fds[0], WATCH_READ, end_of_file), 0);
    assert_int_equal(shutdown(f.fds[1], SHUT_RDWR), 0);
    assert_int_equal(loop_run(f.loop), 0);
    assert_trace("e");
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(watch_start(f.loop, &f.b, file, WATCH_READ, end_of_file), -EPERM);
    close(file);
}

static void run_work(struct work *w)
{
    usleep(w == &f.work[0] ? 2000 : 1);
}

static void work_done(struct work *w)
{
    trace((char)('0' + (w - f.work)));
    if (f.n == COUNT(f.work))
        loop_stop(f.loop);
}

static void one_helper_works_in_order(void **state)
{
    (void)state;
    assert_int_equal(loop_start_workers(f.loop, 1), 0);
    for (size_t i = 0; i < COUNT(f.work); i++)
        loop_submit(f.loop, &f.work[i], run_work, work_done);
    assert_int_equal(loop_run(f.loop), 0);
    assert_trace("012");
}

static void work_noted(struct work *w)
{
    trace((char)('0' + (w - f.work)));
}

static void an_end_leaves_no_work(void **state)
{
    (void)state;
    loop_finish_work(f.loop);
    assert_int_equal(loop_start_workers(f.loop, 1), 0);
    for (size_t i = 0; i < COUNT(f.work); i++)
        loop_submit(f.loop, &f.work[i], run_work, work_noted);
    loop_finish_work(f.loop);
    assert_trace("012");
    loop_finish_work(f.loop);
    assert_trace("012");
}

static void got_signal(void *owner, int signum)
{
    assert_ptr_equal(owner, &f);
    assert_int_equal(signum, SIGUSR1);
    trace('s');
    loop_stop(f.loop);
}

static void signals_come_in_the_loop(void **state)
{
    (void)state;
    assert_int_equal(loop_start_workers(f.loop, 2), 0);
    assert_int_equal(loop_on_signal(f.loop, SIGUSR1, got_signal, &f), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(loop_run(f.loop), 0);
    assert_trace("s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_turn_has_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_stopped_is_not_called, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hangup_is_seen_by_who_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(one_helper_works_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_leaves_no_work, setup, teardown),
        cmocka_unit_test_setup_teardown(signals_come_in_the_loop, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
