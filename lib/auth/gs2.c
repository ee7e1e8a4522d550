#include "lib/auth/gs2.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

static bool is_binding_name(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-')
            return false;
    return s.n > 0;
}

/* Takes what stands before the comma, and the comma. */
static bool take_field(slice *in, slice *ret)
{
    size_t at = slice_find(*in, ',');
    if (at == in->n)
        return false;
    *ret = slice_head(*in, at);
    *in = slice_tail(*in, at + 1);
    return true;
}

bool take_gs2_header(slice *in, struct gs2_header *ret)
{
    struct gs2_header h = {0};
    slice rest = *in, flag, identity;
    if (!take_field(&rest, &flag) || !take_field(&rest, &identity))
        return false;
    if (slice_is(flag, "n")) {
        h.binding = GS2_CANNOT_BIND;
    } else if (slice_is(flag, "y")) {
        h.binding = GS2_NOT_OFFERED;
    } else if (slice_starts(flag, SLICE_LIT("p=")) && is_binding_name(slice_tail(flag, 2))) {
        h.binding = GS2_BINDS;
        h.binding_name = slice_tail(flag, 2);
    } else {
        return false;
    }
    if (identity.n > 0) {
        if (!slice_starts(identity, SLICE_LIT("a=")) || identity.n == 2)
            return false;
        h.identity = slice_tail(identity, 2);
    }
    h.text = slice_head(*in, in->n - rest.n);
    *in = rest;
    *ret = h;
    return true;
}

enum gs2_name_err gs2_name_decode(struct arena *a, slice encoded, slice *ret)
{
    if (encoded.n == 0 || !utf8_is_valid(encoded))
        return GS2_NAME_BAD;
    char *to = arena_take(a, encoded.n);
    size_t n = 0;
    if (to == NULL)
        return GS2_NAME_NOMEM;
    while (encoded.n > 0) {
        char c = encoded.p[0];
        size_t taken = 1;
        if (c == '=') {
            slice code = slice_head(encoded, 3);
            if (!slice_is(code, "=2C") && !slice_is(code, "=3D"))
                return GS2_NAME_BAD;
            c = code.p[2] == 'C' ? ',' : '=';
            taken = 3;
        } else if (c == '\0' || c == ',') {
            return GS2_NAME_BAD;
        }
        to[n++] = c;
        encoded = slice_tail(encoded, taken);
    }
    *ret = slice_of(to, n);
    return GS2_NAME_OK;
}
