/* OAUTHBEARER and XOAUTH2. */
#include "lib/base/test.h"
#include "tests/support/sasl_host.h"

#define L(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }
#define JSON(status)                                                                               \
    "S: {\"status\":\"" status "\",\"scope\":\"mail\","                                            \
    "\"openid-configuration\":\"https://id.x.example/\\\"\\\\\"}\n"
#define OLD_JSON(status)                                                                           \
    "S: {\"status\":\"" status "\",\"schemes\":\"bearer\",\"scope\":\"mail\"}\n"

static const struct {
    const char *mechanism;
    slice initial, next;
    const char *said, *asked;
} rows[] = {
    /* RFC 7628 4.1, but for the token. */
    {"OAUTHBEARER",
     L("n,a=user,\1host=server.example.com\1port=143\1auth=Bearer good==\1\1"),
     {0},
     "OK user as user id=0 bound=0\n",
     "token user;"},
    {"OAUTHBEARER",
     L("n,,\1auth=bearer   good==\1\1"),
     {0},
     "OK user as user id=0 bound=0\n",
     "token ;"},
    {"OAUTHBEARER",
     L("y,a=list@x.example,\1auth=Bearer good==\1\1"),
     {0},
     "OK user as list@x.example id=0 bound=0\n",
     "token list@x.example;act-as user;"},
    /* Whom the client names is no proof of anything. */
    {"OAUTHBEARER",
     L("n,a=other,\1auth=Bearer good==\1\1"),
     {0},
     "FAIL 1 not-allowed-as\n",
     "token other;act-as user;"},
    {"OAUTHBEARER",
     L("n,a=a=2Cb,\1auth=Bearer good==\1\1"),
     {0},
     "FAIL 1 not-allowed-as\n",
     "token a,b;act-as user;"},
    /* 4.3: refused, and the client says that it heard. */
    {"OAUTHBEARER", L("n,a=user,\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg\1\1"),
     L("\1"), JSON("invalid_token") "FAIL 1 token-invalid\n", "token user;"},
    {"OAUTHBEARER", L("n,,\1auth=Bearer narrow\1\1"), L("\1"),
     JSON("insufficient_scope") "FAIL 1 token-scope\n", "token ;"},
    {"OAUTHBEARER", L("n,,\1auth=Bearer off\1\1"), L("what?"),
     JSON("invalid_token") "FAIL 1 disabled\n", "token ;"},
    {"OAUTHBEARER", L("n,,\1auth=Bearer nobody\1\1"), L(""),
     JSON("invalid_token") "FAIL 1 unknown-user\n", "token ;"},
    {"OAUTHBEARER", L("n,,\1auth=Bearer lost\1\1"), {0}, "FAIL 7 backend\n", "token ;"},
    {"OAUTHBEARER", L("n,,\1auth=Bearer unnamed\1\1"), {0}, "FAIL 1 unknown-user\n", "token ;"},
    /* 4.4: the client asks where to get one. */
    {"OAUTHBEARER", L("n,,\1auth=\1\1"), L("\1"), JSON("invalid_token") "FAIL 1 token-invalid\n",
     ""},
    {"OAUTHBEARER", L("n,,\1\1"), L("\1"), JSON("invalid_token") "FAIL 1 token-invalid\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Basic good==\1\1"), L("\1"),
     JSON("invalid_token") "FAIL 1 token-invalid\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Bearer go od\1\1"), L("\1"),
     JSON("invalid_token") "FAIL 1 token-invalid\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Bearer ==\1\1"), L("\1"),
     JSON("invalid_token") "FAIL 1 token-invalid\n", ""},
    {"OAUTHBEARER", L(""), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Bearer good==\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Bearer good==\1\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,auth=Bearer good==\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1auth\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1=x\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1a1=x\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Bearer g\0\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,,\1auth=Bearer \xff\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,a==,\1auth=Bearer good==\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("p=tls-exporter,,\1auth=Bearer good==\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"OAUTHBEARER", L("n,a=a\x07,\1auth=Bearer good==\1\1"), {0}, "FAIL 1 bad-name\n", ""},

    {"XOAUTH2",
     L("user=user\1auth=Bearer good==\1\1"),
     {0},
     "OK user as user id=0 bound=0\n",
     "token user;"},
    {"XOAUTH2",
     L("user=list@x.example\1auth=Bearer good==\1\1"),
     {0},
     "OK user as list@x.example id=0 bound=0\n",
     "token list@x.example;act-as user;"},
    {"XOAUTH2",
     L("user=other\1auth=Bearer good==\1\1"),
     {0},
     "FAIL 1 not-allowed-as\n",
     "token other;act-as user;"},
    {"XOAUTH2", L("user=user\1auth=Bearer bad\1\1"), L(""),
     OLD_JSON("401") "FAIL 1 token-invalid\n", "token user;"},
    {"XOAUTH2", L("user=user\1auth=Bearer narrow\1\1"), L(""),
     OLD_JSON("403") "FAIL 1 token-scope\n", "token user;"},
    {"XOAUTH2", L("user=user\1auth=\1\1"), L(""), OLD_JSON("401") "FAIL 1 token-invalid\n", ""},
    {"XOAUTH2", L(""), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("user=\1auth=Bearer good==\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("user=user\1auth=Bearer good==\1"), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("user=user\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("user=user\1x=y\1auth=Bearer good==\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("user=user\1auth=Bearer good==\1x=y\1\1"), {0}, "FAIL 2 syntax\n", ""},
    {"XOAUTH2", L("user=us\0er\1auth=Bearer good==\1\1"), {0}, "FAIL 2 syntax\n", ""},
};

static void takes_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int with_initial = 0; with_initial < 2; with_initial++) {
            struct sasl_host h;
            slice mechanism = slice_cstr(rows[i].mechanism);
            sasl_host_init(&h);
            enum sasl_step step;
            if (with_initial == 1) {
                step = sasl_host_start(&h, mechanism, &rows[i].initial);
            } else {
                assert_int_equal(sasl_host_start(&h, mechanism, NULL), SASL_CHALLENGE);
                assert_int_equal(h.s.challenge.n, 0);
                buf_clear(&h.said);
                step = sasl_host_feed(&h, rows[i].initial);
            }
            if (step == SASL_CHALLENGE)
                sasl_host_feed(&h, rows[i].next);
            assert_slice(buf_slice(&h.said), slice_cstr(rows[i].said));
            assert_slice(buf_slice(&h.asked), slice_cstr(rows[i].asked));
            sasl_host_release(&h);
        }
}

static void says_only_what_it_knows(void **state)
{
    (void)state;
    struct sasl_host h;
    slice initial = L("n,,\1auth=Bearer bad\1\1");
    sasl_host_init(&h);
    h.facts.token_scope = h.facts.token_configuration = (slice){0};
    assert_int_equal(sasl_host_start(&h, SLICE_LIT("OAUTHBEARER"), &initial), SASL_CHALLENGE);
    assert_slice(h.s.challenge, SLICE_LIT("{\"status\":\"invalid_token\"}"));
    assert_int_equal(sasl_abandon(&h.s, SASL_CAUSE_CANCELLED), SASL_FAIL);
    assert_int_equal(h.s.reason, SASL_CANCELLED);
    sasl_host_release(&h);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_tokens),
        cmocka_unit_test(says_only_what_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
