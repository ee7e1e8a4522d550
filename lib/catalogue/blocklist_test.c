#include "lib/catalogue/blocklist.h"

#include "lib/base/test.h"

static bool is_date(slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_dash = i == 4 || i == 7;
        if (is_dash ? s.p[i] != '-' : s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n == 10;
}

static bool is_known_listing(slice name)
{
    for (unsigned i = 0; i < LISTING_COUNT; i++) {
        if (slice_is(name, listing_name((enum listing)i)))
            return true;
    }
    return false;
}

static void check_codes(const struct blocklist *list)
{
    slice codes = slice_cstr(list->codes), item;
    while (slice_split(&codes, ',', &item)) {
        item = slice_trim(item);
        size_t space = slice_rfind(item, ' ');
        bool is_code =
            slice_starts(item, SLICE_LIT("127.")) || slice_starts(item, SLICE_LIT("bit "));
        if (!is_code || !is_known_listing(slice_tail(item, space + 1)))
            fail_msg("%s: code \"%.*s\"", list->name, SLICE_ARG(item));
    }
}

static void every_row_is_whole(void **state)
{
    (void)state;
    assert_true(BLOCKLIST_COUNT >= 60);
    for (unsigned i = 0; i < BLOCKLIST_COUNT; i++) {
        const struct blocklist *list = blocklist_of((enum blocklist_id)i);
        slice removal = slice_cstr(list->removal);
        bool has_page = slice_starts(removal, SLICE_LIT("https://")) ||
                        slice_starts(removal, SLICE_LIT("http://"));
        if (list->name[0] == '\0' || list->source[0] == '\0' ||
            !is_date(slice_cstr(list->checked)) ||
            (list->state == LIST_CLOSED ? removal.n > 0 : !has_page))
            fail_msg("row of %s", list->zone);
        check_codes(list);
        enum blocklist_id found;
        assert_true(blocklist_find(slice_cstr(list->zone), &found));
        assert_int_equal(found, i); /* no zone twice, none below another */
    }
}

static void finds_by_zone(void **state)
{
    (void)state;
    enum blocklist_id id = BLOCKLIST_CBL;
    assert_true(blocklist_find(SLICE_LIT("2.0.0.127.ZEN.spamhaus.org"), &id));
    assert_int_equal(id, BLOCKLIST_SPAMHAUS_ZEN);
    assert_false(blocklist_find(SLICE_LIT("frozen.spamhaus.org"), &id));
    assert_false(blocklist_find(SLICE_LIT("xzen.spamhaus.org"), &id));
    assert_false(blocklist_find(SLICE_LIT(""), &id));
    assert_int_equal(id, BLOCKLIST_SPAMHAUS_ZEN);
}

static void tells_what_an_answer_means(void **state)
{
    (void)state;
    static const struct {
        enum blocklist_id id;
        const char *answer;
        const char *want; /* NULL: no answer of a block list */
    } rows[] = {
        {BLOCKLIST_SPAMHAUS_ZEN, "127.0.0.3", "spam-source"},
        {BLOCKLIST_SPAMHAUS_ZEN, "127.0.0.4", "exploited-host"},
        {BLOCKLIST_SPAMHAUS_ZEN, "127.0.0.7", "exploited-host"},
        {BLOCKLIST_SPAMHAUS_ZEN, "127.0.0.11", "dynamic-range"},
        {BLOCKLIST_SPAMHAUS_ZEN, "127.255.255.254", "refused"},
        {BLOCKLIST_SPAMHAUS_ZEN, "192.0.2.1", NULL},
        {BLOCKLIST_SPAMHAUS_ZEN, "::1", NULL},
        {BLOCKLIST_SPAMHAUS_ZEN, "", NULL},
        {BLOCKLIST_SPAMHAUS_DBL, "127.0.1.103", "abused-site"},
        {BLOCKLIST_SPAMHAUS_DBL, "127.0.1.255", "refused"},
        {BLOCKLIST_SURBL, "127.0.0.80", "malware"},
        {BLOCKLIST_SURBL, "127.0.0.1", "refused"},
        {BLOCKLIST_SURBL, "127.255.255.255", "refused"},
        {BLOCKLIST_HOSTKARMA, "127.0.0.1", "trusted"},
        {BLOCKLIST_UCEPROTECT_3, "127.0.0.2", "network"},
        {BLOCKLIST_PSBL, "127.0.0.9", "spam-source"}, /* no code of its own: what the list lists */
        {BLOCKLIST_SORBS, "127.0.0.2", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum listing l;
        bool is_answer = blocklist_listing(rows[i].id, slice_cstr(rows[i].answer), &l);
        if (is_answer != (rows[i].want != NULL))
            fail_msg("row %zu", i);
        if (is_answer)
            assert_slice(slice_cstr(listing_name(l)), slice_cstr(rows[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(finds_by_zone),
        cmocka_unit_test(tells_what_an_answer_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
