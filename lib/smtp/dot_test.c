#include "lib/smtp/dot.h"

#include "lib/base/buf.h"
#include "lib/base/test.h"

/* Everything that a decoder says of in, cut at a and b; what follows the text is after '|'. */
static void decode(slice in, size_t max_line, size_t a, size_t b, struct buf *out)
{
    struct dot_decoder d;
    dot_decoder_init(&d, max_line);
    slice pieces[] = {slice_head(in, a), slice_tail(slice_head(in, b), a), slice_tail(in, b)};
    enum dot_event e = DOT_MORE;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        slice text;
        while (e != DOT_END && (e = dot_decode(&d, &pieces[i], &text)) == DOT_DATA)
            buf_add(out, text);
        if (e == DOT_END) {
            if (slice_find(buf_slice(out), '|') == out->n)
                buf_addc(out, '|');
            buf_add(out, pieces[i]);
        }
    }
    buf_addf(out, " lines %u%s%s%s%s%s", (unsigned)d.lines,
             (d.seen & DOT_SEEN_BARE_CR) != 0 ? " cr" : "",
             (d.seen & DOT_SEEN_BARE_LF) != 0 ? " lf" : "",
             (d.seen & DOT_SEEN_NUL) != 0 ? " nul" : "",
             (d.seen & DOT_SEEN_8BIT) != 0 ? " 8bit" : "",
             (d.seen & DOT_SEEN_LONG_LINE) != 0 ? " long" : "");
    if (d.bare_line != 0)
        buf_addf(out, " in %u", (unsigned)d.bare_line);
    if (d.size_bytes > 0)
        buf_addf(out, " size %u", (unsigned)d.size_bytes);
}

static void decodes_however_cut(void **state)
{
    (void)state;
    static const struct {
        slice in;
        slice want;
    } rows[] = {
        {SLICE_LIT(".\r\nQUIT\r\n"), SLICE_LIT("|QUIT\r\n lines 0")},
        {SLICE_LIT("a\r\n.\r\n"), SLICE_LIT("a\r\n| lines 1 size 3")},
        {SLICE_LIT("..\r\n.\r\n"), SLICE_LIT(".\r\n| lines 1 size 3")},
        {SLICE_LIT("...a\r\n.b\r\n.\r\n"), SLICE_LIT("..a\r\nb\r\n| lines 2 size 8")},
        {SLICE_LIT("a.\r\n\r\n.\r\n"), SLICE_LIT("a.\r\n\r\n| lines 2 size 6")},
        /* None of these ends the text (smuggling). */
        {SLICE_LIT("a\n.\n.\r\n"), SLICE_LIT("a\n.\n.\r\n lines 1 lf in 1 size 7")},
        {SLICE_LIT("a\r\n.\nb"), SLICE_LIT("a\r\n\nb lines 1 lf in 2 size 5")},
        {SLICE_LIT("a\r\n.\rb"), SLICE_LIT("a\r\n\rb lines 1 cr in 2 size 5")},
        {SLICE_LIT("a\r.\r\n"), SLICE_LIT("a\r.\r\n lines 1 cr in 1 size 5")},
        {SLICE_LIT("a\r\r\n.\r\n"), SLICE_LIT("a\r\r\n| lines 1 cr in 1 size 4")},
        {SLICE_LIT("a\r\n.\r\r\n.\r\n"), SLICE_LIT("a\r\n\r\r\n| lines 2 cr in 2 size 6")},
        {SLICE_LIT("\n.\r\n.\r\n"), SLICE_LIT("\n.\r\n| lines 1 lf in 1 size 4")},
        {SLICE_LIT(".\n.\r\n"), SLICE_LIT("\n.\r\n lines 1 lf in 1 size 4")},
        {SLICE_LIT("a\r\n\n.\r\n"), SLICE_LIT("a\r\n\n.\r\n lines 2 lf in 2 size 7")},
        /* Withheld until it is known. */
        {SLICE_LIT("a\r\n."), SLICE_LIT("a\r\n lines 1 size 3")},
        {SLICE_LIT("a\r\n.\r"), SLICE_LIT("a\r\n lines 1 size 3")},
        {SLICE_LIT("\0a\r\n\xc3\xa4\r\n.\r\n"),
         SLICE_LIT("\0a\r\n\xc3\xa4\r\n| lines 2 nul 8bit size 8")},
        /* Ten octets are the limit here; the stuffed dot is free. */
        {SLICE_LIT(".1234567890\r\n.\r\n"), SLICE_LIT("1234567890\r\n| lines 1 size 12")},
        {SLICE_LIT("12345678901\r\n.\r\n"), SLICE_LIT("12345678901\r\n| lines 1 long size 13")},
        {SLICE_LIT("123456789\r\r\n.\r\n"), SLICE_LIT("123456789\r\r\n| lines 1 cr in 1 size 12")},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t a = 0; a <= rows[i].in.n; a++)
            for (size_t b = a; b <= rows[i].in.n; b++) {
                struct buf out;
                buf_init(&out, 1000);
                decode(rows[i].in, 10, a, b, &out);
                assert_slice(buf_slice(&out), rows[i].want);
                buf_release(&out);
            }
}

