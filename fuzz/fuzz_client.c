/* Any bytes as a server's side: the same results in any pieces, one for each recipient, and DONE
 * only for whom a 2xx came after the text.
 *
 * The first byte chooses the messages; the rest is what the server says. */
#include "fuzz/cut.h"
#include "fuzz/fuzz.h"
#include "lib/client/client.h"

enum { RCPTS = 4, TEXT_BYTES = 100 };

struct shell {
    struct client c;
    struct client_rcpt rcpts[RCPTS];
    struct client_message message;
    unsigned to_send;
    bool is_text_sent;
    struct buf *log;
};

static void begin_message(struct shell *s)
{
    s->to_send--;
    s->is_text_sent = false;
    client_send(&s->c, &s->message, 0);
}

static void note_results(struct shell *s)
{
    for (size_t i = 0; i < s->message.rcpt_count; i++) {
        const struct client_rcpt *r = &s->rcpts[i];
        FUZZ_CHECK(r->result != CLIENT_PENDING);
        FUZZ_CHECK(r->result != CLIENT_DONE ||
                   (s->is_text_sent && r->code / 100 == 2 && r->is_taken));
        FUZZ_CHECK(r->result != CLIENT_REFUSED || r->code == 0 || r->code / 100 == 5);
        buf_addf(s->log, "%d@%d ", (int)r->result, (int)r->stage);
        client_rcpt_print(s->log, r);
    }
}

static void serve(struct shell *s)
{
    static const char text[TEXT_BYTES] = ".a\r\n.b";
    for (;;) {
        buf_add(s->log, buf_slice(&s->c.out));
        buf_clear(&s->c.out);
        switch (client_want(&s->c)) {
        case CLIENT_WANTS_NOTHING:
        case CLIENT_WANTS_CLOSE:
            return;
        case CLIENT_WANTS_MESSAGE:
            if (s->to_send == 0)
                client_quit(&s->c, 0);
            else
                begin_message(s);
            break;
        case CLIENT_WANTS_TEXT:
            s->is_text_sent = true;
            client_text(&s->c, slice_of(text, TEXT_BYTES), true, 0);
            break;
        case CLIENT_WANTS_RESULT:
            note_results(s);
            client_next(&s->c);
            break;
        }
    }
}

static void run(uint8_t choice, slice in, size_t step, struct buf *log)
{
    static const char *const paths[RCPTS] = {"a@x", "b@x", "c@x", "d@x"};
    const struct client_options options = {CLIENT_LMTP, SLICE_LIT("me")};
    struct shell s = {.to_send = 1 + (choice >> 2 & 3), .log = log};
    struct cut cut = {in, step, 0};
    slice piece;
    s.message = (struct client_message){.reverse_path = SLICE_LIT("s@y"),
                                        .body = (enum client_body)((choice >> 4) % 3),
                                        .needs_utf8 = (choice & 0x40) != 0,
                                        .size_bytes = TEXT_BYTES,
                                        .rcpts = s.rcpts,
                                        .rcpt_count = 1 + (choice & 3)};
    for (size_t i = 0; i < RCPTS; i++)
        s.rcpts[i].path = slice_cstr(paths[i]);
    client_init(&s.c, &options, 0);
    begin_message(&s);
    while (client_want(&s.c) != CLIENT_WANTS_CLOSE && cut_next(&cut, &piece))
        while (piece.n > 0 && client_want(&s.c) != CLIENT_WANTS_CLOSE) {
            client_feed(&s.c, &piece, 0);
            serve(&s);
        }
    client_fail(&s.c, CLIENT_CLOSED);
    serve(&s);
    FUZZ_CHECK(client_want(&s.c) == CLIENT_WANTS_CLOSE);
    buf_addf(log, "%d", (int)s.c.fault);
    client_release(&s.c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t steps[] = {0, 1, 3, 40};
    struct buf want, got;
    if (n < 2 || n > 65536)
        return 0;
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        buf_clear(&got);
        run(data[0], slice_of(data + 1, n - 1), steps[i], i == 0 ? &want : &got);
        FUZZ_CHECK(i == 0 || slice_eq(buf_slice(&want), buf_slice(&got)));
    }
    buf_release(&want);
    buf_release(&got);
    return 0;
}
