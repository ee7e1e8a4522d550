#include "lib/base/test.h"
#include "src/deliver/line_ends.h"

static const struct {
    const char *in, *want;
} rows[] = {
    {"", ""},
    {"a\r\n", "a\n"},
    {"a\r\n\r\nb\r\n", "a\n\nb\n"},
    {"\r\n", "\n"},
    {"no end", "no end"},
    {"lone \r here\r\n", "lone \r here\n"},
    {"\r\r\n\r", "\r\n\r"},
    {"a\nb\r\n", "a\nb\n"},
};

/* The same bytes, cut at every two places, give the same result. */
static void test_rows_cut_anywhere(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 256);
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice in = slice_cstr(rows[i].in);

        for (size_t a = 0; a <= in.n; a++) {
            for (size_t b = a; b <= in.n; b++) {
                struct line_ends l = {0};

                buf_clear(&out);
                line_ends_add(&l, &out, slice_head(in, a));
                line_ends_add(&l, &out, slice_tail(slice_head(in, b), a));
                line_ends_add(&l, &out, slice_tail(in, b));
                line_ends_end(&l, &out);
                assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
            }
        }
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_cut_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
