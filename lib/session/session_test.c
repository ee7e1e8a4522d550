#include "lib/session/session.h"

#include "lib/base/test.h"
#include "tests/support/session_host.h"

static const char hello[] = "HELO a.example\r\n";
static const char message[] =
    "MAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nSubject: x\r\n"
    "\r\nbody\r\n.\r\n";

static bool said(const struct session_host *h, const char *text)
{
    slice all = buf_slice(&h->said);
    return slice_find_slice(all, slice_cstr(text)) < all.n;
}

static void late_and_doubled_answers_are_ignored(void **state)
{
    (void)state;
    struct session_host h;
    const struct answer yes = {.state = ANSWER_GIVEN, .code = COMMIT_DONE, .number = 9};
    session_host_init(&h);
    session_host_begin(&h);
    for (uint32_t id = 0; id < 20; id++)
        session_answer(h.session, id, &yes, 0, 0, &h.fx);
    assert_int_equal(h.fx.reply.n, 0);
    h.answers_never = true;
    session_host_feed(&h, slice_cstr(hello), 0);
    session_host_feed(&h, SLICE_LIT("MAIL FROM:<>\r\n"), 0);
    session_host_wait(&h, 60000);
    assert_true(said(&h, "451 4.3.0"));
    session_host_release(&h);
}

/* Who speaks before the 220 is written down, though nobody waits for him to do so. */
static void words_before_the_greeting_are_noticed(void **state)
{
    (void)state;
    struct session_host h;
    session_host_init(&h);
    h.answers_never = true;
    session_host_begin(&h);
    effects_clear(&h.fx);
    session_bytes_wait(h.session, 1, &h.fx);
    assert_int_equal(h.fx.reply.n, 0);
    session_tick(h.session, h.policy.times.greeting_ms, &h.fx);
    assert_true(slice_starts(buf_slice(&h.fx.reply), SLICE_LIT("220 ")));
    assert_int_equal(h.fx.finding_count, 1);
    assert_int_equal(h.fx.findings[0].reason, REASON_SPOKE_TOO_EARLY);
    assert_true(h.fx.findings[0].is_notice);
    session_host_release(&h);
}

/* XCLIENT: the shell hears of the new address before the counters are asked for it. */
static void a_trusted_proxy_changes_the_client(void **state)
{
    (void)state;
    struct session_host h;
    session_host_init(&h);
    h.proxies[0] = (struct ip_net){h.client.ip, 32};
    h.policy.proxies_count = 1;
    session_host_begin(&h);
    slice line = SLICE_LIT("XCLIENT ADDR=198.51.100.7 PORT=99\r\n");
    assert_int_equal(session_feed(h.session, line, 1, 0, &h.fx), line.n);
    assert_true(h.fx.has_client);
    assert_int_equal(h.fx.client.port, 99);
    assert_int_equal(h.fx.client.ip.bytes[3], 7);
    assert_true(h.fx.ask_count > 0 && h.fx.asks[0].kind == QUESTION_ADMIT);
    assert_slice(h.fx.asks[0].key, ip_bytes(&h.fx.client.ip));
    session_host_release(&h);
}

static void an_idle_session_is_told_at_once_that_we_go(void **state)
{
    (void)state;
    struct session_host h;
    session_host_init(&h);
    session_host_begin(&h);
    session_shutdown(h.session, &h.fx);
    assert_true(h.fx.close);
    assert_true(slice_starts(buf_slice(&h.fx.reply), SLICE_LIT("421 4.3.2 ")));
    session_host_release(&h);
}

static void a_transaction_may_end_before_we_go(void **state)
{
    (void)state;
    struct session_host h;
    session_host_init(&h);
    session_host_begin(&h);
    session_host_feed(&h, slice_cstr(hello), 0);
    session_host_feed(&h, SLICE_LIT("MAIL FROM:<>\r\n"), 0);
    session_shutdown(h.session, &h.fx);
    assert_false(h.fx.close);
    session_host_feed(&h, slice_tail(slice_cstr(message), sizeof "MAIL FROM:<>\r\n" - 1), 0);
    assert_true(said(&h, "250 2.0.0"));
    session_host_feed(&h, SLICE_LIT("NOOP\r\n"), 0);
    assert_true(said(&h, "421 4.3.2"));
    assert_true(h.is_closed);
    session_host_release(&h);
}

static void findings_say_what_was_refused(void **state)
{
    (void)state;
    struct session_host h;
    session_host_init(&h);
    session_host_begin(&h);
    session_host_feed(&h, slice_cstr(hello), 0);
    session_host_feed(&h, SLICE_LIT("MAIL FROM:<>\r\n"), 0);
    (void)session_feed(h.session, SLICE_LIT("RCPT TO:<nobody@example.org>\r\n"), 0, 0, &h.fx);
    assert_int_equal(h.fx.ask_count, 1);
    uint32_t id = h.fx.asks[0].id;
    assert_slice(h.fx.asks[0].key, SLICE_LIT("nobody@example.org"));
    effects_clear(&h.fx);
    session_answer(h.session, id, &(struct answer){.code = RECIPIENT_UNKNOWN}, 0, 0, &h.fx);
    assert_int_equal(h.fx.finding_count, 1);
    assert_int_equal(h.fx.findings[0].reason, REASON_MAILBOX_NOT_FOUND);
    assert_slice(slice_of(h.fx.findings[0].about, h.fx.findings[0].about_n),
                 SLICE_LIT("nobody@example.org"));
    session_host_release(&h);
}

/* The same bytes cut at every place give the same replies and the same message. */
static void cut_at_every_place(void **state)
{
    (void)state;
    struct buf all, want_said, want_messages;
    buf_init(&all, 4096);
    buf_adds(&all, hello);
    buf_adds(&all, message);
    buf_adds(&all, "MAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\nQUIT\r\n");
    buf_init(&want_said, 65536);
    buf_init(&want_messages, 65536);
    for (size_t cut = 0; cut <= all.n; cut++) {
        struct session_host h;
        session_host_init(&h);
        h.answers_late = cut % 2 == 1;
        session_host_begin(&h);
        session_host_feed(&h, slice_head(buf_slice(&all), cut), 0);
        session_host_feed(&h, slice_tail(buf_slice(&all), cut), 0);
        if (cut == 0) {
            buf_add(&want_said, buf_slice(&h.said));
            buf_add(&want_messages, buf_slice(&h.messages));
            assert_true(said(&h, "221 2.0.0"));
        }
        assert_slice(buf_slice(&h.said), buf_slice(&want_said));
        assert_slice(buf_slice(&h.messages), buf_slice(&want_messages));
        session_host_release(&h);
    }
    buf_release(&all);
    buf_release(&want_said);
    buf_release(&want_messages);
}

static void ids_are_the_random_bits(void **state)
{
    (void)state;
    struct session_host h;
    session_host_init(&h);
    for (size_t i = 0; i < sizeof h.client.random; i++)
        h.client.random[i] = 0xff;
    session_host_begin(&h);
    assert_slice(session_id(h.session), SLICE_LIT("9999999999999999"));
    session_host_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_and_doubled_answers_are_ignored),
        cmocka_unit_test(words_before_the_greeting_are_noticed),
        cmocka_unit_test(a_trusted_proxy_changes_the_client),
        cmocka_unit_test(an_idle_session_is_told_at_once_that_we_go),
        cmocka_unit_test(a_transaction_may_end_before_we_go),
        cmocka_unit_test(findings_say_what_was_refused),
        cmocka_unit_test(cut_at_every_place),
        cmocka_unit_test(ids_are_the_random_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
