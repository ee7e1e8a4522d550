/* Any bytes as a message: the same fields, offsets and findings in any pieces, fields that follow
 * each other without a gap, dates that end, and a tidied message with nothing left to tidy. The
 * first byte chooses the limits. */
#include "fuzz/cut.h"
#include "fuzz/fuzz.h"
#include "lib/mail/date.h"
#include "lib/mail/header.h"
#include "lib/mail/tidy.h"

static void note(struct buf *log, const struct header_field *f)
{
    buf_addf(log, "%.*s %lu %lu %lu;", SLICE_ARG(f->name), (unsigned long)f->at,
             (unsigned long)f->value_at, (unsigned long)f->end_at);
}

static void run(slice in, size_t step, uint64_t max_bytes, struct buf *log)
{
    struct header_walk w;
    struct header_field f;
    struct cut cut = {in, step, 0};
    slice piece;
    enum header_event e = HEADER_MORE;
    uint64_t end_at = 0;
    header_walk_init(&w, max_bytes, 50);
    while (e == HEADER_MORE) {
        bool is_finish = !cut_next(&cut, &piece);
        while ((e = is_finish ? header_walk_finish(&w, &f) : header_walk_feed(&w, &piece, &f)) ==
               HEADER_FIELD) {
            FUZZ_CHECK(f.at >= end_at && f.value_at > f.at && f.end_at >= f.value_at);
            FUZZ_CHECK(w.fields == 1 ? f.at == w.fields_at : f.at == end_at);
            end_at = f.end_at;
            note(log, &f);
        }
        FUZZ_CHECK(!is_finish || e != HEADER_MORE);
    }
    FUZZ_CHECK(w.at <= max_bytes && w.fields <= 50 && w.received <= w.fields);
    if (e == HEADER_END) {
        FUZZ_CHECK(w.body_at <= in.n && w.body_at >= end_at);
        buf_addf(log, "%lu %u", (unsigned long)w.body_at, w.seen);
    }
    buf_addf(log, " %d", (int)e);
}

static void check_text(slice section)
{
    struct header_text text;
    struct buf out;
    buf_init(&out, 1 << 22);
    for (slice rest = section; take_header_field(&rest, &text);) {
        FUZZ_CHECK(text.name.n + text.value.n < text.whole.n);
        buf_clear(&out);
        header_unfold(&out, text.value);
        FUZZ_CHECK(slice_find(buf_slice(&out), '\n') == out.n);
        struct mail_date date, again;
        slice value = text.value;
        if (!take_date(&value, &date))
            continue;
        buf_clear(&out);
        date_print(&out, date.at, date.offset_minutes);
        slice printed = buf_slice(&out);
        FUZZ_CHECK(take_date(&printed, &again) && printed.n == 0);
        FUZZ_CHECK(again.at == date.at || date.at < -62000000000 || date.at > 253000000000);
    }
    FUZZ_CHECK(!header_find(section, "Date", &text) || slice_is_ci(text.name, "Date"));
    buf_release(&out);
}

static void check_tidy(slice in)
{
    const struct tidy_facts facts = {
        .host = SLICE_LIT("mx.example.org"),
        .session = SLICE_LIT("a"),
        .account = SLICE_LIT("a@b"),
        .sender = SLICE_LIT("c@d"),
    };
    struct header_walk w;
    struct header_field f;
    struct buf header, added;
    slice rest = in;
    enum header_event e;
    header_walk_init(&w, UINT64_MAX, UINT64_MAX);
    while ((e = header_walk_feed(&w, &rest, &f)) == HEADER_FIELD ||
           (e == HEADER_MORE && header_walk_finish(&w, &f) == HEADER_FIELD))
        ;
    buf_init(&header, 1 << 20);
    buf_init(&added, 1 << 20);
    buf_add(&header, slice_head(in, (size_t)w.body_at));
    (void)header_tidy(&header, &added, &facts);
    buf_add(&added, buf_slice(&header));
    buf_clear(&header);
    FUZZ_CHECK(header_tidy(&added, &header, &facts) == 0 && header.n == 0);
    buf_release(&header);
    buf_release(&added);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    static const size_t steps[] = {0, 1, 3, 40};
    struct buf want, got;
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    uint64_t max_bytes = data[0] < 128 ? 1 << 20 : data[0];
    slice in = slice_of(data + 1, n - 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        buf_clear(&got);
        run(in, steps[i], max_bytes, i == 0 ? &want : &got);
        FUZZ_CHECK(i == 0 || slice_eq(buf_slice(&want), buf_slice(&got)));
    }
    check_text(in);
    check_tidy(in);
    buf_release(&want);
    buf_release(&got);
    return 0;
}
