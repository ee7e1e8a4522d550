#include "lib/mail/date.h"

#include "lib/base/test.h"

static void prints(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        int offset_minutes;
        const char *want;
    } rows[] = {
        {0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
        {1795309947, 0, "Sun, 22 Nov 2026 01:12:27 +0000"},
        {1795309947, -330, "Sat, 21 Nov 2026 19:42:27 -0530"},
        {1795309947, 60, "Sun, 22 Nov 2026 02:12:27 +0100"},
        {INT64_MAX, 60, "Fri, 31 Dec 9999 23:59:59 +0100"},
        {INT64_MIN, -60, "Sat, 1 Jan 0000 00:00:00 -0100"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 100);
        date_print(&out, rows[i].at, rows[i].offset_minutes);
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        int64_t at;
        int offset_minutes;
        bool has_zone;
        const char *rest;
    } rows[] = {
        {"Sun, 22 Nov 2026 01:12:27 +0000", true, 1795309947, 0, true, ""},
        {"Sun, 22 Nov 2026 01:12:27 +0000 (UTC)", true, 1795309947, 0, true, ""},
        {"22 Nov 2026 01:12 +0000", true, 1795309920, 0, true, ""},
        {" sun (a (b) \\)) , 22 nov 26 01:12:27 -0000", true, 1795309947, 0, false, ""},
        {"Sun, 22 Nov 126 01:12:27 GMT", true, 1795309947, 0, true, ""},
        {"Sun, 22-Nov-2026 01:12:27 EST", true, 1795327947, -300, true, ""},
        {"Sunday, 22 November 2026 01:12:27 +0530", true, 1795290147, 330, true, ""},
        {"Sun Nov 22 01:12:27 2026", true, 1795309947, 0, false, ""},
        {"Sun, 22 Nov 2026\r\n 01:12:27\r\n +0000", true, 1795309947, 0, true, ""},
        {"Sun, 22 Nov 2026 01:12:27 Q", true, 1795309947, 0, false, ""},
        {"1 Jan 70 00:00:00 +0000", true, 0, 0, true, ""},
        {"22 Nov 2026 01:12:27 +9900", true, 1795309947, 0, false, "+9900"},
        {"22 Nov 2026 01:12:27; x", true, 1795309947, 0, false, "; x"},
        {"31 Nov 2026 01:12:27 +0000", false, 0, 0, false, 0},
        {"22 Nov 2026 25:12:27 +0000", false, 0, 0, false, 0},
        {"22 Nov 2026", false, 0, 0, false, 0},
        {"22 Foo 2026 01:12:27 +0000", false, 0, 0, false, 0},
        {"22 Nov 20266 01:12:27 +0000", false, 0, 0, false, 0},
        {"222 Nov 2026 01:12:27 +0000", false, 0, 0, false, 0},
        {"(22 Nov 2026 01:12:27 +0000", false, 0, 0, false, 0},
        {"", false, 0, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice in = slice_cstr(rows[i].in), rest = in;
        struct mail_date got = {.at = 77};
        if (take_date(&rest, &got) != rows[i].ok)
            fail_msg("%s", rows[i].in);
        assert_slice(rest, rows[i].ok ? slice_cstr(rows[i].rest) : in);
        assert_int_equal(got.at, rows[i].ok ? rows[i].at : 77);
        assert_int_equal(got.offset_minutes, rows[i].offset_minutes);
        assert_int_equal(got.has_zone, rows[i].has_zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(prints), cmocka_unit_test(reads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
