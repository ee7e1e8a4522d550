#include "lib/catalogue/lookup.h"

#include "lib/base/test.h"
#include "lib/base/utf8.h"
#include "lib/catalogue/recognise.h"

static struct explanation explained(struct arena *a, slice what)
{
    struct explanation e;
    struct phrasebook *book = phrasebook_new();
    assert_non_null(book);
    arena_reset(a);
    assert_true(explain(a, book, language_english(), what, &e));
    phrasebook_free(book);
    assert_true(e.title.n > 0 && e.meaning.n > 0 && e.when.n > 0 && e.fix.n > 0);
    assert_true(utf8_is_valid(e.meaning));
    assert_int_equal(e.is_known, e.percent > 10 || (e.is_known && e.cause == NULL));
    return e;
}

static void recognises_what_it_is_given(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *reason;
        const char *cause;
        unsigned code;
        const char *enhanced;
        bool is_known;
    } rows[] = {
        {"550", NULL, "mailbox-not-found", 550, "", true},
        {" 550 ", NULL, "mailbox-not-found", 550, "", true},
        {"5.7.1", NULL, "policy-generic", 550, "5.7.1", true},
        {"X.1.1", NULL, "mailbox-not-found", 550, "X.1.1", true},
        {"4.2.2", NULL, "mailbox-full", 452, "4.2.2", true},
        {"4.7.1", NULL, "greylisted", 450, "4.7.1", true},
        {"4.4.1", NULL, "recipient-unavailable", 451, "4.4.1", true},
        {"4.4.7", NULL, "timeout", 451, "4.4.7", true},
        {"450 4.7.1 hm", NULL, "greylisted", 450, "4.7.1", true},
        {"503 5.5.0 no", NULL, "bad-sequence", 503, "5.5.0", true},
        {"221 2.0.0 Bye", NULL, "ok", 221, "2.0.0", true},
        {"451 4.4.1 no answer", "host-unreachable", "recipient-unavailable", 451, "4.4.1", true},
        {"mailbox-not-found", "mailbox-not-found", "mailbox-not-found", 550, "5.1.1", true},
        {"MAILBOX-NOT-FOUND", "mailbox-not-found", "mailbox-not-found", 550, "5.1.1", true},
        {"spf-fail", "spf-fail", "spf-fail", 550, "5.7.23", true},
        {"timeout", NULL, "timeout", 0, "", true},
        {"550 5.1.1 <x@y> User unknown", "mailbox-not-found", "mailbox-not-found", 550, "5.1.1",
         true},
        {"550-5.1.1 no\r\n550 5.1.1 such user\r\n", "mailbox-not-found", "mailbox-not-found", 550,
         "5.1.1", true},
        {"host mx[192.0.2.1]:25 said: 552 5.3.4 too big (in reply to MAIL)", "message-too-big",
         "message-too-big", 552, "5.3.4", true},
        {"550 Invalid recipient <email@example.com> (#5.1.1)", "mailbox-not-found",
         "mailbox-not-found", 550, "5.1.1", true},
        {"503 5.5.1 Please say EHLO (or HELO) first, then MAIL.", "helo-first", "bad-sequence", 503,
         "5.5.1", true},
        {"220 mx.example.org ESMTP Candor", "service-ready", "ok", 220, "", true},
        {"220 mx.example.org ESMTP Other", NULL, "ok", 220, "", true},
        {"250 2.1.5 Ok", NULL, "ok", 250, "2.1.5", true},
        {"571", NULL, "policy-generic", 571, "", true},
        {"111", NULL, NULL, 111, "", true},
        {"599", NULL, NULL, 599, "", false},
        {"999", NULL, NULL, 999, "", false},
        {"000", NULL, NULL, 0, "", false},
        {"5.99.99", NULL, NULL, 0, "5.99.99", false},
        {"550 5.99.99", NULL, "mailbox-not-found", 550, "5.99.99", true},
        {"599 5.1.1 unheard of", "mailbox-not-found", "mailbox-not-found", 599, "5.1.1", true},
        {"hello", NULL, NULL, 0, "", false},
        {"", NULL, NULL, 0, "", false},
        {"5500", NULL, NULL, 0, "", false},
        {"192.0.2.250 250.1.2.3 2024-12-06 10:250", NULL, NULL, 0, "", false},
    };
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct explanation e = explained(&a, slice_cstr(rows[i].what));
        slice reason = slice_cstr(e.reason), cause = slice_cstr(e.cause);
        if (e.code != rows[i].code || e.is_known != rows[i].is_known)
            fail_msg("%s: code %u, known %d", rows[i].what, e.code, e.is_known);
        assert_slice(reason, slice_cstr(rows[i].reason));
        assert_slice(cause, slice_cstr(rows[i].cause));
        assert_slice(e.enhanced, slice_cstr(rows[i].enhanced));
    }
    arena_release(&a);
}

