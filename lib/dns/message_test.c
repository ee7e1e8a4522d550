#include "lib/base/test.h"

#include "lib/dns/message.h"

/* A header with one question and so many answers, then the question for "a." (at offset 12). */
#define HEAD(answers) "\0\0\x81\x80\0\1\0" answers "\0\0\0\0\1a\0\0\1\0\1"
#define OWNER "\xc0\x0c"
/* type, class IN, ttl */
#define FIXED(type, ttl) "\0" type "\0\1\0\0\0" ttl

static struct dns_name name_of(const char *text)
{
    struct dns_name name;
    assert_int_equal(dns_name_parse(slice_cstr(text), &name), DNS_OK);
    return name;
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        slice message;
        uint16_t type;
        enum dns_err want;
        size_t count;
        uint32_t ttl;
        slice records;
    } rows[] = {
        {SLICE_LIT(HEAD("\2") OWNER FIXED("\1", "\x3c") "\0\4\1\2\3\4" OWNER FIXED(
             "\1", "\x1e") "\0\4\5\6\7\x8"),
         DNS_A, DNS_OK, 2, 30, SLICE_LIT("\0\4\1\2\3\4\0\4\5\6\7\x8")},
        {SLICE_LIT(HEAD("\0")), DNS_A, DNS_OK, 0, 0, SLICE_LIT("")},
        /* another owner, another class */
        {SLICE_LIT(HEAD("\2") "\1b\0" FIXED("\1", "\x3c") "\0\4\1\2\3\4" OWNER
                                                          "\0\1\0\3\0\0\0\1\0\4\5\6\7\x8"),
         DNS_A, DNS_OK, 0, 0, SLICE_LIT("")},
        /* a -> b -> 1.2.3.4, in the wrong order */
        {SLICE_LIT(HEAD("\2") "\1b\0" FIXED("\1", "\x3c") "\0\4\1\2\3\4" OWNER FIXED(
             "\5", "\x0a") "\0\3\1B\0"),
         DNS_A, DNS_OK, 1, 10, SLICE_LIT("\0\4\1\2\3\4")},
        /* a -> a */
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\5", "\x0a") "\0\2\xc0\x0c"), DNS_A, DNS_OK, 0, 10,
         SLICE_LIT("")},
        /* a name in the data, compressed */
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\x0f", "\x0a") "\0\6\0\5\1m\xc0\x0c"), DNS_MX, DNS_OK, 1,
         10, SLICE_LIT("\0\7\0\5\1m\1a\0")},
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\x0c", "\x0a") "\0\6\1m\xc0\x0cxx"), DNS_PTR, DNS_BAD, 0,
         0, SLICE_LIT("")},
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\x0c", "\x0a") "\0\3\5m\0"), DNS_PTR, DNS_SHORT, 0, 0,
         SLICE_LIT("")},
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\x0f", "\x0a") "\0\1\0"), DNS_MX, DNS_SHORT, 0, 0,
         SLICE_LIT("")},
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\1", "\x3c") "\0\3\1\2\3"), DNS_A, DNS_BAD, 0, 0,
         SLICE_LIT("")},
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\x10", "\x3c") "\0\4\3abc"), DNS_TXT, DNS_OK, 1, 60,
         SLICE_LIT("\0\4\3abc")},
        /* a TTL with its top bit set is none */
        {SLICE_LIT(HEAD("\1") OWNER "\0\1\0\1\x80\0\0\1\0\4\1\2\3\4"), DNS_A, DNS_OK, 1, 0,
         SLICE_LIT("\0\4\1\2\3\4")},
        {SLICE_LIT(HEAD("\1") OWNER FIXED("\1", "\x3c") "\0\5\1\2\3\4"), DNS_A, DNS_SHORT, 0, 0,
         SLICE_LIT("")},
        {SLICE_LIT(HEAD("\1") OWNER "\0\1"), DNS_A, DNS_SHORT, 0, 0, SLICE_LIT("")},
        {SLICE_LIT(HEAD("\1")), DNS_A, DNS_SHORT, 0, 0, SLICE_LIT("")},
        {SLICE_LIT("\0\0\x81\x80\0\1\0\1"), DNS_A, DNS_SHORT, 0, 0, SLICE_LIT("")},
        {SLICE_LIT("\0\0\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\1"), DNS_A, DNS_SHORT, 0, 0, SLICE_LIT("")},
    };
    struct dns_name a = name_of("A");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        uint32_t ttl = 0;
        size_t count = 0;
        buf_init(&out, 1000);
        enum dns_err err =
            dns_message_answer(rows[i].message, &a, rows[i].type, &out, &ttl, &count);
        if (err != rows[i].want || count != rows[i].count || ttl != rows[i].ttl)
            fail_msg("row %zu: error %d, %zu records, TTL %u", i, (int)err, count, (unsigned)ttl);
        assert_slice(buf_slice(&out), rows[i].records);
        /* Cut anywhere, it is an error or less, never a crash. */
        for (size_t n = 0; n < rows[i].message.n; n++) {
            buf_clear(&out);
            if (dns_message_answer(slice_head(rows[i].message, n), &a, rows[i].type, &out, &ttl,
                                   &count) != DNS_OK)
                assert_int_equal(out.n, 0);
        }
        buf_release(&out);
    }
}

static void no_room(void **state)
{
    (void)state;
    struct dns_name a = name_of("a");
    struct buf out;
    uint32_t ttl;
    size_t count;
    buf_init(&out, 5);
    assert_int_equal(dns_message_answer(SLICE_LIT(HEAD("\1")
                                                      OWNER FIXED("\1", "\x3c") "\0\4\1\2\3\4"),
                                        &a, DNS_A, &out, &ttl, &count),
                     DNS_TOO_LONG);
    assert_int_equal(out.n, 0);
    buf_release(&out);
}

static void rcodes(void **state)
{
    (void)state;
    assert_int_equal(dns_message_rcode(SLICE_LIT(HEAD("\0"))), 0);
    assert_int_equal(dns_message_rcode(SLICE_LIT("\0\0\x81\x83\0\0\0\0\0\0\0\0")), 3);
    assert_int_equal(dns_message_rcode(SLICE_LIT("\0\0\x81\x80\0\0\0\0\0\0\0")), 2);
}

static void records_one_by_one(void **state)
{
    (void)state;
    slice s = SLICE_LIT("\0\2ab\0\0\0\1c\0\3de"), r;
    assert_true(dns_record_take(&s, &r));
    assert_slice(r, SLICE_LIT("ab"));
    assert_true(dns_record_take(&s, &r));
    assert_slice(r, SLICE_LIT(""));
    assert_true(dns_record_take(&s, &r));
    assert_slice(r, SLICE_LIT("c"));
    assert_false(dns_record_take(&s, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(no_room),
        cmocka_unit_test(rcodes),
        cmocka_unit_test(records_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
