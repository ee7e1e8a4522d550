#include "lib/smtp/address.h"

#include "lib/base/test.h"

#define X10 "abcdefghij"
#define X60 X10 X10 X10 X10 X10 X10

typedef enum path_err path_taker(slice *, bool, struct path *);

struct row {
    const char *in;
    enum path_err want;
    const char *text;
    const char *domain;
    const char *rest;
};

/* PATH_NEEDS_SMTPUTF8 in want: with smtputf8 it is PATH_OK. */
static void run(path_taker *take, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (int smtputf8 = 0; smtputf8 < 2; smtputf8++) {
            slice in = slice_cstr(rows[i].in), rest = in;
            struct path path = {.text = SLICE_LIT("untouched")};
            enum path_err want = rows[i].want, got = take(&rest, smtputf8 != 0, &path);
            if (want == PATH_NEEDS_SMTPUTF8 && smtputf8 != 0)
                want = PATH_OK;
            if (got != want)
                fail_msg("%s: %s, want %s", rows[i].in, path_err_name(got), path_err_name(want));
            assert_slice(rest, want == PATH_OK ? slice_cstr(rows[i].rest) : in);
            assert_slice(path.text,
                         want == PATH_OK ? slice_cstr(rows[i].text) : SLICE_LIT("untouched"));
            if (want != PATH_OK)
                continue;
            assert_slice(path.domain, slice_cstr(rows[i].domain));
            assert_int_equal(path.is_utf8, rows[i].want == PATH_NEEDS_SMTPUTF8);
            assert_int_equal(path.is_null, rows[i].text[0] == '\0');
            assert_int_equal(path.is_quoted, rows[i].text[0] == '"');
            assert_int_equal(path.is_literal, rows[i].domain[0] == '[');
            assert_int_equal(path.has_route, rows[i].in[0] == '<' && rows[i].in[1] == '@');
        }
}

static void reads_forward_paths(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<a@b.example>", PATH_OK, "a@b.example", "b.example", ""},
        {"<a@b.example> NOTIFY=NEVER", PATH_OK, "a@b.example", "b.example", " NOTIFY=NEVER"},
        {"<Postmaster>", PATH_OK, "Postmaster", "", ""},
        {"<postMASTER>", PATH_OK, "postMASTER", "", ""},
        {"<postmaster@b>", PATH_OK, "postmaster@b", "b", ""},
        {"<postmasters>", PATH_NO_DOMAIN, 0, 0, 0},
        {"<@x.example,@y.example:a@b>", PATH_OK, "a@b", "b", ""},
        {"<@x:a@b>", PATH_OK, "a@b", "b", ""},
        {"<@x,y:a@b>", PATH_BAD_ROUTE, 0, 0, 0},
        {"<@x>", PATH_BAD_ROUTE, 0, 0, 0},
        {"<@x:>", PATH_BAD_LOCAL, 0, 0, 0},
        {"<\"a b\\\"@\"@b>", PATH_OK, "\"a b\\\"@\"@b", "b", ""},
        {"<\"a>\"@b>", PATH_OK, "\"a>\"@b", "b", ""},
        {"<\"\xc3\xa4\"@b>", PATH_NEEDS_SMTPUTF8, "\"\xc3\xa4\"@b", "b", ""},
        {"<\"\\\\\xc3\xa4\"@b>", PATH_NEEDS_SMTPUTF8, "\"\\\\\xc3\xa4\"@b", "b", ""},
        {"<\"\\\xc3\xa4\"@b>", PATH_BAD_LOCAL, 0, 0, 0},
        {"<\xe0\xa4\xae@\xc3\xa4.example>", PATH_NEEDS_SMTPUTF8, "\xe0\xa4\xae@\xc3\xa4.example",
         "\xc3\xa4.example", ""},
        {"<\xc3@b>", PATH_BAD_UTF8, 0, 0, 0},
        {"<a@\xed\xa0\x80>", PATH_BAD_UTF8, 0, 0, 0},
        {"<a@[192.0.2.1]>", PATH_OK, "a@[192.0.2.1]", "[192.0.2.1]", ""},
        {"<a@[IPv6:2001:db8::1]>", PATH_OK, "a@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", ""},
        {"<a@[x-y:z]>", PATH_OK, "a@[x-y:z]", "[x-y:z]", ""},
        {"<a@[x-:z]>", PATH_BAD_LITERAL, 0, 0, 0},
        {"<a@[192.0.2.1>", PATH_BAD_LITERAL, 0, 0, 0},
        {"<a@[192.0.2.1]x>", PATH_BAD_LITERAL, 0, 0, 0},
        {"", PATH_EMPTY, 0, 0, 0},
        {" <a@b>", PATH_EMPTY, 0, 0, 0},
        {"a@b", PATH_NO_BRACKETS, 0, 0, 0},
        {"<>", PATH_NULL, 0, 0, 0},
        {"<a@b", PATH_UNCLOSED, 0, 0, 0},
        {"<a@b ", PATH_UNCLOSED, 0, 0, 0},
        {"<a>", PATH_NO_DOMAIN, 0, 0, 0},
        {"<a@>", PATH_NO_DOMAIN, 0, 0, 0},
        {"<.a@b>", PATH_BAD_LOCAL, 0, 0, 0},
        {"<a..c@b>", PATH_BAD_LOCAL, 0, 0, 0},
        {"<a.@b>", PATH_BAD_LOCAL, 0, 0, 0},
        {"<a b@c>", PATH_NO_DOMAIN, 0, 0, 0},
        {"<a,b@c>", PATH_BAD_LOCAL, 0, 0, 0},
        {"<a@b.>", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<a@-b>", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<a@b->", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<a@b..c>", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<a@b_c>", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<a@b@c>", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<" X60 "1234@b>", PATH_OK, X60 "1234@b", "b", ""},
        {"<" X60 "12345@b>", PATH_LOCAL_TOO_LONG, 0, 0, 0},
        {"<a@" X60 "123>", PATH_OK, "a@" X60 "123", X60 "123", ""},
        {"<a@" X60 "1234>", PATH_BAD_DOMAIN, 0, 0, 0},
        {"<a@" X60 "." X60 "." X60 "." X60 ".12345678>", PATH_OK,
         "a@" X60 "." X60 "." X60 "." X60 ".12345678", X60 "." X60 "." X60 "." X60 ".12345678", ""},
        {"<a@" X60 "." X60 "." X60 "." X60 ".123456789>", PATH_TOO_LONG, 0, 0, 0},
        {"<a@" X60 "." X60 "." X60 "." X60 "." X60 ">", PATH_DOMAIN_TOO_LONG, 0, 0, 0},
    };
    run(take_forward_path, rows, COUNT(rows));
}

