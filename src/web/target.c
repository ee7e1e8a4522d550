#include "src/web/target.h"

/* Behind "http://HOST", or s as it is. */
static slice without_site(slice s)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        slice scheme = slice_cstr(schemes[i]);
        if (!slice_starts_ci(s, scheme))
            continue;
        slice rest = slice_tail(s, scheme.n);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
            n++;
        return n == 0 ? s : slice_tail(rest, n);
    }
    return s;
}

bool target_split(slice text, struct target *ret)
{
    slice rest = without_site(text);
    bool is_absolute = rest.p != text.p || rest.n != text.n;
    rest = slice_head(rest, slice_find(rest, '#')); /* clients keep it to themselves */
    size_t n = slice_find(rest, '?');
    struct target t = {slice_head(rest, n), slice_tail(rest, n < rest.n ? n + 1 : n)};
    if (t.path.n == 0 && is_absolute)
        t.path = SLICE_LIT("/"); /* http://example.org and http://example.org?q */
    if (t.path.n == 0 || t.path.p[0] != '/')
        return false;
    *ret = t;
    return true;
}
