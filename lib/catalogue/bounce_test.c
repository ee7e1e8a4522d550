#include "lib/catalogue/bounce.h"

#include "lib/base/test.h"

static const struct {
    const char *name, *text;
    enum bounce_form form;
    const char *reply, *recipient, *status;
    unsigned failed;
} rows[] = {
    {"a reply", "550 5.1.1 no <x@example.org>", FORM_REPLY, "550 5.1.1 no <x@example.org>", "", "",
     0},
    {"a reply that quotes another",
     "450 4.1.7 <a@example.org>: Sender address rejected: undeliverable address: host mx said: 550 "
     "no",
     FORM_REPLY,
     "450 4.1.7 <a@example.org>: Sender address rejected: undeliverable address: host mx said: 550 "
     "no",
     "", "", 0},
    {"a report",
     "Subject: Undelivered\nStatus: RO\n\nSorry.\n\nReporting-MTA: dns; mx.example.net\n\n"
     "Final-Recipient: rfc822; jane@example.org\nAction: failed\nStatus: 5.1.1\n"
     "Remote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; 550 5.1.1 <jane@example.org>:\n"
     "    no such user\n\nFinal-Recipient: rfc822; joe@example.org\nAction: failed\n"
     "Status: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 full\n",
     FORM_REPORT, "550 5.1.1 <jane@example.org>:\n    no such user", "jane@example.org", "5.1.1",
     2},
    {"a report with line ends of the network, of which one was delivered",
     "Final-Recipient: RFC822;joe@example.org\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n"
     "Final-Recipient: RFC822;jane@example.org\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n",
     FORM_REPORT, "", "jane@example.org", "5.2.2", 1},
    {"Postfix",
     "This is the mail system at host a.\n\n<x@example.org>: host mx.example.org[192.0.2.1] said: "
     "550\n"
     "    5.1.1 <x@example.org>: User unknown (in reply to RCPT TO command)\n\nBye",
     FORM_BOUNCE, "550\n    5.1.1 <x@example.org>: User unknown", "", "", 0},
    {"qmail, another server",
     "Hi. This is the qmail-send program at a.\nI'm afraid.\n\n<x@example.org>:\n192.0.2.1 does "
     "not "
     "like recipient.\nRemote host said: 550 no such user\nGiving up on 192.0.2.1.\n",
     FORM_BOUNCE, "550 no such user", "", "", 0},
    {"qmail, itself",
     "Hi. This is the qmail-send program at a.\n\n<x@example.org>:\nSorry, no mailbox here by that "
     "name. (#5.1.1)\n\n--- Below",
     FORM_BOUNCE, "Sorry, no mailbox here by that name. (#5.1.1)", "x@example.org", "", 0},
    {"Exim",
     "A message could not be delivered:\n\n  x@example.org\n    SMTP error from remote mail server "
     "after RCPT TO:<x@example.org>:\n    host mx.example.org [192.0.2.1]: 550 5.1.1 "
     "Unknown\n\n---",
     FORM_BOUNCE, "550 5.1.1 Unknown", "", "", 0},
    {"Sendmail",
     "   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n"
     ">>> RCPT To:<x@example.org>\n<<< 550 5.1.1 unknown\n550 5.1.1 <x@example.org>... User "
     "unknown\n",
     FORM_BOUNCE, "550 5.1.1 unknown", "", "", 0},
    {"Exchange",
     "Delivery has failed.\n\nx@example.org\nRemote Server returned '550 5.1.10 "
     "RESOLVER.ADR.RecipientNotFound; Recipient not found'\n",
     FORM_BOUNCE, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "", "", 0},
    {"Gmail",
     "Address not found\nYour message wasn't delivered.\n\nThe response from the remote server "
     "was:\n\n550 5.1.1 no such user\n\n",
     FORM_BOUNCE, "550 5.1.1 no such user", "", "", 0},
    {"a line of Postfix's log",
     "Nov 22 05:18:50 a postfix/smtp[250]: 4F2: to=<x@example.org>, "
     "relay=mx.example.org[192.0.2.1]:25, "
     "delay=1, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 no (in "
     "reply "
     "to RCPT TO command))",
     FORM_LOG, "550 5.1.1 no", "x@example.org", "5.1.1", 0},
    {"a refusal in Postfix's log",
     "Nov 22 05:18:50 a postfix/smtpd[250]: NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 "
     "5.7.1 "
     "<x@example.org>: Relay access denied; from=<a@b> to=<x@example.org> proto=ESMTP helo=<c>",
     FORM_LOG, "554 5.7.1 <x@example.org>: Relay access denied", "x@example.org", "", 0},
    {"a line of Exim's log",
     "2026-11-22 05:18:50 1rQ-0 ** x@example.org R=dnslookup T=remote_smtp H=mx.example.org "
     "[192.0.2.1]: SMTP error from remote mail server after RCPT TO:<x@example.org>: 550 no",
     FORM_LOG, "550 no", "x@example.org", "", 0},
    {"a line of Sendmail's log",
     "Nov 22 05:18:50 a sendmail[250]: k1: to=<x@example.org>, delay=00:00:01, mailer=esmtp, "
     "relay=mx.example.org [192.0.2.1], dsn=5.1.1, stat=User unknown",
     FORM_LOG, "User unknown", "x@example.org", "5.1.1", 0},
    {"a line of OpenSMTPD's log",
     "Nov 22 05:18:50 a smtpd[250]: 1a mta delivery evpid=2b from=<a@b> to=<x@example.org> "
     "rcpt=<-> "
     "relay=\"mx.example.org (192.0.2.1)\" delay=3s result=\"PermFail\" stat=\"550 5.1.1 no\"",
     FORM_LOG, "550 5.1.1 no", "x@example.org", "", 0},
    {"a line of OpenSMTPD without date and process",
     "1a mta delivery evpid=2b from=<a@b> to=<x@example.org> rcpt=<-> source=\"-\" "
     "relay=\"example.org\" delay=4d result=\"Expire\" stat=\"Expired\"",
     FORM_LOG, "Expired", "x@example.org", "", 0},
    {"a line of qmail's log",
     "@400 delivery 1: failure: "
     "192.0.2.1_does_not_like_recipient./Remote_host_said:_550_no/Giving_up",
     FORM_LOG, "550 no\nGiving up", "", "", 0},
    {"forwarded, with an old letter below that has a reply in it",
     "> Final-Recipient: rfc822; x@example.org\n> Action: failed\n> Status: 5.2.2\n>\n"
     "> Subject: 550 5.7.1 no\n",
     FORM_REPORT, "", "x@example.org", "5.2.2", 1},
    {"a report in base64",
     "Content-Transfer-Encoding: base64\n\n"
     "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IHhAZXhhbXBsZS5vcmcKQWN0aW9uOiBmYWlsZWQKU3Rh\n"
     "dHVzOiA1LjEuMQo=\n",
     FORM_REPORT, "", "x@example.org", "5.1.1", 1},
};