/* Defined for a failure, not for a success: the digits speak. */
static void spells_digits_where_no_text_does(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    slice digits = SLICE_LIT("The middle number");
    struct explanation e = explained(&a, SLICE_LIT("2.4.4"));
    assert_slice(slice_head(e.meaning, digits.n), digits);
    arena_release(&a);
}

static void assert_first_step(const struct explanation *e, const char *want)
{
    assert_slice(slice_head(e->fix, slice_find(e->fix, '\n')), slice_cstr(want));
}

static void names_the_list_and_the_way_off_it(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct explanation e = explained(&a, SLICE_LIT("554 5.7.1 Service unavailable; Client host "
                                                   "[203.0.113.7] blocked using zen.spamhaus.org"));
    assert_string_equal(e.cause, "ip-blocklisted");
    assert_first_step(&e,
                      "{sender-admin} 203.0.113.7 is listed by Spamhaus ZEN. First end what led to "
                      "the entry: a taken-over account, an infected computer, an open web form.");
    assert_true(slice_find_slice(e.fix, SLICE_LIT("https://check.spamhaus.org/")) < e.fix.n);
    assert_int_equal(e.who, WHO_SENDER_ADMIN);
    e = explained(&a, SLICE_LIT("550 203.0.113.7 is listed in SORBS"));
    assert_first_step(&e,
                      "{recipient-admin} Take SORBS out of the configuration of your server: this "
                      "list was closed, and a closed list may answer that every address is "
                      "listed.");
    assert_int_equal(e.who, WHO_RECIPIENT_ADMIN);
    e = explained(&a, SLICE_LIT("550 5.7.1 Sender domain is on a block list: dbl.spamhaus.org"));
    assert_string_equal(e.cause, "domain-reputation");
    assert_slice(e.values.list, SLICE_LIT("Spamhaus DBL"));
    arena_release(&a);
}

static void puts_values_into_the_advice(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct explanation e =
        explained(&a, SLICE_LIT("550 5.1.1 <jane@example.org> User unknown here"));
    assert_first_step(&e, "{sender-user} Compare jane@example.org letter by letter with what the "
                          "recipient gave you.");
    assert_true(slice_find_slice(e.fix, SLICE_LIT("one that you know")) == e.fix.n);
    e = explained(&a, SLICE_LIT("550 5.7.25 [192.0.2.1] has no PTR record"));
    assert_first_step(&e,
                      "{sender-admin} Look the name up with `dig +short -x 192.0.2.1`: there has "
                      "to be one, and it has to lead back to 192.0.2.1.");
    arena_release(&a);
}

