#include "lib/smtp/proxy.h"

#include "lib/base/test.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define ROW(bytes) bytes, sizeof(bytes) - 1

static const struct {
    const char *in;
    size_t n;
    enum proxy_event want;
    const char *source, *destination; /* NULL: is_local */
    unsigned source_port, destination_port;
    size_t left; /* bytes behind the header */
} rows[] = {
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\nEHLO"), PROXY_DONE, "192.0.2.1",
     "198.51.100.7", 56324, 25, 4},
    {ROW("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), PROXY_DONE, "2001:db8::1",
     "2001:db8::2", 0, 65535, 0},
    {ROW("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:"
         "ffff 65535 65535\r\n"),
     PROXY_DONE, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 65535, 0},
    {ROW("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n"), PROXY_DONE, "192.0.2.1",
     "192.0.2.2", 1, 2, 0},
    {ROW("PROXY UNKNOWN\r\n"), PROXY_DONE, NULL, NULL, 0, 0, 0},
    {ROW("PROXY UNKNOWN any words at all\r\nx"), PROXY_DONE, NULL, NULL, 0, 0, 1},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25"), PROXY_MORE, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 025\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25 \r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25 1\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 192.0.2.1  198.51.100.7 56324 25\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY \r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("proxy TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("EHLO a.example\r\n"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("\x16\x03\x01"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW("PROXY UNKNOWN 12345678901234567890123456789012345678901234567890123456789012345678901234"
         "567890123456789012345678901234567890"),
     PROXY_BAD, NULL, NULL, 0, 0, 0},

    {ROW(V2 "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\0\x19"
            "EHLO"),
     PROXY_DONE, "192.0.2.1", "198.51.100.7", 56324, 25, 4},
    {ROW(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0"
            "\0\0\0\0\x02\0\x01\0\x02"),
     PROXY_DONE, "2001:db8::1", "2001:db8::2", 1, 2, 0},
    {ROW(V2 "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\xff\xff"
            "\xc0\0\x02\x02\0\x01\0\x02"),
     PROXY_DONE, "192.0.2.1", "192.0.2.2", 1, 2, 0},
    {ROW(V2 "\x21\x11\0\x2f\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\0\x19\x04\0\x20"
            "abcdefghijklmnopqrstuvwxyzabcdefE"),
     PROXY_DONE, "192.0.2.1", "198.51.100.7", 56324, 25, 1},
    {ROW(V2 "\x20\0\0\0x"), PROXY_DONE, NULL, NULL, 0, 0, 1},
    {ROW(V2 "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\0\x19"), PROXY_DONE, NULL, NULL,
     0, 0, 0},
    {ROW(V2 "\x21\0\0\x03"
            "abc"),
     PROXY_DONE, NULL, NULL, 0, 0, 0},
    {ROW(V2 "\x21\x31\0\x01"
            "a"),
     PROXY_DONE, NULL, NULL, 0, 0, 0},
    {ROW(V2 "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\0"), PROXY_BAD, NULL, NULL, 0, 0,
     0},
    {ROW(V2 "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\0\x19"), PROXY_BAD, NULL, NULL, 0,
     0, 0},
    {ROW(V2 "\x21\x41\0\0"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW(V2 "\x22\x11\0\0"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW(V2 "\x11\x11\0\0"), PROXY_BAD, NULL, NULL, 0, 0, 0},
    {ROW(V2 "\x21\x11\xff\xff"), PROXY_MORE, NULL, NULL, 0, 0, 0},
    {ROW("\r\n\r\n\0\r\nQUIX"), PROXY_BAD, NULL, NULL, 0, 0, 0},
};

static void check_ip(const struct ip *ip, const char *want)
{
    struct buf out;
    buf_init(&out, 64);
    if (want != NULL)
        ip_print(&out, ip);
    assert_slice(buf_slice(&out), slice_cstr(want == NULL ? "" : want));
    buf_release(&out);
}

/* However the bytes are cut. */
static void reads_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t piece = 1; piece <= rows[i].n; piece++) {
            struct proxy_reader r;
            struct proxy_header h = {.source_port = 7};
            enum proxy_event event = PROXY_MORE;
            slice all = slice_of(rows[i].in, rows[i].n), in = {0};
            proxy_reader_init(&r);
            while (event == PROXY_MORE && all.n > 0) {
                in = slice_head(all, piece);
                event = proxy_take(&r, &in, &h);
                assert_true(event != PROXY_MORE || in.n == 0);
                all = slice_tail(all, (all.n < piece ? all.n : piece) - in.n);
            }
            assert_int_equal(event, rows[i].want);
            if (event != PROXY_DONE) {
                assert_int_equal(h.source_port, 7);
                continue;
            }
            assert_int_equal(all.n, rows[i].left);
            assert_int_equal(h.is_local, rows[i].source == NULL);
            check_ip(&h.source, rows[i].source);
            check_ip(&h.destination, rows[i].destination);
            assert_int_equal(h.source_port, rows[i].source_port);
            assert_int_equal(h.destination_port, rows[i].destination_port);
        }
}

/* 64 KiB of extensions take no memory and end where they say. */
static void passes_over_extensions(void **state)
{
    (void)state;
    static char in[PROXY_V2_HEAD_BYTES + 65535 + 1];
    struct proxy_reader r;
    struct proxy_header h;
    memcpy(in, V2 "\x21\x11\xff\xff\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\0\x19", 28);
    slice rest = slice_of(in, sizeof in);
    proxy_reader_init(&r);
    assert_int_equal(proxy_take(&r, &rest, &h), PROXY_DONE);
    assert_int_equal(rest.n, 1);
    assert_int_equal(h.source_port, 56324);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers),
        cmocka_unit_test(passes_over_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
