#include "src/queue/table.h"

#include <stdlib.h>

#include "lib/base/test.h"

/* Ids as the spool gives them: milliseconds in the high bits, runs in the low ones. */
static uint64_t id_of(uint32_t i)
{
    return ((UINT64_C(1750000000000) + i / 10) << 20) + i % 10;
}

static void finds_what_was_added(void **state)
{
    (void)state;
    struct table *t = table_new();
    assert_non_null(t);
    for (uint32_t i = 0; i < 20000; i++)
        assert_non_null(table_add(t, id_of(i)));
    for (uint32_t i = 0; i < 20000; i += 3)
        table_remove(t, table_find(t, id_of(i)));
    for (uint32_t i = 0; i < 20000; i++) {
        struct entry *e = table_find(t, id_of(i));
        if (i % 3 == 0) {
            assert_null(e);
            continue;
        }
        assert_non_null(e);
        assert_int_equal(e->id, id_of(i));
        assert_ptr_equal(table_at(t, table_index(t, e)), e);
    }
    assert_null(table_find(t, 5));
    assert_null(table_at(t, table_limit(t)));
    for (uint32_t i = 0; i < 20000; i += 3)
        assert_non_null(table_add(t, id_of(i)));
    assert_int_equal(table_count(t), 20000);
    table_free(t);
}

/* Against a plain array, a long way of random adding and removing in a small space of ids, where
 * runs of buckets touch each other and wrap around. */
static void agrees_with_a_model(void **state)
{
    (void)state;
    static bool there[800];
    struct table *t = table_new();
    assert_non_null(t);
    uint64_t random = 1;
    for (uint32_t round = 0; round < 200000; round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t i = (uint32_t)(random >> 33) % COUNT(there);
        struct entry *e = table_find(t, i + 1);
        assert_true((e != NULL) == there[i]);
        if (e == NULL)
            assert_non_null(table_add(t, i + 1));
        else
            table_remove(t, e);
        there[i] = !there[i];
    }
    table_free(t);
}

/* DESIGN: a waiting message costs at most 200 bytes of memory. */
static void a_million_is_small(void **state)
{
    (void)state;
    struct table *t = table_new();
    assert_non_null(t);
    for (uint32_t i = 0; i < 1000000; i++)
        assert_non_null(table_add(t, id_of(i)));
    size_t each = table_memory_bytes(t) / 1000000;
    print_message("%zu bytes a waiting message\n", each);
    assert_true(each <= 200);
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(a_million_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
