#include "lib/base/test.h"

#include "lib/dns/name.h"

static void text_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum dns_err want;
        const char *out; /* NULL: as in */
    } rows[] = {
        {".", DNS_OK, NULL},
        {"example.org", DNS_OK, NULL},
        {"example.org.", DNS_OK, "example.org"},
        {"MX.Example.org", DNS_OK, NULL},
        {"a\\.b.example", DNS_OK, NULL},
        {"a\\046b.example", DNS_OK, "a\\.b.example"},
        {"sp\\032ace.example", DNS_OK, NULL},
        {"\\000\\255.example", DNS_OK, NULL},
        {"\\a.example", DNS_OK, "a.example"},
        {"q\\\"uote.example", DNS_OK, NULL},
        {"", DNS_BAD, NULL},
        {"..", DNS_BAD, NULL},
        {".a", DNS_BAD, NULL},
        {"a..b", DNS_BAD, NULL},
        {"a\\", DNS_BAD, NULL},
        {"a\\12", DNS_BAD, NULL},
        {"a\\256", DNS_BAD, NULL},
        {"a\\1x2", DNS_BAD, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name = {.n = 77}, again;
        struct buf b;
        buf_init(&b, DNS_NAME_TEXT_MAX);
        assert_int_equal(dns_name_parse(slice_cstr(rows[i].in), &name), rows[i].want);
        if (rows[i].want == DNS_OK) {
            dns_name_print(&b, &name);
            assert_slice(buf_slice(&b), slice_cstr(rows[i].out == NULL ? rows[i].in : rows[i].out));
            assert_int_equal(dns_name_parse(buf_slice(&b), &again), DNS_OK);
            assert_true(dns_name_eq(&name, &again));
            size_t at = 0;
            assert_int_equal(dns_name_read(slice_of(name.wire, name.n), &at, &again), DNS_OK);
            assert_int_equal(at, name.n);
            assert_memory_equal(&name.wire, &again.wire, name.n);
        } else {
            assert_int_equal(name.n, 77);
        }
        buf_release(&b);
    }
}

static void lengths(void **state)
{
    (void)state;
    char text[300];
    struct dns_name name;
    memset(text, 'a', sizeof text);
    assert_int_equal(dns_name_parse(slice_of(text, 63), &name), DNS_OK);
    assert_int_equal(dns_name_parse(slice_of(text, 64), &name), DNS_TOO_LONG);
    for (size_t i = 63; i < sizeof text; i += 64)
        text[i] = '.';
    /* 253 letters and dots are 255 bytes. */
    assert_int_equal(dns_name_parse(slice_of(text, 253), &name), DNS_OK);
    assert_int_equal(name.n, 255);
    assert_int_equal(dns_name_parse(slice_of(text, 254), &name), DNS_TOO_LONG);
    assert_int_equal(dns_name_parse(slice_of(text, 255), &name), DNS_TOO_LONG);
    assert_int_equal(dns_name_parse(slice_of(text, 256), &name), DNS_TOO_LONG);
}

static void pointers(void **state)
{
    (void)state;
    static const struct {
        slice message;
        size_t at;
        enum dns_err want;
        const char *out;
        size_t end;
    } rows[] = {
        {SLICE_LIT("\1a\0\1b\xc0\0x"), 3, DNS_OK, "b.a", 7},
        {SLICE_LIT("\1a\0\xc0\0\1b\xc0\3"), 5, DNS_OK, "b.a", 9},
        {SLICE_LIT("\1a\xc0\0"), 0, DNS_BAD, NULL, 0}, /* to itself */
        {SLICE_LIT("\xc0\0"), 0, DNS_BAD, NULL, 0},
        {SLICE_LIT("\xc0\2\xc0\0"), 2, DNS_BAD, NULL, 0},     /* in a circle */
        {SLICE_LIT("\1a\xc0\5\0\1b\0"), 0, DNS_BAD, NULL, 0}, /* forwards */
        {SLICE_LIT("\1a"), 0, DNS_SHORT, NULL, 0},
        {SLICE_LIT("\5ab"), 0, DNS_SHORT, NULL, 0},
        {SLICE_LIT("\0\xc0"), 1, DNS_SHORT, NULL, 0},
        {SLICE_LIT(""), 0, DNS_SHORT, NULL, 0},
        {SLICE_LIT("\x41xx\0"), 0, DNS_BAD, NULL, 0},
        {SLICE_LIT("\x80xx\0"), 0, DNS_BAD, NULL, 0},
        {SLICE_LIT("x"), 9, DNS_SHORT, NULL, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name;
        size_t at = rows[i].at;
        assert_int_equal(dns_name_read(rows[i].message, &at, &name), rows[i].want);
        if (rows[i].want != DNS_OK) {
            assert_int_equal(at, rows[i].at);
            continue;
        }
        struct buf b;
        buf_init(&b, DNS_NAME_TEXT_MAX);
        dns_name_print(&b, &name);
        assert_slice(buf_slice(&b), slice_cstr(rows[i].out));
        assert_int_equal(at, rows[i].end);
        buf_release(&b);
    }
    /* Too long by way of pointers. */
    char m[600];
    size_t n = 0;
    for (int i = 0; i < 5; i++) {
        m[n++] = 60;
        memset(m + n, 'a', 60);
        n += 60;
        if (i == 0) {
            m[n++] = 0;
        } else {
            size_t to = i == 1 ? 0 : 62 + 63 * (size_t)(i - 2);
            m[n++] = (char)(0xc0 | to >> 8);
            m[n++] = (char)to;
        }
    }
    struct dns_name name;
    size_t at = 62 + 63 * 2;
    assert_int_equal(dns_name_read(slice_of(m, n), &at, &name), DNS_OK);
    assert_int_equal(name.n, 4 * 61 + 1);
    at = 62 + 63 * 3;
    assert_int_equal(dns_name_read(slice_of(m, n), &at, &name), DNS_TOO_LONG);
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"mx.example.org", true},
        {"localhost", true},
        {"a_b.example", true},
        {"1.2.3.example", true},
        {"3com.example", true},
        {"xn--bcher-kva.example", true},
        {".", false},
        {"192.0.2.1", false},
        {"-a.example", false},
        {"a-.example", false},
        {"a\\032b.example", false},
        {"a\\010b.example", false},
        {"a\\.b.example", false},
        {"b\\252cher.example", false},
        {"*.example", false},
        {"a.-", false},
        {"\\000.example", false},
        {"a<b>.example", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_name name;
        assert_int_equal(dns_name_parse(slice_cstr(rows[i].in), &name), DNS_OK);
        if (dns_name_is_host(&name) != rows[i].want)
            fail_msg("%s", rows[i].in);
    }
}

static void reverse(void **state)
{
    (void)state;
    static const struct {
        const char *ip, *want;
    } rows[] = {
        {"192.0.2.10", "10.2.0.192.in-addr.arpa"},
        {"2001:db8::567:89ab",
         "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip ip;
        struct dns_name name;
        struct buf b;
        buf_init(&b, DNS_NAME_TEXT_MAX);
        assert_int_equal(ip_parse(slice_cstr(rows[i].ip), &ip), IP_OK);
        dns_name_reverse(&ip, &name);
        dns_name_print(&b, &name);
        assert_slice(buf_slice(&b), slice_cstr(rows[i].want));
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_both_ways), cmocka_unit_test(lengths), cmocka_unit_test(pointers),
        cmocka_unit_test(hosts),          cmocka_unit_test(reverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
