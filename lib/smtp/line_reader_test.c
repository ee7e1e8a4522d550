#include "lib/smtp/line_reader.h"

#include "lib/base/test.h"

/* What came out, as one readable text a line. */
static void note(struct buf *log, enum line_event event, const struct line *line)
{
    if (event == LINE_READY)
        buf_addf(log, "%.*s%s%s%s;", SLICE_ARG(line->text), line->is_bare_lf ? "<lf>" : "",
                 line->has_bare_cr ? "<cr>" : "", line->has_nul ? "<nul>" : "");
    else
        buf_adds(log, event == LINE_TOO_LONG ? "<long>;" : "<nomem>;");
}

/* in, cut at a and b (a <= b <= in.n). */
static void run(slice in, size_t max_bytes, size_t a, size_t b, struct buf *log)
{
    struct line_reader r;
    struct line line;
    line_reader_init(&r, max_bytes);
    slice pieces[] = {slice_head(in, a), slice_tail(slice_head(in, b), a), slice_tail(in, b)};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        /* A copy of exact size, freed at once: no slice may outlive its input. */
        char *copy = malloc(pieces[i].n + 1);
        if (pieces[i].n > 0)
            memcpy(copy, pieces[i].p, pieces[i].n);
        slice rest = slice_of(copy, pieces[i].n);
        for (enum line_event e; (e = line_reader_take(&r, &rest, &line)) != LINE_MORE;)
            note(log, e, &line);
        assert_int_equal(rest.n, 0);
        free(copy);
    }
    buf_addf(log, "+%u", (unsigned)line_reader_pending(&r));
    assert_true(line_reader_pending(&r) > 0 || r.partial.p == NULL);
    line_reader_release(&r);
}

static void splits_lines_however_cut(void **state)
{
    (void)state;
    static const struct {
        slice in;
        size_t max;
        slice want;
    } rows[] = {
        {SLICE_LIT(""), 512, SLICE_LIT("+0")},
        {SLICE_LIT("NOOP\r\n"), 512, SLICE_LIT("NOOP;+0")},
        {SLICE_LIT("A\r\nB\r\n\r\nC"), 512, SLICE_LIT("A;B;;+1")},
        {SLICE_LIT("A\nB\r\n\n"), 512, SLICE_LIT("A<lf>;B;<lf>;+0")},
        {SLICE_LIT("A\rB\r\r\nC\r"), 512, SLICE_LIT("A\rB\r<cr>;+2")},
        {SLICE_LIT("\r\n\0\r\n"), 512, SLICE_LIT(";\0<nul>;+0")},
        {SLICE_LIT("12345678\r\nNOOP\r\n"), 10, SLICE_LIT("12345678;NOOP;+0")},
        {SLICE_LIT("123456789\r\nNOOP\r\n"), 10, SLICE_LIT("<long>;NOOP;+0")},
        {SLICE_LIT("1234567890123456789012345678901\nQ\r\n"), 10, SLICE_LIT("<long>;Q;+0")},
        {SLICE_LIT("1234567890123456789"), 10, SLICE_LIT("+19")},
        {SLICE_LIT("123456789\n"), 10, SLICE_LIT("123456789<lf>;+0")},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t a = 0; a <= rows[i].in.n; a++)
            for (size_t b = a; b <= rows[i].in.n; b++) {
                struct buf log;
                buf_init(&log, 1000);
                run(rows[i].in, rows[i].max, a, b, &log);
                assert_slice(buf_slice(&log), rows[i].want);
                buf_release(&log);
            }
}

static void keeps_little_of_an_endless_line(void **state)
{
    (void)state;
    static const char junk[1000] = {'x'};
    struct line_reader r;
    struct line line;
    line_reader_init(&r, 512);
    for (size_t i = 0; i < 1000; i++) {
        slice in = slice_of(junk, i % 3 == 0 ? 100 : sizeof junk);
        assert_int_equal(line_reader_take(&r, &in, &line), LINE_MORE);
        assert_true(r.partial.cap <= 1024);
    }
    slice end = SLICE_LIT("\r\n");
    assert_int_equal(line_reader_take(&r, &end, &line), LINE_TOO_LONG);
    assert_int_equal(line_reader_pending(&r), 0);
    assert_null(r.partial.p);
}

static void forgets_on_reset(void **state)
{
    (void)state;
    struct line_reader r;
    struct line line;
    line_reader_init(&r, 512);
    slice in = SLICE_LIT("RCPT TO:<evil");
    assert_int_equal(line_reader_take(&r, &in, &line), LINE_MORE);
    line_reader_reset(&r);
    in = SLICE_LIT("NOOP\r\n");
    assert_int_equal(line_reader_take(&r, &in, &line), LINE_READY);
    assert_slice(line.text, SLICE_LIT("NOOP"));
    in = SLICE_LIT("QU");
    assert_int_equal(line_reader_take(&r, &in, &line), LINE_MORE);
    line_reader_done(&r);
    in = SLICE_LIT("IT\r\n");
    assert_int_equal(line_reader_take(&r, &in, &line), LINE_READY);
    assert_slice(line.text, SLICE_LIT("QUIT"));
    assert_non_null(r.partial.p);
    line_reader_done(&r);
    assert_null(r.partial.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lines_however_cut),
        cmocka_unit_test(keeps_little_of_an_endless_line),
        cmocka_unit_test(forgets_on_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
