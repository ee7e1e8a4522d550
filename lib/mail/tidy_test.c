#include "lib/mail/tidy.h"

#include "lib/base/test.h"

static const struct tidy_facts facts = {
    .host = SLICE_LIT("mx.example.org"),
    .session = SLICE_LIT("3kq7"),
    .number = 5,
    .at = 1795305600,
    .account = SLICE_LIT("alice@example.org"),
    .sender = SLICE_LIT("info@example.org"),
};

#define DATE "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\n"
#define ID "Message-ID: <1795305600.5.3kq7@mx.example.org>\r\n"
/* What a message has that wants nothing but what the row is about. */
#define DATED "Date: x\r\nMessage-ID: <y@z>\r\n"
#define SENDER "Sender: alice@example.org\r\n"

static const struct {
    slice in;
    slice header;
    slice added;
    unsigned did;
} rows[] = {
    {SLICE_LIT(DATED "From: alice@example.org\r\n\r\n"),
     SLICE_LIT(DATED "From: alice@example.org\r\n\r\n"), SLICE_LIT(""), 0},
    {SLICE_LIT("From: alice@example.org\r\n\r\n"), SLICE_LIT("From: alice@example.org\r\n\r\n"),
     SLICE_LIT(DATE ID), TIDY_DATE | TIDY_MESSAGE_ID},
    {SLICE_LIT("dAtE : x\r\nmessage-id:\r\n <y@z>\r\nFROM:Info@Example.Org\r\n\r\n"),
     SLICE_LIT("dAtE : x\r\nmessage-id:\r\n <y@z>\r\nFROM:Info@Example.Org\r\n\r\n"), SLICE_LIT(""),
     0},
    /* No header, half a header. */
    {SLICE_LIT(""), SLICE_LIT("\r\n"), SLICE_LIT(DATE ID "From: info@example.org\r\n"),
     TIDY_DATE | TIDY_MESSAGE_ID | TIDY_FROM | TIDY_END},
    {SLICE_LIT("\r\n"), SLICE_LIT("\r\n"), SLICE_LIT(DATE ID "From: info@example.org\r\n"),
     TIDY_DATE | TIDY_MESSAGE_ID | TIDY_FROM},
    {SLICE_LIT(DATED "From: info@example.org"), SLICE_LIT(DATED "From: info@example.org\r\n\r\n"),
     SLICE_LIT(""), TIDY_END},
    /* What would come to stand below our own fields. */
    {SLICE_LIT("From alice Sat\r\n" DATED "From: info@example.org\r\n\r\n"),
     SLICE_LIT(DATED "From: info@example.org\r\n\r\n"), SLICE_LIT(""), TIDY_LEAD},
    {SLICE_LIT(" x\r\n\ty\r\n" DATED "From: info@example.org\r\n\r\n"),
     SLICE_LIT(DATED "From: info@example.org\r\n\r\n"), SLICE_LIT(""), TIDY_LEAD},
    {SLICE_LIT("From alice Sat\r\n\r\n"), SLICE_LIT("\r\n"),
     SLICE_LIT(DATE ID "From: info@example.org\r\n"),
     TIDY_DATE | TIDY_MESSAGE_ID | TIDY_FROM | TIDY_LEAD},
    /* Bcc, first, last, folded, twice; other names stay. */
    {SLICE_LIT("Bcc: a@b\r\n" DATED "bcc : c@d,\r\n e@f,\r\n\tg@h\r\nFrom: info@example.org\r\n"
               "X-Bcc: i@j\r\nBccs: k\r\nresent-bcc:\r\n\r\n"),
     SLICE_LIT(DATED "From: info@example.org\r\nX-Bcc: i@j\r\nBccs: k\r\n\r\n"), SLICE_LIT(""),
     TIDY_BCC},
    {SLICE_LIT("Bcc: a@b\r\n"), SLICE_LIT("\r\n"), SLICE_LIT(DATE ID "From: info@example.org\r\n"),
     TIDY_DATE | TIDY_MESSAGE_ID | TIDY_FROM | TIDY_BCC | TIDY_END},
    {SLICE_LIT("From x\r\nBcc: a@b\r\n" DATED "From: info@example.org\r\nBcc: z\r\n\r\n"),
     SLICE_LIT(DATED "From: info@example.org\r\n\r\n"), SLICE_LIT(""), TIDY_BCC | TIDY_LEAD},
    /* Sender. */
    {SLICE_LIT(DATED "From: bob@example.org\r\n\r\n"),
     SLICE_LIT(DATED "From: bob@example.org\r\n\r\n"), SLICE_LIT(SENDER), TIDY_SENDER},
    {SLICE_LIT(DATED "From: bob@example.org\r\nSender: x@y\r\n\r\n"),
     SLICE_LIT(DATED "From: bob@example.org\r\nSender: x@y\r\n\r\n"), SLICE_LIT(""), 0},
    {SLICE_LIT(DATED "From: bob@example.org\r\nResent-From: alice@example.org\r\n\r\n"),
     SLICE_LIT(DATED "From: bob@example.org\r\nResent-From: alice@example.org\r\n\r\n"),
     SLICE_LIT(""), 0},
    {SLICE_LIT(DATED "From: alice@example.org\r\nFrom: info@example.org\r\n\r\n"),
     SLICE_LIT(DATED "From: alice@example.org\r\nFrom: info@example.org\r\n\r\n"),
     SLICE_LIT(SENDER), TIDY_SENDER},
};

