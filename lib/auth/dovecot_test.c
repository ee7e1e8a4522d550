#include "lib/auth/dovecot.h"

#include "lib/base/test.h"

/* Lines as Dovecot 2.3 writes them, and some that it should not. */
static const struct {
    const char *text;
    struct dovecot_line want;
} lines[] = {
    {"VERSION\t1\t2", {.kind = DOVECOT_VERSION, .major = 1, .minor = 2}},
    {"VERSION\t1\t2\tlater", {.kind = DOVECOT_VERSION, .major = 1, .minor = 2}},
    {"MECH\tPLAIN\tplaintext", {.kind = DOVECOT_MECH, .name = SLICE_LIT("PLAIN")}},
    {"MECH\tLOGIN", {.kind = DOVECOT_MECH, .name = SLICE_LIT("LOGIN")}},
    {"SPID\t4711", {.kind = DOVECOT_OTHER}},
    {"CUID\t1", {.kind = DOVECOT_OTHER}},
    {"", {.kind = DOVECOT_OTHER}},
    {"done", {.kind = DOVECOT_OTHER}},
    {"DONE", {.kind = DOVECOT_DONE}},
    {"OK\t7\tuser=alice@example.org",
     {.kind = DOVECOT_OK, .id = 7, .name = SLICE_LIT("alice@example.org")}},
    {"OK\t4294967295", {.kind = DOVECOT_OK, .id = UINT32_MAX}},
    {"OK\t1\tuser=", {.kind = DOVECOT_OK, .id = 1}},
    {"OK\t1\tusers=x\tuser", {.kind = DOVECOT_OK, .id = 1}},
    {"FAIL\t1\tuser=bob", {.kind = DOVECOT_FAIL, .id = 1, .name = SLICE_LIT("bob")}},
    {"FAIL\t1\tuser=bob\tuser_disabled",
     {.kind = DOVECOT_FAIL, .id = 1, .name = SLICE_LIT("bob"), .cause = DOVECOT_DISABLED}},
    {"FAIL\t1\tuser=bob\tcode=pass_expired\tpass_expired",
     {.kind = DOVECOT_FAIL, .id = 1, .name = SLICE_LIT("bob"), .cause = DOVECOT_EXPIRED}},
    {"FAIL\t2\tcode=temp_fail\ttemp\treason=disk full",
     {.kind = DOVECOT_FAIL, .id = 2, .cause = DOVECOT_TEMPORARY, .reason = SLICE_LIT("disk full")}},
    {"FAIL\t2\tauthz\ttemp", {.kind = DOVECOT_FAIL, .id = 2, .cause = DOVECOT_TEMPORARY}},
    {"FAIL\t2\tauthz", {.kind = DOVECOT_FAIL, .id = 2, .cause = DOVECOT_NOT_ALLOWED}},
    {"CONT\t3\t", {.kind = DOVECOT_CONT, .id = 3}},
    {"USER\t5\tbob\tuid=5000\tgid=5000", {.kind = DOVECOT_USER, .id = 5, .name = SLICE_LIT("bob")}},
    {"NOTFOUND\t5", {.kind = DOVECOT_NOTFOUND, .id = 5}},
};

static const char *const malformed[] = {"VERSION", "VERSION\t1", "VERSION\tx\ty",  "OK",
                                        "OK\t",    "OK\t-1",     "OK\t4294967296", "FAIL\tuser=x",
                                        "MECH",    "USER\t1",    "NOTFOUND\t1 2",  "CONT\t"};

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct dovecot_line got;
        const struct dovecot_line *want = &lines[i].want;
        if (dovecot_read(slice_cstr(lines[i].text), &got) != DOVECOT_READ)
            fail_msg("%s", lines[i].text);
        assert_int_equal(got.kind, want->kind);
        assert_int_equal(got.id, want->id);
        assert_int_equal(got.major, want->major);
        assert_int_equal(got.minor, want->minor);
        assert_int_equal(got.cause, want->cause);
        assert_slice(got.name, want->name);
        assert_slice(got.reason, want->reason);
    }
    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct dovecot_line untouched = {.id = 99};
        if (dovecot_read(slice_cstr(malformed[i]), &untouched) != DOVECOT_MALFORMED)
            fail_msg("%s", malformed[i]);
        assert_int_equal(untouched.id, 99);
    }
}

