/* One by one: what spool.h promises. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/le.h"
#include "lib/base/test.h"
#include "src/queue/spool_int.h"
#include "src/queue/spool_world.h"

static struct world w;

static int fresh(void **state)
{
    (void)state;
    world_init(&w, 42);
    return world_open(&w);
}

static int gone(void **state)
{
    (void)state;
    world_release(&w);
    return 0;
}

/* Changes bytes on the disk behind the spool's back; NULL fills with zeros. */
static void scribble(uint32_t number, uint64_t offset, const char *bytes, size_t n)
{
    static const char zeros[65536];
    struct vfs *v = vfs_mem_vfs(w.mem);
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, false, name);
    int dir = v->ops->open(v, vfs_mem_root(w.mem), "log", O_RDONLY | O_DIRECTORY, 0);
    int fd = v->ops->open(v, dir, name, O_RDWR, 0);
    assert_true(fd >= 0);
    assert_int_equal(vfs_write_all(v, fd, bytes == NULL ? zeros : bytes, n, offset), 0);
    assert_int_equal(v->ops->fsync(v, fd), 0);
    assert_int_equal(v->ops->close(v, fd), 0);
    assert_int_equal(v->ops->close(v, dir), 0);
}

static int count_name(void *owner, const char *name)
{
    (void)name;
    ++*(int *)owner;
    return 0;
}

static int names_in(const char *dir_name)
{
    struct vfs *v = vfs_mem_vfs(w.mem);
    int n = 0, dir = v->ops->open(v, vfs_mem_root(w.mem), dir_name, O_RDONLY | O_DIRECTORY, 0);
    assert_true(dir >= 0);
    assert_int_equal(v->ops->list(v, dir, count_name, &n), 0);
    assert_int_equal(v->ops->close(v, dir), 0);
    return n;
}

static struct entry *entry_of(uint32_t which)
{
    struct entry *e = spool_find(w.s, w.expect[which].id);
    assert_non_null(e);
    return e;
}

static void done(uint32_t which)
{
    assert_int_equal(spool_done(w.s, entry_of(which)), 0);
    w.expect[which].fate = FATE_DONE_ASKED;
}

static void give(uint32_t n, uint32_t body_bytes)
{
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(world_give(&w, WORLD_INLINE, body_bytes), 0);
    world_drain(&w);
}

static void kill_and_open(void)
{
    world_crash(&w, VFS_MEM_KILL, 0);
    assert_int_equal(world_open(&w), 0);
}

/* ---- acknowledging ---- */

static void acknowledges_after_the_sync_only(void **state)
{
    (void)state;
    assert_int_equal(world_give(&w, WORLD_INLINE, 100), 0);
    assert_int_equal(w.acked, 0);
    assert_true(spool_job_take(w.s, SPOOL_LANE_COMMIT, w.now_ms));
    assert_int_equal(w.acked, 0);
    spool_job_run(w.s, SPOOL_LANE_COMMIT);
    assert_int_equal(w.acked, 0);
    /* The next ones gather meanwhile, and one group serves them all. */
    assert_int_equal(world_give(&w, WORLD_INLINE, 100), 0);
    assert_int_equal(world_give(&w, WORLD_FD, 100), 0);
    assert_false(spool_job_take(w.s, SPOOL_LANE_COMMIT, w.now_ms));
    spool_job_finish(w.s, SPOOL_LANE_COMMIT);
    assert_int_equal(w.acked, 1);
    assert_true(spool_job_take(w.s, SPOOL_LANE_COMMIT, w.now_ms));
    spool_job_run(w.s, SPOOL_LANE_COMMIT);
    spool_job_finish(w.s, SPOOL_LANE_COMMIT);
    assert_int_equal(w.acked, 3);
    world_check(&w, "three");
}