static void tidies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf header, added;
        buf_init(&header, 4096);
        buf_init(&added, 4096);
        buf_add(&header, rows[i].in);
        unsigned did = header_tidy(&header, &added, &facts);
        if (!slice_eq(buf_slice(&header), rows[i].header) ||
            !slice_eq(buf_slice(&added), rows[i].added) || did != rows[i].did)
            fail_msg("%zu: %u\n%.*s---\n%.*s", i, did, SLICE_ARG(buf_slice(&added)),
                     SLICE_ARG(buf_slice(&header)));
        /* A second time there is nothing to do. */
        buf_add(&added, buf_slice(&header));
        buf_release(&header);
        assert_int_equal(header_tidy(&added, &header, &facts), 0);
        assert_int_equal(header.n, 0);
        buf_release(&header);
        buf_release(&added);
    }
}

/* Which From fields say who sends it. */
static void reads_from(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        bool wants_sender;
    } froms[] = {
        {"alice@example.org", false},
        {"ALICE@EXAMPLE.ORG", false},
        {" <info@example.org>", false},
        {"Alice <alice@example.org>", false},
        {"\"Alice, at work\" <alice@example.org>", false},
        {"\"a\\\"b <bob@example.org>, \" <alice@example.org>", false},
        {"alice@example.org (Alice, <b@c> \\) (and Bob))", false},
        {"Alice\r\n\t<alice@example.org>", false},
        {"alice @ example.org", false},
        {"us: alice@example.org;", false},
        {"nobody:;", false},
        {"", false},
        {",, alice@example.org ,", false},
        {"<alice@example.org> junk", false},
        {"alice@example.org, info@example.org", true},
        {"us: alice@example.org, info@example.org;", true},
        {"<alice@example.org>, <bob@example.org>", true},
        {"bob@example.org", true},
        {"Alice <bob@example.org>", true},
        {"alice@example.org <bob@example.org>", true},
        {"\"alice@example.org\"", true},
        {"a@[1,2]", true},
        {"alice@example.organisation", true},
        {"(", false},
        {"\"", true},
        {"<", false},
        {"\\", true},
    };
    for (size_t i = 0; i < COUNT(froms); i++) {
        struct buf header, added;
        buf_init(&header, 4096);
        buf_init(&added, 4096);
        buf_addf(&header, DATED "From:%s\r\n\r\n", froms[i].from);
        unsigned did = header_tidy(&header, &added, &facts);
        if (did != (froms[i].wants_sender ? TIDY_SENDER : 0))
            fail_msg("%s: %u", froms[i].from, did);
        buf_release(&header);
        buf_release(&added);
    }
}

static void adds_what_may_be_written(void **state)
{
    (void)state;
    struct tidy_facts f = facts;
    struct buf header, added;
    buf_init(&header, 4096);
    buf_init(&added, 4096);
    f.sender = (slice){0};
    assert_true((header_tidy(&header, &added, &f) & TIDY_FROM) != 0);
    assert_true(slice_ends(buf_slice(&added), SLICE_LIT("From: alice@example.org\r\n")));
    f.account = SLICE_LIT("j\xc3\xbcrgen@example.org");
    buf_clear(&header);
    assert_true((header_tidy(&header, &added, &f) & TIDY_FROM) == 0);
    f.is_utf8 = true;
    buf_clear(&header);
    assert_true((header_tidy(&header, &added, &f) & TIDY_FROM) != 0);
    f.account = SLICE_LIT("a\r\nX: y@example.org");
    buf_clear(&header);
    assert_true((header_tidy(&header, &added, &f) & TIDY_FROM) == 0);
    /* What finds no room is seen. */
    buf_release(&added);
    buf_init(&added, 40);
    buf_clear(&header);
    (void)header_tidy(&header, &added, &facts);
    assert_int_equal(added.err, BUF_FULL);
    buf_release(&header);
    buf_release(&added);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tidies),
        cmocka_unit_test(reads_from),
        cmocka_unit_test(adds_what_may_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
