#include "lib/page/search.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

enum { QUERY_MAX_BYTES = 256, TEXT_MAX_BYTES = 8192 };

/* Simple folding of the scripts that our languages are written in: ASCII, Latin-1 and Latin
 * Extended-A and Additional (where capital and small stand side by side), and the Turkish i's,
 * which are all one here. */
static uint32_t fold(uint32_t cp)
{
    if (cp < 0x80)
        return (unsigned char)ascii_lower((char)cp);
    if (cp >= 0xc0 && cp <= 0xde && cp != 0xd7)
        return cp + 0x20;
    if (cp == 0x130 || cp == 0x131)
        return 'i';
    if ((cp >= 0x100 && cp <= 0x137) || (cp >= 0x14a && cp <= 0x177) ||
        (cp >= 0x1e00 && cp <= 0x1eff))
        return cp | 1;
    if ((cp >= 0x139 && cp <= 0x148) || (cp >= 0x179 && cp <= 0x17e))
        return cp + (cp & 1);
    if (cp == 0x1a0 || cp == 0x1af)
        return cp + 1;
    return cp;
}

static void add_folded(struct buf *out, slice text)
{
    while (text.n > 0) {
        uint32_t cp;
        if (utf8_take(&text, &cp))
            utf8_add(out, fold(cp));
        else
            text = slice_tail(text, 1);
    }
}

bool search_init(struct search *s, slice query)
{
    slice rest, word;
    *s = (struct search){.words_n = 0};
    buf_init(&s->words, 4 * QUERY_MAX_BYTES);
    buf_init(&s->text, 2 * TEXT_MAX_BYTES);
    add_folded(&s->words, slice_head(query, QUERY_MAX_BYTES));
    rest = buf_slice(&s->words);
    while (s->words_n < SEARCH_WORDS_MAX && slice_split(&rest, ' ', &word)) {
        if (word.n > 0)
            s->word[s->words_n++] = word;
    }
    return s->words.err == BUF_OK;
}

void search_release(struct search *s)
{
    buf_release(&s->words);
    buf_release(&s->text);
}

bool search_is_empty(const struct search *s)
{
    return s->words_n == 0;
}

bool search_finds(struct search *s, slice text)
{
    buf_clear(&s->text);
    add_folded(&s->text, slice_head(text, TEXT_MAX_BYTES));
    for (size_t i = 0; i < s->words_n; i++) {
        if (slice_find_slice(buf_slice(&s->text), s->word[i]) == s->text.n)
            return false;
    }
    return true;
}

bool search_finds_id(const struct search *s, slice id)
{
    return s->words_n == 1 && slice_starts(id, s->word[0]);
}
