#include "lib/base/test.h"
#include "lib/route/recipient_cache.h"

static void test_generations(void **state)
{
    struct recipient_cache c;
    slice canonical;

    (void)state;
    recipient_cache_init(&c, 1000, 7);
    assert_false(recipient_cache_find(&c, SLICE_LIT("a@b"), 1, &canonical));
    recipient_cache_add(&c, SLICE_LIT("a@b"), 1, SLICE_LIT("A@B"));
    assert_true(recipient_cache_find(&c, SLICE_LIT("a@b"), 1, &canonical));
    assert_slice(canonical, SLICE_LIT("A@B"));
    assert_false(recipient_cache_find(&c, SLICE_LIT("a@c"), 1, &canonical));
    assert_false(recipient_cache_find(&c, SLICE_LIT("a@b"), 2, &canonical));
    recipient_cache_add(&c, SLICE_LIT("a@b"), 2, SLICE_LIT(""));
    assert_false(recipient_cache_find(&c, SLICE_LIT("a@b"), 1, &canonical));
    assert_true(recipient_cache_find(&c, SLICE_LIT("a@b"), 2, &canonical));
    assert_slice(canonical, SLICE_LIT(""));
    /* 0 is what there is without a page: never believed. */
    recipient_cache_add(&c, SLICE_LIT("z@b"), 0, SLICE_LIT("z@b"));
    assert_false(recipient_cache_find(&c, SLICE_LIT("z@b"), 0, &canonical));
    assert_int_equal(c.hits, 2);
    recipient_cache_release(&c);
}

static size_t count_hits(struct recipient_cache *c, size_t n)
{
    char text[32];
    size_t hits = 0;
    slice canonical;

    for (size_t i = 0; i < n; i++) {
        int len = snprintf(text, sizeof text, "u%zu@example.org", i);
        hits += recipient_cache_find(c, slice_of(text, (size_t)len), 1, &canonical) &&
                slice_eq(canonical, slice_of(text, (size_t)len));
    }
    return hits;
}

static void test_bounds(void **state)
{
    struct recipient_cache c;
    char text[32], longest[256];

    (void)state;
    recipient_cache_init(&c, 4096, 99);
    for (size_t i = 0; i < 20000; i++) {
        int n = snprintf(text, sizeof text, "u%zu@example.org", i);
        slice address = slice_of(text, (size_t)n);
        slice canonical;

        recipient_cache_add(&c, address, 1, address);
        assert_true(recipient_cache_find(&c, address, 1, &canonical));
        if (i == 999)
            assert_true(count_hits(&c, 1000) > 850);
    }
    assert_true(c.entries.cap <= 4096 * 256);
    assert_true(count_hits(&c, 20000) <= 4096);
    assert_true(count_hits(&c, 20000) > 3000);
    memset(longest, 'x', sizeof longest);
    for (size_t n = 0; n <= sizeof longest; n++) {
        slice canonical;
        recipient_cache_add(&c, slice_of(longest, n), 1, slice_of(longest, n / 2));
        if (recipient_cache_find(&c, slice_of(longest, n), 1, &canonical))
            assert_slice(canonical, slice_of(longest, n / 2));
        else
            assert_true(n > 150);
    }
    recipient_cache_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