static void escapes(void **state)
{
    (void)state;
    slice plain = SLICE_LIT("a\tb\nc\rd\0e\001f");
    struct buf out, back;
    buf_init(&out, 64);
    buf_init(&back, 64);
    dovecot_escape(&out, plain);
    assert_slice(buf_slice(&out), SLICE_LIT("a\001tb\001nc\001rd\0010e\0011f"));
    dovecot_unescape(&back, buf_slice(&out));
    assert_slice(buf_slice(&back), plain);
    buf_clear(&back);
    dovecot_unescape(&back, SLICE_LIT("\001x\001"));
    assert_slice(buf_slice(&back), SLICE_LIT("x\001"));
    buf_release(&out);
    buf_release(&back);
}

static void writes(void **state)
{
    (void)state;
    struct buf out;
    struct dovecot_request r = {.id = 7,
                                .name = SLICE_LIT("alice"),
                                .secret = SLICE_LIT("pw"),
                                .session = SLICE_LIT("s\t1")};
    buf_init(&out, 65536);
    dovecot_put_hello(&out, 12);
    assert_slice(buf_slice(&out), SLICE_LIT("VERSION\t1\t1\nCPID\t12\n"));
    buf_clear(&out);
    if (ip_parse(SLICE_LIT("192.0.2.1"), &r.ip) != IP_OK)
        fail();
    assert_true(dovecot_put_plain(&out, &r));
    assert_slice(
        buf_slice(&out),
        SLICE_LIT(
            "AUTH\t7\tPLAIN\tservice=smtp\tsecured\tnologin\tno-penalty\tsession=s\001t1\trip="
            "192.0.2.1\tresp=AGFsaWNlAHB3\n"));
    buf_clear(&out);
    assert_true(dovecot_put_user(&out, 8, SLICE_LIT("a\tb")));
    assert_slice(buf_slice(&out), SLICE_LIT("USER\t8\ta\001tb\tservice=smtp\n"));
    buf_clear(&out);
    dovecot_put_cancel(&out, 9);
    assert_slice(buf_slice(&out), SLICE_LIT("CANCEL\t9\n"));
    buf_release(&out);
}

/* What cannot be a user's leaves no trace, and above all no line that Dovecot ends the connection
 * for. */
static void refuses(void **state)
{
    (void)state;
    static char many[DOVECOT_LINE_MAX];
    memset(many, 'x', sizeof many);
    struct buf out;
    buf_init(&out, 65536);
    buf_adds(&out, "before");
    const slice names[] = {{0}, SLICE_LIT("a\0b"), slice_of(many, sizeof many)};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_false(dovecot_put_plain(&out, &(struct dovecot_request){.name = names[i],
                                                                       .secret = SLICE_LIT("x")}));
        assert_false(dovecot_put_plain(&out, &(struct dovecot_request){.name = SLICE_LIT("x"),
                                                                       .secret = names[i]}));
        assert_false(dovecot_put_user(&out, 1, names[i]));
        assert_slice(buf_slice(&out), SLICE_LIT("before"));
        assert_int_equal(out.err, BUF_OK);
    }
    size_t fits = 0;
    for (size_t n = 1; n < sizeof many; n++) {
        buf_clear(&out);
        if (dovecot_put_plain(&out, &(struct dovecot_request){.name = SLICE_LIT("x"),
                                                              .secret = slice_of(many, n)}))
            fits = n;
        assert_true(out.n <= DOVECOT_LINE_MAX);
    }
    assert_true(fits > 6000);
    buf_release(&out);
    buf_init(&out, 100);
    assert_false(dovecot_put_plain(&out, &(struct dovecot_request){.name = SLICE_LIT("x"),
                                                                   .secret = SLICE_LIT("x")}));
    assert_int_equal(out.err, BUF_OK);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(escapes),
                                       cmocka_unit_test(writes), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
