/* The 164 cases of isemail (tests/vectors/address) as paths of RCPT. */
#include "lib/base/test.h"
#include "lib/smtp/address.h"

enum category {
    ISEMAIL_VALID_CATEGORY,
    ISEMAIL_DNSWARN,
    ISEMAIL_RFC5321,
    ISEMAIL_CFWS,
    ISEMAIL_DEPREC,
    ISEMAIL_RFC5322,
    ISEMAIL_ERR,
};

static const struct {
    unsigned id;
    enum category category;
    slice address;
} cases[] = {
#include "isemail_cases.h"
};

/* RFC 5321 4.1.2 has no comments and no folding, and its quoted strings no control characters. */
static bool is_a_path(enum category category)
{
    return category <= ISEMAIL_RFC5321;
}

static void judges_as_isemail_does(void **state)
{
    (void)state;
    assert_int_equal(COUNT(cases), 164);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf in, out;
        buf_init(&in, 1000);
        buf_init(&out, 1000);
        buf_addf(&in, "<%.*s>", SLICE_ARG(cases[i].address));
        slice rest = buf_slice(&in);
        struct path path;
        enum path_err err = take_forward_path(&rest, false, &path);
        bool accepted = err == PATH_OK && rest.n == 0;
        if (accepted != is_a_path(cases[i].category))
            fail_msg("case %u <%.*s>: %s", cases[i].id, SLICE_ARG(cases[i].address),
                     path_err_name(err));
        if (accepted) {
            path_print(&out, &path);
            assert_slice(buf_slice(&out), buf_slice(&in));
            assert_int_equal(mailbox_parse(cases[i].address, false, &path), PATH_OK);
        }
        buf_release(&in);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(judges_as_isemail_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