static const struct {
    const char *text;
    bool is_waiting;
} waiting_rows[] = {
    {"Nov 22 05:18:50 a postfix/smtp[250]: 4F2: to=<x@example.org>, relay=none, delay=1, "
     "dsn=4.4.1, "
     "status=deferred (connect to mx.example.org[192.0.2.1]:25: Connection refused)",
     true},
    {"Nov 22 05:18:50 a sm-mta[250]: k1: to=<x@example.org>, relay=mx. [192.0.2.1], dsn=4.0.0, "
     "stat=Deferred: Connection refused by mx.",
     true},
    {"Nov 22 05:18:50 a sm-mta[250]: k1: to=<x@example.org>, relay=mx. [192.0.2.1], dsn=5.1.1, "
     "stat=User unknown",
     false},
    {"Nov 22 05:18:50 a smtpd[250]: 1a mta delivery to=<x@example.org> result=\"TempFail\" "
     "stat=\"Network error on destination MXs\"",
     true},
    {"There was a temporary problem delivering your message to x@example.org.\n\n"
     "The response was:\n\nThe recipient server did not accept our requests to connect.",
     true},
    {"Final-Recipient: rfc822; x@example.org\nAction: delayed\nStatus: 4.4.7\n", true},
    {"Final-Recipient: rfc822; x@example.org\nAction: failed\nStatus: 5.1.1\n", false},
    {"Nov 22 05:18:50 a postfix/smtp[250]: connect to mx.example.org[192.0.2.1]:25: Connection "
     "timed out",
     true},
    {"550 5.1.1 status=deferred", false},
};

static void finds_the_reply(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bounce b;
        assert_true(bounce_read(&a, slice_cstr(rows[i].text), &b));
        if (b.form != rows[i].form || b.failed != rows[i].failed ||
            !slice_is(b.reply, rows[i].reply) || !slice_is(b.recipient, rows[i].recipient) ||
            !slice_is(b.status, rows[i].status))
            fail_msg("%s: form %d, failed %u, reply \"%.*s\", recipient \"%.*s\", status \"%.*s\"",
                     rows[i].name, (int)b.form, b.failed, SLICE_ARG(b.reply),
                     SLICE_ARG(b.recipient), SLICE_ARG(b.status));
    }
    arena_release(&a);
}

static void knows_what_waits(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < COUNT(waiting_rows); i++) {
        struct bounce b;
        assert_true(bounce_read(&a, slice_cstr(waiting_rows[i].text), &b));
        if (b.is_waiting != waiting_rows[i].is_waiting)
            fail_msg("%s", waiting_rows[i].text);
    }
    arena_release(&a);
}

/* Every cut of every text is read without looking outside. */
static void reads_any_cut(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice text = slice_cstr(rows[i].text);
        for (size_t n = 0; n <= text.n; n++) {
            struct bounce b;
            arena_reset(&a);
            assert_true(bounce_read(&a, slice_head(text, n), &b));
            assert_true(bounce_read(&a, slice_tail(text, n), &b));
        }
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_reply),
        cmocka_unit_test(knows_what_waits),
        cmocka_unit_test(reads_any_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
