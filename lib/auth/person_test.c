#include "lib/auth/person.h"

#include "lib/base/test.h"

static const struct {
    const char *text, *address;
    enum person_form form;
    const char *want;
} rows[] = {
    {"{local}", "alice@example.org", PERSON_PLAIN, "alice"},
    {"{domain}/{local}", "a@b@example.org", PERSON_PLAIN, "example.org/a@b"},
    {"{address}!", "alice", PERSON_PLAIN, "alice!"},
    {"{local}@{domain}", "alice", PERSON_PLAIN, "alice@"},
    {"{user} {", "alice", PERSON_PLAIN, "{user} {"},
    /* What is put in is not read again. */
    {"{local}", "{domain}@x", PERSON_PLAIN, "{domain}"},
    {"uid={local},dc=x", "alice@x", PERSON_DN, "uid=alice,dc=x"},
    {"uid={local},dc=x", "a,ou=admins@x", PERSON_DN, "uid=a\\2cou\\3dadmins,dc=x"},
    {"uid={local}", "# a+b\\ @x", PERSON_DN, "uid=\\23 a\\2bb\\5c\\20"},
    {"uid={local}", " @x", PERSON_DN, "uid=\\20"},
    {"uid={local}", "a\"<b>;\x7f@x", PERSON_DN, "uid=a\\22\\3cb\\3e\\3b\\7f"},
    {"uid={local}", "\xc3\xbc@x", PERSON_DN, "uid=\xc3\xbc"},
    {"(mail={address})", "alice@x", PERSON_FILTER, "(mail=alice@x)"},
    {"(mail={address})", "*)(uid=*@x", PERSON_FILTER, "(mail=\\2a\\29\\28uid=\\2a@x)"},
    {"(mail={local})", "a\\\x01@x", PERSON_FILTER, "(mail=a\\5c\\01)"},
};

static void prints(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 1024);
        person_print(&out, slice_cstr(rows[i].text), slice_cstr(rows[i].address), rows[i].form);
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
    struct buf out;
    buf_init(&out, 64);
    person_print(&out, SLICE_LIT("{local}"), SLICE_LIT("a\0b@x"), PERSON_FILTER);
    assert_slice(buf_slice(&out), SLICE_LIT("a\\00b"));
    buf_clear(&out);
    person_print(&out, SLICE_LIT("{local}"), SLICE_LIT("\0@x"), PERSON_DN);
    assert_slice(buf_slice(&out), SLICE_LIT("\\00"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(prints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
