#include "lib/mail/header.h"

#include "lib/base/test.h"

/* What the walk says of in, cut at a and b. */
static void run(slice in, size_t a, size_t b, uint64_t max_bytes, uint64_t max_fields,
                struct buf *log)
{
    struct header_walk w;
    struct header_field field;
    header_walk_init(&w, max_bytes, max_fields);
    slice pieces[] = {slice_head(in, a), slice_tail(slice_head(in, b), a), slice_tail(in, b)};
    enum header_event e = HEADER_MORE;
    for (size_t i = 0; i <= COUNT(pieces) && (e == HEADER_MORE || e == HEADER_FIELD); i++)
        while ((e = i < COUNT(pieces) ? header_walk_feed(&w, &pieces[i], &field)
                                      : header_walk_finish(&w, &field)) == HEADER_FIELD)
            buf_addf(log, "%.*s@%u:%u-%u ", SLICE_ARG(field.name), (unsigned)field.at,
                     (unsigned)field.value_at, (unsigned)field.end_at);
    if (e == HEADER_END)
        buf_addf(log, "body %u seen %u", (unsigned)w.body_at, w.seen);
    else
        buf_adds(log, e == HEADER_TOO_BIG ? "too big" : "more?");
}

static const struct row {
    slice in;
    const char *want;
} rows[] = {
    {SLICE_LIT("A: b\r\n\r\nbody"), "A@0:2-6 body 8 seen 0"},
    {SLICE_LIT("A:\r\nB: c\r\n d\r\n\te\r\n\r\n"), "A@0:2-4 B@4:6-18 body 20 seen 0"},
    {SLICE_LIT("A: b\nB: c\n\nbody"), "A@0:2-5 B@5:7-10 body 11 seen 8"},
    {SLICE_LIT("\r\nbody"), "body 2 seen 0"},
    {SLICE_LIT("\nbody"), "body 1 seen 8"},
    {SLICE_LIT(""), "body 0 seen 32"},
    {SLICE_LIT("A: b"), "A@0:2-4 body 4 seen 32"},
    {SLICE_LIT("A: b\r\n"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\n\r"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\nhello\r\n\r\n"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\nhello world: x\r\n"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\nhel"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\n: x\r\n"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\n\rx"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A: b\r\nX\xc3: x\r\n"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT("A : b\r\n\r\n"), "A@0:3-7 body 9 seen 64"},
    {SLICE_LIT("From a@b Sat\r\nA: b\r\n\r\n"), "A@14:16-20 body 22 seen 16"},
    {SLICE_LIT(">From a@b Sat\r\nA: b\r\n\r\n"), "A@15:17-21 body 23 seen 16"},
    {SLICE_LIT("From : a@b\r\n\r\n"), "From@0:6-12 body 14 seen 64"},
    {SLICE_LIT("From: a@b\r\n\r\n"), "From@0:5-11 body 13 seen 0"},
    {SLICE_LIT("A: b\r\nFrom a@b Sat\r\n\r\n"), "A@0:2-6 body 6 seen 32"},
    {SLICE_LIT(" x\r\nA: b\r\n\r\n"), "A@4:6-10 body 12 seen 256"},
    {SLICE_LIT("A: b\r\n \r\nB: c\r\n\r\n"), "A@0:2-9 B@9:11-15 body 17 seen 0"},
    {SLICE_LIT("A: \xc3\xa4\0\r\r\n\r\n"), "A@0:2-9 body 11 seen 7"},
    {SLICE_LIT("A: b\r"), "A@0:2-5 body 5 seen 36"},
    {SLICE_LIT("A: b\rc\r\n\r\n"), "A@0:2-8 body 10 seen 4"},
};

static void walks_however_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t a = 0; a <= rows[i].in.n; a++)
            for (size_t b = a; b <= rows[i].in.n; b++) {
                struct buf log;
                buf_init(&log, 1000);
                run(rows[i].in, a, b, 1000, 1000, &log);
                assert_slice(buf_slice(&log), slice_cstr(rows[i].want));
                buf_release(&log);
            }
}

static void keeps_to_its_limits(void **state)
{
    (void)state;
    slice in = SLICE_LIT("A: b\r\nC: d\r\n\r\nbody");
    for (size_t a = 0; a <= in.n; a++)
        for (uint64_t max = 0; max <= in.n; max++) {
            struct buf log;
            buf_init(&log, 1000);
            run(in, a, a, max, 2, &log);
            slice end = max < 14 ? SLICE_LIT("too big") : SLICE_LIT("body 14 seen 0");
            assert_true(slice_ends(buf_slice(&log), end));
            buf_clear(&log);
            run(in, a, a, 1000, max, &log);
            end = max < 2 ? SLICE_LIT("too big") : SLICE_LIT("body 14 seen 0");
            assert_true(slice_ends(buf_slice(&log), end));
            buf_release(&log);
        }
}

static void knows_long_lines_and_names(void **state)
{
    (void)state;
    static const struct {
        size_t name, line;
        const char *want_end;
    } lengths[] = {{10, 998, "seen 0"},
                   {10, 999, "seen 128"},
                   {998, 999, "seen 128"},
                   {999, 1000, "seen 32"}};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct buf in, log;
        buf_init(&in, 2000);
        buf_init(&log, 2000);
        for (size_t k = 0; k < lengths[i].line; k++)
            buf_addc(&in, k == lengths[i].name ? ':' : 'x');
        buf_adds(&in, "\r\n\r\n");
        run(buf_slice(&in), 5, 1001, 5000, 10, &log);
        assert_true(slice_ends(buf_slice(&log), slice_cstr(lengths[i].want_end)));
        assert_true(log.n < 120);
        buf_release(&in);
        buf_release(&log);
    }
}

static void finds_and_unfolds(void **state)
{
    (void)state;
    slice section = SLICE_LIT("From x\r\nSubject :\r\n  a\r\n\tb \r\nTo: c\r\n\r\nTo: body");
    struct header_text text;
    struct buf out;
    buf_init(&out, 100);
    assert_true(header_find(section, "subject", &text));
    assert_slice(text.name, SLICE_LIT("Subject"));
    assert_slice(text.value, SLICE_LIT("\r\n  a\r\n\tb "));
    header_unfold(&out, text.value);
    assert_slice(buf_slice(&out), SLICE_LIT("a\tb "));
    assert_true(header_find(section, "TO", &text));
    assert_slice(text.value, SLICE_LIT("c"));
    assert_false(header_find(section, "Cc", &text));
    slice rest = slice_tail(section, 8);
    assert_true(take_header_field(&rest, &text));
    assert_slice(text.whole, SLICE_LIT("Subject :\r\n  a\r\n\tb \r\n"));
    assert_true(take_header_field(&rest, &text));
    assert_slice(text.whole, SLICE_LIT("To: c\r\n"));
    assert_false(take_header_field(&rest, &text));
    assert_slice(rest, SLICE_LIT("\r\nTo: body"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_however_cut),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(knows_long_lines_and_names),
        cmocka_unit_test(finds_and_unfolds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
