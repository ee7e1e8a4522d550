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

static int letter_value(char c)
{
    if (ascii_is_upper(c))
        return c - 'A';
    if (ascii_is_lower(c))
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum base64_err base64_decode(struct buf *out, slice in)
{
    if (in.n % 4 != 0)
        return BASE64_BAD;
    size_t pads = 0;
    while (pads < 2 && pads < in.n && in.p[in.n - 1 - pads] == '=')
        pads++;
    for (size_t i = 0; i < in.n - pads; i++)
        if (letter_value(in.p[i]) < 0)
            return BASE64_BAD;
    if (pads == 1 && (letter_value(in.p[in.n - 2]) & 3) != 0)
        return BASE64_BAD;
    if (pads == 2 && (letter_value(in.p[in.n - 3]) & 15) != 0)
        return BASE64_BAD;
    size_t bytes = in.n / 4 * 3 - pads;
    char *to = buf_reserve(out, bytes);
    if (to == NULL)
        return BASE64_NO_ROOM;
    for (size_t i = 0, at = 0; i < in.n; i += 4) {
        unsigned v = 0;
        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (in.p[i + k] == '=' ? 0U : (unsigned)letter_value(in.p[i + k]));
        for (int shift = 16; shift >= 0 && at < bytes; shift -= 8)
            to[at++] = (char)(v >> shift & 255);
    }
    out->n += bytes;
    return BASE64_OK;
}
