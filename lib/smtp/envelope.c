#include "lib/smtp/envelope.h"

#include <assert.h>

#include "lib/base/ascii.h"
#include "lib/base/le.h"

#define HEAD_BYTES 4
#define MUST 0x8000u
#define TAG_RCPT 100u
#define TAG_LIMIT 100u

/* Inside of a recipient. */
enum { RCPT_PATH = 1, RCPT_ORCPT = 2, RCPT_NOTIFY = 3 };

static void add_tlv(struct buf *out, unsigned tag, bool must, slice value)
{
    assert(value.n <= UINT16_MAX);
    char head[HEAD_BYTES];
    le_put(head, 2, tag | (must ? MUST : 0u));
    le_put(head + 2, 2, value.n);
    buf_add(out, slice_of(head, sizeof head));
    buf_add(out, value);
}

/* Numbers take as many bytes as they need, so that each has one form. */
static unsigned number_bytes(uint64_t value)
{
    unsigned n = 0;
    for (; value != 0; value >>= 8)
        n++;
    return n;
}

static void add_number(struct buf *out, unsigned tag, bool must, uint64_t value)
{
    char bytes[8];
    le_put(bytes, sizeof bytes, value);
    add_tlv(out, tag, must, slice_of(bytes, number_bytes(value)));
}

static bool is_text(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_control(s.p[i]))
            return false;
    return true;
}

void envelope_add(struct buf *out, const struct envelope *e)
{
#define ADD_SLICE(tag, name, must, max_bytes)                                                      \
    assert(e->name.n <= (max_bytes));                                                              \
    if (e->name.n > 0)                                                                             \
        add_tlv(out, tag, must, e->name);
#define TEXT(tag, name, must, max_bytes) ADD_SLICE(tag, name, must, max_bytes)
#define BYTES(tag, name, must, max_bytes) ADD_SLICE(tag, name, must, max_bytes)
#define NUMBER(tag, name, must, type, max)                                                         \
    if (e->name != 0)                                                                              \
        add_number(out, tag, must, e->name);
#include "lib/smtp/envelope.def"
#undef TEXT
#undef BYTES
#undef NUMBER
#undef ADD_SLICE
}

size_t envelope_rcpt_bytes(const struct envelope_rcpt *rcpt)
{
    return HEAD_BYTES + HEAD_BYTES + rcpt->forward_path.n +
           (rcpt->orcpt.n > 0 ? HEAD_BYTES + rcpt->orcpt.n : 0) +
           (rcpt->notify != 0 ? HEAD_BYTES + 1u : 0);
}

void envelope_add_rcpt(struct buf *out, const struct envelope_rcpt *rcpt)
{
    assert(rcpt->forward_path.n > 0 && rcpt->forward_path.n <= ENVELOPE_MAX_PATH_BYTES);
    assert(rcpt->orcpt.n <= ENVELOPE_MAX_ORCPT_BYTES);
    char head[HEAD_BYTES];
    le_put(head, 2, TAG_RCPT | MUST);
    le_put(head + 2, 2, envelope_rcpt_bytes(rcpt) - HEAD_BYTES);
    buf_add(out, slice_of(head, sizeof head));
    add_tlv(out, RCPT_PATH, true, rcpt->forward_path);
    if (rcpt->orcpt.n > 0)
        add_tlv(out, RCPT_ORCPT, false, rcpt->orcpt);
    if (rcpt->notify != 0)
        add_number(out, RCPT_NOTIFY, true, rcpt->notify);
}

struct tlv {
    unsigned tag;
    bool must;
    slice value;
};

static bool take_tlv(slice *in, struct tlv *ret)
{
    if (in->n < HEAD_BYTES)
        return false;
    unsigned tag = (unsigned)le_get(in->p, 2);
    size_t n = (size_t)le_get(in->p + 2, 2);
    if (in->n - HEAD_BYTES < n)
        return false;
    *ret = (struct tlv){tag & ~MUST, (tag & MUST) != 0, {in->p + HEAD_BYTES, n}};
    *in = slice_tail(*in, HEAD_BYTES + n);
    return true;
}

static bool read_text(slice value, size_t max_bytes, slice *ret)
{
    if (value.n == 0 || value.n > max_bytes || !is_text(value))
        return false;
    *ret = value;
    return true;
}

static bool read_bytes(slice value, size_t max_bytes, slice *ret)
{
    if (value.n == 0 || value.n > max_bytes)
        return false;
    *ret = value;
    return true;
}