static void a_failed_sync_acknowledges_nobody(void **state)
{
    (void)state;
    give(1, 100);
    assert_int_equal(spool_state(w.s, entry_of(0), 1, 5, SLICE_LIT("")), 0);
    assert_int_equal(world_give(&w, WORLD_INLINE, 100), 0);
    vfs_mem_fail(w.mem, VFS_MEM_SYNC, 1, -EIO);
    assert_true(world_work(&w));
    assert_int_equal(w.events[SPOOL_SYNC_FAILED], 1);
    assert_int_equal(w.acked, 1);
    assert_int_equal(w.last_refusal, -EIO);
    assert_int_equal(world_give(&w, WORLD_INLINE, 100), -EIO);
    w.now_ms += 2000;
    give(3, 100);
    assert_int_equal(w.acked, 4);
    /* The outcome that failed with it has been written again; the message has not. */
    world_crash(&w, VFS_MEM_LOSE, 0);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(entry_of(0)->attempts, 1);
    assert_int_equal(table_count(spool_table(w.s)), 4);
    assert_int_equal(w.events[SPOOL_DAMAGED], 0);
}

static void ids_never_come_twice(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int life = 0; life < 6; life++) {
        give(3, 10);
        for (uint32_t i = w.given - 3; i < w.given; i++) {
            assert_true(w.expect[i].id > last);
            last = w.expect[i].id;
            done(i);
        }
        world_drain(&w);
        w.now_ms -= 3600000; /* the clock goes back */
        if (life % 2)
            kill_and_open();
    }
    /* Also when every segment that knew has been recycled since. */
    for (int i = 0; i < 60; i++) {
        give(1, 7000);
        done(w.given - 1);
        world_drain(&w);
    }
    last = w.expect[w.given - 1].id;
    kill_and_open();
    give(1, 10);
    assert_true(w.expect[w.given - 1].id > last);
}

/* ---- recovery ---- */

static void cuts_a_torn_tail(void **state)
{
    (void)state;
    give(3, 400);
    /* A group of three of which the first did not reach the disk. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_give(&w, WORLD_INLINE, 400), 0);
    assert_true(spool_job_take(w.s, SPOOL_LANE_COMMIT, w.now_ms));
    spool_job_run(w.s, SPOOL_LANE_COMMIT);
    uint32_t number = w.s->open->number, end = w.s->open->end;
    world_crash(&w, VFS_MEM_KILL, 0);
    scribble(number, end, NULL, 64);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(w.events[SPOOL_TORN], 1);
    assert_int_equal(w.events[SPOOL_DAMAGED], 0);
    assert_int_equal(names_in("quarantine"), 0);
    world_check(&w, "torn");
    assert_int_equal(table_count(spool_table(w.s)), 5);
    /* Once is enough: the segment has been closed. */
    kill_and_open();
    assert_int_equal(w.events[SPOOL_TORN], 1);
    world_check(&w, "again");
}

static void a_rotten_record_costs_itself_only(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        give(1, 400);
    struct place third = entry_of(2)->message;
    world_crash(&w, VFS_MEM_KILL, 0);
    scribble(third.segment, third.offset + 8, "?", 1);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(w.events[SPOOL_DAMAGED], 1);
    assert_int_equal(names_in("quarantine"), 1);
    assert_null(spool_find(w.s, w.expect[2].id));
    w.expect[2].fate = FATE_DONE;
    world_check(&w, "rotten");
    kill_and_open();
    assert_int_equal(w.events[SPOOL_DAMAGED], 1);
    world_check(&w, "again");
}

static void rot_in_a_closed_segment_is_seen_when_used(void **state)
{
    (void)state;
    give(5, 400);
    kill_and_open(); /* which closes it */
    struct entry *e = entry_of(2);
    scribble(e->message.segment, e->message.offset + 200, "?", 1);
    struct spool_loaded m;
    struct buf into;
    buf_init(&into, SPOOL_SEGMENT_MIN);
    assert_int_equal(spool_load(w.s, e, &into, &m), -EBADMSG);
    buf_release(&into);
    assert_null(spool_find(w.s, w.expect[2].id));
    assert_int_equal(names_in("quarantine"), 1);
    world_drain(&w);
    w.expect[2].fate = FATE_DONE;
    world_check(&w, "rotten");
    kill_and_open();
    world_check(&w, "again");
}

