/* One message: MAIL, RCPT, DATA or BDAT, the text, and who has it in the end. */
#include <assert.h>

#include "lib/base/ascii.h"
#include "lib/client/client_int.h"

static bool has(const struct client *c, uint32_t keywords)
{
    return (c->keywords & keywords) == keywords;
}

static bool is_binary(const struct client *c)
{
    return c->message->body == CLIENT_BINARY;
}

static enum client_result result_of(unsigned code)
{
    return code / 100 == 2 ? CLIENT_DONE : code / 100 == 5 ? CLIENT_REFUSED : CLIENT_LATER;
}

/* ---- the end ---- */

/* Every recipient has its result. Without the end of the text the server still has the envelope. */
static void finish(struct client *c, bool is_open, uint64_t now_ms)
{
    c->is_over = true;
    if (!is_open) {
        client_enter(c, CLIENT_AT_IDLE, now_ms);
        return;
    }
    buf_adds(&c->out, "RSET\r\n");
    client_enter(c, CLIENT_AT_RSET, now_ms);
}

static void refuse_all(struct client *c, struct status status, slice text, uint64_t now_ms)
{
    const struct client_words words = {0, status, text};
    client_settle_rest(c, CLIENT_REFUSED, &words);
    finish(c, false, now_ms);
}

/* ---- the envelope ---- */

static bool is_plain(slice path)
{
    for (size_t i = 0; i < path.n; i++)
        if (ascii_is_control(path.p[i]))
            return false;
    return true;
}

static bool are_plain(const struct client_message *m)
{
    bool plain = is_plain(m->reverse_path);
    for (size_t i = 0; plain && i < m->rcpt_count; i++)
        plain = m->rcpts[i].path.n > 0 && is_plain(m->rcpts[i].path);
    return plain;
}

static void write_mail(struct client *c)
{
    const struct client_message *m = c->message;
    buf_addf(&c->out, "MAIL FROM:<%.*s>", SLICE_ARG(m->reverse_path));
    if (has(c, CLIENT_HAS_SIZE))
        buf_addf(&c->out, " SIZE=%llu", (unsigned long long)m->size_bytes);
    if (is_binary(c))
        buf_adds(&c->out, " BODY=BINARYMIME");
    else if (m->body == CLIENT_8BIT && has(c, CLIENT_HAS_8BITMIME))
        buf_adds(&c->out, " BODY=8BITMIME");
    /* DEVIATES: RFC 6152 3 wants 8-bit text converted where 8BITMIME is not announced. The server
     * behind LMTP is the mailbox itself; what was signed arrives as it was signed. */
    if (m->needs_utf8)
        buf_adds(&c->out, " SMTPUTF8");
    buf_adds(&c->out, "\r\n");
}

static void write_rcpt(struct client *c)
{
    buf_addf(&c->out, "RCPT TO:<%.*s>\r\n", SLICE_ARG(c->message->rcpts[c->asked].path));
    c->asked++;
}

void client_envelope(struct client *c, uint64_t now_ms)
{
    const struct client_message *m = c->message;
    c->asked = c->answered = c->taken = c->final = 0;
    c->is_data_sent = false;
    if (!are_plain(m)) {
        refuse_all(c, (struct status){5, 1, 3}, SLICE_LIT("an address cannot be written in SMTP"),
                   now_ms);
        return;
    }
    if (is_binary(c) && !has(c, CLIENT_HAS_CHUNKING | CLIENT_HAS_BINARYMIME)) {
        /* RFC 3030 3: it must not be sent as lines. */
        refuse_all(c, (struct status){5, 6, 3},
                   SLICE_LIT("the other server takes no binary messages (BINARYMIME)"), now_ms);
        return;
    }
    if (m->needs_utf8 && !has(c, CLIENT_HAS_SMTPUTF8)) {
        refuse_all(c, (struct status){5, 6, 7},
                   SLICE_LIT("the other server takes no addresses or header fields in UTF-8 "
                             "(SMTPUTF8)"),
                   now_ms);
        return;
    }
    write_mail(c);
    if (has(c, CLIENT_HAS_PIPELINING)) {
        while (c->asked < m->rcpt_count)
            write_rcpt(c);
        /* A BDAT would bring its text before anybody is taken. */
        c->is_data_sent = !is_binary(c);
        if (c->is_data_sent)
            buf_adds(&c->out, "DATA\r\n");
    }
    client_enter(c, CLIENT_AT_MAIL, now_ms);
}

/* ---- replies to it ---- */

static void begin_text(struct client *c, uint64_t now_ms)
{
    dot_encoder_init(&c->dots);
    c->text_left = c->message->size_bytes;
    if (is_binary(c))
        buf_addf(&c->out, "BDAT %llu LAST\r\n", (unsigned long long)c->text_left);
    client_enter(c, CLIENT_AT_TEXT, now_ms);
}