static bool read_number(slice value, uint64_t max, uint64_t *ret)
{
    if (value.n == 0 || value.n > 8 || value.p[value.n - 1] == 0)
        return false;
    uint64_t number = le_get(value.p, (unsigned)value.n);
    if (number > max)
        return false;
    *ret = number;
    return true;
}

static enum envelope_err read_rcpt(slice in, struct envelope_rcpt *ret)
{
    struct envelope_rcpt rcpt = {0};
    struct tlv t;
    uint64_t notify = 0;
    unsigned seen = 0;
    for (; in.n > 0;) {
        if (!take_tlv(&in, &t))
            return ENVELOPE_BAD;
        if (t.tag > RCPT_NOTIFY || t.tag == 0) {
            if (t.must)
                return ENVELOPE_UNKNOWN;
            continue;
        }
        if (seen & 1u << t.tag)
            return ENVELOPE_BAD;
        seen |= 1u << t.tag;
        bool good = false;
        if (t.tag == RCPT_PATH)
            good = read_text(t.value, ENVELOPE_MAX_PATH_BYTES, &rcpt.forward_path);
        else if (t.tag == RCPT_ORCPT)
            good = read_text(t.value, ENVELOPE_MAX_ORCPT_BYTES, &rcpt.orcpt);
        else
            good = read_number(t.value, 15, &notify);
        if (!good)
            return ENVELOPE_BAD;
    }
    if (rcpt.forward_path.n == 0)
        return ENVELOPE_BAD;
    rcpt.notify = (uint8_t)notify;
    *ret = rcpt;
    return ENVELOPE_OK;
}

static enum envelope_err read_field(const struct tlv *t, struct envelope *e)
{
    uint64_t number = 0;
    switch (t->tag) {
#define TEXT(tag, name, must, max_bytes)                                                           \
    case tag:                                                                                      \
        return read_text(t->value, max_bytes, &e->name) ? ENVELOPE_OK : ENVELOPE_BAD;
#define BYTES(tag, name, must, max_bytes)                                                          \
    case tag:                                                                                      \
        return read_bytes(t->value, max_bytes, &e->name) ? ENVELOPE_OK : ENVELOPE_BAD;
#define NUMBER(tag, name, must, type, max)                                                         \
    case tag:                                                                                      \
        if (!read_number(t->value, max, &number))                                                  \
            return ENVELOPE_BAD;                                                                   \
        e->name = (type)number;                                                                    \
        return ENVELOPE_OK;
#include "lib/smtp/envelope.def"
#undef TEXT
#undef BYTES
#undef NUMBER
    default:
        return t->must ? ENVELOPE_UNKNOWN : ENVELOPE_OK;
    }
}

enum envelope_err envelope_decode(slice in, struct envelope *ret)
{
    if (in.n > ENVELOPE_MAX_BYTES)
        return ENVELOPE_TOO_BIG;
    struct envelope e = {.tlvs = in};
    uint64_t seen[2] = {0};
    for (slice rest = in; rest.n > 0;) {
        struct tlv t;
        struct envelope_rcpt rcpt;
        if (!take_tlv(&rest, &t))
            return ENVELOPE_BAD;
        enum envelope_err err = ENVELOPE_OK;
        if (t.tag == TAG_RCPT) {
            err = e.rcpt_count == ENVELOPE_MAX_RCPTS ? ENVELOPE_TOO_BIG : read_rcpt(t.value, &rcpt);
            e.rcpt_count++;
        } else {
            if (t.tag < TAG_LIMIT && seen[t.tag / 64] >> t.tag % 64 & 1)
                return ENVELOPE_BAD;
            if (t.tag < TAG_LIMIT)
                seen[t.tag / 64] |= (uint64_t)1 << t.tag % 64;
            err = read_field(&t, &e);
        }
        if (err != ENVELOPE_OK)
            return err;
    }
    if (e.client_ip.n != 0 && e.client_ip.n != 4 && e.client_ip.n != 16)
        return ENVELOPE_BAD;
    *ret = e;
    return ENVELOPE_OK;
}

bool envelope_next(slice *rest, struct envelope_rcpt *ret)
{
    struct tlv t;
    while (take_tlv(rest, &t))
        if (t.tag == TAG_RCPT && read_rcpt(t.value, ret) == ENVELOPE_OK)
            return true;
    return false;
}