static void a_rotten_index_is_replaced_by_a_scan(void **state)
{
    (void)state;
    give(5, 400);
    kill_and_open();
    struct segment *seg = segment_at(w.s, entry_of(0)->message.segment);
    assert_true(seg->is_indexed);
    uint32_t number = seg->number, end = seg->end;
    world_crash(&w, VFS_MEM_KILL, 0);
    scribble(number, end + 5, "?", 1);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(w.events[SPOOL_DAMAGED], 1);
    world_check(&w, "by scan");
}

static void a_segment_without_a_head_is_put_aside(void **state)
{
    (void)state;
    give(5, 400);
    uint32_t number = entry_of(0)->message.segment;
    world_crash(&w, VFS_MEM_KILL, 0);
    scribble(number, 0, NULL, 1024);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(w.events[SPOOL_DAMAGED], 1);
    assert_int_equal(names_in("quarantine"), 1);
    assert_int_equal(table_count(spool_table(w.s)), 0);
    for (uint32_t i = 0; i < 5; i++)
        w.expect[i].fate = FATE_DONE;
    give(5, 400);
    world_check(&w, "goes on");
}

/* Old bytes of a recycled segment stand behind the new ones, whole and at the right places. */
static void old_bytes_never_pass_for_new(void **state)
{
    (void)state;
    for (int i = 0; i < 80; i++) {
        give(1, 3000);
        done(w.given - 1);
    }
    world_drain(&w);
    give(1, 3000);
    struct spool_stats st;
    spool_stats(w.s, &st);
    assert_true(w.s->recycled > 5);
    kill_and_open();
    world_check(&w, "recycled");
    assert_int_equal(table_count(spool_table(w.s)), 1);
    assert_int_equal(w.events[SPOOL_TORN] + w.events[SPOOL_DAMAGED], 0);
}

/* A body that looks like a record of ours is a body, also to a scan that lost its way. */
static void mail_cannot_pretend_to_be_a_record(void **state)
{
    (void)state;
    give(1, 100);
    struct segment *seg = segment_at(w.s, entry_of(0)->message.segment);
    uint32_t number = seg->number, at = seg->end;
    char body[2048];
    memset(body, 0, sizeof body);
    for (uint32_t offset = 0; offset + RECORD_HEAD_BYTES < sizeof body; offset += RECORD_ALIGN) {
        const struct record_head head = {.bytes = RECORD_HEAD_BYTES + DONE_BYTES,
                                         .kind = RECORD_DONE,
                                         .seq = 999,
                                         .id = 1};
        record_head_put(body + offset, &head, 0, seg->generation, at + offset);
    }
    const struct spool_message m = {.envelope = SLICE_LIT("e"),
                                    .body = slice_of(body, sizeof body),
                                    .body_bytes = sizeof body,
                                    .fd = -1};
    w.expect[w.given++].fate = FATE_GIVEN;
    assert_int_equal(spool_commit(w.s, &m, w.now_ms, 1), 0);
    world_drain(&w);
    give(1, 100);
    world_crash(&w, VFS_MEM_KILL, 0);
    scribble(number, at + 8, "?", 1);
    assert_int_equal(world_open(&w), 0);
    assert_int_equal(table_count(spool_table(w.s)), 2);
}

/* ---- cleaning ---- */

static void old_mail_holds_no_segment(void **state)
{
    (void)state;
    /* One message of every five stays, and much traffic goes by. */
    for (int i = 0; i < 400; i++) {
        give(1, 1500);
        if (i % 40 != 0)
            done(w.given - 1);
    }
    world_drain(&w);
    struct spool_stats st;
    spool_stats(w.s, &st);
    assert_int_equal(st.messages, 10);
    assert_true(st.copied > 0);
    assert_true(st.segments <= 8);
    world_check(&w, "copied");
    world_crash(&w, VFS_MEM_LOSE, 0);
    assert_int_equal(world_open(&w), 0);
    world_check(&w, "after a power cut");
    spool_stats(w.s, &st);
    assert_int_equal(st.messages, 10);
}

