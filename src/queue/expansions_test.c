#include "src/queue/expansions.h"

#include "lib/base/test.h"

static void holds_while_the_generation_stands(void **state)
{
    (void)state;
    struct expansions x;
    slice got;
    expansions_init(&x, 7);
    assert_false(expansions_find(&x, SLICE_LIT("a@x"), 1, &got));
    expansions_add(&x, SLICE_LIT("a@x"), 1, SLICE_LIT("targets"));
    assert_true(expansions_find(&x, SLICE_LIT("a@x"), 1, &got));
    assert_slice(got, SLICE_LIT("targets"));
    assert_false(expansions_find(&x, SLICE_LIT("a@x"), 2, &got));
    assert_false(expansions_find(&x, SLICE_LIT("a@y"), 1, &got));
    expansions_add(&x, SLICE_LIT("a@x"), 2, SLICE_LIT("others"));
    assert_true(expansions_find(&x, SLICE_LIT("a@x"), 2, &got));
    assert_slice(got, SLICE_LIT("others"));
    expansions_release(&x);
    assert_false(expansions_find(&x, SLICE_LIT("a@x"), 2, &got));
}

static void no_generation_is_never_believed(void **state)
{
    (void)state;
    struct expansions x;
    slice got;
    expansions_init(&x, 7);
    expansions_add(&x, SLICE_LIT("a@x"), 0, SLICE_LIT("targets"));
    assert_false(expansions_find(&x, SLICE_LIT("a@x"), 0, &got));
    expansions_add(&x, SLICE_LIT("a@x"), 3, SLICE_LIT("targets"));
    assert_false(expansions_find(&x, SLICE_LIT("a@x"), 0, &got));
    expansions_release(&x);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct expansions x;
    slice got;
    size_t there = 0;
    expansions_init(&x, 7);
    for (uint32_t i = 0; i < 20000; i++)
        expansions_add(&x, slice_of(&i, sizeof i), 1, SLICE_LIT("t"));
    for (uint32_t i = 0; i < 20000; i++)
        there += expansions_find(&x, slice_of(&i, sizeof i), 1, &got);
    assert_true(there > 1000 && there <= 4096);
    static const char big[4096];
    expansions_add(&x, SLICE_LIT("a@x"), 1, slice_of(big, sizeof big));
    assert_false(expansions_find(&x, SLICE_LIT("a@x"), 1, &got));
    expansions_release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_while_the_generation_stands),
        cmocka_unit_test(no_generation_is_never_believed),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
