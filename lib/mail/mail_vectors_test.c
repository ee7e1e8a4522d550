/* The 300 messages of tests/vectors/mail: header sections and dates as Python's email package reads
 * them (to_c.py made the table), however they are cut; and as CRLF through the DATA encoder and
 * decoder byte for byte. */
#include "lib/base/buf.h"
#include "lib/base/test.h"
#include "lib/mail/date.h"
#include "lib/mail/header.h"
#include "lib/smtp/dot.h"

#define NO_DATE INT64_MIN

static const struct mail {
    const char *file;
    uint64_t fields, received, body_at;
    slice date;
    int64_t at;
} mails[] = {
#include "mail_cases.h"
};

static void read_file(const char *name, struct buf *out)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_addf(&path, "%s/%s", MAIL_VECTORS, name);
    buf_addc(&path, '\0');
    FILE *f = fopen(path.p, "rb");
    assert_non_null(f);
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_add(out, slice_of(piece, n));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(out->err, BUF_OK);
    buf_release(&path);
}

/* step 0: all in one piece; otherwise pieces of 1 to step bytes. */
static void walk(slice in, size_t step, struct header_walk *w)
{
    struct header_field field;
    enum header_event e = HEADER_MORE;
    header_walk_init(w, 1 << 20, 1000);
    for (size_t i = 0; in.n > 0 && e != HEADER_END; i++) {
        slice piece = step == 0 ? in : slice_head(in, 1 + i * 7 % step);
        in = slice_tail(in, piece.n);
        while ((e = header_walk_feed(w, &piece, &field)) == HEADER_FIELD)
            ;
    }
    while (e != HEADER_END) {
        e = header_walk_finish(w, &field);
        assert_true(e == HEADER_FIELD || e == HEADER_END);
    }
}

static void reads_headers_as_python_does(void **state)
{
    (void)state;
    assert_int_equal(COUNT(mails), 300);
    for (size_t i = 0; i < COUNT(mails); i++) {
        const struct mail *m = &mails[i];
        struct buf text;
        buf_init(&text, 10 << 20);
        read_file(m->file, &text);
        static const size_t steps[] = {0, 1, 5, 100};
        for (size_t k = 0; k < COUNT(steps); k++) {
            struct header_walk w;
            walk(buf_slice(&text), steps[k], &w);
            if (w.fields != m->fields || w.received != m->received || w.body_at != m->body_at)
                fail_msg("%s, step %u: %u fields, %u received, body at %u", m->file,
                         (unsigned)steps[k], (unsigned)w.fields, (unsigned)w.received,
                         (unsigned)w.body_at);
        }
        buf_release(&text);
    }
}

static void reads_dates_as_python_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mails); i++) {
        const struct mail *m = &mails[i];
        slice rest = m->date;
        struct mail_date date = {.at = NO_DATE};
        if (!take_date(&rest, &date) && m->at == NO_DATE)
            continue;
        if (date.at != m->at)
            fail_msg("%s: %.*s: %lld, want %lld", m->file, SLICE_ARG(m->date), (long long)date.at,
                     (long long)m->at);
    }
}

/* LF becomes CRLF, but not where it is one. */
static void to_crlf(slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
            buf_addc(out, '\r');
        buf_addc(out, in.p[i]);
    }
    if (!slice_ends(in, SLICE_LIT("\n")))
        buf_adds(out, "\r\n");
}

static void carries_all_through_data(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (size_t i = 0; i < COUNT(mails); i++) {
        struct buf raw, text, wire, back;
        buf_init(&raw, 10 << 20);
        buf_init(&text, 10 << 20);
        buf_init(&wire, 10 << 20);
        buf_init(&back, 10 << 20);
        read_file(mails[i].file, &raw);
        to_crlf(buf_slice(&raw), &text);
        struct dot_encoder e;
        dot_encoder_init(&e);
        slice in = buf_slice(&text), piece;
        while (dot_encode(&e, &in, &piece))
            buf_add(&wire, piece);
        buf_add(&wire, dot_encode_end(&e));
        struct dot_decoder d;
        dot_decoder_init(&d, 998);
        enum dot_event event = DOT_MORE;
        for (slice rest = buf_slice(&wire); rest.n > 0 && event != DOT_END;) {
            in = slice_head(rest, 1 + i);
            rest = slice_tail(rest, in.n);
            while ((event = dot_decode(&d, &in, &piece)) == DOT_DATA)
                buf_add(&back, piece);
        }
        assert_int_equal(event, DOT_END);
        assert_true(slice_eq(buf_slice(&back), buf_slice(&text)));
        assert_int_equal(d.size_bytes, text.n);
        refused += (d.seen & (DOT_SEEN_BARE_CR | DOT_SEEN_BARE_LF)) != 0;
        buf_release(&raw);
        buf_release(&text);
        buf_release(&wire);
        buf_release(&back);
    }
    assert_int_equal(refused, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers_as_python_does),
        cmocka_unit_test(reads_dates_as_python_does),
        cmocka_unit_test(carries_all_through_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
