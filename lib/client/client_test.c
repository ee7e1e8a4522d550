#include "lib/client/client.h"

#include "lib/base/test.h"

#define TEXT "Subject: x\r\n\r\n.hi\r\n"
enum { RCPTS_MAX = 3 };

/* A shell that sends its messages one after the other, then quits. */
struct shell {
    struct client c;
    struct buf said, log;
    size_t messages, rcpts; /* to send; of each */
    struct client_rcpt rcpt[RCPTS_MAX];
    struct client_message message;
    uint64_t now_ms;
    bool is_under_way;
};

static void init(struct shell *s, size_t messages, size_t rcpts)
{
    static const char *const paths[RCPTS_MAX] = {"a@x", "b@x", "c@x"};
    const struct client_options options = {CLIENT_LMTP, SLICE_LIT("me.example")};
    *s = (struct shell){.messages = messages, .rcpts = rcpts};
    for (size_t i = 0; i < rcpts; i++)
        s->rcpt[i].path = slice_cstr(paths[i]);
    s->message = (struct client_message){.reverse_path = SLICE_LIT("s@y"),
                                         .size_bytes = sizeof TEXT - 1,
                                         .rcpts = s->rcpt,
                                         .rcpt_count = rcpts};
    buf_init(&s->said, 1 << 20);
    buf_init(&s->log, 1 << 20);
    client_init(&s->c, &options, s->now_ms);
}

static void release(struct shell *s)
{
    client_release(&s->c);
    buf_release(&s->said);
    buf_release(&s->log);
}

static void note_results(struct shell *s)
{
    static const char *const words[] = {"pending", "done", "later", "refused"};
    for (size_t i = 0; i < s->rcpts; i++) {
        buf_addf(&s->log, "%s(", words[s->rcpt[i].result]);
        client_rcpt_print(&s->log, &s->rcpt[i]);
        buf_addf(&s->log, ")@%s ", client_stage_name(s->rcpt[i].stage));
    }
}

static void serve(struct shell *s)
{
    for (;;) {
        buf_add(&s->said, buf_slice(&s->c.out));
        buf_clear(&s->c.out);
        switch (client_want(&s->c)) {
        case CLIENT_WANTS_NOTHING:
            return;
        case CLIENT_WANTS_MESSAGE:
            if (s->messages == 0) {
                client_quit(&s->c, s->now_ms);
                break;
            }
            s->messages--;
            s->is_under_way = true;
            client_send(&s->c, &s->message, s->now_ms);
            break;
        case CLIENT_WANTS_TEXT:
            client_text(&s->c, SLICE_LIT(TEXT), true, s->now_ms);
            break;
        case CLIENT_WANTS_RESULT:
            note_results(s);
            s->is_under_way = false;
            client_next(&s->c);
            break;
        case CLIENT_WANTS_CLOSE:
            if (s->log.n == 0 || s->log.p[s->log.n - 1] != '\n')
                buf_addf(&s->log, "close:%s\n", client_fault_name(s->c.fault));
            return;
        }
    }
}

static void feed(struct shell *s, slice in)
{
    while (in.n > 0 && client_want(&s->c) != CLIENT_WANTS_CLOSE) {
        client_feed(&s->c, &in, s->now_ms);
        serve(s);
    }
}

#define HELLO "220 hi\r\n250-there\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8bitmime\r\n"
#define PLAIN "220 hi\r\n250 there\r\n"
#define SAID_HELLO "LHLO me.example\r\n"
#define SAID_MAIL "MAIL FROM:<s@y> SIZE=19\r\n"
#define SAID_TEXT "Subject: x\r\n\r\n..hi\r\n.\r\n"

