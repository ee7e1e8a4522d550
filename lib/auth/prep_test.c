#include "lib/auth/prep.h"

#include "lib/base/test.h"

static const struct {
    slice in;
    enum prep_err stored, query;
    const char *want;
} rows[] = {
    /* RFC 4013 3. */
    {SLICE_LIT("I\xc2\xadX"), PREP_OK, PREP_OK, "IX"},
    {SLICE_LIT("user"), PREP_OK, PREP_OK, "user"},
    {SLICE_LIT("USER"), PREP_OK, PREP_OK, "USER"},
    {SLICE_LIT("\xc2\xaa"), PREP_OK, PREP_OK, "a"},
    {SLICE_LIT("\xe2\x85\xa8"), PREP_OK, PREP_OK, "IX"},
    {SLICE_LIT("\x07"), PREP_PROHIBITED, PREP_PROHIBITED, ""},
    {SLICE_LIT("\xd8\xa7\x31"), PREP_BIDI, PREP_BIDI, ""},
    /* The same password from two keyboards. */
    {SLICE_LIT("b\xc3\xbc"
               "cher"),
     PREP_OK, PREP_OK,
     "b\xc3\xbc"
     "cher"},
    {SLICE_LIT("bu\xcc\x88"
               "cher"),
     PREP_OK, PREP_OK,
     "b\xc3\xbc"
     "cher"},
    {SLICE_LIT("a\xc2\xa0"
               "b"),
     PREP_OK, PREP_OK, "a b"},
    {SLICE_LIT(" a=,~ "), PREP_OK, PREP_OK, " a=,~ "},
    {SLICE_LIT(""), PREP_EMPTY, PREP_EMPTY, ""},
    {SLICE_LIT("\xc2\xad"), PREP_EMPTY, PREP_EMPTY, ""},
    {SLICE_LIT("a\0b"), PREP_PROHIBITED, PREP_PROHIBITED, ""},
    {SLICE_LIT("a\x7f"), PREP_PROHIBITED, PREP_PROHIBITED, ""},
    {SLICE_LIT("\xc3\xbc\0"), PREP_PROHIBITED, PREP_PROHIBITED, ""},
    {SLICE_LIT("\xee\x80\x80"), PREP_PROHIBITED, PREP_PROHIBITED, ""},
    {SLICE_LIT("a\xff"), PREP_NOT_UTF8, PREP_NOT_UTF8, ""},
    {SLICE_LIT("\xc3"), PREP_NOT_UTF8, PREP_NOT_UTF8, ""},
    {SLICE_LIT("\xed\xa0\x80"), PREP_NOT_UTF8, PREP_NOT_UTF8, ""},
    /* An emoji is younger than Unicode 3.2. */
    {SLICE_LIT("a\xf0\x9f\x98\x80"), PREP_UNASSIGNED, PREP_OK, "a\xf0\x9f\x98\x80"},
    /* One ligature becomes eighteen letters, and the room is enough. */
    {SLICE_LIT("\xef\xb7\xba"), PREP_OK, PREP_OK,
     "\xd8\xb5\xd9\x84\xd9\x89\x20\xd8\xa7\xd9\x84\xd9\x84\xd9\x87\x20\xd8\xb9\xd9\x84\xd9\x8a\xd9"
     "\x87\x20\xd9\x88\xd8\xb3\xd9\x84\xd9\x85"},
};

static void prepares(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice stored = {0}, query = {0}, again = {0};
        enum prep_err es = prep_sasl(&a, rows[i].in, PREP_STORED, &stored);
        enum prep_err eq = prep_sasl(&a, rows[i].in, PREP_QUERY, &query);
        if (es != rows[i].stored || eq != rows[i].query)
            fail_msg("row %zu: %d %d", i, (int)es, (int)eq);
        assert_slice(query, slice_cstr(rows[i].want));
        assert_slice(stored, es == PREP_OK ? query : (slice){0});
        if (eq == PREP_OK) {
            assert_int_equal(prep_sasl(&a, query, PREP_QUERY, &again), PREP_OK);
            assert_slice(again, query);
        }
        assert_true(prep_err_text(es).n > 0);
    }
    arena_release(&a);
}

static void has_bounds(void **state)
{
    (void)state;
    static char ligatures[1200], letters[1100];
    slice got = {0};
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(letters, 'x', sizeof letters);
    assert_int_equal(prep_sasl(&a, slice_of(letters, 1024), PREP_STORED, &got), PREP_OK);
    assert_int_equal(prep_sasl(&a, slice_of(letters, 1025), PREP_STORED, &got), PREP_TOO_LONG);
    for (size_t i = 0; i < 340; i++)
        memcpy(ligatures + 3 * i, "\xef\xb7\xba", 3);
    assert_int_equal(prep_sasl(&a, slice_of(ligatures, 1020), PREP_STORED, &got), PREP_TOO_LONG);
    arena_release(&a);
    for (size_t cap = 0; cap < 200; cap += 8) {
        struct arena small;
        slice untouched = {0};
        arena_init(&small, cap);
        enum prep_err e = prep_sasl(&small, SLICE_LIT("\xc3\xbc"), PREP_QUERY, &untouched);
        assert_true(e == PREP_NOMEM ? untouched.p == NULL : e == PREP_OK);
        arena_release(&small);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepares),
        cmocka_unit_test(has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
