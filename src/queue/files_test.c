#include "src/queue/files.h"

#include "lib/base/test.h"

static const struct rpc *const one = (const struct rpc *)0x10, *const two =
                                                                   (const struct rpc *)0x20;

static void count(void *owner, uint64_t file)
{
    assert_true(file % 2 == 0);
    ++*(size_t *)owner;
}

static void a_file_is_its_peers_alone(void **state)
{
    (void)state;
    struct files f = {0};
    for (uint64_t i = 1; i <= 300; i++)
        assert_true(files_add(&f, i, i % 2 ? one : two));
    assert_false(files_take(&f, 1, two));
    assert_true(files_take(&f, 1, one));
    assert_false(files_take(&f, 1, one));
    size_t n = 0;
    files_forget(&f, two, count, &n);
    assert_int_equal(n, 150);
    assert_false(files_take(&f, 2, two));
    assert_true(files_take(&f, 299, one));
    files_release(&f);
}

static void there_is_an_end(void **state)
{
    (void)state;
    struct files f = {0};
    uint64_t i = 0;
    while (files_add(&f, i, one))
        assert_true(++i < 100000);
    files_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_its_peers_alone),
        cmocka_unit_test(there_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
