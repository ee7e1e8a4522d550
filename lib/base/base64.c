#include "lib/base/base64.h"

#include "lib/base/ascii.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, slice in)
{
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        unsigned v = (unsigned)(unsigned char)in.p[i] << 16;
        if (left > 1)
            v |= (unsigned)(unsigned char)in.p[i + 1] << 8;
        if (left > 2)
            v |= (unsigned char)in.p[i + 2];
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63],
                        left > 1 ? alphabet[v >> 6 & 63] : '=', left > 2 ? alphabet[v & 63] : '='};
        buf_add(out, slice_of(four, sizeof four));
    }
}

/* The value of a letter; 62 and 63 are the two signs in which the alphabets differ. */
static int letter_value(char c, const char *signs)
{
    if (ascii_is_upper(c))
        return c - 'A';
    if (ascii_is_lower(c))
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == signs[0] ? 62 : c == signs[1] ? 63 : -1;
}

/* letters: without padding. */
static enum base64_err decode(struct buf *out, slice letters, const char *signs)
{
    size_t rest = letters.n % 4, bytes = letters.n / 4 * 3 + (rest > 0 ? rest - 1 : 0);
    if (rest == 1)
        return BASE64_BAD;
    for (size_t i = 0; i < letters.n; i++)
        if (letter_value(letters.p[i], signs) < 0)
            return BASE64_BAD;
    if (rest == 2 && (letter_value(letters.p[letters.n - 1], signs) & 15) != 0)
        return BASE64_BAD;
    if (rest == 3 && (letter_value(letters.p[letters.n - 1], signs) & 3) != 0)
        return BASE64_BAD;
    char *to = buf_reserve(out, bytes);
    if (to == NULL)
        return BASE64_NO_ROOM;
    for (size_t i = 0, at = 0; i < letters.n; i += 4) {
        unsigned v = 0;
        for (size_t k = i; k < i + 4; k++)
            v = v << 6 | (k < letters.n ? (unsigned)letter_value(letters.p[k], signs) : 0U);
        for (int shift = 16; shift >= 0 && at < bytes; shift -= 8)
            to[at++] = (char)(v >> shift & 255);
    }
    out->n += bytes;
    return BASE64_OK;
}

enum base64_err base64_decode(struct buf *out, slice in)
{
    size_t pads = 0;
    if (in.n % 4 != 0)
        return BASE64_BAD;
    while (pads < 2 && pads < in.n && in.p[in.n - 1 - pads] == '=')
        pads++;
    return decode(out, slice_head(in, in.n - pads), "+/");
}

enum base64_err base64url_decode(struct buf *out, slice in)
{
    return decode(out, in, "-_");
}
