/* The exchange itself, PLAIN, LOGIN and EXTERNAL. */
#include "lib/auth/sasl.h"

#include "lib/base/test.h"
#include "tests/support/sasl_host.h"

#define APP "babab-babab-babab-babab-babab-babab-babab-babab"

enum { LINES = 4 };

/* One conversation: what the client sends, what it hears, what was looked up. */
struct row {
    const char *mechanism;
    bool no_initial;
    slice lines[LINES];
    size_t count;
    const char *said, *asked;
};

#define L(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

static const struct row plain[] = {
    /* RFC 4616 4. */
    {"PLAIN",
     false,
     {L("\0user\0pencil")},
     1,
     "OK user as user id=1 bound=0\n",
     "credentials user;password user;"},
    {"PLAIN",
     true,
     {L("\0user\0pencil")},
     1,
     "S: \nOK user as user id=1 bound=0\n",
     "credentials user;password user;"},
    {"plain",
     false,
     {L("\0User\0pencil")},
     1,
     "OK user as user id=1 bound=0\n",
     "credentials User;password user;"},
    {"PLAIN",
     false,
     {L("user\0user\0pencil")},
     1,
     "OK user as user id=1 bound=0\n",
     "credentials user;password user;"},
    {"PLAIN",
     false,
     {L("USER\0USER\0pencil")},
     1,
     "OK user as user id=1 bound=0\n",
     "credentials USER;password user;"},
    {"PLAIN",
     false,
     {L("list@x.example\0user\0pencil")},
     1,
     "OK user as list@x.example id=1 bound=0\n",
     "credentials user;password user;act-as user;"},
    {"PLAIN",
     false,
     {L("Kurt\0user\0pencil")},
     1,
     "FAIL 1 not-allowed-as\n",
     "credentials user;password user;act-as user;"},
    {"PLAIN",
     false,
     {L("list@x.example\0user\0xipj3plmq")},
     1,
     "FAIL 1 wrong-secret\n",
     "credentials user;password user;"},
    /* SASLprep: a soft hyphen is nothing, a no-break space is a space. */
    {"PLAIN",
     false,
     {L("\0us\xc2\xad"
        "er\0pen\xc2\xad"
        "cil")},
     1,
     "OK user as user id=1 bound=0\n",
     "credentials user;password user;"},
    {"PLAIN", false, {L("\0user\0pen\x07")}, 1, "FAIL 1 bad-name\n", ""},
    {"PLAIN", false, {L("\0us\x07r\0pencil")}, 1, "FAIL 1 bad-name\n", ""},
    {"PLAIN", false, {L("\0user\0\xc2\xad")}, 1, "FAIL 1 bad-name\n", ""},
    /* Unknown, disabled and wrong ask the same and say the same. */
    {"PLAIN",
     false,
     {L("\0user\0Pencil")},
     1,
     "FAIL 1 wrong-secret\n",
     "credentials user;password user;"},
    {"PLAIN", false, {L("\0off\0pencil")}, 1, "FAIL 1 disabled\n", "credentials off;password off;"},
    {"PLAIN",
     false,
     {L("\0off\0pencils")},
     1,
     "FAIL 1 disabled\n",
     "credentials off;password off;"},
    {"PLAIN",
     false,
     {L("\0Nobody\0pencil")},
     1,
     "FAIL 1 unknown-user\n",
     "credentials Nobody;password nobody fake;"},
    /* The password of the fake hash is nobody's. */
    {"PLAIN",
     false,
     {L("\0nobody\0that nobody has")},
     1,
     "FAIL 1 unknown-user\n",
     "credentials nobody;password nobody fake;"},
    /* App passwords, however they are typed; no hash is needed for them. */
    {"PLAIN", false, {L("\0user\0" APP)}, 1, "OK user as user id=7 bound=0\n", "credentials user;"},
    {"PLAIN",
     false,
     {L("\0app\0BABAB babab  bababbabab BABAB babab babab babab ")},
     1,
     "OK app as app id=7 bound=0\n",
     "credentials app;"},
    {"PLAIN", false, {L("\0off\0" APP)}, 1, "FAIL 1 disabled\n", "credentials off;password off;"},
    {"PLAIN",
     false,
     {L("\0nobody\0" APP)},
     1,
     "FAIL 1 unknown-user\n",
     "credentials nobody;password nobody fake;"},
    {"PLAIN",
     false,
     {L("\0weak\0" APP)},
     1,
     "FAIL 1 wrong-secret\n",
     "credentials weak;password weak;"},
    {"PLAIN",
     false,
     {L("\0app\0pencil")},
     1,
     "FAIL 1 no-secret\n",
     "credentials app;password app fake;"},
    {"PLAIN",
     false,
     {L("\0app\0that nobody has")},
     1,
     "FAIL 1 no-secret\n",
     "credentials app;password app fake;"},
    /* A backend that says yes or no. */
    {"PLAIN",
     false,
     {L("\0far\0pencil")},
     1,
     "OK far as far id=9 bound=0\n",
     "credentials far;password far;"},
    {"PLAIN",
     false,
     {L("\0far\0crayon")},
     1,
     "FAIL 1 wrong-secret\n",
     "credentials far;password far;"},
    /* It hears what was typed, for it may know nothing of SASLprep. */
    {"PLAIN",
     false,
     {L("\0far\0pen\xc2\xad"
        "cil")},
     1,
     "FAIL 1 wrong-secret\n",
     "credentials far;password far;"},
    {"PLAIN",
     false,
     {L("\0faroff\0pencil")},
     1,
     "FAIL 1 disabled\n",
     "credentials faroff;password faroff;"},
    /* No exchange of PLAIN. */
    {"PLAIN", false, {L("")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("user")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\0user")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\0user\0")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\0\0pencil")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\0user\0pencil\0")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\0user\0pen\0cil")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\0user\0pen\xff")}, 1, "FAIL 2 syntax\n", ""},
    {"PLAIN", false, {L("\xff\0user\0pencil")}, 1, "FAIL 2 syntax\n", ""},
};

