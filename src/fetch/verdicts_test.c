#include "src/fetch/verdicts.h"

#include "lib/auth/sasl.h"
#include "lib/base/test.h"

/* Tokens of one set: the first two bytes of the digest choose it. */
static struct digest_value token(unsigned char set, unsigned char n)
{
    struct digest_value d = {.n = DIGEST_MAX_BYTES};
    d.bytes[1] = set;
    d.bytes[31] = n;
    return d;
}

static void keeps_until_the_end(void **state)
{
    (void)state;
    struct verdicts all;
    struct digest_value a = token(1, 1), b = token(1, 2);
    assert_true(verdicts_init(&all));
    assert_null(verdicts_find(&all, &a, 0));
    verdicts_keep(&all, &a, 10, 100, SASL_ANSWER_YES, SLICE_LIT("alice"));
    verdicts_keep(&all, &b, 10, 10, SASL_ANSWER_YES, SLICE_LIT("over already"));
    const struct verdict *v = verdicts_find(&all, &a, 99);
    assert_non_null(v);
    assert_int_equal(v->code, SASL_ANSWER_YES);
    assert_slice(slice_of(v->account, v->account_n), SLICE_LIT("alice"));
    assert_null(verdicts_find(&all, &a, 100));
    assert_null(verdicts_find(&all, &b, 0));
    verdicts_keep(&all, &a, 50, 60, SASL_ANSWER_NO, (slice){0}); /* in the same place */
    v = verdicts_find(&all, &a, 55);
    assert_non_null(v);
    assert_int_equal(v->code, SASL_ANSWER_NO);
    assert_null(verdicts_find(&all, &a, 61));
    verdicts_release(&all);
}

static void is_bounded(void **state)
{
    (void)state;
    struct verdicts all;
    assert_true(verdicts_init(&all));
    for (unsigned char n = 0; n < 10; n++) {
        struct digest_value d = token(7, n);
        verdicts_keep(&all, &d, 1, 100U + n, SASL_ANSWER_YES, SLICE_LIT("x"));
    }
    unsigned known = 0;
    for (unsigned char n = 0; n < 10; n++) {
        struct digest_value d = token(7, n);
        known += verdicts_find(&all, &d, 2) != NULL ? 1 : 0;
    }
    assert_int_equal(known, VERDICTS_WAYS);
    struct digest_value last = token(7, 9), other = token(8, 9);
    assert_non_null(verdicts_find(&all, &last, 2)); /* the newest is never the one that goes */
    assert_null(verdicts_find(&all, &other, 2));
    verdicts_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_until_the_end),
                                       cmocka_unit_test(is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
