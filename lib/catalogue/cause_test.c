#include "lib/catalogue/cause.h"

#include "lib/base/test.h"
#include "lib/base/utf8.h"
#include "lib/catalogue/lookup_int.h"

static void texts_are_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        enum cause_id id = (enum cause_id)i;
        enum cause_id found;
        assert_true(cause_find(slice_cstr(cause_of(id)->id), &found));
        assert_int_equal(found, id); /* so ids are unique */
        assert_true(slice_starts(slice_cstr(cause_of(id)->rfc), SLICE_LIT("RFC ")));
        for (unsigned field = 0; field < TEXT_FIELDS; field++) {
            slice text = slice_cstr(cause_text(language_english(), id, (enum text_field)field));
            if (text.n == 0 || !utf8_is_valid(text))
                fail_msg("%s lacks a text (field %u)", cause_of(id)->id, field);
            bool is_sentence = text.p[text.n - 1] == '.';
            if (is_sentence == (field == TEXT_TITLE))
                fail_msg("%s: a full stop ends all texts but the title", cause_of(id)->id);
        }
    }
    enum cause_id untouched = CAUSE_TIMEOUT;
    assert_false(cause_find(SLICE_LIT("no-such-cause"), &untouched));
    assert_int_equal(untouched, CAUSE_TIMEOUT);
}

static unsigned lines_of(slice text)
{
    slice line;
    unsigned n = 0;
    while (slice_split(&text, '\n', &line))
        n++;
    return n;
}

/* Every step says who can do it, and steps of one person stand together. */
static void steps_are_marked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        const char *id = cause_of((enum cause_id)i)->id;
        slice fix = slice_cstr(cause_text(language_english(), (enum cause_id)i, TEXT_FIX));
        unsigned n = lines_of(fix), taken = 0, seen = 0;
        assert_true(n >= 2 && n <= 6);
        unsigned who = WHO_COUNT; /* of the step before */
        enum who next;
        slice step;
        const char *start = fix.p;
        while (step_take(&fix, &next, &step)) {
            if (*start != '{' || step.n == 0 || step.p[0] == '{' || step.p[step.n - 1] != '.')
                fail_msg("%s: step %u has no mark or is no sentence", id, taken + 1);
            if (next != who && (seen & 1U << next) != 0)
                fail_msg("%s: step %u belongs to those of the same person", id, taken + 1);
            who = next;
            seen |= 1U << next;
            start = fix.p;
            taken++;
        }
        assert_int_equal(taken, n);
    }
}

static bool is_known(slice id)
{
    uint64_t number;
    enum code_id code;
    enum enhanced_id enhanced;
    enum reason_id reason;
    enum cause_id cause;
    if (slice_to_u64(id, 599, &number))
        return code_find((unsigned)number, &code);
    return enhanced_find(id.n > 0 ? id.p[0] : '\0', id, &enhanced) || reason_find(id, &reason) ||
           cause_find(id, &cause);
}

static void related_ids_exist(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        const struct cause *c = cause_of((enum cause_id)i);
        slice rest = slice_cstr(c->related);
        slice one;
        unsigned n = 0;
        while (slice_split(&rest, ' ', &one)) {
            if (!is_known(one) || slice_is(one, c->id))
                fail_msg("%s is related to %.*s", c->id, SLICE_ARG(one));
            n++;
        }
        assert_true(n >= 2 && n <= 7);
    }
}

static void examples_are_dialogues(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        const struct cause *c = cause_of((enum cause_id)i);
        slice rest = slice_cstr(c->example);
        slice line = SLICE_LIT("");
        bool is_spoken_by_server = false;
        while (slice_split(&rest, '\n', &line)) {
            is_spoken_by_server |= slice_starts(line, SLICE_LIT("S: "));
            if (!slice_starts(line, SLICE_LIT("S: ")) && !slice_starts(line, SLICE_LIT("C: ")))
                fail_msg("%s: neither C: nor S: %.*s", c->id, SLICE_ARG(line));
        }
        assert_true(is_spoken_by_server);
    }
}

static void takes_a_step(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum who who;
        const char *step;
    } rows[] = {
        {"{nobody} Wait.", WHO_NOBODY, "Wait."},
        {"{sender-user} Look.", WHO_SENDER_USER, "Look."},
        {"{sender-admin} Mend {it}.", WHO_SENDER_ADMIN, "Mend {it}."},
        {"{recipient} Sign in.", WHO_RECIPIENT, "Sign in."},
        {"{recipient-admin}Allow.", WHO_RECIPIENT_ADMIN, "Allow."},
        {"No mark.", WHO_NOBODY, "No mark."},
        {"{stranger} Go.", WHO_NOBODY, "{stranger} Go."},
        {"{recipient", WHO_NOBODY, "{recipient"},
        {"{", WHO_NOBODY, "{"},
        {"}", WHO_NOBODY, "}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        slice fix = slice_cstr(rows[i].line);
        slice step;
        enum who who;
        assert_true(step_take(&fix, &who, &step));
        assert_int_equal(who, rows[i].who);
        assert_true(slice_is(step, rows[i].step));
        assert_false(step_take(&fix, &who, &step));
    }
    slice fix = SLICE_LIT("\n{recipient} One.\n\n{nobody} Two.");
    slice step;
    enum who who;
    assert_true(step_take(&fix, &who, &step) && who == WHO_RECIPIENT && slice_is(step, "One."));
    assert_true(step_take(&fix, &who, &step) && who == WHO_NOBODY && slice_is(step, "Two."));
    assert_false(step_take(&fix, &who, &step));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_whole),        cmocka_unit_test(steps_are_marked),
        cmocka_unit_test(related_ids_exist),      cmocka_unit_test(takes_a_step),
        cmocka_unit_test(examples_are_dialogues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
