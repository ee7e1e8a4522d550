#include "lib/base/url.h"

#include "lib/base/test.h"

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        bool is_https, is_private;
        uint8_t family;
        uint16_t port;
        const char *path;
    } rows[] = {
        {"https://id.example.org", "id.example.org", true, true, IP_NONE, 443, ""},
        {"HTTPS://id.example.org/", "id.example.org", true, true, IP_NONE, 443, "/"},
        {"https://id.example:8443/a/b?c=d&e=%20", "id.example", true, true, IP_NONE, 8443,
         "/a/b?c=d&e=%20"},
        {"https://a_b.example?x", "a_b.example", true, true, IP_NONE, 443, "?x"},
        {"https://192.0.2.1/x", "192.0.2.1", true, true, IP_V4, 443, "/x"},
        {"https://[2001:db8::1]:1/", "2001:db8::1", true, true, IP_V6, 1, "/"},
        {"http://127.0.0.1:8080/x", "127.0.0.1", false, true, IP_V4, 8080, "/x"},
        {"http://[::1]/", "::1", false, true, IP_V6, 80, "/"},
        {"http://localhost/", "localhost", false, false, IP_NONE, 80, "/"},
        {"http://192.0.2.1/", "192.0.2.1", false, false, IP_V4, 80, "/"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct url u;
        assert_int_equal(url_read(slice_cstr(rows[i].text), &u), URL_OK);
        assert_slice(u.host, slice_cstr(rows[i].host));
        assert_int_equal(u.is_https, rows[i].is_https);
        assert_int_equal(url_is_private(&u), rows[i].is_private);
        assert_int_equal(u.ip.family, rows[i].family);
        assert_int_equal(u.port, rows[i].port);
        assert_slice(u.path, slice_cstr(rows[i].path));
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum url_err want;
    } rows[] = {
        {"", URL_BAD_SCHEME},
        {"id.example.org", URL_BAD_SCHEME},
        {"file:///etc/passwd", URL_BAD_SCHEME},
        {"https:/id.example", URL_BAD_SCHEME},
        {"https://", URL_BAD_HOST},
        {"https:///x", URL_BAD_HOST},
        {"https://a..b/", URL_BAD_HOST},
        {"https://a./", URL_BAD_HOST},
        {"https://user@id.example/", URL_BAD_HOST},
        {"https://id.example:443@evil.example/", URL_BAD_PORT},
        {"https://127.1/", URL_BAD_HOST},
        {"https://192.0.2.256/", URL_BAD_HOST},
        {"https://[192.0.2.1]/", URL_BAD_HOST},
        {"https://[::1", URL_BAD_HOST},
        {"https://[::1]x/", URL_BAD_HOST},
        {"https://b\xc3\xbc.example/", URL_BAD_HOST},
        {"https://a\\b/", URL_BAD_HOST},
        {"https://a:/", URL_BAD_PORT},
        {"https://a:0/", URL_BAD_PORT},
        {"https://a:65536/", URL_BAD_PORT},
        {"https://a/#x", URL_BAD_PATH},
        {"https://a#x", URL_BAD_PATH},
        {"https://a/ b", URL_BAD_PATH},
        {"https://a/\r\nX: y", URL_BAD_PATH},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct url u = {.port = 7};
        assert_int_equal(url_read(slice_cstr(rows[i].text), &u), rows[i].want);
        assert_int_equal(u.port, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
