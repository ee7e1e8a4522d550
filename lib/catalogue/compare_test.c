#include "lib/catalogue/compare.h"

#include "lib/base/test.h"
#include "lib/catalogue/cause.h"

static const unsigned codes[CODE_COUNT] = {
#define CODE(number, ...) [CODE_##number] = (number),
#include "lib/catalogue/codes.def"
#undef CODE
};

static const char *const written[PAIR_COUNT] = {
#define PAIR(a, b, id, ...) [PAIR_##a##_##b] = (id),
#include "lib/catalogue/compare.def"
#undef PAIR
};

/* "550"; the storage is the caller's. */
static slice digits(unsigned code, char to[3])
{
    to[0] = (char)('0' + code / 100);
    to[1] = (char)('0' + code / 10 % 10);
    to[2] = (char)('0' + code % 10);
    return slice_of(to, 3);
}

/* ---- What every comparison has to be ---- */

/* Takes a sentence off *text: up to a full stop (a danda in Hindi) before a blank or line end. */
static bool take_sentence(slice *text, slice *ret)
{
    *text = slice_trim(*text);
    for (size_t i = 0; i < text->n; i++) {
        bool is_end = i + 1 == text->n || text->p[i + 1] == ' ' || text->p[i + 1] == '\n';
        bool is_stop = text->p[i] == '.' || text->p[i] == '\n' ||
                       slice_ends(slice_head(*text, i + 1), SLICE_LIT("\xe0\xa5\xa4"));
        if (is_end && is_stop) {
            *ret = slice_head(*text, i + 1);
            *text = slice_tail(*text, i + 1);
            return true;
        }
    }
    *ret = *text;
    *text = (slice){0};
    return ret->n > 0;
}

static void says_nothing_twice(const struct comparison *c)
{
    const slice texts[] = {c->intro, c->differences, c->when_a, c->when_b};
    slice seen[64];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(texts); i++) {
        slice text = texts[i], one;
        while (take_sentence(&text, &one)) {
            for (size_t k = 0; k < n; k++) {
                if (slice_eq(one, seen[k]))
                    fail_msg("%.*s: twice: %.*s", SLICE_ARG(c->title), SLICE_ARG(one));
            }
            assert_true(n < COUNT(seen));
            seen[n++] = one;
        }
    }
}

static void is_whole(const struct comparison *c)
{
    const slice texts[] = {c->intro, c->differences, c->when_a, c->when_b};
    assert_true(c->name_a.n > 0 && c->name_b.n > 0);
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (texts[i].n == 0 || slice_find(texts[i], '{') < texts[i].n ||
            slice_find(texts[i], '}') < texts[i].n)
            fail_msg("%.*s: text %zu: %.*s", SLICE_ARG(c->title), i, SLICE_ARG(texts[i]));
    }
}

static void is_mirrored(const struct comparison *c, const struct comparison *d)
{
    assert_slice(d->title, c->title);
    assert_slice(d->intro, c->intro);
    assert_slice(d->differences, c->differences);
    assert_slice(d->when_a, c->when_b);
    assert_slice(d->when_b, c->when_a);
    assert_slice(d->name_a, c->name_b);
    assert_slice(d->name_b, c->name_a);
}

static void check(struct arena *a, const struct language *lang, slice x, slice y)
{
    struct comparison c, d;
    arena_reset(a);
    assert_true(compare(a, NULL, lang, x, y, &c));
    assert_true(compare(a, NULL, lang, y, x, &d));
    is_whole(&c);
    is_mirrored(&c, &d);
    if (!slice_eq(x, y))
        says_nothing_twice(&c);
}

static void every_two_codes_in_every_language(void **state)
{
    (void)state;
    struct arena a;
    const struct language *lang;
    arena_init(&a, 1 << 20);
    for (size_t n = 0; (lang = language_nth(n)) != NULL; n++) {
        for (size_t i = 0; i < CODE_COUNT; i++) {
            for (size_t k = i; k < CODE_COUNT; k++) {
                char x[3], y[3];
                check(&a, lang, digits(codes[i], x), digits(codes[k], y));
            }
        }
    }
    arena_release(&a);
}

/* One of each sort, for every other thing to stand beside. */
static const char *const partners[] = {
    "250",          "354",      "421",   "550",
    "101",          "5.1.1",    "4.7.1", "2.1.5",
    "X.7.1",        "5.9.9",    "599",   "dkim-fail",
    "mailbox-full", "nonsense", "",      "550 5.7.1 Message refused",
};