/* All RCPTs are answered. */
static void after_rcpts(struct client *c, uint64_t now_ms)
{
    if (c->is_data_sent) {
        client_enter(c, CLIENT_AT_DATA, now_ms);
    } else if (c->taken == 0) {
        finish(c, true, now_ms);
    } else if (is_binary(c)) {
        begin_text(c, now_ms);
    } else {
        c->is_data_sent = true;
        buf_adds(&c->out, "DATA\r\n");
        client_enter(c, CLIENT_AT_DATA, now_ms);
    }
}

static void next_rcpt(struct client *c, uint64_t now_ms)
{
    if (c->asked == c->answered)
        write_rcpt(c);
    client_enter(c, CLIENT_AT_RCPT, now_ms);
}

void client_mail_reply(struct client *c, const struct reply *reply, uint64_t now_ms)
{
    const struct client_words words = client_words_of(c, reply);
    if (reply->code / 100 == 3) {
        client_break(c, CLIENT_NONSENSE, NULL);
        return;
    }
    if (reply->code / 100 != 2)
        client_settle_rest(c, result_of(reply->code), &words);
    /* What went out behind it is answered too. */
    if (reply->code / 100 == 2 || c->asked > 0)
        next_rcpt(c, now_ms);
    else
        finish(c, false, now_ms);
}

/* RFC 5321 4.5.3.1.10: 552 to RCPT may mean 452, too many recipients; unless it says what it means.
 */
static bool is_too_many(const struct client *c, const struct reply *reply)
{
    return reply->code == 552 && c->taken > 0 &&
           (reply->status.class == 0 || (reply->status.subject == 5 && reply->status.detail == 3));
}

void client_rcpt_reply(struct client *c, const struct reply *reply, uint64_t now_ms)
{
    struct client_rcpt *r = &c->message->rcpts[c->answered++];
    unsigned kind = reply->code / 100;
    if (kind == 3) {
        client_break(c, CLIENT_NONSENSE, NULL);
        return;
    }
    if (r->result == CLIENT_PENDING && kind == 2) {
        r->is_taken = true;
        c->taken++;
    } else if (r->result == CLIENT_PENDING) {
        const struct client_words words = client_words_of(c, reply);
        client_settle(c, r, is_too_many(c, reply) ? CLIENT_LATER : result_of(reply->code), &words);
    }
    if (c->answered < c->message->rcpt_count)
        next_rcpt(c, now_ms);
    else
        after_rcpts(c, now_ms);
}

void client_data_reply(struct client *c, const struct reply *reply, uint64_t now_ms)
{
    unsigned kind = reply->code / 100;
    if (kind == 3 && c->taken > 0) {
        begin_text(c, now_ms);
    } else if (kind == 4 || kind == 5) {
        const struct client_words words = client_words_of(c, reply);
        client_settle_rest(c, result_of(reply->code), &words);
        finish(c, true, now_ms);
    } else {
        /* RFC 2033 4.2: with nobody taken it is 503, and how many replies an empty text would get
         * nobody knows. */
        client_break(c, CLIENT_NONSENSE, NULL);
    }
}

/* ---- the text ---- */

static struct client_rcpt *next_taken(struct client *c)
{
    struct client_message *m = c->message;
    while (c->final < m->rcpt_count && !m->rcpts[c->final].is_taken)
        c->final++;
    return c->final < m->rcpt_count ? &m->rcpts[c->final] : NULL;
}

void client_text(struct client *c, slice text, bool is_last, uint64_t now_ms)
{
    assert(c->stage == CLIENT_AT_TEXT);
    slice piece;
    if (is_binary(c)) {
        assert(text.n <= c->text_left && (!is_last || text.n == c->text_left));
        c->text_left -= text.n;
        buf_add(&c->out, text);
    } else {
        while (dot_encode(&c->dots, &text, &piece))
            buf_add(&c->out, piece);
        if (is_last)
            buf_add(&c->out, dot_encode_end(&c->dots));
    }
    if (c->out.err != BUF_OK)
        client_break(c, CLIENT_NO_MEMORY, NULL);
    else
        client_enter(c, is_last ? CLIENT_AT_FINAL : CLIENT_AT_TEXT, now_ms);
}

/* RFC 2033 4.2: a reply for each recipient that was taken, in their order. */
void client_final_reply(struct client *c, const struct reply *reply, uint64_t now_ms)
{
    const struct client_words words = client_words_of(c, reply);
    struct client_rcpt *r = next_taken(c);
    if (reply->code / 100 == 3) {
        client_break(c, CLIENT_NONSENSE, NULL);
        return;
    }
    client_settle(c, r, result_of(reply->code), &words);
    c->final++;
    if (next_taken(c) == NULL)
        finish(c, false, now_ms);
    else
        client_enter(c, CLIENT_AT_FINAL, now_ms);
}
