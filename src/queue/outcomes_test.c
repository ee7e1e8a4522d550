#include "src/queue/outcomes.h"

#include "lib/base/test.h"

static void comes_back(void **state)
{
    (void)state;
    static const struct outcome rows[] = {
        {OUTCOME_WAITING, 0, {"no room", 7}},       {OUTCOME_DONE, 1, {NULL, 0}},
        {OUTCOME_REACHED, 65535, {"/mail/a/b", 9}}, {OUTCOME_NO_ROUTE, 7, {"", 0}},
        {OUTCOME_FAILED, 300, {"never\0", 6}},
    };
    struct buf b;
    struct outcome got;
    buf_init(&b, 4096);
    outcomes_begin(&b);
    for (size_t i = 0; i < COUNT(rows); i++)
        outcomes_add(&b, &rows[i]);
    slice rest = buf_slice(&b);
    assert_true(outcomes_open(&rest));
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(outcomes_take(&rest, &got));
        assert_int_equal(got.status, rows[i].status);
        assert_int_equal(got.rcpt, rows[i].rcpt);
        assert_slice(got.text, rows[i].text);
    }
    assert_false(outcomes_take(&rest, &got));
    assert_int_equal(rest.n, 0);
    for (size_t n = 0; n < b.n; n++) {
        rest = slice_head(buf_slice(&b), n);
        if (outcomes_open(&rest))
            while (outcomes_take(&rest, &got)) {
            }
    }
    buf_release(&b);
}

static void refuses(void **state)
{
    (void)state;
    struct outcome got;
    slice other = SLICE_LIT("\2\1\0\0\0\0"), empty = {NULL, 0};
    assert_false(outcomes_open(&other));
    assert_false(outcomes_open(&empty));
    slice status = SLICE_LIT("\5\0\0\0\0"), length = SLICE_LIT("\1\0\0\1\0");
    assert_false(outcomes_take(&status, &got));
    assert_false(outcomes_take(&length, &got));
}

static void cuts_long_texts(void **state)
{
    (void)state;
    static const char text[3000];
    struct buf b;
    struct outcome got;
    buf_init(&b, 4096);
    outcomes_add(&b, &(struct outcome){OUTCOME_FAILED, 1, {text, sizeof text}});
    slice rest = buf_slice(&b);
    assert_true(outcomes_take(&rest, &got));
    assert_int_equal(got.text.n, OUTCOME_TEXT_MAX);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(refuses),
        cmocka_unit_test(cuts_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