static void encode(slice in, size_t a, struct buf *out)
{
    struct dot_encoder e;
    dot_encoder_init(&e);
    slice pieces[] = {slice_head(in, a), slice_tail(in, a)}, text;
    for (size_t i = 0; i < COUNT(pieces); i++)
        while (dot_encode(&e, &pieces[i], &text))
            buf_add(out, text);
    buf_add(out, dot_encode_end(&e));
}

static void encodes_what_it_decodes(void **state)
{
    (void)state;
    static const struct {
        slice text;
        slice want;
    } rows[] = {
        {SLICE_LIT(""), SLICE_LIT(".\r\n")},
        {SLICE_LIT("."), SLICE_LIT("..\r\n.\r\n")},
        {SLICE_LIT("a\r\n.b\r\n..\r\n"), SLICE_LIT("a\r\n..b\r\n...\r\n.\r\n")},
        {SLICE_LIT("a.b\r\n"), SLICE_LIT("a.b\r\n.\r\n")},
        {SLICE_LIT("a\n.b\r.c"), SLICE_LIT("a\n.b\r.c\r\n.\r\n")},
        {SLICE_LIT("a\r"), SLICE_LIT("a\r\n.\r\n")},
        {SLICE_LIT("\0\r\n.\0"), SLICE_LIT("\0\r\n..\0\r\n.\r\n")},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t a = 0; a <= rows[i].text.n; a++) {
            struct buf out, back;
            buf_init(&out, 1000);
            buf_init(&back, 1000);
            encode(rows[i].text, a, &out);
            assert_slice(buf_slice(&out), rows[i].want);
            struct dot_decoder d;
            dot_decoder_init(&d, 998);
            slice in = buf_slice(&out), text;
            enum dot_event e;
            while ((e = dot_decode(&d, &in, &text)) == DOT_DATA)
                buf_add(&back, text);
            assert_int_equal(e, DOT_END);
            assert_int_equal(in.n, 0);
            /* Only the end of the last line may be new. */
            assert_true(slice_starts(buf_slice(&back), rows[i].text));
            assert_true(back.n <= rows[i].text.n + 2);
            buf_release(&out);
            buf_release(&back);
        }
}

static void finds_every_byte_at_every_place_of_a_word(void **state)
{
    (void)state;
    static const char odd[] = {'\r', '\n', '\0', '\x80'};
    static const unsigned want[] = {DOT_SEEN_BARE_CR, DOT_SEEN_BARE_LF, DOT_SEEN_NUL,
                                    DOT_SEEN_8BIT};
    for (size_t k = 0; k < COUNT(odd); k++)
        for (size_t at = 0; at < 40; at++) {
            char text[40];
            memset(text, 'x', sizeof text);
            text[at] = odd[k];
            struct dot_decoder d;
            dot_decoder_init(&d, 998);
            slice in = slice_of(text, sizeof text), got;
            assert_int_equal(dot_decode(&d, &in, &got), DOT_DATA);
            assert_int_equal(got.n, sizeof text);
            in = SLICE_LIT("x");
            assert_int_equal(dot_decode(&d, &in, &got), DOT_DATA);
            assert_int_equal(d.seen, want[k]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_however_cut),
        cmocka_unit_test(encodes_what_it_decodes),
        cmocka_unit_test(finds_every_byte_at_every_place_of_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
