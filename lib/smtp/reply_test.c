#include "lib/smtp/reply.h"

#include "lib/base/test.h"

static void run(slice in, size_t max_bytes, size_t a, size_t b, struct buf *log)
{
    struct reply_reader r;
    struct reply reply;
    reply_reader_init(&r, max_bytes);
    slice pieces[] = {slice_head(in, a), slice_tail(slice_head(in, b), a), slice_tail(in, b)};
    enum reply_event e = REPLY_MORE;
    for (size_t i = 0; i < COUNT(pieces) && e != REPLY_BAD; i++)
        while ((e = reply_reader_take(&r, &pieces[i], &reply)) != REPLY_MORE) {
            if (e == REPLY_BAD) {
                buf_adds(log, "bad");
                break;
            }
            buf_addf(log, "%u/%u.%u.%u/%u%s[%.*s]", reply.code, (unsigned)reply.status.class,
                     (unsigned)reply.status.subject, (unsigned)reply.status.detail,
                     (unsigned)reply.lines, reply.is_cut ? "cut" : "", SLICE_ARG(reply.text));
        }
    reply_reader_release(&r);
}

static void reads_however_cut(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"250 ok\r\n", "250/0.0.0/1[ok]"},
        {"250\r\n", "250/0.0.0/1[]"},
        {"250 \r\n", "250/0.0.0/1[]"},
        {"550-5.1.1 no\r\n550 5.1.1 such\r\n", "550/5.1.1/2[5.1.1 no\n5.1.1 such]"},
        {"250-a\r\n250-\r\n250 b\r\n354 go\r\n", "250/0.0.0/3[a\n\nb]354/0.0.0/1[go]"},
        {"250 5.1.1 liar\r\n", "250/0.0.0/1[5.1.1 liar]"},
        {"550 5.1.1: x\r\n", "550/0.0.0/1[5.1.1: x]"},
        {"220 a\n250 b\r\n", "220/0.0.0/1[a]250/0.0.0/1[b]"},
        {"250-a\r\n251 b\r\n", "bad"},
        {"HTTP/1.1 400\r\n", "bad"},
        {"199 x\r\n", "bad"},
        {"600 x\r\n", "bad"},
        {"25\r\n", "bad"},
        {"250x\r\n", "bad"},
        {"250-123456789\r\n250 0123456789\r\n250 x\r\n",
         "250/0.0.0/2cut[123456789\n012345678]250/0.0.0/1[x]"},
        {"250-123456789\r\n250-012345678\r\n250 x\r\n", "250/0.0.0/3cut[123456789\n012345678]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice in = slice_cstr(rows[i].in);
        for (size_t a = 0; a <= in.n; a++)
            for (size_t b = a; b <= in.n; b++) {
                struct buf log;
                buf_init(&log, 1000);
                run(in, 19, a, b, &log);
                assert_slice(buf_slice(&log), slice_cstr(rows[i].want));
                buf_release(&log);
            }
    }
}

static void prints_what_it_reads(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    reply_print(&out, 550, (struct status){5, 1, 1}, SLICE_LIT("no\nsuch\r\x7f"));
    assert_slice(buf_slice(&out), SLICE_LIT("550-5.1.1 no\r\n550 5.1.1 such??\r\n"));
    buf_clear(&out);
    reply_print(&out, 220, (struct status){0}, SLICE_LIT(""));
    assert_slice(buf_slice(&out), SLICE_LIT("220 \r\n"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_however_cut),
        cmocka_unit_test(prints_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
