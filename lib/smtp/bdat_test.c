#include "lib/smtp/bdat.h"

#include "lib/base/test.h"

static void reads_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        enum bdat_err want;
        uint64_t size;
        bool is_last;
    } rows[] = {
        {"0 LAST", BDAT_OK, 0, true},
        {"86", BDAT_OK, 86, false},
        {"1000  last ", BDAT_OK, 1000, true},
        {"", BDAT_NO_SIZE, 0, false},
        {"LAST", BDAT_BAD_SIZE, 0, false},
        {"-1", BDAT_BAD_SIZE, 0, false},
        {"18446744073709551616", BDAT_BAD_SIZE, 0, false},
        {"1 FIRST", BDAT_BAD_END, 0, false},
        {"1 LAST 2", BDAT_BAD_END, 0, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bdat_chunk chunk = {.left_bytes = 77};
        assert_int_equal(bdat_parse(slice_cstr(rows[i].args), &chunk), rows[i].want);
        assert_int_equal(chunk.left_bytes, rows[i].want == BDAT_OK ? rows[i].size : 77);
        assert_int_equal(chunk.is_last, rows[i].is_last);
    }
}

static void takes_its_own_and_no_more(void **state)
{
    (void)state;
    slice in = SLICE_LIT("12345678BDAT 2\r\n");
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct bdat_chunk chunk = {.left_bytes = 8};
        slice first = slice_head(in, cut), second = slice_tail(in, cut);
        size_t got = bdat_take(&chunk, &first).n;
        got += bdat_take(&chunk, &second).n;
        assert_int_equal(got, 8);
        assert_int_equal(chunk.left_bytes, 0);
        assert_int_equal(first.n + second.n, in.n - 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_arguments),
        cmocka_unit_test(takes_its_own_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
