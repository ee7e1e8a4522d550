#include "lib/mail/mime.h"

#include "lib/base/test.h"

#define NAME_OF(kind) ((kind) == MIME_LEAF ? "leaf" : (kind) == MIME_MESSAGE ? "message" : "multi")

static void note(struct buf *log, enum mime_event e, const struct mime_part *p)
{
    if (e == MIME_PART_BEGIN)
        buf_addf(log, "%u<%u %s %.*s/%.*s %.*s %u %u;", p->index, p->parent, NAME_OF(p->kind),
                 SLICE_ARG(p->type), SLICE_ARG(p->subtype), SLICE_ARG(p->encoding),
                 (unsigned)p->header_at, (unsigned)p->body_at);
    else
        buf_addf(log, "/%u %u;", p->index, (unsigned)p->end_at);
}

static void run(slice in, size_t a, size_t b, struct buf *log)
{
    struct mime_walk w;
    struct mime_part part;
    enum mime_event e;
    mime_walk_init(&w);
    slice pieces[] = {slice_head(in, a), slice_tail(slice_head(in, b), a), slice_tail(in, b)};
    for (size_t i = 0; i < COUNT(pieces); i++)
        while ((e = mime_walk_feed(&w, &pieces[i], &part)) != MIME_MORE)
            note(log, e, &part);
    while ((e = mime_walk_finish(&w, &part)) != MIME_DONE)
        note(log, e, &part);
    if (w.seen != 0)
        buf_addf(log, "seen %u", w.seen);
}

#define MULTI "Content-Type: multipart/mixed; boundary=b\r\n"

static void walks_however_cut(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", "0<0 leaf text/plain 7bit 0 0;/0 0;"},
        {"A: b\r\n\r\nx", "0<0 leaf text/plain 7bit 0 8;/0 9;"},
        {"From x\nA: b\n\nx", "0<0 leaf text/plain 7bit 0 13;/0 14;"},
        {"A: b\r\nhello", "0<0 leaf text/plain 7bit 0 6;/0 11;"},
        {MULTI "\r\n--b\r\n\r\nx\r\n--b--\r\ny",
         "0<0 multi multipart/mixed 7bit 0 45;1<0 leaf text/plain 7bit 50 52;/1 53;/0 63;"},
        /* A part without header section, without anything, and one that nothing closes. */
        {MULTI "\r\n--b\r\n--b\r\nx\r\n--b\r\n\r\nz",
         "0<0 multi multipart/mixed 7bit 0 45;1<0 leaf text/plain 7bit 50 50;/1 50;"
         "2<0 leaf text/plain 7bit 55 55;/2 56;3<0 leaf text/plain 7bit 63 65;/3 66;/0 66;seen 8"},
        /* Not delimiters: too long, not at the start, after the last one. */
        {MULTI "\r\n--b\r\n\r\n--bb\r\n --b\r\n--b-\r\n--b-- \t\r\n--b\r\n",
         "0<0 multi multipart/mixed 7bit 0 45;1<0 leaf text/plain 7bit 50 52;/1 68;/0 84;"},
        {"Content-Type: multipart/mixed; boundary=\"a\\\"b c \" (x)\n\n--a\"b c\n\nx\n--a\"b c--\n",
         "0<0 multi multipart/mixed 7bit 0 55;1<0 leaf text/plain 7bit 63 64;/1 65;/0 76;"},
        {"Content-Type: multipart/mixed\n\n--\nx",
         "0<0 leaf multipart/mixed 7bit 0 31;/0 35;seen 4"},
        {"Content-Type: message/rfc822\n\nContent-Type: text/html\nContent-Type: a/b\n\nx",
         "0<0 message message/rfc822 7bit 0 30;1<0 leaf text/html 7bit 30 73;/1 74;/0 74;"},
        {"Content-Type: message/rfc822\nhello\nx",
         "0<0 message message/rfc822 7bit 0 29;1<0 leaf text/plain 7bit 29 29;/1 36;/0 36;"},
        {"Content-Type: message/rfc822\nContent-Transfer-Encoding: BASE64\n\nQQ==",
         "0<0 leaf message/rfc822 BASE64 0 64;/0 68;seen 16"},
        {"Content-Type: multipart/digest;\n boundary=b\n\n--b\n\nA: b\n\nx\n--b--\n",
         "0<0 multi multipart/digest 7bit 0 45;1<0 message message/rfc822 7bit 49 50;"
         "2<1 leaf text/plain 7bit 50 56;/2 57;/1 57;/0 64;"},
        /* The outer delimiter ends what is inside, also right behind the inner one. */
        {MULTI "\r\n--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n--c\r\n--b--\r\n",
         "0<0 multi multipart/mixed 7bit 0 45;1<0 multi multipart/x 7bit 50 91;"
         "2<1 leaf text/plain 7bit 96 96;/2 96;/1 96;/0 103;seen 8"},
        {MULTI "\r\n--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b--\r\n",
         "0<0 multi multipart/mixed 7bit 0 45;1<0 multi multipart/x 7bit 50 91;"
         "2<1 leaf text/plain 7bit 96 98;/2 99;/1 99;/0 108;seen 8"},
        {"content-type : TEXT(c)/ (d) HTML;x=y\nContent-Transfer-Encoding:\n 8bit (e)\n\n",
         "0<0 leaf TEXT/HTML 8bit 0 75;/0 75;"},
        {"Content-Type: nonsense\n\n", "0<0 leaf text/plain 7bit 0 24;/0 24;"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice in = slice_cstr(rows[i].in);
        for (size_t a = 0; a <= in.n; a++)
            for (size_t b = a; b <= in.n; b += 1 + in.n / 60) {
                struct buf log;
                buf_init(&log, 2000);
                run(in, a, b, &log);
                assert_slice(buf_slice(&log), slice_cstr(rows[i].want));
                buf_release(&log);
            }
    }
}

