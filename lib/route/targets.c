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

static void add_u64(struct buf *out, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        buf_addc(out, (char)(v >> 8 * i & 0xff));
}

static bool take_u64(slice *in, uint64_t *ret)
{
    uint64_t v = 0;

    if (in->n < 8)
        return false;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)(unsigned char)in->p[i] << 8 * i;
    *in = slice_tail(*in, 8);
    *ret = v;
    return true;
}

void target_add(struct buf *out, const struct target *t)
{
    buf_addc(out, (char)t->kind);
    add_field(out, t->local);
    add_field(out, t->domain);
    add_field(out, t->path);
    if (t->kind == TARGET_MAILBOX)
        add_u64(out, t->quota_bytes);
}

/* A mailbox has a folder, who takes it by LMTP is named, what is at another server has neither. */
static bool is_path(enum target_kind kind, slice path)
{
    switch (kind) {
    case TARGET_MAILBOX:
        return path.n > 0 && path.p[0] == '/';
    case TARGET_REMOTE:
        return path.n == 0;
    case TARGET_LMTP:
        return path.n > 0;
    }
    return false;
}

bool target_take(slice *in, struct target *ret)
{
    slice rest = *in;
    struct target t = {0};

    if (rest.n == 0 || rest.p[0] < TARGET_MAILBOX || rest.p[0] > TARGET_LMTP)
        return false;
    t.kind = (enum target_kind)rest.p[0];
    rest = slice_tail(rest, 1);
    if (!take_field(&rest, &t.local) || !take_field(&rest, &t.domain) ||
        !take_field(&rest, &t.path) || t.local.n == 0 || t.domain.n == 0 ||
        !is_path(t.kind, t.path))
        return false;
    if (t.kind == TARGET_MAILBOX && !take_u64(&rest, &t.quota_bytes))
        return false;
    *in = rest;
    *ret = t;
    return true;
}
