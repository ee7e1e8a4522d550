/* Any bytes as a message: the same parts in any pieces, each inside the body of its parent, begun
 * in order and ended once. */
#include "fuzz/cut.h"
#include "fuzz/fuzz.h"
#include "lib/mail/mime.h"

struct open {
    struct mime_part part;
    uint64_t last_end_at; /* of its children */
};

static void check(enum mime_event e, const struct mime_part *p, struct open *open, unsigned *depth)
{
    if (e == MIME_PART_BEGIN) {
        FUZZ_CHECK(p->depth == *depth && *depth < MIME_DEPTH_MAX);
        FUZZ_CHECK(p->header_at <= p->body_at && p->type.n > 0 && p->subtype.n > 0);
        if (*depth > 0) {
            FUZZ_CHECK(p->parent == open[*depth - 1].part.index);
            FUZZ_CHECK(open[*depth - 1].part.kind != MIME_LEAF);
            FUZZ_CHECK(p->header_at >= open[*depth - 1].part.body_at);
            FUZZ_CHECK(p->header_at >= open[*depth - 1].last_end_at);
        }
        open[(*depth)++] = (struct open){*p, 0};
        return;
    }
    FUZZ_CHECK(*depth > 0);
    const struct open *o = &open[--*depth];
    FUZZ_CHECK(p->index == o->part.index && p->body_at == o->part.body_at);
    FUZZ_CHECK(p->end_at >= p->body_at && p->end_at >= o->last_end_at);
    if (*depth > 0)
        open[*depth - 1].last_end_at = p->end_at;
}

static void run(slice in, size_t step, struct buf *log)
{
    struct mime_walk w;
    struct mime_part part;
    struct open open[MIME_DEPTH_MAX];
    unsigned depth = 0;
    struct cut cut = {in, step, 0};
    slice piece = {0};
    enum mime_event e = MIME_MORE;
    mime_walk_init(&w);
    while (e != MIME_DONE) {
        bool is_finish = !cut_next(&cut, &piece);
        while ((e = is_finish ? mime_walk_finish(&w, &part) : mime_walk_feed(&w, &piece, &part)) !=
                   MIME_MORE &&
               e != MIME_DONE) {
            check(e, &part, open, &depth);
            buf_addf(log, "%d %u %lu %lu %lu;", (int)e, part.index, (unsigned long)part.header_at,
                     (unsigned long)part.body_at, (unsigned long)part.end_at);
            FUZZ_CHECK(part.end_at <= in.n && part.body_at <= in.n);
            if (e == MIME_PART_BEGIN) {
                buf_add(log, part.type);
                buf_add(log, part.subtype);
                buf_add(log, part.encoding);
            }
        }
    }
    FUZZ_CHECK(depth == 0 && w.at == in.n && w.parts <= MIME_PARTS_MAX);
    buf_addu(log, w.seen);
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