static void keeps_to_its_limits(void **state)
{
    (void)state;
    struct buf in, log;
    buf_init(&in, 1 << 20);
    buf_init(&log, 1 << 20);
    for (unsigned i = 0; i < 100; i++)
        buf_adds(&in, "Content-Type: message/rfc822\r\n\r\n");
    run(buf_slice(&in), 0, 0, &log);
    assert_true(slice_ends(buf_slice(&log), SLICE_LIT("seen 1")));
    assert_true(slice_find_slice(buf_slice(&log), SLICE_LIT("15<14 leaf")) < log.n);
    assert_int_equal(slice_find_slice(buf_slice(&log), SLICE_LIT("16<")), log.n);
    buf_clear(&in);
    buf_clear(&log);
    buf_adds(&in, MULTI "\r\n");
    for (unsigned i = 0; i < 2 * MIME_PARTS_MAX; i++)
        buf_adds(&in, "--b\r\n\r\nx\r\n");
    buf_adds(&in, "--b--\r\n");
    run(buf_slice(&in), 0, 0, &log);
    assert_true(slice_ends(buf_slice(&log), SLICE_LIT("seen 2")));
    assert_true(slice_find_slice(buf_slice(&log), SLICE_LIT("999<0 leaf")) < log.n);
    assert_int_equal(slice_find_slice(buf_slice(&log), SLICE_LIT("1000<")), log.n);
    buf_release(&in);
    buf_release(&log);
}

static const struct {
    const char *file;
    bool is_crlf;
    size_t n;
    struct {
        enum mime_kind kind;
        uint64_t header_at, body_at, end_at;
    } parts[32];
} vectors[] = {
#include "mime_cases.h"
};

static void read_file(const char *name, bool is_crlf, struct buf *out)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_addf(&path, "%s/%s", MIME_VECTORS, name);
    buf_addc(&path, '\0');
    FILE *f = fopen(path.p, "rb");
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;) {
        if (c == '\r')
            continue;
        if (c == '\n' && is_crlf)
            buf_addc(out, '\r');
        buf_addc(out, (char)c);
    }
    assert_int_equal(fclose(f), 0);
    buf_release(&path);
}

/* tests/vectors/mime, in one piece and byte by byte. */
static void finds_the_parts_of_the_vectors(void **state)
{
    (void)state;
    assert_int_equal(COUNT(vectors), 20);
    for (size_t i = 0; i < 2 * COUNT(vectors); i++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        read_file(vectors[i / 2].file, vectors[i / 2].is_crlf, &text);
        struct mime_walk w;
        struct mime_part part;
        enum mime_event e = MIME_MORE;
        size_t ends = 0;
        mime_walk_init(&w);
        for (slice rest = buf_slice(&text); e != MIME_DONE;) {
            slice piece = slice_head(rest, i % 2 == 0 ? rest.n : 1);
            rest = slice_tail(rest, piece.n);
            while ((e = piece.n > 0 || rest.n > 0 ? mime_walk_feed(&w, &piece, &part)
                                                  : mime_walk_finish(&w, &part)) != MIME_MORE &&
                   e != MIME_DONE) {
                assert_true(part.index < vectors[i / 2].n);
                const uint64_t want_end = vectors[i / 2].parts[part.index].end_at;
                if (part.kind != vectors[i / 2].parts[part.index].kind ||
                    part.header_at != vectors[i / 2].parts[part.index].header_at ||
                    part.body_at != vectors[i / 2].parts[part.index].body_at ||
                    (e == MIME_PART_END && part.end_at != want_end))
                    fail_msg("%s part %u: %s %u %u %u", vectors[i / 2].file, part.index,
                             NAME_OF(part.kind), (unsigned)part.header_at, (unsigned)part.body_at,
                             (unsigned)part.end_at);
                ends += e == MIME_PART_END;
            }
        }
        assert_int_equal(ends, vectors[i / 2].n);
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_however_cut),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(finds_the_parts_of_the_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
