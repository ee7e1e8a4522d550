#include "lib/base/test.h"

#include <stdlib.h>

#include "src/deliver/mailboxes.h"

static const struct maildir_system no_system = {.vfs = &vfs_kernel};

static struct batch batch, other;

static struct job *new_job(uint64_t size_bytes)
{
    struct job *j = calloc(1, sizeof *j);

    assert_non_null(j);
    j->size_bytes = size_bytes;
    return j;
}

static void wait_for(struct mailboxes *m, const char *path, uint64_t size_bytes)
{
    assert_true(mailboxes_wait(m, slice_cstr(path), new_job(size_bytes)));
}

static void done(struct mailboxes *m, struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->jobs[i]);
    batch_done(m, b);
}

/* A mailbox that is in a batch is in no other; what comes for it meanwhile is the next one's. */
static void test_one_batch_a_mailbox(void **state)
{
    struct mailboxes *m = mailboxes_new(&no_system);

    (void)state;
    assert_false(batch_take(m, &batch));
    wait_for(m, "/a", 1);
    wait_for(m, "/b", 1);
    wait_for(m, "/a", 1);
    assert_true(batch_take(m, &batch));
    assert_int_equal(batch.n, 3);
    assert_ptr_equal(batch.letters[0].to, batch.letters[1].to);
    wait_for(m, "/a", 1);
    assert_false(batch_take(m, &other));
    wait_for(m, "/c", 1);
    assert_true(batch_take(m, &other));
    assert_int_equal(other.n, 1);
    done(m, &batch);
    assert_true(batch_take(m, &batch));
    assert_int_equal(batch.n, 1);
    assert_string_equal(batch.letters[0].to->path, "/a");
    done(m, &batch);
    done(m, &other);
    assert_false(batch_take(m, &batch));
    mailboxes_free(m);
}

static void test_file_systems_apart(void **state)
{
    struct mailboxes *m = mailboxes_new(&no_system);
    struct maildir *a, *b;

    (void)state;
    wait_for(m, "/a", 1);
    wait_for(m, "/b", 1);
    assert_true(batch_take(m, &batch));
    a = batch.letters[0].to;
    b = batch.letters[1].to;
    a->is_open = b->is_open = true;
    a->dir = a->tmp_dir = a->new_dir = b->dir = b->tmp_dir = b->new_dir = -1;
    a->device = 1;
    b->device = 2;
    done(m, &batch);
    wait_for(m, "/a", 1);
    wait_for(m, "/b", 1);
    wait_for(m, "/a", 1);
    wait_for(m, "/new", 1);
    assert_true(batch_take(m, &batch));
    assert_int_equal(batch.n, 3);
    assert_true(batch_take(m, &other));
    assert_int_equal(other.n, 1);
    assert_ptr_equal(other.letters[0].to, b);
    done(m, &other);
    done(m, &batch);
    mailboxes_free(m);
}

static void test_bounds(void **state)
{
    struct mailboxes *m = mailboxes_new(&no_system);
    char path[32];
    size_t seen = 0;

    (void)state;
    for (size_t i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "/m/%zu", i % 1000);
        wait_for(m, path, 1);
    }
    while (batch_take(m, &batch)) {
        assert_true(batch.n <= BATCH_LETTERS_MAX);
        seen += batch.n;
        done(m, &batch);
    }
    assert_int_equal(seen, 3000);
    assert_int_equal(mailboxes_idle(m), MAILBOXES_OPEN_MAX);
    /* Large letters do not come together beyond the bound, and each comes. */
    for (size_t i = 0; i < 5; i++)
        wait_for(m, i % 2 == 0 ? "/big" : "/huge", BATCH_BYTES_MAX * 2 / 3);
    for (seen = 0; batch_take(m, &batch); seen++) {
        assert_int_equal(batch.n, 1);
        done(m, &batch);
    }
    assert_int_equal(seen, 5);
    mailboxes_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_batch_a_mailbox),
        cmocka_unit_test(test_file_systems_apart),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
