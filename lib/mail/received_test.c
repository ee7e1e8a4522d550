#include "lib/mail/received.h"

#include "lib/base/test.h"
#include "lib/mail/header.h"

static struct ip ip_of(const char *text)
{
    struct ip ip = {0};
    if (text[0] != '\0')
        assert_int_equal(ip_parse(slice_cstr(text), &ip), IP_OK);
    return ip;
}

static void prints(void **state)
{
    (void)state;
    static const struct {
        struct received facts;
        const char *ip;
        const char *want;
    } rows[] = {
        {{.helo = SLICE_LIT("mx.example.org"),
          .client_name = SLICE_LIT("mx1.example.org"),
          .by = SLICE_LIT("here.example"),
          .is_extended = true,
          .is_tls = true,
          .tls_version = SLICE_LIT("TLSv1.3"),
          .tls_cipher = SLICE_LIT("TLS_AES_256_GCM_SHA384"),
          .tls_bits = 256,
          .id = SLICE_LIT("06hc2zkq0001g"),
          .recipient = SLICE_LIT("alice@here.example"),
          .at = 1795309947},
         "192.0.2.1",
         "Received: from mx.example.org (mx1.example.org [192.0.2.1]) by here.example\r\n"
         "\twith ESMTPS (version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256)\r\n"
         "\tid 06hc2zkq0001g for <alice@here.example>; Sun, 22 Nov 2026 01:12:27 +0000\r\n"},
        {{.helo = SLICE_LIT("[192.0.2.1]"), .by = SLICE_LIT("h"), .at = 1795309947},
         "2001:db8::1",
         "Received: from [192.0.2.1] ([IPv6:2001:db8::1]) by h with SMTP;\r\n"
         "\tSun, 22 Nov 2026 01:12:27 +0000\r\n"},
        {{.helo = SLICE_LIT("x)\r\nSubject: (pwned\\"), .by = SLICE_LIT("h"), .at = 1795309947},
         "192.0.2.1",
         "Received: from [192.0.2.1] ([192.0.2.1])\r\n"
         "\t(helo=x%29%0d%0aSubject:%20%28pwned%5c) by h with SMTP;\r\n"
         "\tSun, 22 Nov 2026 01:12:27 +0000\r\n"},
        {{.helo = SLICE_LIT(""),
          .client_name = SLICE_LIT("a b)"),
          .by = SLICE_LIT("h"),
          .recipient = SLICE_LIT("a@b>\r\nX: y"),
          .is_lmtp = true,
          .at = 0},
         "",
         "Received: from unknown by h with LMTP; Thu, 1 Jan 1970 00:00:00 +0000\r\n"},
        {{.helo = SLICE_LIT("\xc3\xa4.example"),
          .by = SLICE_LIT("h"),
          .recipient = SLICE_LIT("\xc3\xa4@b"),
          .is_extended = true},
         "192.0.2.1",
         "Received: from [192.0.2.1] ([192.0.2.1]) (helo=%c3%a4.example) by h\r\n"
         "\twith ESMTP; Thu, 1 Jan 1970 00:00:00 +0000\r\n"},
        {{.helo = SLICE_LIT("\xc3\xa4.example"),
          .by = SLICE_LIT("h"),
          .recipient = SLICE_LIT("\xc3\xa4@b"),
          .is_extended = true,
          .is_utf8 = true},
         "192.0.2.1",
         "Received: from \xc3\xa4.example ([192.0.2.1]) by h with UTF8SMTP for <\xc3\xa4@b>;\r\n"
         "\tThu, 1 Jan 1970 00:00:00 +0000\r\n"},
        {{.helo = SLICE_LIT("h"), .by = SLICE_LIT("h"), .recipient = SLICE_LIT("Postmaster")},
         "192.0.2.1",
         "Received: from h ([192.0.2.1]) by h with SMTP for <Postmaster>;\r\n"
         "\tThu, 1 Jan 1970 00:00:00 +0000\r\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct received facts = rows[i].facts;
        facts.ip = ip_of(rows[i].ip);
        struct buf out;
        buf_init(&out, 2000);
        buf_adds(&out, "X: y\r\n");
        received_print(&out, &facts);
        slice got = slice_tail(buf_slice(&out), 6);
        assert_slice(got, slice_cstr(rows[i].want));
        struct header_text field;
        assert_true(take_header_field(&got, &field));
        assert_int_equal(got.n, 0);
        buf_release(&out);
    }
}

static void names_the_protocol(void **state)
{
    (void)state;
    /* lmtp, extended, tls, auth, utf8 (RFC 3848; RFC 6531 4.3) */
    static const struct {
        const char *facts, *want;
    } rows[] = {
        {".....", "SMTP"},       {".e...", "ESMTP"},     {".e.a.", "ESMTPA"},
        {".et..", "ESMTPS"},     {".eta.", "ESMTPSA"},   {"..t..", "ESMTPS"},
        {"le...", "LMTP"},       {"leta.", "LMTPSA"},    {".e..u", "UTF8SMTP"},
        {".etau", "UTF8SMTPSA"}, {".et.u", "UTF8SMTPS"}, {"le..u", "UTF8LMTP"},
        {"letau", "UTF8LMTPSA"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *f = rows[i].facts;
        const struct received facts = {.is_lmtp = f[0] == 'l',
                                       .is_extended = f[1] == 'e',
                                       .is_tls = f[2] == 't',
                                       .is_auth = f[3] == 'a',
                                       .is_utf8 = f[4] == 'u'};
        struct buf out;
        buf_init(&out, 20);
        received_with(&out, &facts);
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

/* Any helo, at any length, makes one field of lines up to 998 bytes. */
static void stays_one_field(void **state)
{
    (void)state;
    for (size_t n = 0; n < 256; n++) {
        char helo[256], name[256];
        for (size_t i = 0; i < n; i++) {
            helo[i] = (char)(i * 37 + n);
            name[i] = 'x';
        }
        const struct received facts = {.helo = slice_of(helo, n),
                                       .client_name = slice_of(name, n),
                                       .ip = ip_of("2001:db8::1"),
                                       .by = SLICE_LIT("here.example"),
                                       .is_utf8 = n % 2 == 0};
        struct buf out;
        buf_init(&out, 5000);
        received_print(&out, &facts);
        slice rest = buf_slice(&out), line;
        struct header_text field;
        assert_true(take_header_field(&rest, &field));
        assert_int_equal(rest.n, 0);
        rest = field.whole;
        for (bool is_first = true; slice_split(&rest, '\n', &line); is_first = false) {
            assert_true(slice_ends(line, SLICE_LIT("\r")));
            assert_int_equal(slice_find(line, '\r'), line.n - 1);
            assert_true(is_first == (line.p[0] != '\t'));
            assert_true(line.n <= 79 || slice_find(line, ' ') == line.n);
        }
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints),
        cmocka_unit_test(names_the_protocol),
        cmocka_unit_test(stays_one_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