static void explains_bounces_and_logs(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct explanation e =
        explained(&a, SLICE_LIT("Final-Recipient: rfc822; jane@example.org\nAction: failed\n"
                                "Status: 5.2.2\nDiagnostic-Code: smtp; 550 mailbox is full\n\n"
                                "Final-Recipient: rfc822; joe@example.org\nAction: failed\n"
                                "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n"));
    assert_string_equal(e.cause, "mailbox-full");
    assert_slice(e.enhanced, SLICE_LIT("5.2.2"));
    assert_int_equal(e.failed, 2);
    assert_slice(e.values.address, SLICE_LIT("jane@example.org"));
    assert_slice(e.about, SLICE_LIT("2 recipients failed in this report; what follows is about the "
                                    "first, jane@example.org."));
    e = explained(&a, SLICE_LIT("Nov 22 05:18:50 a sendmail[250]: k1: to=<x@example.org>, "
                                "relay=mx.example.org [192.0.2.1], dsn=5.1.1, stat=User unknown"));
    assert_string_equal(e.cause, "mailbox-not-found");
    assert_slice(e.enhanced, SLICE_LIT("5.1.1"));
    assert_int_equal(e.kind, KIND_PERMANENT);
    assert_first_step(&e, "{sender-user} Compare x@example.org letter by letter with what the "
                          "recipient gave you.");
    e = explained(&a, SLICE_LIT("Nov 22 05:18:50 a smtpd[250]: 1a mta delivery to=<x@example.org> "
                                "result=\"TempFail\" stat=\"Network error on destination MXs\""));
    assert_int_equal(e.kind, KIND_TEMPORARY);
    assert_null(e.reason);
    arena_release(&a);
}

/* Where words and digits disagree the words win, and it is said to be less sure. */
static void believes_words_more_than_digits(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct explanation agrees = explained(&a, SLICE_LIT("550 5.2.2 mailbox is full"));
    unsigned sure = agrees.percent;
    struct explanation differs = explained(&a, SLICE_LIT("550 5.1.1 mailbox is full"));
    assert_string_equal(differs.cause, "mailbox-full");
    assert_true(differs.percent < sure);
    struct explanation numbers = explained(&a, SLICE_LIT("550 5.1.1 frobnicated"));
    assert_true(numbers.percent <= 80);
    arena_release(&a);
}

/* Whatever Candor sends it explains with certainty, and by its own row. */
static void knows_its_own_replies(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        if (r->reply[0] == '\0')
            continue;
        char reply[600];
        int n = snprintf(reply, sizeof reply, "%u %s%s%s", r->basic, r->is_bare ? "" : r->enhanced,
                         r->is_bare || r->enhanced[0] == '\0' ? "" : " ", r->reply);
        struct explanation e = explained(&a, slice_of(reply, (size_t)n));
        if (e.reason == NULL || strcmp(e.reason, r->id) != 0) {
            /* helo-ok and ehlo-ok say the same words. */
            if (i != REASON_EHLO_OK && i != REASON_HELO_OK)
                fail_msg("%s explained as %s", reply, e.reason);
        } else if (i != REASON_EHLO_OK && i != REASON_HELO_OK) {
            assert_int_equal(e.percent, 100);
        }
    }
    arena_release(&a);
}

/* Every code, enhanced code and reason, in every language. */
static void explains_every_row_in_every_language(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct language *lang;
    for (size_t n = 0; (lang = language_nth(n)) != NULL; n++) {
        for (unsigned code = 100; code < 1000; code++) {
            char digits[8];
            struct explanation e;
            arena_reset(&a);
            (void)snprintf(digits, sizeof digits, "%u", code);
            assert_true(explain(&a, NULL, lang, slice_cstr(digits), &e));
            assert_int_equal(e.code, code);
            assert_true(e.title.n > 0 && e.meaning.n > 0 && e.when.n > 0 && e.fix.n > 0);
        }
        for (unsigned i = 0; i < 10 * 40; i++) {
            char digits[16];
            struct explanation e;
            arena_reset(&a);
            (void)snprintf(digits, sizeof digits, "%c.%u.%u", "245X"[i % 4], i / 40, i % 40);
            assert_true(explain(&a, NULL, lang, slice_cstr(digits), &e));
            assert_slice(e.enhanced, slice_cstr(digits));
            assert_true(e.title.n > 0 && e.meaning.n > 0 && e.when.n > 0 && e.fix.n > 0);
        }
    }
    arena_release(&a);
}

/* No phrase of others speaks for a code that stands alone. */
static void bare_codes_keep_their_own_texts(void **state)
{
    (void)state;
    struct phrasebook *book = phrasebook_new();
    struct arena a;
    assert_non_null(book);
    arena_init(&a, 1 << 20);
    for (unsigned i = 0; i < ENHANCED_COUNT; i++) {
        const char *id = enhanced_name((enum enhanced_id)i);
        struct explanation e;
        arena_reset(&a);
        assert_true(explain(&a, book, language_english(), slice_cstr(id), &e));
        assert_slice(e.title, slice_cstr(enhanced_text(language_english(), (enum enhanced_id)i,
                                                       TEXT_TITLE)));
        if (e.example.n == 0)
            fail_msg("%s has no example", id);
    }
    arena_release(&a);
    phrasebook_free(book);
}

