#include "lib/base/test.h"
#include "lib/session/session.h"
#include "tests/support/session_host.h"

/* "\0user\0pencil" */
#define PLAIN "AHVzZXIAcGVuY2ls"

static void begin(struct session_host *h)
{
    session_host_init(h);
    h->client.tls = true;
    h->policy.auth_mechanisms = (1U << SASL_MECHANISM_COUNT) - 1;
    h->policy.auth_required = true;
    session_host_begin(h);
    session_host_tls(h, true);
    session_host_feed(h, SLICE_LIT("EHLO a.example\r\n"), 0);
    buf_clear(&h->said);
}

static void feed(struct session_host *h, const char *text)
{
    session_host_feed(h, slice_cstr(text), 0);
}

static bool has(const struct buf *b, const char *text)
{
    return slice_find_slice(buf_slice(b), slice_cstr(text)) < b->n;
}

static void who_has_signed_in_is_known(void **state)
{
    (void)state;
    struct session_host h;
    begin(&h);
    assert_int_equal(session_account(h.session).n, 0);
    assert_int_equal(session_pass(h.session).n, 0);
    feed(&h, "AUTH LOGIN\r\n");
    assert_true(session_is_signing_in(h.session));
    assert_false(session_is_waiting(h.session));
    feed(&h, "dXNlcg==\r\n");
    feed(&h, "cGVuY2ls\r\n");
    assert_false(session_is_signing_in(h.session));
    assert_slice(session_account(h.session), SLICE_LIT("user@example.org"));
    assert_slice(session_pass(h.session), SLICE_LIT("a pass"));
    assert_int_equal(session_credential(h.session), 1);
    session_host_release(&h);
}

/* One step is open, and nothing is read until its answer is there. */
static void a_step_stops_the_reading(void **state)
{
    (void)state;
    struct session_host h;
    begin(&h);
    slice in = SLICE_LIT("AUTH PLAIN " PLAIN "\r\nNOOP\r\n");
    size_t took = session_feed(h.session, in, 0, 0, &h.fx);
    assert_int_equal(took, in.n - 6);
    assert_true(h.fx.has_auth && h.fx.auth.is_start && h.fx.auth.has_response);
    assert_slice(h.fx.auth.mechanism, SLICE_LIT("PLAIN"));
    assert_slice(h.fx.auth.response, SLICE_LIT("\0user\0pencil"));
    assert_slice(h.fx.auth.helo, SLICE_LIT("a.example"));
    assert_int_equal(h.fx.auth.offered,
                     sasl_offer(&(struct sasl_ground){.allowed = h.policy.auth_mechanisms,
                                                      .is_tls = true}));
    uint32_t id = h.fx.auth.ask_id;
    effects_clear(&h.fx);
    assert_false(h.fx.has_auth);
    assert_true(session_is_waiting(h.session));
    assert_int_equal(session_feed(h.session, SLICE_LIT("NOOP\r\n"), 0, 0, &h.fx), 0);
    session_answer(h.session, id + 1, &(struct answer){.code = AUTH_DONE}, 0, 0, &h.fx);
    assert_int_equal(h.fx.reply.n, 0);
    session_answer(h.session, id, &(struct answer){.code = AUTH_WRONG}, 0, 0, &h.fx);
    assert_true(has(&h.fx.reply, "535 5.7.8"));
    /* A finding names the mechanism, and no word of what was said. */
    assert_int_equal(h.fx.finding_count, 1);
    assert_int_equal(h.fx.findings[0].reason, REASON_AUTH_FAILED);
    assert_slice(slice_of(h.fx.findings[0].about, h.fx.findings[0].about_n), SLICE_LIT("PLAIN"));
    effects_clear(&h.fx);
    /* Twice the same answer is none. */
    session_answer(h.session, id, &(struct answer){.code = AUTH_DONE}, 0, 0, &h.fx);
    assert_int_equal(h.fx.reply.n, 0);
    assert_int_equal(session_account(h.session).n, 0);
    session_host_release(&h);
}

static void an_answer_that_does_not_come_is_454(void **state)
{
    (void)state;
    struct session_host h;
    begin(&h);
    h.answers_never = true;
    feed(&h, "AUTH PLAIN " PLAIN "\r\n");
    assert_true(session_is_signing_in(h.session));
    session_host_wait(&h, h.policy.times.answer_ms - 1);
    assert_int_equal(h.said.n, 0);
    session_host_wait(&h, 1);
    assert_true(has(&h.said, "454 4.7.0"));
    assert_false(session_is_signing_in(h.session));
    /* The late one is not heard, and the next try is a new exchange. */
    for (uint32_t id = 0; id < 20; id++)
        session_answer(h.session, id, &(struct answer){.code = AUTH_DONE}, 0, 0, &h.fx);
    assert_int_equal(h.fx.reply.n, 0);
    h.answers_never = false;
    feed(&h, "AUTH PLAIN " PLAIN "\r\n");
    assert_true(has(&h.said, "235 2.7.0"));
    session_host_release(&h);
}

/* What a step's fault was decides the reply, whatever the answer is; only "too many" is stronger.
 */