static void everything_beside_each_sort(void **state)
{
    (void)state;
    static const char *const enhanced[ENHANCED_COUNT] = {
#define ENHANCED(name, id, ...) [ENHANCED_##name] = (id),
#include "lib/catalogue/enhanced.def"
#undef ENHANCED
    };
    struct arena a;
    const struct language *lang;
    arena_init(&a, 1 << 20);
    for (size_t n = 0; (lang = language_nth(n)) != NULL; n++) {
        for (size_t i = 0; i < COUNT(partners); i++) {
            slice partner = slice_cstr(partners[i]);
            for (unsigned k = 0; k < ENHANCED_COUNT; k++)
                check(&a, lang, partner, slice_cstr(enhanced[k]));
            for (unsigned k = 0; k < REASON_COUNT; k++)
                check(&a, lang, partner, slice_cstr(reason_of((enum reason_id)k)->id));
            for (unsigned k = 0; k < CAUSE_COUNT; k++)
                check(&a, lang, partner, slice_cstr(cause_of((enum cause_id)k)->id));
            for (unsigned k = 0; k < COUNT(partners); k++)
                check(&a, lang, partner, slice_cstr(partners[k]));
        }
    }
    arena_release(&a);
}

/* ---- No English in another language ---- */

static bool has_all_texts(const struct language *lang)
{
    const struct language *english = language_english();
    for (unsigned i = 0; i < UI_COUNT; i++) {
        if (ui_text(lang, (enum ui_id)i) == ui_text(english, (enum ui_id)i))
            return false;
    }
    for (unsigned i = 0; i < PAIR_COUNT * PAIR_FIELDS; i++) {
        enum pair_id id = (enum pair_id)(i / PAIR_FIELDS);
        enum pair_field field = (enum pair_field)(i % PAIR_FIELDS);
        if (pair_text(lang, id, field) == pair_text(english, id, field))
            return false;
    }
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        if (!code_is_translated(lang, (enum code_id)i))
            return false;
    }
    return true;
}

static void has_no_english(const struct comparison *c)
{
    static const char *const words[] = {" the ", " and ", " with ", " is not ", " your ", "The "};
    const slice texts[] = {c->title, c->intro, c->differences, c->when_a, c->when_b};
    for (size_t i = 0; i < COUNT(texts) * COUNT(words); i++) {
        slice text = texts[i / COUNT(words)];
        if (slice_find_slice(text, slice_cstr(words[i % COUNT(words)])) < text.n)
            fail_msg("English in %s: %.*s", language_code(c->lang), SLICE_ARG(text));
    }
}

/* tools/check-texts says what is missing; a language is looked at here once it is complete. */
static void a_translated_comparison_has_no_english(void **state)
{
    (void)state;
    struct arena a;
    const struct language *lang;
    arena_init(&a, 1 << 20);
    for (size_t n = 1; (lang = language_nth(n)) != NULL; n++) {
        for (size_t i = 0; has_all_texts(lang) && i < (size_t)CODE_COUNT * CODE_COUNT; i++) {
            struct comparison c;
            char x[3], y[3];
            arena_reset(&a);
            assert_true(compare(&a, NULL, lang, digits(codes[i / CODE_COUNT], x),
                                digits(codes[i % CODE_COUNT], y), &c));
            has_no_english(&c);
        }
    }
    arena_release(&a);
}

/* ---- Written pairs ---- */

static void written_pairs_are_found_both_ways(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (unsigned i = 0; i < PAIR_COUNT; i++) {
        const char *title = pair_text(language_english(), (enum pair_id)i, PAIR_TITLE);
        slice second = slice_cstr(written[i]), first;
        struct comparison c;
        assert_true(slice_split(&second, '-', &first));
        check(&a, language_english(), first, second);
        assert_true(compare(&a, NULL, language_english(), second, first, &c));
        assert_slice(c.title, slice_cstr(title));
        assert_true(c.a.is_known && c.b.is_known);
        assert_true(slice_find_slice(c.title, first) < c.title.n);
        assert_true(slice_find_slice(c.title, second) < c.title.n);
        assert_true(slice_find_slice(c.when_a, second) < c.when_a.n);
        assert_true(slice_find_slice(c.when_b, first) < c.when_b.n);
    }
    arena_release(&a);
}

static void lists_the_written_pairs_of_a_code(void **state)
{
    (void)state;
    slice a = {0}, b = {0};
    size_t n = 0;
    enum pair_id id;
    for (; compare_with(SLICE_LIT("554"), n, &id); n++) {
        assert_true(compare_nth(id, &a, &b));
        assert_true(slice_is(a, "554") || slice_is(b, "554"));
    }
    assert_true(n >= 8);
    assert_true(compare_with(SLICE_LIT("5.1.10"), 0, &id));
    assert_int_equal(id, PAIR_5_1_1_5_1_10);
    assert_false(compare_with(SLICE_LIT("5.1.10"), 1, &id));
    assert_false(compare_with(SLICE_LIT("599"), 0, &id));
    assert_false(compare_with((slice){0}, 0, &id));
    assert_true(compare_nth(0, &a, &b));
    assert_slice(a, SLICE_LIT("250"));
    assert_false(compare_nth(PAIR_COUNT, &a, &b));
}

