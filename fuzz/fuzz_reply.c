/* Any bytes as replies: the same in any pieces, within the limit, and printed and read again they
 * say the same. */
#include "fuzz/cut.h"
#include "fuzz/fuzz.h"
#include "lib/smtp/reply.h"

enum { TEXT_MAX_BYTES = 100 };

static void check_print(const struct reply *reply)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    reply_print(&out, reply->code, (struct status){0}, reply->text);
    struct reply_reader r;
    struct reply again;
    slice in = buf_slice(&out);
    reply_reader_init(&r, TEXT_MAX_BYTES);
    FUZZ_CHECK(reply_reader_take(&r, &in, &again) == REPLY_READY && in.n == 0);
    FUZZ_CHECK(again.code == reply->code && again.text.n == reply->text.n);
    reply_reader_release(&r);
    buf_release(&out);
}

static void run(slice in, size_t step, struct buf *log)
{
    struct reply_reader r;
    struct reply reply;
    struct cut cut = {in, step, 0};
    slice piece;
    enum reply_event e = REPLY_MORE;
    reply_reader_init(&r, TEXT_MAX_BYTES);
    while (e != REPLY_BAD && cut_next(&cut, &piece))
        while ((e = reply_reader_take(&r, &piece, &reply)) == REPLY_READY) {
            FUZZ_CHECK(reply.code >= 200 && reply.code <= 599 && reply.lines > 0);
            FUZZ_CHECK(reply.text.n <= TEXT_MAX_BYTES);
            FUZZ_CHECK(reply.status.class == 0 || reply.status.class == reply.code / 100);
            buf_addf(log, "%u %u %u %u.%u;", reply.code, (unsigned)reply.lines,
                     (unsigned)reply.is_cut, (unsigned)reply.status.subject,
                     (unsigned)reply.status.detail);
            buf_add(log, reply.text);
            check_print(&reply);
        }
    FUZZ_CHECK(e != REPLY_NOMEM);
    buf_addf(log, "%d", (int)e);
    reply_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t steps[] = {0, 1, 3, 40};
    struct buf want, got;
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        buf_clear(&got);
        run(slice_of(data, n), steps[i], i == 0 ? &want : &got);
        FUZZ_CHECK(i == 0 || slice_eq(buf_slice(&want), buf_slice(&got)));
    }
    buf_release(&want);
    buf_release(&got);
    return 0;
}