static const struct row login[] = {
    {"LOGIN",
     true,
     {L("user"), L("pencil")},
     2,
     "S: Username:\nS: Password:\nOK user as user id=1 bound=0\n",
     "credentials user;password user;"},
    {"LOGIN",
     false,
     {L("user"), L("pencil")},
     2,
     "S: Password:\nOK user as user id=1 bound=0\n",
     "credentials user;password user;"},
    {"LOGIN",
     false,
     {L("user"), L(APP)},
     2,
     "S: Password:\nOK user as user id=7 bound=0\n",
     "credentials user;"},
    {"LOGIN",
     false,
     {L("user"), L("x")},
     2,
     "S: Password:\nFAIL 1 wrong-secret\n",
     "credentials user;password user;"},
    {"LOGIN",
     false,
     {L("off"), L("pencil")},
     2,
     "S: Password:\nFAIL 1 disabled\n",
     "credentials off;password off;"},
    {"LOGIN",
     false,
     {L("nobody"), L("pencil")},
     2,
     "S: Password:\nFAIL 1 unknown-user\n",
     "credentials nobody;password nobody fake;"},
    {"LOGIN", false, {L("a\x07"), L("pencil")}, 2, "S: Password:\nFAIL 1 bad-name\n", ""},
    {"LOGIN", true, {L("")}, 1, "S: Username:\nFAIL 2 syntax\n", ""},
    {"LOGIN", false, {L("")}, 1, "FAIL 2 syntax\n", ""},
    {"LOGIN", false, {L("\0user\0pencil")}, 1, "FAIL 2 syntax\n", ""},
    {"LOGIN", false, {L("a\xff")}, 1, "FAIL 2 syntax\n", ""},
    {"LOGIN", false, {L("user"), L("")}, 2, "S: Password:\nFAIL 2 syntax\n", ""},
    {"LOGIN", false, {L("user"), L("pen\0cil")}, 2, "S: Password:\nFAIL 2 syntax\n", ""},
};

