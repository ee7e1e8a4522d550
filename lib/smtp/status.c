#include "lib/smtp/status.h"

#include "lib/base/ascii.h"

/* 1 to 3 digits without a leading zero. */
static bool take_number(slice *in, uint16_t *ret)
{
    size_t n = 0;
    while (n < in->n && n < 4 && ascii_is_digit(in->p[n]))
        n++;
    uint64_t v;
    if (n > 3 || (n > 1 && in->p[0] == '0') || !slice_to_u64(slice_head(*in, n), 999, &v))
        return false;
    *ret = (uint16_t)v;
    *in = slice_tail(*in, n);
    return true;
}

static bool take_dot(slice *in)
{
    if (in->n == 0 || in->p[0] != '.')
        return false;
    *in = slice_tail(*in, 1);
    return true;
}

bool take_status(slice *in, struct status *ret)
{
    slice s = *in;
    uint16_t class, subject, detail;
    if (!take_number(&s, &class) || (class != 2 && class != 4 && class != 5))
        return false;
    if (!take_dot(&s) || !take_number(&s, &subject) || !take_dot(&s) || !take_number(&s, &detail))
        return false;
    *in = s;
    *ret = (struct status){(uint8_t) class, subject, detail};
    return true;
}

void status_print(struct buf *out, struct status status)
{
    buf_addf(out, "%u.%u.%u", (unsigned)status.class, (unsigned)status.subject,
             (unsigned)status.detail);
}

bool status_eq(struct status a, struct status b)
{
    return a.class == b.class && a.subject == b.subject && a.detail == b.detail;
}
