#include "lib/base/buf.h"

#include "lib/base/test.h"

static void keeps_its_error(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_adds(&b, "abc");
    buf_adds(&b, "de");
    assert_int_equal(b.err, BUF_FULL);
    buf_addc(&b, 'x');
    assert_slice(buf_slice(&b), SLICE_LIT("abc"));
    buf_clear(&b);
    buf_adds(&b, "four");
    assert_int_equal(b.err, BUF_OK);
    assert_slice(buf_slice(&b), SLICE_LIT("four"));
    buf_drop(&b, 3);
    assert_slice(buf_slice(&b), SLICE_LIT("r"));
    buf_drop(&b, 9);
    assert_int_equal(b.n, 0);
    buf_release(&b);
}

static void formats(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    slice s = SLICE_LIT("slice");
    buf_addf(&b, "%s|%.*s|%c|%d|%u|%08x|%lu|%llu|%zu|%3d|%02d|%%", "str", SLICE_ARG(s), 'c', -5, 6U,
             0xabcU, 7UL, UINT64_MAX + 0ULL, (size_t)9, 4, 5);
    assert_slice(buf_slice(&b),
                 SLICE_LIT("str|slice|c|-5|6|00000abc|7|18446744073709551615|9|  4|05|%"));
    buf_clear(&b);
    buf_addf(&b, "%ld %lld", INT64_MIN, -1LL);
    buf_addu(&b, 0);
    assert_slice(buf_slice(&b), SLICE_LIT("-9223372036854775808 -10"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_error),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
