#include "lib/base/secret.h"

#include "lib/base/arena.h"
#include "lib/base/test.h"

static void compares(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool want;
    } rows[] = {{"", "", true},         {"a", "", false},       {"abc", "abc", true},
                {"abc", "abd", false},  {"xbc", "abc", false},  {"abc", "ab", false},
                {"\x80", "\x80", true}, {"\x80", "\x7f", false}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(secret_eq(slice_cstr(rows[i].a), slice_cstr(rows[i].b)), rows[i].want);
    assert_true(secret_eq((slice){NULL, 0}, SLICE_LIT("")));
}

static void wipes(void **state)
{
    (void)state;
    char bytes[40];
    memset(bytes, 'x', sizeof bytes);
    secret_wipe(bytes + 1, 38);
    assert_int_equal(bytes[0], 'x');
    for (size_t i = 1; i < 39; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(bytes[39], 'x');
    secret_wipe(NULL, 0);

    struct buf b;
    buf_init(&b, 100);
    buf_adds(&b, "hunter2");
    secret_release(&b);
    assert_null(b.p);
    secret_release(&b);
}

static void wipes_an_arena(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    arena_wipe(&a);
    slice first = {0};
    assert_true(arena_copy(&a, SLICE_LIT("hunter2"), &first));
    /* The one block that stays has nothing of it any more. */
    arena_wipe(&a);
    const char *again = arena_take(&a, 8);
    assert_ptr_equal(again, first.p);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(again[i], 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_zero(&a, 1000));
    arena_wipe(&a);
    assert_true(a.used_bytes < 4000);
    arena_release(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(wipes),
        cmocka_unit_test(wipes_an_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
