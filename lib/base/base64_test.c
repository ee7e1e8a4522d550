#include "lib/base/base64.h"

#include "lib/base/test.h"

/* RFC 4648 10. */
static const char *const pairs[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void both_ways(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        buf_clear(&b);
        base64_encode(&b, slice_cstr(pairs[i][0]));
        assert_slice(buf_slice(&b), slice_cstr(pairs[i][1]));
        buf_clear(&b);
        assert_int_equal(base64_decode(&b, slice_cstr(pairs[i][1])), BASE64_OK);
        assert_slice(buf_slice(&b), slice_cstr(pairs[i][0]));
    }
    buf_release(&b);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Zh==",   "Zm9=", "Zg==Zg==",
                                      "====", "Z===", "Zm 9", "Zm9v\n", "Zm9-"};
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(base64_decode(&b, slice_cstr(bad[i])), BASE64_BAD);
        assert_int_equal(b.n, 0);
    }
    buf_release(&b);
    buf_init(&b, 2);
    assert_int_equal(base64_decode(&b, SLICE_LIT("Zm9v")), BASE64_NO_ROOM);
    buf_release(&b);
}

/* RFC 7515 C. */
static void without_padding(void **state)
{
    (void)state;
    static const char *const bad[] = {"A",       "AA==",    "A-z/4ME", "A-z+4ME",
                                      "A-z_4MF", "A-z_4M=", "AB",      "A-z_4ME\n"};
    static const char want[] = {3, (char)236, (char)255, (char)224, (char)193};
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(base64url_decode(&b, SLICE_LIT("A-z_4ME")), BASE64_OK);
    assert_slice(buf_slice(&b), slice_of(want, sizeof want));
    assert_int_equal(base64url_decode(&b, SLICE_LIT("")), BASE64_OK);
    assert_int_equal(b.n, sizeof want);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(base64url_decode(&b, slice_cstr(bad[i])), BASE64_BAD);
    assert_int_equal(b.n, sizeof want);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_padding),
        cmocka_unit_test(both_ways),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
