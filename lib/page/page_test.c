#include "lib/page/page.h"

#include "lib/base/test.h"
#include "lib/base/utf8.h"
#include "lib/page/html.h"
#include "lib/page/search.h"

static struct page_answer asked(struct page *p, struct buf *out, const char *method,
                                const char *target, const char *accept, const char *languages)
{
    struct page_answer a = {.status = 0};
    slice path = slice_cstr(target);
    size_t cut = slice_find(path, '?');
    const struct page_request q = {.method = slice_cstr(method),
                                   .path = slice_head(path, cut),
                                   .query = slice_tail(path, cut + 1),
                                   .accept = slice_cstr(accept),
                                   .accept_language = slice_cstr(languages)};
    buf_clear(out);
    assert_true(page_answer(p, &q, out, &a));
    assert_true(utf8_is_valid(buf_slice(out)));
    return a;
}

static bool holds(const struct buf *out, const char *what)
{
    return *what == 0 || slice_find_slice(buf_slice(out), slice_cstr(what)) < out->n;
}

static void leads_to_pages(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *target;
        const char *accept;
        const char *languages;
        unsigned status;
        const char *language;
        const char *type;
        const char *holds;
    } rows[] = {
        {"GET", "/", "", "", 200, "en", "text/html; charset=utf-8", "<textarea"},
        {"GET", "/codes/554", "text/html", "", 200, "en", "text/html; charset=utf-8", "554</span>"},
        {"GET", "/codes/554.json", "text/html", "", 200, "en", "application/json", "\"code\": 554"},
        {"GET", "/codes/554", "application/json", "", 200, "en", "application/json",
         "\"code\": 554"},
        {"GET", "/codes/554", "text/html, application/json;q=0.9", "", 200, "en",
         "text/html; charset=utf-8", "<h1>"},
        {"GET", "/codes/5.7.1", "", "de-AT, en;q=0.5", 200, "de", "text/html; charset=utf-8",
         "<html lang=\"de\">"},
        {"GET", "/tr/codes/554", "", "de", 200, "tr", "text/html; charset=utf-8", "/tr/codes\""},
        {"GET", "/vi/codes/5.7.1.json", "", "", 200, "vi", "application/json",
         "\"enhanced\": \"5.7.1\""},
        {"GET", "/codes/", "", "fr, hi;q=0.2", 200, "hi", "text/html; charset=utf-8",
         "role=\"search\""},
        {"GET", "/codes/599", "", "", 404, "en", "text/html; charset=utf-8", "599"},
        {"GET", "/codes/mailbox-full", "", "", 200, "en", "text/html; charset=utf-8", "<h1>"},
        {"GET", "/compare/250/554", "", "", 200, "en", "text/html; charset=utf-8",
         "class=\"columns\""},
        {"GET", "/compare/250/554.json", "", "", 200, "en", "application/json",
         "\"differences\": ["},
        {"GET", "/compare", "", "", 200, "en", "text/html; charset=utf-8", "name=\"b\""},
        {"GET", "/compare/250", "", "", 404, "en", "text/html; charset=utf-8", "<h1>"},
        {"GET", "/de/compare?a=250&b=5.7.1", "", "", 303, "de", "text/html; charset=utf-8", ""},
        {"GET", "/explain?q=550+5.1.1+no+%3Cx%3E", "", "", 200, "en", "text/html; charset=utf-8",
         "550 5.1.1 no &lt;x&gt;"},
        {"GET", "/codes?q=SPAM", "", "", 200, "en", "text/html; charset=utf-8", "role=\"status\""},
        {"GET", "/codes.json?q=mailbox-f", "", "", 200, "en", "application/json", "mailbox-full"},
        {"GET", "/style.css", "", "", 200, NULL, "text/css; charset=utf-8", "main"},
        {"GET", "/etc/passwd", "", "", 404, "en", "text/html; charset=utf-8", "<h1>"},
        {"GET", "/nothing.json", "", "", 404, "en", "application/json", "\"error\""},
        {"POST", "/codes/554", "", "", 405, "en", "text/html; charset=utf-8", "<h1>"},
        {"PUT", "/explain", "", "", 405, "en", "text/html; charset=utf-8", "<h1>"},
        {"GET", "", "", "", 200, "en", "text/html; charset=utf-8", "<h1>"},
        {"GET", "/%00%ff<script>", "", "", 404, "en", "text/html; charset=utf-8", "<h1>"},
    };
    struct page *p = page_new();
    struct buf out;
    assert_non_null(p);
    buf_init(&out, 4 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct page_answer a =
            asked(p, &out, rows[i].method, rows[i].target, rows[i].accept, rows[i].languages);
        if (a.status != rows[i].status || !holds(&out, rows[i].holds) || holds(&out, "<script>"))
            fail_msg("%s: %u\n%.*s", rows[i].target, a.status, SLICE_ARG(buf_slice(&out)));
        assert_string_equal(a.type, rows[i].type);
        assert_slice(slice_cstr(a.language), slice_cstr(rows[i].language));
        assert_int_equal(a.allow != NULL, a.status == 405);
        if (a.status == 303)
            assert_slice(a.location, SLICE_LIT("/de/compare/250/5.7.1"));
    }
    buf_release(&out);
    page_free(p);
}

