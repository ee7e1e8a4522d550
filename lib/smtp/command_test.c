#include "lib/smtp/command.h"

#include "lib/base/test.h"

enum { ALL = 0xffff };

static void splits_commands(void **state)
{
    (void)state;
    static const struct {
        const char *line, *verb, *args;
    } rows[] = {
        {"NOOP", "NOOP", ""},
        {"MAIL FROM:<a@b>  SIZE=1 ", "MAIL", "FROM:<a@b>  SIZE=1"},
        {"ehlo \t x", "ehlo", "x"},
        {"  QUIT\t", "QUIT", ""},
        {"", "", ""},
        {" \t ", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct command got = command_split(slice_cstr(rows[i].line));
        assert_slice(got.verb, slice_cstr(rows[i].verb));
        assert_slice(got.args, slice_cstr(rows[i].args));
    }
}

static void finds_the_word_before_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        bool ok, spaced;
        const char *rest;
    } rows[] = {
        {"FROM:<a@b>", true, false, "<a@b>"},
        {"from:<a@b>", true, false, "<a@b>"},
        {"FROM: <a@b>", true, true, "<a@b>"},
        {"FROM : <a@b>", true, true, "<a@b>"},
        {"FROM:", true, false, ""},
        {"FROM <a@b>", false, false, "FROM <a@b>"},
        {"TO:<a@b>", false, false, "TO:<a@b>"},
        {"", false, false, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice args = slice_cstr(rows[i].args);
        bool spaced = false;
        assert_int_equal(take_path_lead(&args, "FROM", &spaced), rows[i].ok);
        assert_int_equal(spaced, rows[i].spaced);
        assert_slice(args, slice_cstr(rows[i].rest));
    }
}

/* in, the error, the keyword at fault or the print. */
struct row {
    const char *in;
    enum param_err want;
    const char *text;
};

