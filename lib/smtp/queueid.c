#include "lib/smtp/queueid.h"

#include "lib/base/ascii.h"

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

slice queueid_print(uint64_t id, char to[QUEUEID_CHARS])
{
    for (size_t i = QUEUEID_CHARS; i-- > 0; id >>= 5)
        to[i] = digits[id & 31];
    return slice_of(to, QUEUEID_CHARS);
}

static bool digit_value(char c, uint64_t *ret)
{
    c = ascii_lower(c);
    c = (char)(c == 'o' ? '0' : c == 'i' || c == 'l' ? '1' : c);
    size_t at = slice_find(slice_of(digits, 32), c);
    *ret = at;
    return at < 32;
}

bool queueid_parse(slice text, uint64_t *ret)
{
    uint64_t id = 0, digit;
    if (text.n != QUEUEID_CHARS)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        /* 13 digits are 65 bits: the first may only be below 16. */
        if (!digit_value(text.p[i], &digit) || (i == 0 && digit > 15))
            return false;
        id = id << 5 | digit;
    }
    if (id == 0)
        return false;
    *ret = id;
    return true;
}
