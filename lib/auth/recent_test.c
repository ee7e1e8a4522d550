#include "lib/auth/recent.h"

#include "lib/base/test.h"

static struct recent_key key_of(const char *name)
{
    return recent_key_of(SLICE_LIT("secret"), 'n', slice_cstr(name), (slice){0});
}

static void the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct recent r;
    struct recent_key a = key_of("a"), b = key_of("b"), c = key_of("c"), d = key_of("d"), got;
    assert_true(recent_init(&r, 3, sizeof(uint64_t)));
    assert_null(recent_find(&r, &a));
    *(uint64_t *)recent_use(&r, &a) = 1;
    *(uint64_t *)recent_use(&r, &b) = 2;
    *(uint64_t *)recent_use(&r, &c) = 3;
    assert_int_equal(*(uint64_t *)recent_use(&r, &a), 1);
    assert_int_equal(*(uint64_t *)recent_use(&r, &d), 0);
    assert_null(recent_find(&r, &b));
    assert_int_equal(*(uint64_t *)recent_find(&r, &c), 3);
    /* Oldest first. */
    void *v = recent_next(&r, NULL, &got);
    assert_memory_equal(&got, &c, sizeof got);
    v = recent_next(&r, v, &got);
    assert_memory_equal(&got, &a, sizeof got);
    v = recent_next(&r, v, &got);
    assert_memory_equal(&got, &d, sizeof got);
    assert_null(recent_next(&r, v, &got));
    recent_release(&r);
}

static void many_come_and_go(void **state)
{
    (void)state;
    struct recent r;
    struct recent_key key;
    assert_true(recent_init(&r, 100, sizeof(uint32_t)));
    for (uint32_t i = 0; i < 5000; i++) {
        key = recent_key_of(SLICE_LIT("secret"), 'i', slice_of(&i, sizeof i), (slice){0});
        *(uint32_t *)recent_use(&r, &key) = i;
        if (i % 3 == 0 && i >= 50) {
            uint32_t back = i - 50;
            key = recent_key_of(SLICE_LIT("secret"), 'i', slice_of(&back, sizeof back), (slice){0});
            assert_int_equal(*(uint32_t *)recent_find(&r, &key), back);
        }
    }
    uint32_t count = 0, last = 0;
    for (uint32_t *v = NULL; (v = recent_next(&r, v, &key)) != NULL; count++) {
        assert_true(count == 0 || *v == last + 1);
        last = *v;
    }
    assert_int_equal(count, 100);
    assert_int_equal(last, 4999);
    recent_release(&r);
}

/* Wherever it stands: the oldest, the youngest, the only one, between others, or not there. */
static void one_is_made_the_oldest(void **state)
{
    (void)state;
    for (size_t n = 1; n < 5; n++)
        for (size_t i = 0; i <= n; i++) {
            static const char *const names[] = {"a", "b", "c", "d", "e"};
            struct recent r;
            struct recent_key keys[5], key;
            assert_true(recent_init(&r, (uint32_t)n, 1));
            for (size_t k = 0; k < 5; k++)
                keys[k] = recent_key_of(SLICE_LIT("secret"), 'a', slice_cstr(names[k]),
                                        slice_of(NULL, 0));
            for (size_t k = 0; k < n; k++)
                assert_non_null(recent_use(&r, &keys[k]));
            recent_make_oldest(&r, &keys[i]);
            void *first = recent_next(&r, NULL, &key);
            assert_memory_equal(&key, &keys[i < n ? i : 0], sizeof key);
            size_t count = 0;
            for (void *v = first; v != NULL; v = recent_next(&r, v, &key))
                count++;
            assert_int_equal(count, n);
            assert_non_null(recent_use(&r, &keys[n]));
            assert_null(recent_find(&r, &keys[i < n ? i : 0]));
            recent_release(&r);
        }
}

/* What stands where in a key matters. */
static void keys_differ(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        char kind;
        const char *name, *behind;
    } rows[] = {
        {"secret", 'a', "ab", ""}, {"secret", 'b', "ab", ""}, {"secret", 'a', "a", "b"},
        {"secret", 'a', "", "ab"}, {"Secret", 'a', "ab", ""}, {"secret", 'a', "", ""},
    };
    struct recent_key keys[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++) {
        keys[i] = recent_key_of(slice_cstr(rows[i].secret), rows[i].kind, slice_cstr(rows[i].name),
                                slice_cstr(rows[i].behind));
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(&keys[i], &keys[j], sizeof keys[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_is_forgotten),
        cmocka_unit_test(many_come_and_go),
        cmocka_unit_test(one_is_made_the_oldest),
        cmocka_unit_test(keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
