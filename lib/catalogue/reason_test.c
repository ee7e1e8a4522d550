#include "lib/catalogue/reason.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/test.h"
#include "lib/catalogue/cause.h"
#include "lib/catalogue/text.h"

static void every_row_is_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        enum reason_id found;
        assert_true(reason_find(slice_cstr(r->id), &found));
        assert_int_equal(found, i); /* so ids are unique */
        assert_true(r->basic >= 200 && r->basic < 600);
        if (r->enhanced[0] != '\0')
            assert_int_equal(r->enhanced[0] - '0', r->basic / 100);
        for (const char *c = r->id; *c != '\0'; c++)
            assert_true(ascii_is_lower(*c) || *c == '-' || ascii_is_digit(*c));
        for (const char *c = r->reply; *c != '\0'; c++)
            assert_true(ascii_is_graphic(*c) || *c == ' ');
        assert_true(slice_starts(slice_cstr(r->rfc), SLICE_LIT("RFC ")));
        assert_true(r->cause[0] != '\0');
        if (r->basic < 400)
            assert_int_equal(r->who, WHO_NOBODY);
    }
    enum reason_id untouched = REASON_BYE;
    assert_false(reason_find(SLICE_LIT("no-such-reason"), &untouched));
    assert_int_equal(untouched, REASON_BYE);
}

static void related_ids_exist(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        slice rest = slice_cstr(reason_of((enum reason_id)i)->related);
        slice one;
        while (slice_split(&rest, ' ', &one)) {
            uint64_t code;
            enum reason_id id;
            if (!slice_to_u64(one, 599, &code) && !reason_find(one, &id))
                fail_msg("%s names %.*s", reason_of((enum reason_id)i)->id, SLICE_ARG(one));
        }
    }
}

/* Each step has a mark, and the steps of one person stand together; nobody has to act on success.
 */
static void every_step_says_who(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        slice fix = slice_cstr(reason_text(language_english(), (enum reason_id)i, TEXT_FIX));
        slice rest = fix, line, step;
        bool is_done[WHO_COUNT] = {false};
        bool is_theirs = false;
        enum who who;
        unsigned before = WHO_COUNT;
        while (slice_split(&rest, '\n', &line)) {
            if (!slice_starts(line, SLICE_LIT("{")) || !step_take(&line, &who, &step) ||
                slice_starts(step, SLICE_LIT("{")))
                fail_msg("%s has a step without a mark", r->id);
            if (who != before && is_done[who])
                fail_msg("%s: steps of one person stand apart", r->id);
            is_done[before = who] = true;
            is_theirs |= who == r->who;
        }
        if (!is_theirs)
            fail_msg("%s has no step for the one who has to act", r->id);
        if (r->basic < 400)
            assert_true(slice_starts(fix, SLICE_LIT("{nobody} Nothing is to be done")));
    }
}

/* Whether text is what a reply's text makes of some facts: {fact} stands for anything. */
static bool is_made_from(slice text, const char *pattern)
{
    if (*pattern == '\0')
        return text.n == 0;
    if (*pattern != '{')
        return text.n > 0 && text.p[0] == (unsigned char)*pattern &&
               is_made_from(slice_tail(text, 1), pattern + 1);
    pattern = strchr(pattern, '}') + 1;
    for (size_t i = 1; i <= text.n; i++)
        if (is_made_from(slice_tail(text, i), pattern))
            return true;
    return false;
}

/* Where the row says the reply itself, it is the one that is sent. */
static void examples_are_what_we_say(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason *r = reason_of((enum reason_id)i);
        slice rest = slice_cstr(r->example), line = {0};
        while (slice_split(&rest, '\n', &line))
            if (!slice_starts(line, SLICE_LIT("C: ")) && !slice_starts(line, SLICE_LIT("S: ")))
                fail_msg("%s: whose line is %.*s?", r->id, SLICE_ARG(line));
        if (!slice_starts(line, SLICE_LIT("S: "))) {
            if (r->reply[0] == '\0')
                fail_msg("%s has no reply in its example", r->id);
            continue;
        }
        char pattern[600];
        (void)snprintf(pattern, sizeof pattern, "S: %u %s%s%s", r->basic,
                       r->is_bare ? "" : r->enhanced, r->is_bare ? "" : " ", r->reply);
        if (r->reply[0] != '\0' && !is_made_from(line, pattern))
            fail_msg("%s is never sent as %.*s", r->id, SLICE_ARG(line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(related_ids_exist),
        cmocka_unit_test(every_step_says_who),
        cmocka_unit_test(examples_are_what_we_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
