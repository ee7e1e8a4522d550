#include "lib/catalogue/reply_make.h"

#include "lib/base/ascii.h"
#include "lib/base/test.h"

static slice made(struct buf *out, enum reason_id id, const struct reply_facts *facts)
{
    buf_clear(out);
    assert_int_equal(reply_make(out, id, facts), REPLY_MADE);
    return buf_slice(out);
}

static void says_what_it_should(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    struct reply_facts facts = {
        .address = SLICE_LIT("x@example.org"),
        .host = SLICE_LIT("mx.example.org"),
        .client = SLICE_LIT("192.0.2.1"),
        .queue_id = SLICE_LIT("3kq7"),
    };
    assert_slice(made(&out, REASON_MAILBOX_NOT_FOUND, &facts),
                 SLICE_LIT("550 5.1.1 <x@example.org> There is no mailbox of this name here.\r\n"));
    assert_slice(made(&out, REASON_SERVICE_READY, &facts),
                 SLICE_LIT("220 mx.example.org ESMTP Candor\r\n"));
    facts.incident = SLICE_LIT("9tz");
    assert_slice(made(&out, REASON_MAILBOX_NOT_FOUND, &facts),
                 SLICE_LIT("550-5.1.1 <x@example.org> There is no mailbox of this name here.\r\n"
                           "550 5.1.1 Incident 9tz\r\n"));
    facts.link = SLICE_LIT("https://mx.example.org/why/9tz");
    assert_slice(made(&out, REASON_MAILBOX_NOT_FOUND, &facts),
                 SLICE_LIT("550-5.1.1 <x@example.org> There is no mailbox of this name here.\r\n"
                           "550 5.1.1 https://mx.example.org/why/9tz\r\n"));
    facts =
        (struct reply_facts){.host = SLICE_LIT("mx.example.org"),
                             .client = SLICE_LIT("c.example.net"),
                             .lines = (const slice[]){SLICE_LIT("SIZE 1000"), SLICE_LIT("HELP")},
                             .lines_n = 2};
    assert_slice(made(&out, REASON_EHLO_OK, &facts),
                 SLICE_LIT("250-mx.example.org Hello c.example.net\r\n"
                           "250-SIZE 1000\r\n"
                           "250 HELP\r\n"));
    facts = (struct reply_facts){.host = SLICE_LIT("mx"), .is_greeting = true};
    assert_true(slice_starts(made(&out, REASON_SERVER_SHUTDOWN, &facts), SLICE_LIT("421 mx The")));
    assert_true(slice_starts(made(&out, REASON_DATA_GO, &facts), SLICE_LIT("354 Send")));
    assert_true(slice_starts(made(&out, REASON_SENDER_OK, &facts), SLICE_LIT("250 Sender <>")));
    buf_release(&out);
}

static void escapes_facts(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *want;
    } rows[] = {
        {"a\r\n250 ok", "a\\x0D\\x0A250 ok"},
        {"\xc3\xa4@\xe4\xb8\xad.\xf0\x9f\x98\x80", "\\x{E4}@\\x{4E2D}.\\x{01F600}"},
        {"\xff\x7f", "\\xFF\\x7F"},
        {"{host}{address}", "{host}{address}"},
        {"0123456789012345678901234567890123456789012345678901234567890123",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"01234567890123456789012345678901234567890123456789012345678901234",
         "0123456789012345678901234567890123456789012345678901234567890..."},
        {"012345678901234567890123456789012345678901234567890123456789\xc3\xa4",
         "012345678901234567890123456789012345678901234567890123456789..."},
        {"", "unknown"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        reason_text_fill(&out, "{word}", &(struct reply_facts){.word = slice_cstr(rows[i].in)});
        assert_slice(buf_slice(&out), slice_cstr(rows[i].want));
        buf_release(&out);
    }
}

/* Every line of reply as the header promises. */
static void check_form(const struct reason *reason, slice reply, bool is_greeting)
{
    size_t enhanced_n = strlen(reason->enhanced);
    bool is_coded = enhanced_n > 0 && !reason->is_bare && !is_greeting && reason->basic / 100 != 3;
    while (reply.n > 0) {
        size_t lf = slice_find(reply, '\n');
        assert_true(lf < reply.n && lf > 0 && reply.p[lf - 1] == '\r');
        assert_true(lf + 1 <= 512);
        slice line = slice_head(reply, lf - 1);
        reply = slice_tail(reply, lf + 1);
        for (size_t i = 0; i < line.n; i++)
            assert_true(ascii_is_graphic(line.p[i]) || line.p[i] == ' ');
        uint64_t code;
        assert_true(slice_to_u64(slice_head(line, 3), 599, &code));
        assert_int_equal(code, reason->basic);
        assert_true(line.n > 4 && line.p[3] == (reply.n > 0 ? '-' : ' '));
        bool has = slice_starts(slice_tail(line, 4), slice_of(reason->enhanced, enhanced_n));
        assert_int_equal(has && enhanced_n > 0, is_coded);
    }
}

