#include "lib/smtp/status.h"

#include "lib/base/test.h"

static void reads_and_prints(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        const char *rest;
    } rows[] = {
        {"5.1.1 no such user", true, " no such user"},
        {"2.0.0", true, ""},
        {"4.999.999x", true, "x"},
        {"5.1.1000", false, "5.1.1000"},
        {"5.01.1", false, "5.01.1"},
        {"3.1.1", false, "3.1.1"},
        {"5.1", false, "5.1"},
        {"5.1.", false, "5.1."},
        {"55.1.1", false, "55.1.1"},
        {"", false, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice in = slice_cstr(rows[i].in), rest = in;
        struct status got = {0};
        assert_int_equal(take_status(&rest, &got), rows[i].ok);
        assert_slice(rest, slice_cstr(rows[i].rest));
        if (!rows[i].ok)
            continue;
        struct buf out;
        buf_init(&out, 100);
        status_print(&out, got);
        assert_slice(buf_slice(&out), slice_head(in, in.n - rest.n));
        assert_true(status_eq(got, got));
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_and_prints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