static void everything_done_leaves_an_empty_log(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        give(1, 2500);
    for (uint32_t i = 0; i < 100; i++)
        done(i);
    world_drain(&w);
    world_drain(&w);
    struct spool_stats st;
    spool_stats(w.s, &st);
    assert_int_equal(st.messages, 0);
    assert_true(st.segments <= 2);
    assert_true(st.spares <= 2 + SPARES_MORE);
    assert_int_equal(names_in("log"), (int)(st.segments + st.spares));
}

/* ---- body files ---- */

static void takes_a_file_that_nobody_writes(void **state)
{
    (void)state;
    struct vfs *v = vfs_mem_vfs(w.mem);
    assert_int_equal(world_give(&w, WORLD_FILE, 50000), 0);
    world_drain(&w);
    world_check(&w, "file");
    assert_int_equal(names_in("incoming"), 0);
    assert_int_equal(names_in("bodies"), 1);
    done(0);
    world_drain(&w);
    assert_int_equal(names_in("bodies"), 0);

    /* Still open somewhere: refused. */
    struct spool_message m = {.envelope = SLICE_LIT("e"), .body_bytes = 3, .fd = -1};
    int fd;
    assert_int_equal(spool_file_open(w.s, &m.file, &fd), 0);
    assert_int_equal(vfs_write_all(v, fd, "abc", 3, 0), 0);
    w.expect[w.given++].fate = FATE_GIVEN;
    assert_int_equal(spool_commit(w.s, &m, w.now_ms, 1), 0);
    world_drain(&w);
    assert_int_equal(w.last_refusal, -EAGAIN);
    assert_int_equal(v->ops->close(v, fd), 0);

    /* Not as long as was said: refused. */
    assert_int_equal(spool_file_open(w.s, &m.file, &fd), 0);
    assert_int_equal(v->ops->close(v, fd), 0);
    w.expect[w.given++].fate = FATE_GIVEN;
    assert_int_equal(spool_commit(w.s, &m, w.now_ms, 2), 0);
    world_drain(&w);
    assert_int_equal(w.last_refusal, -EINVAL);
    assert_int_equal(names_in("incoming") + names_in("bodies"), 0);
}

static void a_lost_body_is_never_delivered(void **state)
{
    (void)state;
    struct vfs *v = vfs_mem_vfs(w.mem);
    char name[BODY_NAME_BYTES];
    assert_int_equal(world_give(&w, WORLD_FILE, 5000), 0);
    world_drain(&w);
    uint64_t id = w.expect[0].id;
    int dir = v->ops->open(v, vfs_mem_root(w.mem), "bodies", O_RDONLY | O_DIRECTORY, 0);
    body_name(id, name);
    int fd = v->ops->open(v, dir, name, O_RDWR, 0);
    assert_int_equal(vfs_write_all(v, fd, "?", 1, 3000), 0);
    assert_int_equal(v->ops->close(v, fd) + v->ops->close(v, dir), 0);
    struct spool_loaded m;
    struct buf into;
    buf_init(&into, SPOOL_SEGMENT_MIN);
    assert_int_equal(spool_load(w.s, entry_of(0), &into, &m), -EBADMSG);
    buf_release(&into);
    assert_null(spool_find(w.s, id));
    assert_int_equal(w.events[SPOOL_LOST_BODY], 1);
    assert_int_equal(names_in("quarantine"), 2); /* the record and the body */
}

/* ---- opening ---- */

static void two_on_one_spool_are_refused(void **state)
{
    (void)state;
    struct world other = w;
    assert_int_equal(world_open(&other), -EWOULDBLOCK);
    give(1, 10);
    spool_close(w.s);
    assert_int_equal(world_open(&w), 0);
    world_check(&w, "alone");
}

