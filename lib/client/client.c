#include <assert.h>

#include "lib/base/ascii.h"
#include "lib/client/client_int.h"

/* Of a reply: the keywords of a hello are read from it. */
enum { REPLY_TEXT_MAX = 16 * 1024 };
/* The commands of a whole envelope, or a piece of text with its dots. */
enum { OUT_MAX = 8 * 1024 * 1024 };
enum { WORDS_ARENA_MAX = 8 * 1024 * 1024 };

static uint64_t limit_ms_of(enum client_stage stage)
{
    static const uint64_t limits[] = {
#define STAGE(constant, name, limit_ms) [CLIENT_AT_##constant] = limit_ms,
#include "lib/client/client_stages.def"
    };
    return limits[stage];
}

void client_enter(struct client *c, enum client_stage stage, uint64_t now_ms)
{
    uint64_t limit = limit_ms_of(stage);
    c->stage = stage;
    c->deadline_ms = limit == 0 ? UINT64_MAX : now_ms + limit;
}

void client_init(struct client *c, const struct client_options *options, uint64_t now_ms)
{
    *c = (struct client){.options = *options};
    buf_init(&c->out, OUT_MAX);
    reply_reader_init(&c->replies, REPLY_TEXT_MAX);
    arena_init(&c->words, WORDS_ARENA_MAX);
    client_enter(c, CLIENT_AT_GREETING, now_ms);
}

void client_release(struct client *c)
{
    buf_release(&c->out);
    reply_reader_release(&c->replies);
    arena_release(&c->words);
}

enum client_want client_want(const struct client *c)
{
    if (c->is_over)
        return CLIENT_WANTS_RESULT;
    if (c->stage == CLIENT_AT_GONE)
        return CLIENT_WANTS_CLOSE;
    if (c->stage == CLIENT_AT_TEXT)
        return c->out.n < CLIENT_OUT_HIGH ? CLIENT_WANTS_TEXT : CLIENT_WANTS_NOTHING;
    if (c->stage == CLIENT_AT_IDLE && c->message == NULL)
        return CLIENT_WANTS_MESSAGE;
    return CLIENT_WANTS_NOTHING;
}

void client_break(struct client *c, enum client_fault fault, const struct reply *reply)
{
    if (c->stage == CLIENT_AT_GONE)
        return;
    if (c->message != NULL && !c->is_over) {
        const struct client_words words =
            reply != NULL ? client_words_of(c, reply) : client_words_of_fault(fault, c->stage);
        client_settle_rest(c, CLIENT_LATER, &words);
        c->is_over = true;
    }
    /* After our QUIT the server may end it as it likes. */
    c->fault = c->stage == CLIENT_AT_QUIT ? CLIENT_NO_FAULT : fault;
    client_enter(c, CLIENT_AT_GONE, 0);
}

/* ---- the hello ---- */

static void take_keyword(struct client *c, slice line)
{
    static const struct {
        const char *word;
        uint32_t bit;
    } known[] = {
#define KEYWORD(constant, word) {word, CLIENT_HAS_##constant},
#include "lib/client/client_keywords.def"
    };
    slice word;
    line = slice_trim(line);
    if (!slice_split(&line, ' ', &word))
        return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_is_ci(word, known[i].word))
            c->keywords |= known[i].bit;
    if (slice_is_ci(word, "SIZE") && !slice_to_u64(slice_trim(line), UINT64_MAX, &c->size_limit))
        c->size_limit = 0;
}

static void hello_reply(struct client *c, const struct reply *reply, uint64_t now_ms)
{
    slice rest = reply->text, line;
    if (!slice_split(&rest, '\n', &line))
        rest = (slice){NULL, 0}; /* the first line is who it is */
    c->keywords = 0;
    while (slice_split(&rest, '\n', &line))
        take_keyword(c, line);
    client_enter(c, CLIENT_AT_IDLE, now_ms);
    if (c->message != NULL && !c->is_over)
        client_envelope(c, now_ms);
}

static void greeting_reply(struct client *c, uint64_t now_ms)
{
    buf_addf(&c->out, "LHLO %.*s\r\n", SLICE_ARG(c->options.name));
    client_enter(c, CLIENT_AT_HELLO, now_ms);
}

/* ---- replies ---- */

/* Before the text is there: if it says no, that is for everybody who has no other word. */
static void early_reply(struct client *c, const struct reply *reply)
{
    if (reply->code / 100 == 5) {
        const struct client_words words = client_words_of(c, reply);
        client_settle_rest(c, CLIENT_REFUSED, &words);
    }
    client_break(c, CLIENT_NONSENSE, reply->code / 100 == 4 ? reply : NULL);
}

