#include "lib/base/test.h"

#include "src/resolver/servers.h"

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"nameserver 192.0.2.1\n", "192.0.2.1 "},
        {"# x\nsearch example.org\n nameserver\t2001:db8::1  # there\nnameserver 192.0.2.2",
         "2001:db8::1 192.0.2.2 "},
        {"nameserver\nnameserver x\nnameserver192.0.2.1\nnameserver fe80::1%eth0\n", ""},
        {"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver "
         "192.0.2.4\n",
         "192.0.2.1 192.0.2.2 192.0.2.3 "},
        {";nameserver 192.0.2.1\n", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct engine_server server[3];
        struct buf b;
        buf_init(&b, 1000);
        size_t n = servers_of_resolv_conf(slice_cstr(rows[i].text), server, COUNT(server));
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(server[k].port, 53);
            ip_print(&b, &server[k].ip);
            buf_addc(&b, ' ');
        }
        assert_slice(buf_slice(&b), slice_cstr(rows[i].want));
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