static void put_format(const char *text)
{
    struct vfs *v = vfs_mem_vfs(w.mem);
    spool_close(w.s);
    w.s = NULL;
    if (text == NULL) {
        assert_int_equal(v->ops->unlink(v, vfs_mem_root(w.mem), "format"), 0);
        return;
    }
    int fd = v->ops->open(v, vfs_mem_root(w.mem), "format", O_RDWR | O_TRUNC, 0600);
    assert_int_equal(vfs_write_all(v, fd, text, slice_cstr(text).n, 0), 0);
    assert_int_equal(v->ops->close(v, fd), 0);
}

static void other_formats_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        {"candor-spool 2 0123456789abcdef\n", -EPROTO},
        {"candor-spool 99999 whatever it has\n", -EPROTO},
        {"candor-spool 0 0123456789abcdef\n", -EUCLEAN},
        {"candor-spool 1 0123456789abcde\n", -EUCLEAN},
        {"candor-spool x 0123456789abcdef\n", -EUCLEAN},
        {"", -EUCLEAN},
        {NULL, -EUCLEAN},
    };
    give(1, 10);
    for (size_t i = 0; i < COUNT(rows); i++) {
        put_format(rows[i].text);
        assert_int_equal(world_open(&w), rows[i].want);
        assert_int_equal(vfs_mem_open_count(w.mem), 1);
        if (rows[i].text == NULL) {
            struct vfs *v = vfs_mem_vfs(w.mem);
            int fd = v->ops->open(v, vfs_mem_root(w.mem), "format", O_RDWR | O_CREAT, 0600);
            assert_int_equal(v->ops->close(v, fd), 0);
        }
        put_format("candor-spool 1 0123456789abcdef\n");
        assert_int_equal(world_open(&w), 0);
        world_check(&w, "the right format");
    }
}

/* ---- room ---- */

static void a_full_disk_is_an_answer(void **state)
{
    (void)state;
    vfs_mem_limit(w.mem, 6 * SPOOL_SEGMENT_MIN + 1000);
    int rc = 0;
    for (int i = 0; i < 200 && rc == 0; i++) {
        rc = world_give(&w, WORLD_INLINE, 2000);
        w.now_ms += 6000;
        world_drain(&w);
        if (w.refused > 0)
            rc = w.last_refusal;
    }
    assert_int_equal(rc, -ENOSPC);
    assert_int_equal(w.events[SPOOL_NO_SPACE], 1);
    assert_true(w.acked > 30);
    world_check(&w, "full");
    /* Outcomes still have their place, and make room. */
    for (uint32_t i = 0; i < w.given; i++)
        if (w.expect[i].fate == FATE_ACKED)
            done(i);
    for (int i = 0; i < 20; i++) {
        w.now_ms += 6000;
        world_drain(&w);
    }
    assert_int_equal(table_count(spool_table(w.s)), 0);
    size_t before = w.acked;
    assert_int_equal(world_give(&w, WORLD_INLINE, 2000), 0);
    world_drain(&w);
    assert_int_equal(w.acked, before + 1);
    assert_int_equal(w.events[SPOOL_SPACE_AGAIN], 1);
    kill_and_open();
    world_check(&w, "room again");
}

static void a_floor_of_space_is_kept(void **state)
{
    (void)state;
    vfs_mem_limit(w.mem, 100 * SPOOL_SEGMENT_MIN);
    w.s->options.floor_bytes = 90 * SPOOL_SEGMENT_MIN;
    for (int i = 0; i < 100; i++) {
        (void)world_give(&w, WORLD_INLINE, 3000);
        w.now_ms += 6000;
        world_drain(&w);
    }
    assert_false(spool_has_room(w.s));
    assert_int_equal(world_give(&w, WORLD_INLINE, 100), -ENOSPC);
    struct vfs_space space;
    struct vfs *v = vfs_mem_vfs(w.mem);
    assert_int_equal(v->ops->space(v, vfs_mem_root(w.mem), &space), 0);
    assert_true(space.free_bytes > 88 * SPOOL_SEGMENT_MIN);
    world_check(&w, "floor");
    vfs_mem_limit(w.mem, 200 * SPOOL_SEGMENT_MIN);
    w.now_ms += 6000;
    world_drain(&w);
    assert_true(spool_has_room(w.s));
    give(1, 100);
    world_check(&w, "more room");
}