static const struct dialogue {
    const char *name;
    size_t messages, rcpts;
    const char *in, *said, *want;
} dialogues[] = {
    {"pipelined, one each way", 1, 3,
     HELLO "250 ok\r\n250 ok\r\n550 5.1.1 who\r\n250 ok\r\n354 go\r\n"
           "250 2.0.0 has it\r\n452-4.2.2 full\r\n452 4.2.2 really\r\n221 bye\r\n",
     SAID_HELLO SAID_MAIL "RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n" SAID_TEXT
                          "QUIT\r\n",
     "done(250 2.0.0 has it)@final refused(550 5.1.1 who)@rcpt "
     "later(452-4.2.2 full\n452 4.2.2 really)@final close:none\n"},
    {"one at a time", 1, 2,
     PLAIN "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 a\r\n552 5.2.2 b\r\n221 x\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n" SAID_TEXT
                "QUIT\r\n",
     "done(250 a)@final refused(552 5.2.2 b)@final close:none\n"},
    {"two messages", 2, 1,
     HELLO "250 o\r\n250 o\r\n354 go\r\n250 1\r\n250 o\r\n250 o\r\n354 go\r\n250 2\r\n221 x\r\n",
     SAID_HELLO SAID_MAIL "RCPT TO:<a@x>\r\nDATA\r\n" SAID_TEXT SAID_MAIL
                          "RCPT TO:<a@x>\r\nDATA\r\n" SAID_TEXT "QUIT\r\n",
     "done(250 1)@final done(250 2)@final close:none\n"},
    {"nobody is taken, then RSET and another", 2, 1,
     HELLO "250 o\r\n550 5.1.1 no\r\n503 5.5.1 none\r\n250 reset\r\n"
           "250 o\r\n250 o\r\n354 go\r\n250 2\r\n221 x\r\n",
     SAID_HELLO SAID_MAIL "RCPT TO:<a@x>\r\nDATA\r\nRSET\r\n" SAID_MAIL
                          "RCPT TO:<a@x>\r\nDATA\r\n" SAID_TEXT "QUIT\r\n",
     "refused(550 5.1.1 no)@rcpt done(250 2)@final close:none\n"},
    {"nobody is taken, unpipelined", 1, 1, PLAIN "250 o\r\n450 4.2.0 later\r\n250 r\r\n221 x\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRSET\r\nQUIT\r\n",
     "later(450 4.2.0 later)@rcpt close:none\n"},
    {"MAIL refused, pipelined", 1, 2,
     HELLO "552 5.3.4 too big\r\n503 x\r\n503 x\r\n503 x\r\n250 r\r\n221 x\r\n",
     SAID_HELLO SAID_MAIL "RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nRSET\r\nQUIT\r\n",
     "refused(552 5.3.4 too big)@mail refused(552 5.3.4 too big)@mail close:none\n"},
    {"MAIL refused, unpipelined", 1, 1, PLAIN "451 4.3.0 no\r\n221 x\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nQUIT\r\n", "later(451 4.3.0 no)@mail close:none\n"},
    {"DATA refused", 1, 1, PLAIN "250 o\r\n250 o\r\n554 5.5.0 no\r\n250 r\r\n221 x\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nDATA\r\nRSET\r\nQUIT\r\n",
     "refused(554 5.5.0 no)@data close:none\n"},
    {"552 that means too many recipients", 1, 2,
     PLAIN "250 o\r\n250 o\r\n552 many\r\n354 g\r\n250 k\r\n221 x\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n" SAID_TEXT
                "QUIT\r\n",
     "done(250 k)@final later(552 many)@rcpt close:none\n"},
    {"552 5.2.2 is full", 1, 2,
     PLAIN "250 o\r\n250 o\r\n552 5.2.2 full\r\n354 g\r\n250 k\r\n221 x\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n" SAID_TEXT
                "QUIT\r\n",
     "done(250 k)@final refused(552 5.2.2 full)@rcpt close:none\n"},
    {"no greeting but a refusal", 1, 1, "554 5.7.1 go away\r\n", "",
     "later(554 5.7.1 go away)@greeting close:no-service\n"},
    {"an SMTP server", 1, 1, "220 hi\r\n500 5.5.1 what\r\n", SAID_HELLO,
     "later(500 5.5.1 what)@hello close:no-service\n"},
    {"421 in the middle", 1, 2, PLAIN "250 o\r\n550 no\r\n421 4.3.2 bye\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\n",
     "refused(550 no)@rcpt later(421 4.3.2 bye)@rcpt close:no-service\n"},
    {"421 after the first has it", 1, 2,
     PLAIN "250 o\r\n250 o\r\n250 o\r\n354 g\r\n250 k\r\n421 bye\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n" SAID_TEXT,
     "done(250 k)@final later(421 bye)@final close:no-service\n"},
    {"it does not speak SMTP", 1, 1, "HTTP/1.1 400 Bad Request\r\n", "",
     "later(4.5.0 the other server answered what makes no sense here)@greeting close:nonsense\n"},
    {"354 to MAIL", 1, 1, PLAIN "354 what\r\n", SAID_HELLO "MAIL FROM:<s@y>\r\n",
     "later(4.5.0 the other server answered what makes no sense here)@mail close:nonsense\n"},
    {"354 to RCPT", 1, 1, PLAIN "250 o\r\n354 what\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\n",
     "later(4.5.0 the other server answered what makes no sense here)@rcpt close:nonsense\n"},
    {"250 to DATA", 1, 1, PLAIN "250 o\r\n250 o\r\n250 what\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nDATA\r\n",
     "later(4.5.0 the other server answered what makes no sense here)@data close:nonsense\n"},
    {"354 though nobody is taken", 1, 1, HELLO "250 o\r\n550 no\r\n354 go\r\n",
     SAID_HELLO SAID_MAIL "RCPT TO:<a@x>\r\nDATA\r\n", "refused(550 no)@rcpt close:nonsense\n"},
    {"354 to the text", 1, 1, PLAIN "250 o\r\n250 o\r\n354 g\r\n354 g\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nDATA\r\n" SAID_TEXT,
     "later(4.5.0 the other server answered what makes no sense here)@final close:nonsense\n"},
    {"RSET refused", 2, 1, PLAIN "250 o\r\n550 no\r\n500 what\r\n",
     SAID_HELLO "MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRSET\r\n",
     "refused(550 no)@rcpt close:nonsense\n"},
};