static const struct row external[] = {
    {"EXTERNAL", false, {L("")}, 1, "OK user as user id=0 bound=0\n", "certificate ;"},
    {"EXTERNAL", true, {L("")}, 1, "S: \nOK user as user id=0 bound=0\n", "certificate ;"},
    {"EXTERNAL", false, {L("user")}, 1, "OK user as user id=0 bound=0\n", "certificate ;"},
    {"EXTERNAL",
     false,
     {L("list@x.example")},
     1,
     "OK user as list@x.example id=0 bound=0\n",
     "certificate ;act-as user;"},
    {"EXTERNAL",
     false,
     {L("fred@example.com")},
     1,
     "FAIL 1 not-allowed-as\n",
     "certificate ;act-as user;"},
    {"EXTERNAL", false, {L("a\0b")}, 1, "FAIL 2 syntax\n", ""},
    {"EXTERNAL", false, {L("a\xff")}, 1, "FAIL 2 syntax\n", ""},
    {"EXTERNAL", false, {L("a\x07")}, 1, "FAIL 1 bad-name\n", "certificate ;"},
    {"CRAM-MD5", true, {{0}}, 0, "FAIL 4 unknown-mechanism\n", ""},
    {"", true, {{0}}, 0, "FAIL 4 unknown-mechanism\n", ""},
    {"PLAI", false, {L("")}, 1, "FAIL 4 unknown-mechanism\n", ""},
};

static void converse(struct sasl_host *h, const struct row *row)
{
    size_t at = row->no_initial ? 0 : 1;
    enum sasl_step step =
        sasl_host_start(h, slice_cstr(row->mechanism), row->no_initial ? NULL : &row->lines[0]);
    while (step == SASL_CHALLENGE && at < row->count)
        step = sasl_host_feed(h, row->lines[at++]);
    assert_int_equal(at, row->count);
}

static void run_table(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sasl_host late, prompt;
        sasl_host_init(&late);
        converse(&late, &rows[i]);
        assert_slice(buf_slice(&late.said), slice_cstr(rows[i].said));
        assert_slice(buf_slice(&late.asked), slice_cstr(rows[i].asked));
        sasl_host_init(&prompt);
        prompt.knows = &late;
        converse(&prompt, &rows[i]);
        assert_slice(buf_slice(&prompt.said), slice_cstr(rows[i].said));
        assert_int_equal(prompt.asked.n, 0);
        sasl_host_release(&prompt);
        sasl_host_release(&late);
    }
}

static void signs_in_by_plain(void **state)
{
    (void)state;
    run_table(plain, COUNT(plain));
}

static void signs_in_by_login(void **state)
{
    (void)state;
    run_table(login, COUNT(login));
}

static void signs_in_by_external(void **state)
{
    (void)state;
    run_table(external, COUNT(external));
}

static void keeps_to_what_is_offered(void **state)
{
    (void)state;
    for (enum sasl_mechanism m = 0; m < SASL_MECHANISM_COUNT; m++) {
        const struct sasl_mechanism_row *row = sasl_mechanism_get(m);
        struct sasl_host h;
        slice initial = SLICE_LIT("x");
        sasl_host_init(&h);
        h.facts.offered &= ~(1U << m);
        sasl_host_start(&h, row->name, &initial);
        assert_slice(buf_slice(&h.said), SLICE_LIT("FAIL 5 not-offered\n"));
        sasl_host_release(&h);

        sasl_host_init(&h);
        h.facts.is_tls = false;
        sasl_host_start(&h, row->name, &initial);
        if ((row->flags & SASL_NEEDS_TLS_FLAG) != 0)
            assert_slice(buf_slice(&h.said), SLICE_LIT("FAIL 6 needs-tls\n"));
        sasl_host_release(&h);
    }
}

static void survives_dead_backends(void **state)
{
    (void)state;
    static const struct {
        const char *mechanism;
        slice initial;
        enum sasl_question_kind dead;
    } rows[] = {
        {"PLAIN", L("\0user\0pencil"), SASL_ASK_CREDENTIALS},
        {"PLAIN", L("\0user\0pencil"), SASL_ASK_PASSWORD},
        {"PLAIN", L("\0nobody\0pencil"), SASL_ASK_PASSWORD},
        {"PLAIN", L("list@x.example\0user\0pencil"), SASL_ASK_ACT_AS},
        {"EXTERNAL", L(""), SASL_ASK_CERTIFICATE},
        {"SCRAM-SHA-256", L("n,,n=user,r=abc"), SASL_ASK_CREDENTIALS},
        {"XOAUTH2", L("user=user\1auth=Bearer good==\1\1"), SASL_ASK_TOKEN},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sasl_host h;
        sasl_host_init(&h);
        h.dead = rows[i].dead;
        sasl_host_start(&h, slice_cstr(rows[i].mechanism), &rows[i].initial);
        assert_slice(buf_slice(&h.said), SLICE_LIT("FAIL 7 backend\n"));
        sasl_host_release(&h);
    }
}

