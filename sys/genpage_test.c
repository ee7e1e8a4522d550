#include "lib/base/test.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/genpage.h"

static void test_read_and_raise(void **state)
{
    struct genpage writer = {.fd = -1}, reader = {.fd = -1};

    (void)state;
    assert_int_equal(genpage_read(&reader), 0);
    assert_int_equal(genpage_create(&writer, 41), 0);
    assert_int_equal(genpage_open(&reader, writer.fd), 0);
    assert_int_equal(genpage_read(&reader), 41);
    genpage_raise(&writer);
    assert_int_equal(genpage_read(&reader), 42);
    genpage_close(&writer);
    assert_int_equal(genpage_read(&reader), 42);
    genpage_close(&reader);
    assert_int_equal(genpage_read(&reader), 0);
}

/* Whoever holds the descriptor can neither write, nor map for writing, nor resize. */
static void test_is_sealed(void **state)
{
    struct genpage writer = {.fd = -1};
    void *page;

    (void)state;
    assert_int_equal(genpage_create(&writer, 1), 0);
    assert_true(pwrite(writer.fd, "x", 1, 0) < 0);
    assert_true(ftruncate(writer.fd, 0) < 0);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer.fd, 0),
                     MAP_FAILED);
    page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, writer.fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_true(mprotect(page, 4096, PROT_READ | PROT_WRITE) < 0);
    munmap(page, 4096);
    genpage_close(&writer);
}

static void test_refuses_others(void **state)
{
    struct genpage reader = {.fd = -1};
    int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    assert_int_equal(genpage_open(&reader, fd), -EINVAL);
    close(fd);
    assert_int_equal(genpage_open(&reader, -1), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_and_raise),
        cmocka_unit_test(test_is_sealed),
        cmocka_unit_test(test_refuses_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