static void reads_parameters_of_mail(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", PARAM_OK, ""},
        {"   ", PARAM_OK, ""},
        {" SIZE=12345  BODY=8BITMIME", PARAM_OK, " SIZE=12345 BODY=8BITMIME"},
        {" body=7bit size=0", PARAM_OK, " SIZE=0 BODY=7BIT"},
        {" BODY=BINARYMIME SMTPUTF8 REQUIRETLS", PARAM_OK, " BODY=BINARYMIME SMTPUTF8 REQUIRETLS"},
        {" SIZE=18446744073709551615", PARAM_OK, " SIZE=18446744073709551615"},
        {" SIZE=99999999999999999999", PARAM_OK, " SIZE=18446744073709551615"},
        {" SIZE=100000000000000000000", PARAM_BAD_VALUE, "SIZE"},
        {" SIZE=-1", PARAM_BAD_VALUE, "SIZE"},
        {" SIZE", PARAM_MISSING_VALUE, "SIZE"},
        {" SIZE=", PARAM_BAD_SYNTAX, "SIZE"},
        {" SIZE=1 SIZE=1", PARAM_DUPLICATE, "SIZE"},
        {" SIZE=1=2", PARAM_BAD_SYNTAX, "SIZE"},
        {"SIZE=1", PARAM_BAD_SYNTAX, "SIZE"},
        {" =1", PARAM_BAD_SYNTAX, ""},
        {" -A=1", PARAM_BAD_SYNTAX, "-A"},
        {" SIZE=1\x01", PARAM_BAD_SYNTAX, "SIZE"},
        {" X=\xff", PARAM_BAD_SYNTAX, "X"},
        {" FOO=bar", PARAM_UNKNOWN, "FOO"},
        {" NOTIFY=NEVER", PARAM_UNKNOWN, "NOTIFY"},
        {" BODY=9BIT", PARAM_BAD_VALUE, "BODY"},
        {" SMTPUTF8=yes", PARAM_BAD_VALUE, "SMTPUTF8"},
        {" REQUIRETLS=1", PARAM_BAD_VALUE, "REQUIRETLS"},
        {" RET=hdrs ENVID=QQ+2B1", PARAM_OK, " RET=HDRS ENVID=QQ+2B1"},
        {" RET=FULL", PARAM_OK, " RET=FULL"},
        {" RET=NONE", PARAM_BAD_VALUE, "RET"},
        {" ENVID=a+0Ab", PARAM_BAD_VALUE, "ENVID"},
        {" ENVID=a+2bb", PARAM_BAD_VALUE, "ENVID"},
        {" ENVID=a+", PARAM_BAD_VALUE, "ENVID"},
        {" AUTH=<>", PARAM_OK, " AUTH=<>"},
        {" AUTH=e+3Dmc2@example.com", PARAM_OK, " AUTH=e+3Dmc2@example.com"},
        {" AUTH=nobody", PARAM_BAD_VALUE, "AUTH"},
        {" MT-PRIORITY=-9", PARAM_OK, " MT-PRIORITY=-9"},
        {" MT-PRIORITY=9", PARAM_OK, " MT-PRIORITY=9"},
        {" MT-PRIORITY=-0", PARAM_BAD_VALUE, "MT-PRIORITY"},
        {" MT-PRIORITY=10", PARAM_BAD_VALUE, "MT-PRIORITY"},
        {" HOLDFOR=999999999", PARAM_OK, " HOLDFOR=999999999"},
        {" HOLDFOR=0", PARAM_BAD_VALUE, "HOLDFOR"},
        {" HOLDFOR=1000000000", PARAM_BAD_VALUE, "HOLDFOR"},
        {" HOLDUNTIL=2026-11-22T01:12:27Z", PARAM_OK, " HOLDUNTIL=2026-11-22T01:12:27Z"},
        {" HOLDUNTIL=2026-11-22T01:12:27.125Z", PARAM_OK, " HOLDUNTIL=2026-11-22T01:12:27Z"},
        {" HOLDUNTIL=2026-11-22T01:12:27", PARAM_BAD_VALUE, "HOLDUNTIL"},
        {" HOLDUNTIL=2026-02-30T01:12:27Z", PARAM_BAD_VALUE, "HOLDUNTIL"},
        {" HOLDUNTIL=1026-02-20T01:12:27Z", PARAM_BAD_VALUE, "HOLDUNTIL"},
        {" HOLDUNTIL=2026-11-22T01:12:27Z HOLDFOR=1", PARAM_CONFLICT, "HOLDFOR"},
        {" BY=120;r", PARAM_OK, " BY=120;R"},
        {" BY=-5;NT", PARAM_OK, " BY=-5;NT"},
        {" BY=+5;N", PARAM_OK, " BY=5;N"},
        {" BY=-5;R", PARAM_BAD_VALUE, "BY"},
        {" BY=5", PARAM_BAD_VALUE, "BY"},
        {" BY=5;X", PARAM_BAD_VALUE, "BY"},
        {" BY=;N", PARAM_BAD_VALUE, "BY"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mail_params p = {.size_bytes = 77};
        slice bad = {0};
        enum param_err err = mail_params_parse(slice_cstr(rows[i].in), ALL, &p, &bad);
        if (err != rows[i].want)
            fail_msg("%s: %s, want %s", rows[i].in, param_err_name(err),
                     param_err_name(rows[i].want));
        struct buf out;
        buf_init(&out, 200);
        if (err == PARAM_OK)
            mail_params_print(&out, &p);
        else
            assert_int_equal(p.size_bytes, 77);
        assert_slice(err == PARAM_OK ? buf_slice(&out) : bad, slice_cstr(rows[i].text));
        buf_release(&out);
    }
}