/* The whole table with the worst that can come in: each byte, long, empty. */
static void holds_for_every_reason_and_hostile_facts(void **state)
{
    (void)state;
    static char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    static char link[400];
    memset(link, 'l', sizeof link);
    slice all = slice_of(bytes, sizeof bytes);
    slice lines[3] = {all, slice_head(all, 600), SLICE_LIT("SIZE")};
    slice texts[] = {all,
                     slice_tail(all, 13),
                     SLICE_LIT("a b c"),
                     SLICE_LIT("\r\n250 2.0.0 ok\r\n"),
                     SLICE_LIT("{address}{host}{limit}"),
                     slice_of(link, sizeof link),
                     (slice){0}};
    struct buf out;
    buf_init(&out, 65536);
    for (unsigned id = 0; id < REASON_COUNT; id++) {
        const struct reason *reason = reason_of((enum reason_id)id);
        for (size_t i = 0; i < COUNT(texts); i++) {
            for (int greeting = 0; greeting < 2; greeting++) {
                struct reply_facts facts = {
                    .address = texts[i],
                    .domain = texts[i],
                    .host = texts[i],
                    .client = texts[i],
                    .word = texts[i],
                    .queue_id = texts[i],
                    .incident = texts[i],
                    .link = i % 2 == 0 ? texts[i] : slice_of(link, sizeof link),
                    .lines = lines,
                    .lines_n = i % 2 == 0 ? COUNT(lines) : 0,
                    .limit = UINT64_MAX,
                    .is_greeting = greeting == 1,
                };
                buf_clear(&out);
                enum reply_made got = reply_make(&out, (enum reason_id)id, &facts);
                if (reason->reply[0] == '\0') {
                    assert_int_equal(got, REPLY_NOT_OURS);
                    continue;
                }
                assert_int_equal(got, REPLY_MADE);
                check_form(reason, buf_slice(&out), facts.is_greeting);
                if (i % 2 == 1)
                    assert_true(slice_find_slice(buf_slice(&out), facts.link) < out.n);
            }
        }
    }
    buf_release(&out);
}

static void adds_nothing_when_there_is_no_room(void **state)
{
    (void)state;
    struct reply_facts facts = {.address = SLICE_LIT("x@example.org")};
    for (size_t max = 3; max < 60; max++) {
        struct buf out;
        buf_init(&out, max);
        buf_adds(&out, "abc");
        assert_int_equal(reply_make(&out, REASON_MAILBOX_NOT_FOUND, &facts), REPLY_NO_ROOM);
        assert_slice(buf_slice(&out), SLICE_LIT("abc"));
        buf_release(&out);
    }
}

static void a_challenge_is_one_line(void **state)
{
    (void)state;
    struct buf out;
    char zeros[3000] = {0};
    buf_init(&out, 4080);
    assert_int_equal(reply_make_challenge(&out, (slice){0}), REPLY_MADE);
    assert_int_equal(reply_make_challenge(&out, SLICE_LIT("Username:")), REPLY_MADE);
    assert_slice(buf_slice(&out), SLICE_LIT("334 \r\n334 VXNlcm5hbWU6\r\n"));
    assert_int_equal(reply_make_challenge(&out, slice_of(zeros, sizeof zeros)), REPLY_MADE);
    assert_int_equal(out.n, 24 + 4 + 4000 + 2);
    assert_int_equal(reply_make_challenge(&out,
                                          SLICE_LIT("a long one, for which there is no room")),
                     REPLY_NO_ROOM);
    assert_int_equal(out.n, 24 + 4 + 4000 + 2);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_should),
        cmocka_unit_test(escapes_facts),
        cmocka_unit_test(holds_for_every_reason_and_hostile_facts),
        cmocka_unit_test(adds_nothing_when_there_is_no_room),
        cmocka_unit_test(a_challenge_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
