/* Any bytes as DATA text: the same in any pieces; a plain decoder that knows the grammar and
 * nothing of speed agrees; and what the encoder writes is what the decoder reads. */
#include "fuzz/cut.h"
#include "fuzz/fuzz.h"
#include "lib/base/buf.h"
#include "lib/smtp/dot.h"

enum { LINE_MAX_BYTES = 20 };

struct result {
    struct buf text;
    uint64_t lines, bare_line, size_bytes;
    unsigned seen;
    size_t left; /* bytes behind the end; SIZE_MAX: it did not end */
};

static void decode(slice in, size_t step, struct result *ret)
{
    struct dot_decoder d;
    struct cut cut = {in, step, 0};
    slice piece, text;
    enum dot_event e = DOT_MORE;
    dot_decoder_init(&d, LINE_MAX_BYTES);
    ret->left = SIZE_MAX;
    while (e != DOT_END && cut_next(&cut, &piece)) {
        while ((e = dot_decode(&d, &piece, &text)) == DOT_DATA)
            buf_add(&ret->text, text);
        if (e == DOT_END)
            ret->left = piece.n + cut.rest.n;
    }
    FUZZ_CHECK(d.size_bytes == ret->text.n);
    ret->lines = d.lines;
    ret->bare_line = d.bare_line;
    ret->size_bytes = d.size_bytes;
    ret->seen = d.seen;
}

/* Line by line (RFC 5321 4.5.2); what is withheld at an unfinished end is left out. */
static void decode_plainly(slice in, struct buf *text, size_t *ret_left)
{
    *ret_left = SIZE_MAX;
    while (in.n > 0) {
        size_t end = slice_find_slice(in, SLICE_LIT("\r\n"));
        bool is_whole = end < in.n;
        slice line = slice_head(in, is_whole ? end + 2 : in.n);
        in = slice_tail(in, line.n);
        if (slice_is(line, ".\r\n")) {
            *ret_left = in.n;
            return;
        }
        if (!is_whole && (slice_is(line, ".") || slice_is(line, ".\r")))
            return;
        buf_add(text, line.p[0] == '.' ? slice_tail(line, 1) : line);
    }
}

static void check_encoder(slice in, size_t step)
{
    struct dot_encoder e;
    struct cut cut = {in, step, 0};
    struct buf wire, back;
    slice piece, text;
    size_t left;
    buf_init(&wire, 1 << 22);
    buf_init(&back, 1 << 22);
    dot_encoder_init(&e);
    while (cut_next(&cut, &piece))
        while (dot_encode(&e, &piece, &text))
            buf_add(&wire, text);
    buf_add(&wire, dot_encode_end(&e));
    decode_plainly(buf_slice(&wire), &back, &left);
    FUZZ_CHECK(left == 0);
    FUZZ_CHECK(slice_starts(buf_slice(&back), in));
    slice added = slice_tail(buf_slice(&back), in.n);
    FUZZ_CHECK(added.n == 0 || slice_is(added, "\r\n") || slice_is(added, "\n"));
    buf_release(&wire);
    buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t steps[] = {0, 1, 2, 30};
    slice in = slice_of(data, n);
    struct buf want;
    size_t want_left;
    buf_init(&want, 1 << 22);
    decode_plainly(in, &want, &want_left);
    struct result first = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct result r = {0};
        buf_init(&r.text, 1 << 22);
        decode(in, steps[i], &r);
        FUZZ_CHECK(slice_eq(buf_slice(&r.text), buf_slice(&want)) && r.left == want_left);
        if (i == 0)
            first = r;
        FUZZ_CHECK(r.lines == first.lines && r.seen == first.seen &&
                   r.bare_line == first.bare_line && r.size_bytes == first.size_bytes);
        buf_release(&r.text);
        check_encoder(in, steps[i]);
    }
    buf_release(&want);
    return 0;
}
