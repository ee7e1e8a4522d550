#include "lib/base/ascii.h"
#include "lib/client/client_int.h"

struct client_words client_words_of(struct client *c, const struct reply *reply)
{
    struct client_words w = {.code = reply->code, .status = reply->status};
    slice text = slice_head(reply->text, CLIENT_WORDS_MAX);

    /* Without memory for its words the code alone is kept. */
    if (!arena_copy(&c->words, text, &w.text))
        w.text = (slice){NULL, 0};
    return w;
}

static slice words_of_close(enum client_stage stage)
{
    switch (stage) {
    case CLIENT_AT_GREETING:
        return SLICE_LIT("the other server ended the connection before its greeting");
    case CLIENT_AT_TEXT:
        return SLICE_LIT("the other server ended the connection in the middle of the text");
    case CLIENT_AT_FINAL:
        return SLICE_LIT("the other server ended the connection before it said that it has the "
                         "message");
    case CLIENT_AT_HELLO:
    case CLIENT_AT_IDLE:
    case CLIENT_AT_MAIL:
    case CLIENT_AT_RCPT:
    case CLIENT_AT_DATA:
    case CLIENT_AT_RSET:
    case CLIENT_AT_QUIT:
    case CLIENT_AT_GONE:
    case CLIENT_STAGES:
        break;
    }
    return SLICE_LIT("the other server ended the connection");
}

static slice words_of_timeout(enum client_stage stage)
{
    switch (stage) {
    case CLIENT_AT_GREETING:
        return SLICE_LIT("the other server took the connection and did not greet in time");
    case CLIENT_AT_TEXT:
        return SLICE_LIT("the other server did not take the text in time");
    case CLIENT_AT_FINAL:
        return SLICE_LIT("the other server did not say in time whether it has the message");
    case CLIENT_AT_HELLO:
    case CLIENT_AT_IDLE:
    case CLIENT_AT_MAIL:
    case CLIENT_AT_RCPT:
    case CLIENT_AT_DATA:
    case CLIENT_AT_RSET:
    case CLIENT_AT_QUIT:
    case CLIENT_AT_GONE:
    case CLIENT_STAGES:
        break;
    }
    return SLICE_LIT("the other server did not answer in time");
}

/* RFC 3463 3.5, 3.6: what lies between two servers. */
struct client_words client_words_of_fault(enum client_fault fault, enum client_stage stage)
{
    switch (fault) {
    case CLIENT_NO_FAULT:
    case CLIENT_CLOSED:
        return (struct client_words){0, {4, 4, 2}, words_of_close(stage)};
    case CLIENT_TIMEOUT:
        return (struct client_words){0, {4, 4, 2}, words_of_timeout(stage)};
    case CLIENT_NONSENSE:
        return (struct client_words){
            0, {4, 5, 0}, SLICE_LIT("the other server answered what makes no sense here")};
    case CLIENT_NO_SERVICE:
        return (struct client_words){0, {4, 3, 2}, SLICE_LIT("the other server takes no mail now")};
    case CLIENT_ABORTED:
        return (struct client_words){0, {4, 3, 2}, SLICE_LIT("the delivery was broken off here")};
    case CLIENT_NO_MEMORY:
        return (struct client_words){0, {4, 3, 0}, SLICE_LIT("there is no memory here")};
    }
    return (struct client_words){0};
}

void client_settle(struct client *c, struct client_rcpt *r, enum client_result result,
                   const struct client_words *words)
{
    r->result = result;
    r->stage = c->stage;
    r->code = words->code;
    r->status = words->status;
    r->text = words->text;
}

void client_settle_rest(struct client *c, enum client_result result,
                        const struct client_words *words)
{
    for (size_t i = 0; i < c->message->rcpt_count; i++)
        if (c->message->rcpts[i].result == CLIENT_PENDING)
            client_settle(c, &c->message->rcpts[i], result, words);
}

void client_rcpt_print(struct buf *out, const struct client_rcpt *rcpt)
{
    slice text = rcpt->text, line;
    bool is_last = rcpt->code == 0;

    if (rcpt->code == 0) {
        if (rcpt->status.class != 0) {
            status_print(out, rcpt->status);
            buf_addc(out, ' ');
        }
        buf_add(out, text);
    }
    while (!is_last) {
        size_t end = slice_find(text, '\n');
        line = slice_head(text, end);
        is_last = end == text.n;
        text = slice_tail(text, end + 1);
        buf_addf(out, "%03u%s%.*s", rcpt->code,
                 line.n == 0 && is_last ? ""
                 : is_last              ? " "
                                        : "-",
                 SLICE_ARG(line));
        if (!is_last)
            buf_addc(out, '\n');
    }
}

const char *client_stage_name(enum client_stage stage)
{
    static const char *const names[] = {
#define STAGE(constant, name, limit_ms) [CLIENT_AT_##constant] = name,
#include "lib/client/client_stages.def"
    };
    return stage < CLIENT_STAGES ? names[stage] : "?";
}

const char *client_fault_name(enum client_fault fault)
{
    switch (fault) {
    case CLIENT_NO_FAULT:
        return "none";
    case CLIENT_CLOSED:
        return "closed";
    case CLIENT_TIMEOUT:
        return "timeout";
    case CLIENT_NONSENSE:
        return "nonsense";
    case CLIENT_NO_SERVICE:
        return "no-service";
    case CLIENT_ABORTED:
        return "aborted";
    case CLIENT_NO_MEMORY:
        return "no-memory";
    }
    return "?";
}