/* ---- Composed ones ---- */

static void composes_from_facets(void **state)
{
    (void)state;
    struct arena a;
    struct comparison c;
    arena_init(&a, 1 << 20);
    assert_true(compare(&a, NULL, language_english(), SLICE_LIT("550"), SLICE_LIT("421"), &c));
    assert_slice(c.name_a, SLICE_LIT("550"));
    assert_int_equal(c.b.code, 421);
    assert_true(slice_starts(c.title, SLICE_LIT("SMTP 421 (\"")));
    assert_true(slice_starts(c.differences, SLICE_LIT("421 is a temporary failure. "
                                                      "550 is a permanent failure.\n")));
    assert_true(slice_ends(c.differences, SLICE_LIT("Trying again does not help after 550 until "
                                                    "the cause is removed.")));
    assert_true(slice_starts(c.when_a, SLICE_LIT("A server sends 550 ")));
    assert_true(slice_starts(c.when_b, SLICE_LIT("A server sends 421 ")));
    arena_release(&a);
}

static void names_each_as_it_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *asked;
        const char *name;
        const char *spoken; /* in the sentences */
    } rows[] = {
        {" 450 ", "450", "450"},
        {"5.1.1", "5.1.1", "5.1.1"},
        {"450 4.7.1", "450 4.7.1", "450 4.7.1"},
        {"Mailbox-Not-Found", "mailbox-not-found", "550 5.1.1"},
        {"550 5.1.1 <x@example.org> User unknown", "550 5.1.1", "550 5.1.1"},
        {"what is it", "what is it", "what is it"},
        {"", "?", "?"},
        {"\xff\xfe", "?", "?"},
        {"a text that is much too long to be the name of anything", "?", "?"},
    };
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct comparison c;
        assert_true(
            compare(&a, NULL, language_english(), slice_cstr(rows[i].asked), SLICE_LIT("252"), &c));
        assert_slice(c.name_a, slice_cstr(rows[i].name));
        if (slice_find_slice(c.when_a, slice_cstr(rows[i].spoken)) == c.when_a.n)
            fail_msg("%s: %.*s", rows[i].asked, SLICE_ARG(c.when_a));
    }
    arena_release(&a);
}

static void compares_whole_replies_by_their_words(void **state)
{
    (void)state;
    struct phrasebook *book = phrasebook_new();
    struct arena a;
    struct comparison c;
    arena_init(&a, 1 << 20);
    assert_non_null(book);
    assert_true(compare(&a, book, language_english(), SLICE_LIT("550 5.7.1 Relaying denied"),
                        SLICE_LIT("550 5.7.1 Client host blocked using zen.spamhaus.org"), &c));
    assert_slice(c.name_b, SLICE_LIT("550 5.7.1 (ip-blocklisted)"));
    assert_false(slice_eq(c.a.title, c.b.title));
    is_whole(&c);
    /* What has no more to it than its code is that code. */
    assert_true(compare(&a, book, language_english(), SLICE_LIT("250 OK"), SLICE_LIT("554"), &c));
    assert_slice(c.title, SLICE_LIT("SMTP 250 OK and 554 Transaction failed"));
    arena_release(&a);
    phrasebook_free(book);
}

static void the_same_twice_and_the_unknown(void **state)
{
    (void)state;
    struct arena a;
    struct comparison c;
    arena_init(&a, 1 << 20);
    assert_true(compare(&a, NULL, language_english(), SLICE_LIT("554"), SLICE_LIT("554"), &c));
    assert_slice(c.differences, SLICE_LIT("There is no difference."));
    assert_true(compare(&a, NULL, language_english(), SLICE_LIT("599"), SLICE_LIT("250"), &c));
    assert_false(c.a.is_known);
    assert_true(slice_find_slice(c.intro, SLICE_LIT("defines 599")) < c.intro.n);
    assert_true(slice_find_slice(c.differences, SLICE_LIT("session")) == c.differences.n);
    assert_true(compare(&a, NULL, language_english(), SLICE_LIT("what"), SLICE_LIT("250"), &c));
    assert_slice(c.when_a, SLICE_LIT("Nothing can be said about \"what\"."));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_two_codes_in_every_language),
        cmocka_unit_test(everything_beside_each_sort),
        cmocka_unit_test(a_translated_comparison_has_no_english),
        cmocka_unit_test(written_pairs_are_found_both_ways),
        cmocka_unit_test(lists_the_written_pairs_of_a_code),
        cmocka_unit_test(composes_from_facets),
        cmocka_unit_test(names_each_as_it_was_asked_for),
        cmocka_unit_test(compares_whole_replies_by_their_words),
        cmocka_unit_test(the_same_twice_and_the_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