static void reads_reverse_paths(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<>", PATH_OK, "", "", ""},
        {"<> BODY=8BITMIME", PATH_OK, "", "", " BODY=8BITMIME"},
        {"<a@b>", PATH_OK, "a@b", "b", ""},
        {"<Postmaster>", PATH_NO_DOMAIN, 0, 0, 0},
        {"<" X60 "12345@b>", PATH_OK, X60 "12345@b", "b", ""},
        {"<" X60 X60 X60 X60 "=" X10 "@bc>", PATH_OK, X60 X60 X60 X60 "=" X10 "@bc", "bc", ""},
        {"<" X60 X60 X60 X60 "=" X10 "@bcd>", PATH_TOO_LONG, 0, 0, 0},
        {"a@b", PATH_NO_BRACKETS, 0, 0, 0},
        {"<", PATH_BAD_LOCAL, 0, 0, 0},
    };
    run(take_reverse_path, rows, COUNT(rows));
}

static void reads_bare_mailboxes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a@b SIZE=1", PATH_OK, "a@b", "b", " SIZE=1"},
        {"a@b", PATH_OK, "a@b", "b", ""},
        {"a", PATH_NO_DOMAIN, 0, 0, 0},
        {"", PATH_EMPTY, 0, 0, 0},
    };
    run(take_mailbox, rows, COUNT(rows));
    struct path path;
    assert_int_equal(mailbox_parse(SLICE_LIT("a@b "), true, &path), PATH_BAD_DOMAIN);
    assert_int_equal(mailbox_parse(SLICE_LIT("a@b"), true, &path), PATH_OK);
    assert_slice(path.local, SLICE_LIT("a"));
}

