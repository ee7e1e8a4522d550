#include "lib/base/crc32c.h"

#include "lib/base/test.h"

static void known_values(void **state)
{
    (void)state;
    char zeros[32] = {0};
    assert_int_equal(crc32c(0, SLICE_LIT("123456789")), 0xe3069283);
    assert_int_equal(crc32c(0, slice_of(zeros, sizeof zeros)), 0x8a9136aa); /* RFC 3720 B.4 */
    assert_int_equal(crc32c(0, (slice){0}), 0);
}

static void pieces_make_the_whole(void **state)
{
    (void)state;
    slice all = SLICE_LIT("The quick brown fox jumps over the lazy dog");
    uint32_t want = crc32c(0, all);
    for (size_t cut = 0; cut <= all.n; cut++)
        assert_int_equal(crc32c(crc32c(0, slice_head(all, cut)), slice_tail(all, cut)), want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(pieces_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
