#include "lib/base/test.h"

#include "cli/listing.h"

/* A sender's address comes from anybody (RFC 6531), and ends up in `candor queue list`. */
static void test_nothing_steers_the_terminal(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"plain", "plain"},
        {"\x1b[31mred", "?[31mred"},
        {"\xc2\x9b"
         "31m",
         "?31m"},
        {"a\nb\x7f", "a?b?"},
        {"\xe2\x80\xae"
         "cba\xe2\x81\xa6",
         "?cba?"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe0\xa4\xb9", "\xe0\xa4\xb9"},
        {"\xff\xc3", "??"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 100);
        listing_plain(&out, slice_cstr(rows[i].text));
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_steers_the_terminal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
