#include "src/queue/heap.h"

#include <stdlib.h>

#include "lib/base/test.h"

static void gives_them_in_order(void **state)
{
    (void)state;
    struct table *t = table_new();
    struct heap h;
    heap_init(&h, t);
    uint64_t random = 3;
    for (uint64_t id = 1; id <= 3000; id++) {
        struct entry *e = table_add(t, id);
        assert_non_null(e);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        e->next_try_ms = random >> 50;
        assert_true(heap_add(&h, e));
    }
    for (uint64_t id = 5; id <= 3000; id += 7)
        heap_remove(&h, table_find(t, id));
    heap_remove(&h, table_find(t, 5));
    size_t n = 0;
    uint64_t before = 0;
    for (struct entry *e; (e = heap_first(&h)) != NULL; n++) {
        assert_true(e->next_try_ms >= before && e->id % 7 != 5);
        before = e->next_try_ms;
        heap_remove(&h, e);
    }
    assert_int_equal(n, 3000 - 428);
    heap_release(&h);
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_them_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
