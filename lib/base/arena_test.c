#include "lib/base/arena.h"

#include "lib/base/test.h"

static void stops_at_its_cap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 10000);
    size_t taken = 0;
    for (char *p; (p = arena_take(&a, 100)) != NULL; taken += 100) {
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0x5a, 100);
        assert_true(a.used_bytes <= 10000);
    }
    assert_true(taken > 7000);
    assert_null(arena_take(&a, SIZE_MAX));
    arena_reset(&a);
    assert_non_null(arena_take(&a, 5000));
    arena_release(&a);
    assert_int_equal(a.used_bytes, 0);
}

static void copies_end_in_nul(void **state)
{
    (void)state;
    struct arena a;
    slice got;
    arena_init(&a, 4096);
    assert_true(arena_copy(&a, SLICE_LIT("a\0b"), &got));
    assert_slice(got, SLICE_LIT("a\0b"));
    assert_int_equal(got.p[3], 0);
    int *zero = ARENA_NEW(&a, int);
    assert_int_equal(*zero, 0);
    assert_false(arena_copy(&a, (slice){got.p, 5000}, &got));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_its_cap),
        cmocka_unit_test(copies_end_in_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