static void knows_certificates(void **state)
{
    (void)state;
    static const struct {
        slice certificate;
        const char *said;
    } rows[] = {
        {L("cert of off"), "FAIL 1 disabled\n"},
        {L("cert of nobody"), "FAIL 1 unknown-user\n"},
        {{0}, "FAIL 1 no-secret\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sasl_host h;
        sasl_host_init(&h);
        h.facts.certificate = rows[i].certificate;
        sasl_host_start(&h, SLICE_LIT("EXTERNAL"), &(slice){0});
        assert_slice(buf_slice(&h.said), slice_cstr(rows[i].said));
        sasl_host_release(&h);
    }
}

static void can_be_abandoned(void **state)
{
    (void)state;
    static const struct {
        enum sasl_cause cause;
        enum sasl_reason reason;
    } rows[] = {
        {SASL_CAUSE_CANCELLED, SASL_CANCELLED},
        {SASL_CAUSE_SYNTAX, SASL_MALFORMED},
        {SASL_CAUSE_TOO_LONG, SASL_MALFORMED},
        {SASL_CAUSE_BACKEND, SASL_UNAVAILABLE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sasl s;
        struct sasl_facts facts = {.offered = ~0U, .is_tls = true};
        slice name = SLICE_LIT("user");
        sasl_init(&s, &facts);
        assert_int_equal(sasl_start(&s, SLICE_LIT("LOGIN"), &name), SASL_CHALLENGE);
        assert_int_equal(sasl_abandon(&s, rows[i].cause), SASL_FAIL);
        assert_int_equal(s.reason, rows[i].reason);
        assert_true(sasl_cause_word(s.cause).n > 0);
        sasl_clear(&s);
        /* It can be used again then. */
        assert_int_equal(sasl_start(&s, SLICE_LIT("LOGIN"), NULL), SASL_CHALLENGE);
        sasl_clear(&s);
        sasl_clear(&s);
    }
}

static void has_bounds(void **state)
{
    (void)state;
    static char long_line[SASL_RESPONSE_MAX_BYTES + 1];
    memset(long_line, 'x', sizeof long_line);
    static const size_t lengths[] = {sizeof long_line, sizeof long_line - 1};
    static const char *const said[] = {"FAIL 2 too-long\n", "FAIL 1 bad-name\n"};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct sasl_host h;
        slice initial = slice_of(long_line, lengths[i]);
        memcpy(long_line, "\0user\0", 6);
        sasl_host_init(&h);
        sasl_host_start(&h, SLICE_LIT("PLAIN"), &initial);
        assert_slice(buf_slice(&h.said), slice_cstr(said[i]));
        sasl_host_release(&h);
    }
}

/* Wherever memory ends, the exchange is put off, and nobody is let in or refused by it. */
static void survives_no_memory(void **state)
{
    (void)state;
    static const struct {
        const char *mechanism;
        slice initial;
        enum sasl_step end;
    } rows[] = {
        {"PLAIN", L("list@x.example\0user\0pencil"), SASL_OK},
        {"PLAIN", L("\0user\0p\xc3\xbc"), SASL_FAIL},
        {"SCRAM-SHA-256", L("n,a=list,n=user,r=abc"), SASL_CHALLENGE},
        {"OAUTHBEARER", L("n,a=x,\1auth=Bearer bad\1\1"), SASL_CHALLENGE},
        {"EXTERNAL", L("list@x.example"), SASL_OK},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_done = false;
        for (size_t cap = 0; !is_done; cap += 64) {
            struct sasl_host h;
            assert_true(cap < 100000);
            sasl_host_init(&h);
            h.s.arena.max_bytes = cap;
            enum sasl_step step =
                sasl_host_start(&h, slice_cstr(rows[i].mechanism), &rows[i].initial);
            is_done = step != SASL_FAIL || h.s.cause != SASL_CAUSE_NO_MEMORY;
            assert_true(!is_done || step == rows[i].end);
            sasl_host_release(&h);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_in_by_plain),      cmocka_unit_test(signs_in_by_login),
        cmocka_unit_test(signs_in_by_external),   cmocka_unit_test(keeps_to_what_is_offered),
        cmocka_unit_test(survives_dead_backends), cmocka_unit_test(knows_certificates),
        cmocka_unit_test(can_be_abandoned),       cmocka_unit_test(has_bounds),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
