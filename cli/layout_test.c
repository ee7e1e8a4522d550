#include "cli/layout.h"

#include "lib/base/test.h"

static void wraps_by_columns(void **state)
{
    (void)state;
    static const struct {
        size_t width;
        const char *lead;
        const char *text;
        const char *want;
    } rows[] = {
        {10, "", "one two three", "one two\nthree\n"},
        {10, "  ", "one two three", "  one two\n  three\n"},
        {7, "", "one two", "one two\n"},
        {6, "", "one two", "one\ntwo\n"},
        {10, "1. ", "an https://example.org/why link",
         "1. an\n   https://example.org/why\n   link\n"},
        {5, "", "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f", "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f\n"},
        {4, "", "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f", "\xc3\xa4\xc3\xb6\xc3\xbc\n\xc3\x9f\n"},
        {10, "", "a  b ", "a b\n"},
        {10, "- ", "", "- \n"},
        {12, "", "run `a b` now, `c d`.", "run `a b`\nnow, `c d`.\n"},
        {10, "", "run `a b c` now", "run\n`a b c`\nnow\n"},
        {8, "", "run `a b c d` now", "run `a b\nc d` now\n"},
        {8, "", "a ` b", "a ` b\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        layout_paragraph(&out, rows[i].width, slice_cstr(rows[i].lead), slice_cstr(rows[i].text));
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

static void numbers_steps(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    layout_step(&out, 12, 1, SLICE_LIT("one"));
    layout_step(&out, 12, 2, SLICE_LIT("two three"));
    layout_list(&out, 12, SLICE_LIT("four"));
    assert_slice(buf_slice(&out), SLICE_LIT("  1. one\n  2. two\n     three\n  - four\n"));
    buf_release(&out);
}

static void lines_stand_beside_lines(void **state)
{
    (void)state;
    struct buf out;
    struct layout_extent e = {0};
    /* KA with a vowel sign: one column here, two on some terminals. */
    slice left = SLICE_LIT("one\n\xe0\xa4\x95\xe0\xa5\x81 two\nhttps://example.org/why\n\n");
    layout_measure(left, 8, &e);
    assert_int_equal(e.columns, 5);
    assert_int_equal(e.excess, 1);
    buf_init(&out, 4096);
    layout_beside(&out, e.columns + 2, left, SLICE_LIT("a\nb\nc\n\nd\n"));
    assert_slice(buf_slice(&out), SLICE_LIT("one    a\n\xe0\xa4\x95\xe0\xa5\x81 two  b\n"
                                            "https://example.org/why\n       c\n\n       d\n"));
    buf_clear(&out);
    layout_beside(&out, 4, SLICE_LIT("one\ntwo"), (slice){0});
    assert_slice(buf_slice(&out), SLICE_LIT("one\ntwo\n"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wraps_by_columns),
        cmocka_unit_test(numbers_steps),
        cmocka_unit_test(lines_stand_beside_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