static void leads_nowhere_when_it_is_long(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{256, 128}, {1000, 1000}, {2000, 1}, {1, 1 << 14}};
    struct page *p = page_new();
    struct buf out, target;
    assert_non_null(p);
    buf_init(&out, 1 << 20);
    buf_init(&target, 1 << 20);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        buf_clear(&target);
        buf_adds(&target, "/compare?a=");
        for (size_t n = 0; n < sizes[i][0]; n++)
            buf_adds(&target, "%ff");
        buf_adds(&target, "&b=");
        for (size_t n = 0; n < sizes[i][1]; n++)
            buf_adds(&target, "%20%ff");
        buf_addc(&target, '\0');
        struct page_answer a = asked(p, &out, "GET", target.p, "", "");
        assert_int_equal(a.status, i == 0 ? 303 : 414);
        assert_int_equal(a.location.n > 0, i == 0);
    }
    buf_release(&target);
    buf_release(&out);
    page_free(p);
}

/* What stood in a reply is shown, but nobody is led there by us. */
static void links_nothing_of_a_reply(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "550+5.7.1+Blocked,+see+http://evil.example/",
        "550+5.7.1+Blocked,+see+http://evil.example/%60x%60",
        "550+5.7.1+Blocked,+see+http://evil.example/%60",
        "550+5.7.1+[192.0.2.1]+spam+https://evil.example/a)b,c.",
        "554+5.7.1+listed+by+https://evil.example+see+http://evil.example/x",
        "550+5.1.1+%3Chttp://evil.example/@x.example%3E+user+unknown",
        "550+5.7.26+https://evil.example/%3Cscript%3E+dmarc+policy+of+evil.example",
    };
    struct page *p = page_new();
    struct buf out, target;
    assert_non_null(p);
    buf_init(&out, 1 << 20);
    buf_init(&target, 4096);
    for (size_t i = 0; i < COUNT(replies); i++) {
        buf_clear(&target);
        buf_addf(&target, "/explain?q=%s", replies[i]);
        buf_addc(&target, '\0');
        (void)asked(p, &out, "GET", target.p, "", "");
        assert_true(holds(&out, "evil.example"));
        if (holds(&out, "href=\"http://evil") || holds(&out, "href=\"https://evil") ||
            holds(&out, "<script"))
            fail_msg("%s\n%.*s", replies[i], SLICE_ARG(buf_slice(&out)));
    }
    buf_release(&target);
    buf_release(&out);
    page_free(p);
}

static void escapes(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    html_text(&out, SLICE_LIT("<a href=\"x\">'&\x01\xff\xc3\xa4\n"));
    assert_slice(buf_slice(&out),
                 SLICE_LIT("&lt;a href=&quot;x&quot;&gt;&#39;&amp;\xef\xbf\xbd\xef\xbf"
                           "\xbd\xc3\xa4\n"));
    buf_clear(&out);
    html_prose(&out,
               SLICE_LIT("Run `dig <x>`, see https://a.example/b. Or https://evil.example/ `"),
               SLICE_LIT("https://evil.example/"));
    assert_slice(buf_slice(&out),
                 SLICE_LIT("Run <code translate=\"no\">dig &lt;x&gt;</code>, see <a "
                           "href=\"https://a.example/b\" rel=\"external noreferrer\">"
                           "https://a.example/b</a>. Or https://evil.example/ `"));
    buf_release(&out);
}

static void finds_words_whatever_their_case(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *text;
        bool finds;
    } rows[] = {
        {"spam", "The SPAM folder", true},
        {"spam virus", "spam", false},
        {"ÜBER", "über", true},
        {"POSTFACH voll", "Das Postfach ist voll", true},
        {"ŞIFRE", "şifre", true},
        {"İSTEMCİ", "istemci", true},
        {"MẬT KHẨU", "mật khẩu", true},
        {"ĐỊA", "địa chỉ", true},
        {"mat khau", "Mật khẩu", true},
        {"dia chi bi chan", "Địa chỉ bị chặn", true},
        {"sifre", "Şifre yanlış", true},
        {"ungultig", "UNGÜLTIG", true},
        {"u\xcc\x88"
         "ber",
         "über", true},
        {"मेल", "यह मेल है", true},
        {"", "anything", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct search s;
        assert_true(search_init(&s, slice_cstr(rows[i].query)));
        if (search_finds(&s, slice_cstr(rows[i].text)) != rows[i].finds)
            fail_msg("%s in %s", rows[i].query, rows[i].text);
        search_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_to_pages),
        cmocka_unit_test(leads_nowhere_when_it_is_long),
        cmocka_unit_test(links_nothing_of_a_reply),
        cmocka_unit_test(escapes),
        cmocka_unit_test(finds_words_whatever_their_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
