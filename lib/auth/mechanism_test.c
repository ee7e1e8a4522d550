#include "lib/auth/mechanism.h"

#include "lib/base/test.h"

static void offers_what_the_ground_bears(void **state)
{
    (void)state;
    const uint32_t all = (1U << SASL_MECHANISM_COUNT) - 1;
    const struct {
        struct sasl_ground ground;
        const char *want;
    } rows[] = {
        {{all, true, true, true},
         "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 EXTERNAL OAUTHBEARER "
         "XOAUTH2 PLAIN LOGIN"},
        {{all, true, false, false}, "SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN"},
        {{all, false, true, true}, ""},
        {{1U << SASL_LOGIN | 1U << SASL_PLAIN, true, true, true}, "PLAIN LOGIN"},
        {{1U << SASL_EXTERNAL, true, true, false}, ""},
        {{0, true, true, true}, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 200);
        sasl_offer_print(&out, sasl_offer(&rows[i].ground));
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

static void has_names(void **state)
{
    (void)state;
    for (enum sasl_mechanism m = 0; m < SASL_MECHANISM_COUNT; m++) {
        const struct sasl_mechanism_row *row = sasl_mechanism_get(m);
        assert_int_equal(sasl_mechanism_find(row->name), m);
        /* RFC 4422 3.1. */
        assert_true(row->name.n > 0 && row->name.n <= 20 && row->source.n > 0);
        assert_int_equal((row->flags & SASL_BINDS_FLAG) != 0,
                         slice_ends(row->name, SLICE_LIT("-PLUS")));
    }
    assert_int_equal(sasl_mechanism_find(SLICE_LIT("plain")), SASL_PLAIN);
    assert_int_equal(sasl_mechanism_find(SLICE_LIT("CRAM-MD5")), SASL_MECHANISM_COUNT);
    assert_int_equal(sasl_mechanism_find((slice){0}), SASL_MECHANISM_COUNT);
}

/* Whoever has to see the password itself cannot be asked by SCRAM. */
static void allows_what_backends_can_do(void **state)
{
    (void)state;
    static const uint32_t scram = 1U << SASL_SCRAM_SHA_256 | 1U << SASL_SCRAM_SHA_1 |
                                  1U << SASL_SCRAM_SHA_256_PLUS | 1U << SASL_SCRAM_SHA_1_PLUS;
    static const struct {
        const char *text;
        bool has_scram;
    } confs[] = {{"host h.example\n", true},
                 {"host h.example\ndovecot { socket unix:/x }\n", false},
                 {"host h.example\nldap { url ldaps://l.example; base dc=x }\n", false},
                 {"host h.example\npam { service x }\n", false},
                 {"host h.example\npam { service x }\nauth { mechanisms SCRAM-SHA-256 }\n", true}};
    for (size_t i = 0; i < COUNT(confs); i++) {
        struct conf *conf = conf_read_print(slice_cstr(confs[i].text));
        assert_non_null(conf);
        assert_int_equal((sasl_allowed(conf) & scram) != 0, confs[i].has_scram);
        conf_unref(conf);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_what_the_ground_bears),
        cmocka_unit_test(has_names),
        cmocka_unit_test(allows_what_backends_can_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
