#include "lib/base/slice.h"

#include "lib/base/ascii.h"

bool slice_eq_ci(slice a, slice b)
{
    return a.n == b.n && slice_starts_ci(a, b);
}

bool slice_is_ci(slice a, const char *s)
{
    return slice_eq_ci(a, slice_cstr(s));
}

bool slice_starts(slice s, slice prefix)
{
    return s.n >= prefix.n && slice_eq(slice_head(s, prefix.n), prefix);
}

bool slice_starts_ci(slice s, slice prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (ascii_lower(s.p[i]) != ascii_lower(prefix.p[i]))
            return false;
    return true;
}

bool slice_ends(slice s, slice suffix)
{
    return s.n >= suffix.n && slice_eq(slice_tail(s, s.n - suffix.n), suffix);
}

int slice_cmp(slice a, slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

int slice_cmp_ci(slice a, slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)ascii_lower(a.p[i]),
                      y = (unsigned char)ascii_lower(b.p[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.n > b.n) - (a.n < b.n);
}

size_t slice_find(slice s, char c)
{
    const char *q = s.n == 0 ? NULL : memchr(s.p, c, s.n);
    return q == NULL ? s.n : (size_t)(q - s.p);
}

size_t slice_rfind(slice s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c)
            return i - 1;
    return s.n;
}

size_t slice_find_slice(slice s, slice needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t at = 0; at + needle.n <= s.n; at++) {
        at += slice_find(slice_tail(s, at), needle.p[0]);
        if (at + needle.n > s.n)
            break;
        if (memcmp(s.p + at, needle.p, needle.n) == 0)
            return at;
    }
    return s.n;
}

slice slice_trim(slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_tail(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool slice_split(slice *s, char sep, slice *ret)
{
    if (s->n == 0)
        return false;
    size_t at = slice_find(*s, sep);
    *ret = slice_head(*s, at);
    *s = slice_tail(*s, at + 1);
    return true;
}

bool slice_to_u64(slice s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        uint64_t d = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    if (v > max)
        return false;
    *ret = v;
    return true;
}