/* What was full and is empty again takes mail: spares that are not needed give their space back. */
static void spares_do_not_hold_the_floor(void **state)
{
    (void)state;
    vfs_mem_limit(w.mem, 8 * SPOOL_SEGMENT_MIN - 1000);
    w.s->options.floor_bytes = 3 * SPOOL_SEGMENT_MIN;
    for (int i = 0; i < 200 && w.refused == 0; i++) {
        if (world_give(&w, WORLD_INLINE, 3000) != 0)
            break;
        w.now_ms += 6000;
        world_drain(&w);
    }
    assert_int_equal(world_give(&w, WORLD_INLINE, 3000), -ENOSPC);
    for (uint32_t i = 0; i < w.given; i++)
        if (w.expect[i].fate == FATE_ACKED)
            done(i);
    for (int i = 0; i < 10; i++) {
        w.now_ms += 6000;
        (void)spool_has_room(w.s);
        world_drain(&w);
    }
    assert_true(spool_has_room(w.s));
    give(1, 3000);
    world_check(&w, "room again");
}

static void limits_are_said(void **state)
{
    (void)state;
    assert_int_equal(world_give(&w, WORLD_INLINE, SPOOL_SEGMENT_MIN / 4 + 1), -EMSGSIZE);
    const struct spool_message lie = {.envelope = SLICE_LIT("e"),
                                      .body = SLICE_LIT("abc"),
                                      .body_bytes = 4,
                                      .fd = -1};
    assert_int_equal(spool_commit(w.s, &lie, w.now_ms, 1), -EINVAL);
    give(1, SPOOL_SEGMENT_MIN / 4);
    static const char big[SPOOL_SEGMENT_MIN];
    assert_int_equal(spool_state(w.s, spool_find(w.s, w.expect[1].id), 1, 1,
                                 slice_of(big, sizeof big)),
                     -EMSGSIZE);
}

/* DESIGN: at most 200 bytes of memory a waiting message, here with a real one behind each. */
static void a_million_waiting_messages_are_small(void **state)
{
    (void)state;
    struct vfs *v = vfs_mem_vfs(w.mem);
    (void)v;
    struct table *t = spool_table(w.s);
    for (uint64_t id = 1; id <= 1000000; id++) {
        struct entry *e = table_add(t, id << 20);
        assert_non_null(e);
    }
    struct spool_stats st;
    spool_stats(w.s, &st);
    print_message("%lu bytes of memory a waiting message (and 4 in the scheduler)\n",
                  (unsigned long)(st.memory_bytes / st.messages));
    assert_true(st.memory_bytes / st.messages + 4 <= 200);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
    const struct CMUnitTest tests[] = {
        CASE(acknowledges_after_the_sync_only),
        CASE(a_failed_sync_acknowledges_nobody),
        CASE(ids_never_come_twice),
        CASE(cuts_a_torn_tail),
        CASE(a_rotten_record_costs_itself_only),
        CASE(rot_in_a_closed_segment_is_seen_when_used),
        CASE(a_rotten_index_is_replaced_by_a_scan),
        CASE(a_segment_without_a_head_is_put_aside),
        CASE(old_bytes_never_pass_for_new),
        CASE(mail_cannot_pretend_to_be_a_record),
        CASE(old_mail_holds_no_segment),
        CASE(everything_done_leaves_an_empty_log),
        CASE(takes_a_file_that_nobody_writes),
        CASE(a_lost_body_is_never_delivered),
        CASE(two_on_one_spool_are_refused),
        CASE(other_formats_are_refused),
        CASE(a_full_disk_is_an_answer),
        CASE(a_floor_of_space_is_kept),
        CASE(spares_do_not_hold_the_floor),
        CASE(limits_are_said),
        CASE(a_million_waiting_messages_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