/* What a code's row refers to is there, and each of its steps says who can do it. */
static void codes_refer_to_what_exists(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (unsigned code = 100; code < 600; code++) {
        char digits[8];
        struct explanation e, other;
        arena_reset(&a);
        (void)snprintf(digits, sizeof digits, "%u", code);
        assert_true(explain(&a, NULL, language_english(), slice_cstr(digits), &e));
        if (!e.is_known)
            continue;
        slice rest = e.fix, one;
        while (slice_split(&rest, '\n', &one))
            if (!slice_starts(one, SLICE_LIT("{")))
                fail_msg("%s: %.*s", digits, SLICE_ARG(one));
        assert_true(e.related.n > 0 && (e.example.n > 0 || e.kind == KIND_PSEUDO));
        for (rest = e.related; slice_split(&rest, ' ', &one);) {
            assert_true(explain(&a, NULL, language_english(), one, &other));
            if (!other.is_known || slice_eq(one, slice_cstr(digits)))
                fail_msg("%s names %.*s", digits, SLICE_ARG(one));
        }
        for (rest = e.example; slice_split(&rest, '\n', &one);)
            if (!slice_starts(one, SLICE_LIT("C: ")) && !slice_starts(one, SLICE_LIT("S: ")))
                fail_msg("%s: %.*s", digits, SLICE_ARG(one));
    }
    arena_release(&a);
}

static void says_so_when_the_arena_is_full(void **state)
{
    (void)state;
    bool is_done = false;
    for (size_t max = 0; !is_done; max += 16) {
        struct arena a;
        struct explanation e = {.percent = 77};
        arena_init(&a, max);
        is_done = explain(&a, NULL, language_english(), SLICE_LIT("571 no"), &e);
        if (!is_done)
            assert_int_equal(e.percent, 77);
        arena_release(&a);
        assert_true(max < 65536);
    }
}

static void links_to_sections(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    slice rfc = SLICE_LIT("RFC 5321 4.2.3; RFC 7208"), one;
    while (rfc_take(&rfc, &one)) {
        rfc_link(&out, one);
        buf_addc(&out, '\n');
    }
    rfc_link(&out, SLICE_LIT("draft-x"));
    assert_slice(buf_slice(&out), SLICE_LIT("https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3\n"
                                            "https://www.rfc-editor.org/rfc/rfc7208\n"));
    buf_release(&out);
}

static void finds_languages(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        const char *want;
    } rows[] = {
        {"", "en"},      {"C", "en"},     {"C.UTF-8", "en"},     {"POSIX", "en"}, {"en_GB", "en"},
        {"de", "de"},    {"DE-at", "de"}, {"de_DE.UTF-8", "de"}, {"tr", "tr"},    {"vi_VN", "vi"},
        {"hi_IN", "hi"}, {"xx", NULL},    {"deutsch", NULL},     {"de/x", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct language *lang = language_find(slice_cstr(rows[i].tag));
        assert_slice(slice_cstr(lang == NULL ? NULL : language_code(lang)),
                     slice_cstr(rows[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognises_what_it_is_given),
        cmocka_unit_test(spells_digits_where_no_text_does),
        cmocka_unit_test(names_the_list_and_the_way_off_it),
        cmocka_unit_test(puts_values_into_the_advice),
        cmocka_unit_test(explains_bounces_and_logs),
        cmocka_unit_test(believes_words_more_than_digits),
        cmocka_unit_test(knows_its_own_replies),
        cmocka_unit_test(explains_every_row_in_every_language),
        cmocka_unit_test(bare_codes_keep_their_own_texts),
        cmocka_unit_test(codes_refer_to_what_exists),
        cmocka_unit_test(says_so_when_the_arena_is_full),
        cmocka_unit_test(links_to_sections),
        cmocka_unit_test(finds_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