static void however_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dialogues); i++) {
        const struct dialogue *d = &dialogues[i];
        slice in = slice_cstr(d->in);
        for (size_t at = 0; at <= in.n + 1; at++) {
            struct shell s;
            init(&s, d->messages, d->rcpts);
            /* In two pieces, at last byte by byte. */
            for (size_t j = 0; at > in.n && j < in.n; j++)
                feed(&s, slice_of(in.p + j, 1));
            if (at <= in.n) {
                feed(&s, slice_head(in, at));
                feed(&s, slice_tail(in, at));
            }
            assert_slice(buf_slice(&s.said), slice_cstr(d->said));
            release(&s);
        }
    }
}

static void results(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dialogues); i++) {
        const struct dialogue *d = &dialogues[i];
        slice in = slice_cstr(d->in);
        for (size_t step = 1; step <= in.n; step++) {
            struct shell s;
            init(&s, d->messages, d->rcpts);
            /* As relay does: the message is there before the connection is. */
            s.messages--;
            client_send(&s.c, &s.message, 0);
            for (size_t at = 0; at < in.n; at += step)
                feed(&s, slice_head(slice_tail(in, at), step));
            assert_slice(buf_slice(&s.log), slice_cstr(d->want));
            assert_slice(buf_slice(&s.said), slice_cstr(d->said));
            release(&s);
        }
    }
}

/* Closed at every place: each recipient has one result, and nobody who has it loses it. */
static void closed_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dialogues); i++) {
        const struct dialogue *d = &dialogues[i];
        for (size_t n = 0; d->in[n] != '\0'; n++) {
            struct shell s;
            init(&s, d->messages, d->rcpts);
            s.messages--;
            s.is_under_way = true;
            client_send(&s.c, &s.message, 0);
            feed(&s, slice_of(d->in, n));
            client_fail(&s.c, CLIENT_CLOSED);
            serve(&s);
            assert_false(s.is_under_way);
            assert_int_equal(slice_find_slice(buf_slice(&s.log), SLICE_LIT("pending")), s.log.n);
            assert_int_not_equal(slice_find_slice(buf_slice(&s.log), SLICE_LIT("close:")), s.log.n);
            release(&s);
        }
    }
}

static void limits(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        uint64_t limit_ms;
        const char *want;
    } rows[] = {
        {"", 300000,
         "later(4.4.2 the other server took the connection and did not greet in time)@greeting "},
        {"220-hi\r\n220-", 300000,
         "later(4.4.2 the other server took the connection and did not greet in time)@greeting "},
        {"220 hi\r\n", 300000, "later(4.4.2 the other server did not answer in time)@hello "},
        {PLAIN, 300000, "later(4.4.2 the other server did not answer in time)@mail "},
        {PLAIN "250 o\r\n", 300000, "later(4.4.2 the other server did not answer in time)@rcpt "},
        {PLAIN "250 o\r\n250 o\r\n", 120000,
         "later(4.4.2 the other server did not answer in time)@data "},
        {PLAIN "250 o\r\n250 o\r\n354 o\r\n", 600000,
         "later(4.4.2 the other server did not say in time whether it has the message)@final "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shell s;
        init(&s, 0, 1);
        client_send(&s.c, &s.message, 0);
        feed(&s, slice_cstr(rows[i].in));
        assert_int_equal(s.c.deadline_ms, rows[i].limit_ms);
        client_tick(&s.c, rows[i].limit_ms - 1);
        assert_int_equal(client_want(&s.c), CLIENT_WANTS_NOTHING);
        client_tick(&s.c, rows[i].limit_ms);
        assert_int_equal(client_want(&s.c), CLIENT_WANTS_RESULT);
        note_results(&s);
        assert_slice(buf_slice(&s.log), slice_cstr(rows[i].want));
        assert_int_equal(s.c.fault, CLIENT_TIMEOUT);
        release(&s);
    }
}

