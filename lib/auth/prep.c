#include "lib/auth/prep.h"

#include <stringprep.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

/* ASCII is mapped to itself, controls are prohibited, and no direction comes in. */
static enum prep_err prep_ascii(struct arena *a, slice in, slice *ret)
{
    for (size_t i = 0; i < in.n; i++)
        if (ascii_is_control(in.p[i]))
            return PREP_PROHIBITED;
    return arena_copy(a, in, ret) ? PREP_OK : PREP_NOMEM;
}

static enum prep_err err_of(int rc)
{
    switch (rc) {
    case STRINGPREP_OK:
        return PREP_OK;
    case STRINGPREP_CONTAINS_UNASSIGNED:
        return PREP_UNASSIGNED;
    case STRINGPREP_CONTAINS_PROHIBITED:
        return PREP_PROHIBITED;
    case STRINGPREP_BIDI_BOTH_L_AND_RAL:
    case STRINGPREP_BIDI_LEADTRAIL_NOT_RAL:
    case STRINGPREP_BIDI_CONTAINS_PROHIBITED:
        return PREP_BIDI;
    case STRINGPREP_TOO_SMALL_BUFFER:
        return PREP_TOO_LONG;
    default:
        return PREP_NOMEM;
    }
}

static enum prep_err print(struct arena *a, const uint32_t *points, size_t count, slice *ret)
{
    struct buf out = {.p = arena_take(a, count * 4 + 1),
                      .cap = count * 4 + 1,
                      .max = count * 4 + 1};
    if (out.p == NULL)
        return PREP_NOMEM;
    for (size_t i = 0; i < count; i++)
        utf8_add(&out, points[i]);
    if (out.n == 0)
        return PREP_EMPTY;
    *ret = buf_slice(&out);
    return PREP_OK;
}

enum prep_err prep_sasl(struct arena *a, slice in, enum prep_use use, slice *ret)
{
    if (in.n == 0)
        return PREP_EMPTY;
    if (in.n > PREP_MAX_BYTES)
        return PREP_TOO_LONG;
    if (utf8_is_ascii(in))
        return prep_ascii(a, in, ret);
    /* For libidn's tables a zero is their end. */
    if (slice_find(in, '\0') < in.n)
        return PREP_PROHIBITED;
    /* One code point becomes 18 at most (U+FDFA), but a whole string of these is no password. */
    size_t room = in.n * 4 + 32, count = 0;
    uint32_t *points = arena_take(a, room * sizeof *points);
    if (points == NULL)
        return PREP_NOMEM;
    while (utf8_take(&in, &points[count]))
        count++;
    if (in.n > 0)
        return PREP_NOT_UTF8;
    enum prep_err e = err_of(stringprep_4i(points, &count, room,
                                           use == PREP_STORED ? STRINGPREP_NO_UNASSIGNED : 0,
                                           stringprep_saslprep));
    return e != PREP_OK ? e : print(a, points, count, ret);
}

slice prep_err_text(enum prep_err e)
{
    switch (e) {
    case PREP_OK:
        return SLICE_LIT("it can be used");
    case PREP_EMPTY:
        return SLICE_LIT("it is empty");
    case PREP_NOT_UTF8:
        return SLICE_LIT("it is not UTF-8");
    case PREP_PROHIBITED:
        return SLICE_LIT("it has a control or other character that mail programs cannot send");
    case PREP_UNASSIGNED:
        return SLICE_LIT(
            "it has a character, an emoji perhaps, that not all mail programs can send");
    case PREP_BIDI:
        return SLICE_LIT("it mixes left-to-right and right-to-left letters");
    case PREP_TOO_LONG:
        return SLICE_LIT("it is too long");
    case PREP_NOMEM:
        break;
    }
    return SLICE_LIT("out of memory");
}