static void reads_parameters_of_rcpt(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", PARAM_OK, ""},
        {" NOTIFY=never", PARAM_OK, " NOTIFY=NEVER"},
        {" NOTIFY=DELAY,SUCCESS,FAILURE", PARAM_OK, " NOTIFY=SUCCESS,FAILURE,DELAY"},
        {" NOTIFY=NEVER,DELAY", PARAM_BAD_VALUE, "NOTIFY"},
        {" NOTIFY=DELAY,DELAY", PARAM_BAD_VALUE, "NOTIFY"},
        {" NOTIFY=DELAY,", PARAM_BAD_VALUE, "NOTIFY"},
        {" NOTIFY=,DELAY", PARAM_BAD_VALUE, "NOTIFY"},
        {" NOTIFY", PARAM_MISSING_VALUE, "NOTIFY"},
        {" ORCPT=rfc822;a+2Bb@c", PARAM_OK, " ORCPT=rfc822;a+2Bb@c"},
        {" ORCPT=rfc822;", PARAM_BAD_VALUE, "ORCPT"},
        {" ORCPT=a@c", PARAM_BAD_VALUE, "ORCPT"},
        {" ORCPT=rfc822;\xc3\xa4@c", PARAM_BAD_VALUE, "ORCPT"},
        {" ORCPT=utf-8;\xc3\xa4@c", PARAM_OK, " ORCPT=utf-8;\xc3\xa4@c"},
        {" ORCPT=UTF-8;\\x{E4}@c", PARAM_OK, " ORCPT=UTF-8;\\x{E4}@c"},
        {" ORCPT=utf-8;\\x{0A}@c", PARAM_BAD_VALUE, "ORCPT"},
        {" ORCPT=utf-8;\\x{41}@c", PARAM_BAD_VALUE, "ORCPT"},
        {" SIZE=1", PARAM_UNKNOWN, "SIZE"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rcpt_params p = {.notify = 77};
        slice bad = {0};
        enum param_err err = rcpt_params_parse(slice_cstr(rows[i].in), ALL, &p, &bad);
        if (err != rows[i].want)
            fail_msg("%s: %s, want %s", rows[i].in, param_err_name(err),
                     param_err_name(rows[i].want));
        struct buf out;
        buf_init(&out, 200);
        if (err == PARAM_OK)
            rcpt_params_print(&out, &p);
        else
            assert_int_equal(p.notify, 77);
        assert_slice(err == PARAM_OK ? buf_slice(&out) : bad, slice_cstr(rows[i].text));
        buf_release(&out);
    }
}

static void knows_only_what_is_announced(void **state)
{
    (void)state;
    struct mail_params p;
    slice in = SLICE_LIT(" SIZE=1 REQUIRETLS"), bad;
    assert_int_equal(mail_params_parse(in, MAIL_PARAM_SIZE | MAIL_PARAM_BODY, &p, &bad),
                     PARAM_UNKNOWN);
    assert_slice(bad, SLICE_LIT("REQUIRETLS"));
    assert_int_equal(mail_params_parse(in, MAIL_PARAM_SIZE | MAIL_PARAM_REQUIRETLS, &p, NULL),
                     PARAM_OK);
    assert_int_equal(p.given, MAIL_PARAM_SIZE | MAIL_PARAM_REQUIRETLS);
}

static void codes_xtext(void **state)
{
    (void)state;
    static const struct {
        slice in;
        bool unitext, ok;
        slice want;
    } rows[] = {
        {SLICE_LIT("a+2B+3D+20+0A"), false, true, SLICE_LIT("a+= \n")},
        {SLICE_LIT("a\\x{E4}"), false, true, SLICE_LIT("a\\x{E4}")},
        {SLICE_LIT("a\\x{E4}\\x{1F600}"), true, true, SLICE_LIT("a\xc3\xa4\xf0\x9f\x98\x80")},
        {SLICE_LIT("\\x{5C}\\x{2B}\\x{01}"), true, true, SLICE_LIT("\\+\x01")},
        {SLICE_LIT("\\x{0E4}"), true, false, SLICE_LIT("")},
        {SLICE_LIT("\\x{D800}"), true, false, SLICE_LIT("")},
        {SLICE_LIT("\\x{110000}"), true, false, SLICE_LIT("")},
        {SLICE_LIT("\\x{"), true, false, SLICE_LIT("")},
        {SLICE_LIT("a+2B"), true, false, SLICE_LIT("")},
        {SLICE_LIT("a b"), false, false, SLICE_LIT("")},
        {SLICE_LIT("a="), false, false, SLICE_LIT("")},
        {SLICE_LIT("+4"), false, false, SLICE_LIT("")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 100);
        assert_int_equal(xtext_decode(&out, rows[i].in, rows[i].unitext), rows[i].ok);
        assert_slice(buf_slice(&out), rows[i].want);
        buf_release(&out);
    }
    struct buf text, back;
    buf_init(&text, 2000);
    buf_init(&back, 2000);
    char all[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)i;
    xtext_encode(&text, slice_of(all, sizeof all));
    assert_true(xtext_decode(&back, buf_slice(&text), false));
    assert_slice(buf_slice(&back), slice_of(all, sizeof all));
    buf_release(&text);
    buf_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_commands),
        cmocka_unit_test(finds_the_word_before_a_path),
        cmocka_unit_test(reads_parameters_of_mail),
        cmocka_unit_test(reads_parameters_of_rcpt),
        cmocka_unit_test(knows_only_what_is_announced),
        cmocka_unit_test(codes_xtext),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
