#include "lib/base/test.h"
#include "lib/route/maildir_path.h"

#define STANDARD "/m/{domain}/{local}"
#define LONG_A                                                                                     \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaa"                                                                                          \
    "aaaaaa"

static const struct {
    const char *template, *domain, *local;
    enum maildir_path_err err;
    const char *path;
} rows[] = {
    {STANDARD, "example.org", "alice", 0, "/m/example.org/alice"},
    {STANDARD "/", "example.org", "alice", 0, "/m/example.org/alice"},
    {"/m/{local}@{domain}/Maildir", "e.org", "a", 0, "/m/a@e.org/Maildir"},
    {STANDARD, "example.org", "..", 0, "/m/example.org/%2e."},
    {STANDARD, "example.org", ".", 0, "/m/example.org/%2e"},
    {STANDARD, "example.org", ".hidden", 0, "/m/example.org/%2ehidden"},
    {STANDARD, "example.org", "a.b", 0, "/m/example.org/a.b"},
    {STANDARD, "example.org", "../../etc/passwd", 0, "/m/example.org/%2e.%2f..%2fetc%2fpasswd"},
    {STANDARD, "example.org", "/", 0, "/m/example.org/%2f"},
    {STANDARD, "example.org", "%2f", 0, "/m/example.org/%252f"},
    {STANDARD, "example.org", "a b", 0, "/m/example.org/a%20b"},
    {STANDARD, "example.org", "a:2,S", 0, "/m/example.org/a%3a2,S"},
    {STANDARD, "example.org", "a\nb\x7f", 0, "/m/example.org/a%0ab%7f"},
    {STANDARD, "example.org", "\\\"'`$*?~", 0, "/m/example.org/%5c%22%27%60%24%2a%3f~"},
    {STANDARD, "example.org", "{local}", 0, "/m/example.org/%7blocal%7d"},
    {STANDARD, "example.org", "\xc3\xbcnal", 0, "/m/example.org/\xc3\xbcnal"},
    {STANDARD, "example.org", "\xff\xc3", 0, "/m/example.org/%ff%c3"},
    {STANDARD, "example.org",
     "a\xe2\x80\xae"
     "b",
     0, "/m/example.org/a%e2%80%aeb"},
    {STANDARD, "[127.0.0.1]", "a", 0, "/m/%5b127.0.0.1%5d/a"},
    {STANDARD, "", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {STANDARD, "example.org", "", MAILDIR_PATH_TEMPLATE, NULL},
    {"m/{local}", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"/m/{local", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"/m/{user}", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"/m/}{local}", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"/m/../{local}", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"/m/./{local}", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    {"/m/{local}\n", "e.org", "a", MAILDIR_PATH_TEMPLATE, NULL},
    /* The template's own dot and an escaped value: no climbing whatever is put together. */
    {"/m/.{local}", "e.org", ".", 0, "/m/.%2e"},
    {"/m/{domain}", "e.org", "a", MAILDIR_PATH_SHARED, NULL},
    {"/m/{local}{local}{local}", "e.org", LONG_A, MAILDIR_PATH_TOO_LONG, NULL},
};

static void test_rows(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 8192);
    buf_adds(&out, "before");
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum maildir_path_err e =
            maildir_path(&out, slice_cstr(rows[i].template), slice_cstr(rows[i].domain),
                         slice_cstr(rows[i].local));

        if (e != rows[i].err)
            fail_msg("%s with %s: %d, want %d", rows[i].template, rows[i].local, (int)e,
                     (int)rows[i].err);
        if (e == MAILDIR_PATH_OK)
            assert_slice(slice_tail(buf_slice(&out), 6), slice_cstr(rows[i].path));
        else
            assert_int_equal(out.n, 6);
        out.n = 6;
    }
    buf_release(&out);
}

/* NUL and every other byte, alone and first: one component, never a dot name, and no two the same.
 */
static void test_every_byte(void **state)
{
    struct buf out[256];

    (void)state;
    for (size_t c = 0; c < 256; c++) {
        char local[2] = {(char)c, 'x'};

        buf_init(&out[c], 1024);
        assert_int_equal(maildir_path(&out[c], SLICE_LIT("/{local}"), SLICE_LIT("d"),
                                      slice_of(local, c % 2 == 0 ? 1 : 2)),
                         0);
        assert_true(out[c].n > 1 && out[c].p[1] != '.');
        assert_int_equal(slice_rfind(buf_slice(&out[c]), '/'), 0);
        assert_int_equal(slice_find(buf_slice(&out[c]), '\0'), out[c].n);
        for (size_t other = 0; other < c; other++)
            assert_false(slice_eq(buf_slice(&out[c]), buf_slice(&out[other])));
    }
    for (size_t c = 0; c < 256; c++)
        buf_release(&out[c]);
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(maildir_path_check(SLICE_LIT(STANDARD)), 0);
    assert_int_equal(maildir_path_check(SLICE_LIT("/m/{domain}")), MAILDIR_PATH_SHARED);
    assert_int_equal(maildir_path_check(SLICE_LIT("/m/../{local}")), MAILDIR_PATH_TEMPLATE);
    assert_int_equal(maildir_path_check(SLICE_LIT("~/{local}")), MAILDIR_PATH_TEMPLATE);
}

static void test_no_room(void **state)
{
    struct buf out;

    (void)state;
    for (size_t max = 0; max < 20; max++) {
        buf_init(&out, max);
        assert_int_equal(maildir_path(&out, SLICE_LIT(STANDARD), SLICE_LIT("example.org"),
                                      SLICE_LIT("alice")),
                         max < 20 ? MAILDIR_PATH_NO_ROOM : 0);
        assert_int_equal(out.n, 0);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