static void idle_has_no_limit(void **state)
{
    (void)state;
    struct shell s;
    init(&s, 0, 1);
    slice in = SLICE_LIT(PLAIN);
    while (in.n > 0)
        client_feed(&s.c, &in, 5);
    assert_int_equal(client_want(&s.c), CLIENT_WANTS_MESSAGE);
    assert_int_equal(s.c.deadline_ms, UINT64_MAX);
    in = SLICE_LIT("421 idle\r\n");
    client_feed(&s.c, &in, 6);
    assert_int_equal(client_want(&s.c), CLIENT_WANTS_CLOSE);
    /* It came just then: the message hears of it. */
    client_send(&s.c, &s.message, 7);
    assert_int_equal(client_want(&s.c), CLIENT_WANTS_RESULT);
    assert_int_equal(s.rcpt[0].result, CLIENT_LATER);
    release(&s);
}

static void an_endless_reply_is_a_fault(void **state)
{
    (void)state;
    struct shell s;
    init(&s, 0, 1);
    client_send(&s.c, &s.message, 0);
    for (size_t i = 0; i < CLIENT_REPLY_MAX && client_want(&s.c) == CLIENT_WANTS_NOTHING; i++)
        feed(&s, SLICE_LIT("220-x\r\n"));
    assert_int_equal(s.c.fault, CLIENT_NONSENSE);
    assert_int_equal(s.rcpt[0].result, CLIENT_LATER);
    release(&s);
}

static void long_words_are_cut(void **state)
{
    (void)state;
    struct shell s;
    init(&s, 0, 1);
    client_send(&s.c, &s.message, 0);
    slice in = SLICE_LIT(PLAIN "550-5.1.1 x\r\n");
    while (in.n > 0)
        client_feed(&s.c, &in, 0);
    for (size_t i = 0; i < 100; i++) {
        in = SLICE_LIT("550-5.1.1 xxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
        client_feed(&s.c, &in, 0);
    }
    in = SLICE_LIT("550 5.1.1 y\r\n");
    client_feed(&s.c, &in, 0);
    assert_int_equal(s.rcpt[0].result, CLIENT_REFUSED);
    assert_int_equal(s.rcpt[0].status.subject, 1);
    assert_int_equal(s.rcpt[0].text.n, CLIENT_WORDS_MAX);
    release(&s);
}

/* In the middle of a text that is not all sent. */
static void early_replies(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum client_result want;
        unsigned code;
        enum client_fault fault;
    } rows[] = {
        {"552 5.3.4 enough\r\n", CLIENT_REFUSED, 552, CLIENT_NONSENSE},
        {"452 4.3.1 full\r\n", CLIENT_LATER, 452, CLIENT_NONSENSE},
        {"421 4.3.2 bye\r\n", CLIENT_LATER, 421, CLIENT_NO_SERVICE},
        {"250 thanks\r\n", CLIENT_LATER, 0, CLIENT_NONSENSE},
        {"354 go\r\n", CLIENT_LATER, 0, CLIENT_NONSENSE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shell s;
        init(&s, 0, 1);
        client_send(&s.c, &s.message, 0);
        slice in = SLICE_LIT(PLAIN "250 o\r\n250 o\r\n354 g\r\n");
        while (in.n > 0)
            client_feed(&s.c, &in, 0);
        assert_int_equal(client_want(&s.c), CLIENT_WANTS_TEXT);
        client_text(&s.c, SLICE_LIT("Subject"), false, 7);
        assert_int_equal(s.c.deadline_ms, 7 + 180000);
        in = slice_cstr(rows[i].in);
        client_feed(&s.c, &in, 8);
        assert_int_equal(client_want(&s.c), CLIENT_WANTS_RESULT);
        assert_int_equal(s.rcpt[0].result, rows[i].want);
        assert_int_equal(s.rcpt[0].code, rows[i].code);
        assert_int_equal(s.c.fault, rows[i].fault);
        client_next(&s.c);
        assert_int_equal(client_want(&s.c), CLIENT_WANTS_CLOSE);
        release(&s);
    }
}

static void text_waits_for_room(void **state)
{
    (void)state;
    static char text[CLIENT_OUT_HIGH];
    struct shell s;
    memset(text, 'x', sizeof text);
    init(&s, 0, 1);
    client_send(&s.c, &s.message, 0);
    slice in = SLICE_LIT(PLAIN "250 o\r\n250 o\r\n354 g\r\n");
    while (in.n > 0)
        client_feed(&s.c, &in, 0);
    client_text(&s.c, slice_of(text, sizeof text), false, 0);
    assert_int_equal(client_want(&s.c), CLIENT_WANTS_NOTHING);
    buf_clear(&s.c.out);
    assert_int_equal(client_want(&s.c), CLIENT_WANTS_TEXT);
    release(&s);
}

static void bodies_and_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *keywords;
        enum client_body body;
        bool utf8;
        const char *said;
        unsigned subject, detail; /* 0: goes on */
    } rows[] = {
        {"250 8BITMIME\r\n", CLIENT_8BIT, false, "MAIL FROM:<s@y> BODY=8BITMIME\r\n", 0, 0},
        {"250 8BITMIME\r\n", CLIENT_7BIT, false, "MAIL FROM:<s@y>\r\n", 0, 0},
        {"250 X\r\n", CLIENT_8BIT, false, "MAIL FROM:<s@y>\r\n", 0, 0},
        {"250-SMTPUTF8\r\n250 8BITMIME\r\n", CLIENT_8BIT, true,
         "MAIL FROM:<s@y> BODY=8BITMIME SMTPUTF8\r\n", 0, 0},
        {"250 8BITMIME\r\n", CLIENT_8BIT, true, "", 6, 7},
        {"250 CHUNKING\r\n", CLIENT_BINARY, false, "", 6, 3},
        {"250-CHUNKING\r\n250 BINARYMIME\r\n", CLIENT_BINARY, false,
         "MAIL FROM:<s@y> BODY=BINARYMIME\r\n", 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shell s;
        init(&s, 0, 1);
        s.message.body = rows[i].body;
        s.message.needs_utf8 = rows[i].utf8;
        client_send(&s.c, &s.message, 0);
        feed(&s, SLICE_LIT("220 hi\r\n250-there\r\n"));
        buf_clear(&s.said);
        slice in = slice_cstr(rows[i].keywords);
        client_feed(&s.c, &in, 0);
        assert_slice(buf_slice(&s.c.out), slice_cstr(rows[i].said));
        assert_int_equal(client_want(&s.c),
                         rows[i].subject == 0 ? CLIENT_WANTS_NOTHING : CLIENT_WANTS_RESULT);
        if (rows[i].subject != 0) {
            assert_int_equal(s.rcpt[0].result, CLIENT_REFUSED);
            assert_int_equal(s.rcpt[0].status.subject, rows[i].subject);
            assert_int_equal(s.rcpt[0].status.detail, rows[i].detail);
            client_next(&s.c);
            assert_int_equal(client_want(&s.c), CLIENT_WANTS_MESSAGE);
        }
        release(&s);
    }
}