static void take_reply(struct client *c, const struct reply *reply, uint64_t now_ms)
{
    bool is_good = reply->code / 100 == 2;
    /* RFC 5321 3.8: 421 may come at any time and is the end. */
    if (reply->code == 421) {
        client_break(c, CLIENT_NO_SERVICE, reply);
        return;
    }
    switch (c->stage) {
    case CLIENT_AT_GREETING:
    case CLIENT_AT_HELLO:
        /* Whatever the class: it is about this connection, not about the mail. */
        if (!is_good)
            client_break(c, CLIENT_NO_SERVICE, reply);
        else if (c->stage == CLIENT_AT_GREETING)
            greeting_reply(c, now_ms);
        else
            hello_reply(c, reply, now_ms);
        break;
    case CLIENT_AT_MAIL:
        client_mail_reply(c, reply, now_ms);
        break;
    case CLIENT_AT_RCPT:
        client_rcpt_reply(c, reply, now_ms);
        break;
    case CLIENT_AT_DATA:
        client_data_reply(c, reply, now_ms);
        break;
    case CLIENT_AT_TEXT:
        early_reply(c, reply);
        break;
    case CLIENT_AT_FINAL:
        client_final_reply(c, reply, now_ms);
        break;
    case CLIENT_AT_RSET:
        if (!is_good) {
            client_break(c, CLIENT_NONSENSE, NULL);
            break;
        }
        client_enter(c, CLIENT_AT_IDLE, now_ms);
        if (c->message != NULL && !c->is_over)
            client_envelope(c, now_ms);
        break;
    case CLIENT_AT_QUIT:
    case CLIENT_AT_IDLE:
        client_break(c, CLIENT_NONSENSE, NULL);
        break;
    case CLIENT_AT_GONE:
    case CLIENT_STAGES:
        break;
    }
}

void client_feed(struct client *c, slice *in, uint64_t now_ms)
{
    struct reply reply;
    size_t before = in->n;
    if (c->stage == CLIENT_AT_GONE) {
        *in = slice_tail(*in, in->n);
        return;
    }
    enum reply_event event = reply_reader_take(&c->replies, in, &reply);
    c->reply_bytes += before - in->n;
    if (c->reply_bytes > CLIENT_REPLY_MAX)
        event = REPLY_BAD;
    switch (event) {
    case REPLY_MORE:
        break;
    case REPLY_READY:
        c->reply_bytes = 0;
        take_reply(c, &reply, now_ms);
        break;
    case REPLY_BAD:
        client_break(c, CLIENT_NONSENSE, NULL);
        break;
    case REPLY_NOMEM:
        client_break(c, CLIENT_NO_MEMORY, NULL);
        break;
    }
    if (c->out.err != BUF_OK)
        client_break(c, CLIENT_NO_MEMORY, NULL);
}

/* ---- the shell's side ---- */

void client_send(struct client *c, struct client_message *message, uint64_t now_ms)
{
    assert(c->message == NULL && message->rcpt_count > 0);
    for (size_t i = 0; i < message->rcpt_count; i++)
        message->rcpts[i] = (struct client_rcpt){.path = message->rcpts[i].path};
    c->message = message;
    if (c->stage == CLIENT_AT_IDLE) {
        client_envelope(c, now_ms);
    } else if (c->stage == CLIENT_AT_GONE || c->stage == CLIENT_AT_QUIT) {
        const struct client_words words = client_words_of_fault(c->fault, c->stage);
        client_settle_rest(c, CLIENT_LATER, &words);
        c->is_over = true;
    }
    if (c->out.err != BUF_OK)
        client_break(c, CLIENT_NO_MEMORY, NULL);
}

void client_next(struct client *c)
{
    assert(c->is_over);
    c->is_over = false;
    c->message = NULL;
    arena_reset(&c->words);
}

void client_quit(struct client *c, uint64_t now_ms)
{
    assert(c->message == NULL);
    if (c->stage == CLIENT_AT_GONE || c->stage == CLIENT_AT_QUIT)
        return;
    buf_adds(&c->out, "QUIT\r\n");
    client_enter(c, CLIENT_AT_QUIT, now_ms);
}

void client_fail(struct client *c, enum client_fault why)
{
    client_break(c, why, NULL);
}

void client_tick(struct client *c, uint64_t now_ms)
{
    if (now_ms >= c->deadline_ms)
        client_break(c, CLIENT_TIMEOUT, NULL);
}
