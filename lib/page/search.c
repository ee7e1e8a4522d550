#include "lib/page/search.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

enum { QUERY_MAX_BYTES = 256, TEXT_MAX_BYTES = 8192 };

/* Marks are often left out by those who type in a hurry: "mat khau" is to find "mật khẩu", and
 * "sifre" "şifre". The letter under the mark; of capital and small the small one. */
static uint32_t without_mark(uint32_t cp)
{
    static const struct {
        uint32_t from, to;
        char letter;
    } runs[] = {
        {0xe0, 0xe5, 'a'},     {0xe7, 0xe7, 'c'},     {0xe8, 0xeb, 'e'},     {0xec, 0xef, 'i'},
        {0xf1, 0xf1, 'n'},     {0xf2, 0xf6, 'o'},     {0xf9, 0xfc, 'u'},     {0xfd, 0xfd, 'y'},
        {0x103, 0x103, 'a'},   {0x111, 0x111, 'd'},   {0x11f, 0x11f, 'g'},   {0x129, 0x129, 'i'},
        {0x15f, 0x15f, 's'},   {0x169, 0x169, 'u'},   {0x1a1, 0x1a1, 'o'},   {0x1b0, 0x1b0, 'u'},
        {0x1ea0, 0x1eb7, 'a'}, {0x1eb8, 0x1ec7, 'e'}, {0x1ec8, 0x1ecb, 'i'}, {0x1ecc, 0x1ee3, 'o'},
        {0x1ee4, 0x1ef1, 'u'}, {0x1ef2, 0x1ef9, 'y'},
    };
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        if (cp >= runs[i].from && cp <= runs[i].to)
            return (uint32_t)(unsigned char)runs[i].letter;
    }
    return cp;
}

/* Simple folding of the scripts that our languages are written in: ASCII, Latin-1 and Latin
 * Extended-A and Additional (where capital and small stand side by side), and the Turkish i's,
 * which are all one here. */
static uint32_t fold_case(uint32_t cp)
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
        if (!utf8_take(&text, &cp))
            text = slice_tail(text, 1);
        else if (cp < 0x300 || cp > 0x36f) /* a mark of its own, as some keyboards send it */
            utf8_add(out, without_mark(fold_case(cp)));
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