static void reads_what_clients_call_themselves(void **state)
{
    (void)state;
    static const struct {
        slice in;
        enum path_err strict, tolerant;
        bool is_literal;
    } rows[] = {
        {SLICE_LIT("mx.example.org"), PATH_OK, PATH_OK, false},
        {SLICE_LIT("[192.0.2.1]"), PATH_OK, PATH_OK, true},
        {SLICE_LIT("[IPv6:::]"), PATH_OK, PATH_OK, true},
        {SLICE_LIT("b\xc3\xbc.example"), PATH_OK, PATH_OK, false},
        {SLICE_LIT("192.0.2.1"), PATH_OK, PATH_OK, false},
        {SLICE_LIT("my_pc"), PATH_BAD_DOMAIN, PATH_OK, false},
        {SLICE_LIT("a..b"), PATH_BAD_DOMAIN, PATH_OK, false},
        {SLICE_LIT("[oops"), PATH_BAD_LITERAL, PATH_OK, false},
        {SLICE_LIT("a\r(b)"), PATH_BAD_DOMAIN, PATH_BAD_DOMAIN, false},
        {SLICE_LIT("a\xff"), PATH_BAD_UTF8, PATH_BAD_UTF8, false},
        {SLICE_LIT(""), PATH_EMPTY, PATH_EMPTY, false},
        {SLICE_LIT("a\0b"), PATH_BAD_DOMAIN, PATH_BAD_DOMAIN, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct domain domain;
        slice rest = rows[i].in;
        assert_int_equal(take_domain(&rest, true, &domain), rows[i].strict);
        assert_int_equal(rest.n, rows[i].strict == PATH_OK ? 0 : rows[i].in.n);
        rest = rows[i].in;
        assert_int_equal(take_domain_tolerant(&rest, &domain), rows[i].tolerant);
        assert_int_equal(rest.n, rows[i].tolerant == PATH_OK ? 0 : rows[i].in.n);
        if (rows[i].tolerant == PATH_OK) {
            assert_slice(domain.text, rows[i].in);
            assert_int_equal(domain.is_strict, rows[i].strict == PATH_OK);
            assert_int_equal(domain.is_literal, rows[i].is_literal);
        }
    }
}

static void knows_literals(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum literal_kind want;
        const char *print;
    } rows[] = {
        {"[192.0.2.1]", LITERAL_IPV4, "[192.0.2.1]"},
        {"[ipv6:2001:DB8:0::1]", LITERAL_IPV6, "[IPv6:2001:db8::1]"},
        {"[IPv6:::ffff:192.0.2.1]", LITERAL_IPV6, "[IPv6:::ffff:192.0.2.1]"},
        {"[IPv6:1:2:3:4:5:6:7::]", LITERAL_NONE, 0},
        {"[IPv6:192.0.2.1]", LITERAL_NONE, 0},
        {"[2001:db8::1]", LITERAL_NONE, 0},
        {"[X400:c=de]", LITERAL_GENERAL, 0},
        {"[]", LITERAL_NONE, 0},
        {"192.0.2.1", LITERAL_NONE, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip ip;
        assert_int_equal(literal_parse(slice_cstr(rows[i].in), &ip), rows[i].want);
        if (rows[i].print == NULL)
            continue;
        struct buf out;
        buf_init(&out, 100);
        literal_print(&out, &ip);
        assert_slice(buf_slice(&out), slice_cstr(rows[i].print));
        buf_release(&out);
    }
}

static void quotes_and_dequotes(void **state)
{
    (void)state;
    static const struct {
        slice local, name, print;
    } rows[] = {
        {SLICE_LIT("a.b"), SLICE_LIT("a.b"), SLICE_LIT("a.b")},
        {SLICE_LIT("\"a.b\""), SLICE_LIT("a.b"), SLICE_LIT("a.b")},
        {SLICE_LIT("\"\\a\\\"\\\\ \""), SLICE_LIT("a\"\\ "), SLICE_LIT("\"a\\\"\\\\ \"")},
        {SLICE_LIT("\"\""), SLICE_LIT(""), SLICE_LIT("\"\"")},
        {SLICE_LIT("\".a\""), SLICE_LIT(".a"), SLICE_LIT("\".a\"")},
        {SLICE_LIT("\xc3\xa4"), SLICE_LIT("\xc3\xa4"), SLICE_LIT("\xc3\xa4")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf name, print;
        buf_init(&name, 100);
        buf_init(&print, 100);
        local_dequote(&name, rows[i].local);
        assert_slice(buf_slice(&name), rows[i].name);
        assert_true(local_print(&print, buf_slice(&name)));
        assert_slice(buf_slice(&print), rows[i].print);
        buf_clear(&print);
        assert_false(local_print(&print, SLICE_LIT("a\nb")));
        assert_false(local_print(&print, SLICE_LIT("a\xff")));
        assert_int_equal(print.n, 0);
        buf_release(&name);
        buf_release(&print);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_forward_paths),
        cmocka_unit_test(reads_reverse_paths),
        cmocka_unit_test(reads_bare_mailboxes),
        cmocka_unit_test(reads_what_clients_call_themselves),
        cmocka_unit_test(knows_literals),
        cmocka_unit_test(quotes_and_dequotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