static void a_fault_has_its_own_reply(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum auth_code code;
        const char *want;
        enum auth_wire fault;
    } rows[] = {
        {"*\r\n", AUTH_WRONG, "501 5.7.0", AUTH_WIRE_CANCEL},
        {"*\r\n", AUTH_DONE, "501 5.7.0", AUTH_WIRE_CANCEL},
        {"*\r\n", AUTH_CHALLENGE, "501 5.7.0", AUTH_WIRE_CANCEL},
        {"*\r\n", AUTH_TOO_MANY, "421 4.7.0", AUTH_WIRE_CANCEL},
        {"%\r\n", AUTH_WRONG, "501 5.5.2", AUTH_WIRE_BAD},
        {"QUJD\r\n", AUTH_WRONG, "535 5.7.8", AUTH_WIRE_OK},
        {"QUJD\r\n", 77, "454 4.7.0", AUTH_WIRE_OK},
        {"QUJD\n", AUTH_WRONG, "501 5.5.2", AUTH_WIRE_BAD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct session_host h;
        begin(&h);
        feed(&h, "AUTH LOGIN\r\n");
        (void)session_feed(h.session, slice_cstr(rows[i].line), 0, 0, &h.fx);
        assert_true(h.fx.has_auth && !h.fx.auth.is_start);
        assert_int_equal(h.fx.auth.fault, rows[i].fault);
        assert_int_equal(h.fx.auth.has_response, rows[i].fault == AUTH_WIRE_OK);
        uint32_t id = h.fx.auth.ask_id;
        effects_clear(&h.fx);
        session_answer(h.session, id, &(struct answer){.code = rows[i].code}, 0, 0, &h.fx);
        assert_true(has(&h.fx.reply, rows[i].want));
        assert_int_equal(h.fx.close, rows[i].code == AUTH_TOO_MANY);
        assert_int_equal(session_account(h.session).n, 0);
        session_host_release(&h);
    }
}

static void going_down_in_the_middle_of_it(void **state)
{
    (void)state;
    struct session_host h;
    begin(&h);
    feed(&h, "AUTH LOGIN\r\n");
    session_shutdown(h.session, &h.fx);
    assert_true(h.fx.close && has(&h.fx.reply, "421 4.3.2"));
    assert_true(session_is_signing_in(h.session));
    session_host_release(&h);
    /* Who is asked may answer yet: then at the next command. */
    begin(&h);
    (void)session_feed(h.session, SLICE_LIT("AUTH PLAIN " PLAIN "\r\n"), 0, 0, &h.fx);
    uint32_t id = h.fx.auth.ask_id;
    effects_clear(&h.fx);
    session_shutdown(h.session, &h.fx);
    assert_false(h.fx.close);
    session_answer(h.session, id, &(struct answer){.code = AUTH_DONE}, 0, 0, &h.fx);
    assert_true(has(&h.fx.reply, "235 2.7.0"));
    effects_clear(&h.fx);
    (void)session_feed(h.session, SLICE_LIT("NOOP\r\n"), 0, 0, &h.fx);
    assert_true(h.fx.close && has(&h.fx.reply, "421 4.3.2"));
    session_host_release(&h);
}

/* While an answer is awaited a revocation strikes at the next command; who is nobody has none. */
static void revoking(void **state)
{
    (void)state;
    struct session_host h;
    begin(&h);
    session_host_revoke(&h);
    assert_false(h.is_closed);
    feed(&h, "AUTH PLAIN " PLAIN "\r\n");
    (void)session_feed(h.session, SLICE_LIT("MAIL FROM:<user@example.org>\r\n"), 0, 0, &h.fx);
    assert_true(session_is_waiting(h.session));
    effects_clear(&h.fx);
    session_revoke(h.session, &h.fx);
    assert_int_equal(h.fx.reply.n, 0);
    session_tick(h.session, UINT64_MAX, &h.fx);
    assert_true(has(&h.fx.reply, "451 4.3.0"));
    effects_clear(&h.fx);
    (void)session_feed(h.session, SLICE_LIT("RSET\r\n"), 0, 0, &h.fx);
    assert_true(h.fx.close && has(&h.fx.reply, "421 4.7.0"));
    session_host_release(&h);
}

static void a_grant_too_long_for_an_envelope_is_no_grant(void **state)
{
    (void)state;
    struct session_host h;
    static char huge[4097];
    begin(&h);
    h.senders[0].address = SLICE_LIT("user@example.org");
    h.senders[0].answer =
        (struct answer){.code = SENDER_YES, .number = 9, .token = slice_of(huge, sizeof huge)};
    h.sender_count = 1;
    feed(&h, "AUTH PLAIN " PLAIN "\r\nMAIL FROM:<user@example.org>\r\n");
    assert_true(has(&h.said, "451 4.4.3"));
    h.senders[0].answer.token.n--;
    feed(&h, "MAIL FROM:<user@example.org>\r\n");
    assert_true(has(&h.said, "250 2.1.0"));
    session_host_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_signed_in_is_known),
        cmocka_unit_test(a_step_stops_the_reading),
        cmocka_unit_test(an_answer_that_does_not_come_is_454),
        cmocka_unit_test(a_fault_has_its_own_reply),
        cmocka_unit_test(going_down_in_the_middle_of_it),
        cmocka_unit_test(revoking),
        cmocka_unit_test(a_grant_too_long_for_an_envelope_is_no_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
