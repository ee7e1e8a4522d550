/* Every place where the power can go, and every call that can fail. */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/test.h"
#include "src/queue/spool_world.h"

/* More steps are more places to crash in, each with a whole life before it: the argument. */
static uint32_t steps = 120;

static void nothing_is_damaged(const struct world *w)
{
    assert_int_equal(w->events[SPOOL_DAMAGED], 0);
    assert_int_equal(w->events[SPOOL_LOST_BODY], 0);
}

/* One life: steps, a crash at the given change, a second crash while it recovers (0: none), then
 * some more life and a last power cut. Returns the changes of the first life. */
static uint64_t one_life(uint64_t seed, uint64_t crash_at, enum vfs_mem_crash how,
                         uint64_t crash_again_at)
{
    static struct world w;
    world_init(&w, seed);
    vfs_mem_crash_at(w.mem, crash_at);
    if (world_open(&w) == 0) {
        world_live(&w, steps);
        world_drain(&w);
    }
    uint64_t changes = vfs_mem_changes(w.mem);
    world_crash(&w, how, seed ^ crash_at);
    if (crash_again_at != 0) {
        vfs_mem_crash_at(w.mem, crash_again_at);
        (void)world_open(&w);
        world_crash(&w, how, seed + crash_at);
    }
    assert_int_equal(world_open(&w), 0);
    world_check(&w, "after the crash");
    nothing_is_damaged(&w);
    /* What was read back is as safe as what is acknowledged: it may be delivered. */
    world_crash(&w, VFS_MEM_LOSE, 0);
    assert_int_equal(world_open(&w), 0);
    world_check(&w, "after a power cut on top of it");
    nothing_is_damaged(&w);
    world_live(&w, steps / 4);
    world_drain(&w);
    world_crash(&w, VFS_MEM_LOSE, 0);
    assert_int_equal(world_open(&w), 0);
    world_check(&w, "after a second life");
    nothing_is_damaged(&w);
    world_release(&w);
    return changes;
}

static void crashes(uint64_t seed, enum vfs_mem_crash how)
{
    uint64_t changes = one_life(seed, 0, VFS_MEM_LOSE, 0);
    assert_true(changes > 100);
    for (uint64_t at = 1; at <= changes; at++)
        one_life(seed, at, how, at % 3 == 0 ? at % 17 + 1 : 0);
}

static void survives_every_kill(void **state)
{
    (void)state;
    crashes(1, VFS_MEM_KILL);
}

static void survives_every_power_cut(void **state)
{
    (void)state;
    crashes(2, VFS_MEM_LOSE);
}

static void survives_every_torn_power_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 3; seed < 6; seed++)
        crashes(seed, VFS_MEM_SOME);
}

/* The Nth call of these kinds fails once; life goes on, nothing that was acknowledged is lost, then
 * or after a power cut. */
static void failures(unsigned calls, int err)
{
    static struct world w;
    for (uint64_t at = 1;; at++) {
        world_init(&w, 7);
        vfs_mem_fail(w.mem, calls, at, err);
        int rc = world_open(&w);
        if (rc < 0) {
            assert_int_equal(vfs_mem_open_count(w.mem), 1);
            assert_int_equal(world_open(&w), 0);
        }
        world_live(&w, steps);
        w.now_ms += 10000;
        world_drain(&w);
        bool has_failed = vfs_mem_has_failed(w.mem);
        world_crash(&w, VFS_MEM_LOSE, 0);
        assert_int_equal(world_open(&w), 0);
        world_check(&w, "after a failure");
        nothing_is_damaged(&w);
        assert_int_equal(world_give(&w, WORLD_INLINE, 100), 0);
        world_drain(&w);
        world_release(&w);
        if (!has_failed)
            return;
    }
}

static void survives_every_failed_call(void **state)
{
    (void)state;
    static const struct {
        unsigned calls;
        int err;
    } rows[] = {
        {VFS_MEM_OPEN, -EMFILE},  {VFS_MEM_READ, -EIO}, {VFS_MEM_WRITE, -EIO},
        {VFS_MEM_WRITE, -ENOSPC}, {VFS_MEM_SYNC, -EIO}, {VFS_MEM_NAME, -EROFS},
        {VFS_MEM_OTHER, -EIO},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        failures(rows[i].calls, rows[i].err);
}

int main(int argc, char **argv)
{
    uint64_t argument;
    if (argc > 1 && slice_to_u64(slice_cstr(argv[1]), 100000, &argument))
        steps = (uint32_t)argument;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_kill),
        cmocka_unit_test(survives_every_power_cut),
        cmocka_unit_test(survives_every_torn_power_cut),
        cmocka_unit_test(survives_every_failed_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
