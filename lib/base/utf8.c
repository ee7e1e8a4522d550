#include "lib/base/utf8.h"

bool utf8_take(slice *s, uint32_t *ret)
{
    if (s->n == 0)
        return false;
    unsigned char c = (unsigned char)s->p[0];
    size_t more = c < 0x80                ? 0
                  : c >= 0xc2 && c < 0xe0 ? 1
                  : c >= 0xe0 && c < 0xf0 ? 2
                  : c >= 0xf0 && c < 0xf5 ? 3
                                          : 9;
    if (more == 9 || s->n <= more)
        return false;
    uint32_t v = more == 0 ? c : c & (0x3fU >> more);
    for (size_t i = 1; i <= more; i++) {
        unsigned char d = (unsigned char)s->p[i];
        if ((d & 0xc0) != 0x80)
            return false;
        v = v << 6 | (d & 0x3f);
    }
    if ((more == 2 && v < 0x800) || (more == 3 && v < 0x10000) || v > 0x10ffff ||
        (v >= 0xd800 && v < 0xe000))
        return false;
    *s = slice_tail(*s, more + 1);
    *ret = v;
    return true;
}

bool utf8_is_valid(slice s)
{
    uint32_t cp;
    while (utf8_take(&s, &cp))
        ;
    return s.n == 0;
}

bool utf8_is_ascii(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > 127)
            return false;
    return true;
}

void utf8_add(struct buf *out, uint32_t cp)
{
    char b[4];
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, cp >>= 6)
        b[i] = (char)(0x80 | (cp & 0x3f));
    b[0] = (char)(lead[n] | cp);
    buf_add(out, slice_of(b, n));
}

size_t utf8_count(slice s)
{
    size_t count = 0;
    for (uint32_t cp; s.n > 0; count++)
        if (!utf8_take(&s, &cp))
            s = slice_tail(s, 1);
    return count;
}

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t cp, const struct range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cp >= r[i].first && cp <= r[i].last)
            return true;
    return false;
}

/* Combining marks of the scripts that our languages and their neighbours are written in. */
static const struct range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x093a, 0x093a}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d},
    {0x0951, 0x0957}, {0x0962, 0x0963}, {0x0981, 0x0981}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
    {0x200b, 0x200f}, {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};

static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

size_t utf8_width(slice s)
{
    size_t columns = 0;
    while (s.n > 0) {
        uint32_t cp;
        if (!utf8_take(&s, &cp)) {
            s = slice_tail(s, 1);
            columns++;
        } else if (in_ranges(cp, wide, sizeof wide / sizeof wide[0])) {
            columns += 2;
        } else if (!in_ranges(cp, zero_width, sizeof zero_width / sizeof zero_width[0])) {
            columns++;
        }
    }
    return columns;
}
