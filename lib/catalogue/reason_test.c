#include "lib/catalogue/reason.h"

#include "lib/base/ascii.h"
#include "lib/base/test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(related_ids_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
