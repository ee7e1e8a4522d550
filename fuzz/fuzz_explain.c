/* Any text: it is explained without reading outside, all texts are there and are UTF-8; a
 * comparison of its two halves likewise; and what reply_make makes of it as a fact has the form of
 * a reply. */
#include "fuzz/fuzz.h"
#include "lib/base/utf8.h"
#include "lib/catalogue/compare.h"
#include "lib/catalogue/reply_make.h"

static void check(slice text)
{
    FUZZ_CHECK(text.n > 0 && utf8_is_valid(text));
}

static void check_reply(slice reply)
{
    slice line;
    while (slice_split(&reply, '\n', &line)) {
        FUZZ_CHECK(line.n <= 511 && line.n >= 5 && line.p[line.n - 1] == '\r');
        FUZZ_CHECK(line.p[3] == (reply.n > 0 ? '-' : ' '));
        for (size_t i = 0; i < line.n - 1; i++)
            FUZZ_CHECK(line.p[i] >= ' ' && line.p[i] < 127);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice text = slice_of(data, n);
    struct arena a;
    struct explanation e;
    struct comparison c;
    const struct language *lang = language_nth(n > 0 ? data[0] % 5 : 0);
    arena_init(&a, 1 << 20);
    static struct phrasebook *book; /* kept: what it compiled serves every input */
    if (book == NULL)
        book = phrasebook_new();
    if (explain(&a, book, lang, text, &e)) {
        check(e.title);
        check(e.meaning);
        check(e.when);
        check(e.fix);
        FUZZ_CHECK(e.percent <= 100);
    }
    if (compare(&a, book, lang, slice_head(text, n / 2), slice_tail(text, n / 2), &c)) {
        check(c.title);
        check(c.intro);
        check(c.differences);
        check(c.when_a);
    }
    arena_release(&a);

    struct buf out;
    buf_init(&out, 1 << 20);
    struct reply_facts facts = {.address = text,
                                .host = text,
                                .client = text,
                                .word = text,
                                .incident = text,
                                .link = text,
                                .lines = &text,
                                .lines_n = n % 2};
    enum reason_id id = (enum reason_id)((n > 1 ? data[1] : 0) % REASON_COUNT);
    if (reply_make(&out, id, &facts) == REPLY_MADE)
        check_reply(buf_slice(&out));
    buf_release(&out);
    return 0;
}
