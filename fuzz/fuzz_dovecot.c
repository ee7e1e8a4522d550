/* Any bytes as what Dovecot says, line by line; and as a name and a secret that are handed to it:
 * never more than one line, and what it reads is what was meant. */
#include "fuzz/fuzz.h"
#include "lib/auth/dovecot.h"

static void read_all(slice in)
{
    slice text;
    while (slice_split(&in, '\n', &text)) {
        struct dovecot_line line;
        struct buf plain;
        if (dovecot_read(text, &line) != DOVECOT_READ)
            continue;
        buf_init(&plain, text.n + 1);
        dovecot_unescape(&plain, line.name);
        buf_clear(&plain);
        dovecot_unescape(&plain, line.reason);
        FUZZ_CHECK(plain.err == BUF_OK);
        buf_release(&plain);
    }
}

static void escape(slice in)
{
    struct buf escaped, back;
    buf_init(&escaped, 2 * in.n + 1);
    buf_init(&back, in.n + 1);
    dovecot_escape(&escaped, in);
    FUZZ_CHECK(slice_find(buf_slice(&escaped), '\n') == escaped.n &&
               slice_find(buf_slice(&escaped), '\t') == escaped.n);
    dovecot_unescape(&back, buf_slice(&escaped));
    FUZZ_CHECK(slice_eq(buf_slice(&back), in));
    buf_release(&escaped);
    buf_release(&back);
}

static void ask(slice in)
{
    struct buf out;
    size_t at = slice_find(in, '\n');
    const struct dovecot_request r = {.id = 1,
                                      .name = slice_head(in, at),
                                      .secret = slice_tail(in, at + 1),
                                      .session = slice_head(in, 32)};
    buf_init(&out, 4 * DOVECOT_LINE_MAX);
    bool ok = dovecot_put_plain(&out, &r);
    FUZZ_CHECK(out.err == BUF_OK && ok == (out.n > 0));
    FUZZ_CHECK(!ok ||
               (out.n <= DOVECOT_LINE_MAX && slice_find(buf_slice(&out), '\n') + 1 == out.n));
    buf_clear(&out);
    ok = dovecot_put_user(&out, 1, in);
    FUZZ_CHECK(!ok ||
               (out.n <= DOVECOT_LINE_MAX && slice_find(buf_slice(&out), '\n') + 1 == out.n));
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice in = slice_of(data, n);
    if (n > 4 * DOVECOT_LINE_MAX)
        return 0;
    read_all(in);
    escape(in);
    ask(in);
    return 0;
}
