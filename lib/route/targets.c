#include "lib/route/targets.h"

#define FIELD_MAX_BYTES 0xffff

static void add_field(struct buf *out, slice s)
{
    if (s.n > FIELD_MAX_BYTES) {
        out->err = BUF_FULL;
        return;
    }
    buf_addc(out, (char)(s.n & 0xff));
    buf_addc(out, (char)(s.n >> 8));
    buf_add(out, s);
}

static bool take_field(slice *in, slice *ret)
{
    size_t n;

    if (in->n < 2)
        return false;
    n = (size_t)(unsigned char)in->p[0] | (size_t)(unsigned char)in->p[1] << 8;
    if (in->n - 2 < n)
        return false;
    *ret = slice_of(in->p + 2, n);
    *in = slice_tail(*in, 2 + n);
    return true;
}

void target_add(struct buf *out, const struct target *t)
{
    buf_addc(out, (char)t->kind);
    add_field(out, t->local);
    add_field(out, t->domain);
    add_field(out, t->path);
}

bool target_take(slice *in, struct target *ret)
{
    slice rest = *in;
    struct target t;

    if (rest.n == 0)
        return false;
    if (rest.p[0] == TARGET_MAILBOX)
        t.kind = TARGET_MAILBOX;
    else if (rest.p[0] == TARGET_REMOTE)
        t.kind = TARGET_REMOTE;
    else
        return false;
    rest = slice_tail(rest, 1);
    if (!take_field(&rest, &t.local) || !take_field(&rest, &t.domain) ||
        !take_field(&rest, &t.path))
        return false;
    if (t.local.n == 0 || t.domain.n == 0)
        return false;
    /* A mailbox has a folder, what is remote has none. */
    if ((t.kind == TARGET_MAILBOX) != (t.path.n > 0 && t.path.p[0] == '/'))
        return false;
    if (t.kind == TARGET_REMOTE && t.path.n > 0)
        return false;
    *in = rest;
    *ret = t;
    return true;
}
