#include "lib/base/ip.h"

#include "lib/base/test.h"

static void test_parse_and_print(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.256", NULL},
        {"01.2.3.4", NULL},
        {"1.2.3.4 ", NULL},
        {"1..3.4", NULL},
        {"1.2.3.1000", NULL},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
        {"1:2:3:4:5:6::", "1:2:3:4:5:6::"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::192.0.2.1", "::c000:201"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {":", NULL},
        {":::", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1:2:3:4:5:6:7::8", NULL},
        {"1::2::3", NULL},
        {"1:2:", NULL},
        {":1:2", NULL},
        {"12345::", NULL},
        {"g::", NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", NULL},
        {"::1.2.3.4:1", NULL},
        {"fe80::1%eth0", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip ip = {0};
        enum ip_err err = ip_parse(slice_cstr(rows[i].in), &ip);
        if ((err == IP_OK) != (rows[i].want != NULL))
            fail_msg("\"%s\": error %d", rows[i].in, err);
        if (rows[i].want == NULL)
            continue;
        struct buf out;
        buf_init(&out, 64);
        ip_print(&out, &ip);
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

static void test_nets(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum ip_err err;
        const char *want;
    } rows[] = {
        {"10.0.0.0/8", IP_OK, "10.0.0.0/8"},
        {"192.0.2.1", IP_OK, "192.0.2.1"},
        {"192.0.2.1/32", IP_OK, "192.0.2.1"},
        {"0.0.0.0/0", IP_OK, "0.0.0.0/0"},
        {"::/0", IP_OK, "::/0"},
        {"2001:db8::/33", IP_OK, "2001:db8::/33"},
        {"10.1.0.0/8", IP_HOST_BITS, "10.0.0.0/8"},
        {"192.0.2.3/31", IP_HOST_BITS, "192.0.2.2/31"},
        {"10.0.0.0/33", IP_BAD_BITS, ""},
        {"10.0.0.0/", IP_BAD_BITS, ""},
        {"::/129", IP_BAD_BITS, ""},
        {"10.0/8", IP_BAD, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip_net net = {0};
        struct buf out;
        buf_init(&out, 64);
        assert_int_equal(ip_net_parse(slice_cstr(rows[i].in), &net), rows[i].err);
        ip_net_print(&out, &net);
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

static struct ip ip_of(const char *text)
{
    struct ip ip = {0};
    assert_int_equal(ip_parse(slice_cstr(text), &ip), IP_OK);
    return ip;
}

static void test_has(void **state)
{
    (void)state;
    static const struct {
        const char *net;
        const char *ip;
        bool want;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.0/25", "192.0.2.127", true},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "::1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1", "::1", true},
        {"::1", "::2", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip_net net = {0};
        assert_int_equal(ip_net_parse(slice_cstr(rows[i].net), &net), IP_OK);
        struct ip ip = ip_of(rows[i].ip);
        if (ip_net_has(&net, &ip) != rows[i].want)
            fail_msg("%s in %s", rows[i].ip, rows[i].net);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    struct ip mapped = ip_of("::ffff:127.0.0.1"), v4 = ip_of("127.0.0.1"), far = ip_of("192.0.2.1");
    struct ip one = ip_of("::1"), any = ip_of("::");
    struct ip plain = ip_unmap(&mapped);
    assert_true(ip_eq(&plain, &v4));
    assert_true(ip_is_loopback(&mapped) && ip_is_loopback(&v4) && ip_is_loopback(&one));
    assert_false(ip_is_loopback(&far) || ip_is_loopback(&any) || ip_is_any(&far));
    assert_true(ip_is_any(&any));
    struct ip back;
    assert_true(ip_from_bytes(ip_bytes(&far), &back) && ip_eq(&back, &far));
    assert_false(ip_from_bytes(SLICE_LIT("abc"), &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_print),
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_has),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