static void binary_goes_as_a_chunk(void **state)
{
    (void)state;
    struct shell s;
    init(&s, 0, 1);
    s.message.body = CLIENT_BINARY;
    client_send(&s.c, &s.message, 0);
    feed(&s, SLICE_LIT("220 hi\r\n250-x\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n"
                       "250 o\r\n250 o\r\n250 2.0.0 has it\r\n"));
    assert_slice(buf_slice(&s.said),
                 SLICE_LIT("LHLO me.example\r\nMAIL FROM:<s@y> BODY=BINARYMIME\r\nRCPT TO:<a@x>\r\n"
                           "BDAT 19 LAST\r\n" TEXT "QUIT\r\n"));
    assert_slice(buf_slice(&s.log), SLICE_LIT("done(250 2.0.0 has it)@final "));
    release(&s);
}

static void control_characters_never_go_out(void **state)
{
    (void)state;
    struct shell s;
    init(&s, 0, 1);
    s.rcpt[0].path = SLICE_LIT("a\r\nDATA@x");
    client_send(&s.c, &s.message, 0);
    feed(&s, SLICE_LIT(PLAIN));
    assert_slice(buf_slice(&s.said), SLICE_LIT("LHLO me.example\r\nQUIT\r\n"));
    assert_slice(buf_slice(&s.log),
                 SLICE_LIT("refused(5.1.3 an address cannot be written in SMTP)@idle "));
    release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_cut),
        cmocka_unit_test(results),
        cmocka_unit_test(closed_anywhere),
        cmocka_unit_test(limits),
        cmocka_unit_test(idle_has_no_limit),
        cmocka_unit_test(an_endless_reply_is_a_fault),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(early_replies),
        cmocka_unit_test(text_waits_for_room),
        cmocka_unit_test(bodies_and_utf8),
        cmocka_unit_test(binary_goes_as_a_chunk),
        cmocka_unit_test(control_characters_never_go_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
