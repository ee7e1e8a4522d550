#include "lib/dns/message.h"

enum { HEADER_BYTES = 12, CLASS_IN = 1, RECORD_FIXED_BYTES = 10, RCODE_SERVFAIL = 2 };

static uint16_t u16_at(slice s, size_t at)
{
    return (uint16_t)((unsigned char)s.p[at] << 8 | (unsigned char)s.p[at + 1]);
}

static uint32_t u32_at(slice s, size_t at)
{
    return (uint32_t)u16_at(s, at) << 16 | u16_at(s, at + 2);
}

int dns_message_rcode(slice message)
{
    return message.n < HEADER_BYTES ? RCODE_SERVFAIL : message.p[3] & 15;
}

enum dns_err dns_message_open(slice message, struct dns_cursor *ret)
{
    struct dns_cursor c = {.message = message, .at = HEADER_BYTES};
    if (message.n < HEADER_BYTES)
        return DNS_SHORT;
    for (unsigned questions = u16_at(message, 4); questions > 0; questions--) {
        struct dns_name name;
        enum dns_err err = dns_name_read(message, &c.at, &name);
        if (err != DNS_OK)
            return err;
        if (c.at + 4 > message.n)
            return DNS_SHORT;
        c.at += 4;
    }
    c.left = u16_at(message, 6);
    *ret = c;
    return DNS_OK;
}

bool dns_message_next(struct dns_cursor *c, struct dns_record *ret, enum dns_err *err)
{
    struct dns_record r;
    slice m = c->message;
    size_t at = c->at;
    *err = DNS_OK;
    if (c->left == 0)
        return false;
    *err = dns_name_read(m, &at, &r.owner);
    if (*err != DNS_OK)
        return false;
    if (at + RECORD_FIXED_BYTES > m.n || at + RECORD_FIXED_BYTES + u16_at(m, at + 8) > m.n) {
        *err = DNS_SHORT;
        return false;
    }
    r.type = u16_at(m, at);
    r.class = u16_at(m, at + 2);
    r.ttl = u32_at(m, at + 4);
    if (r.ttl > INT32_MAX)
        r.ttl = 0;
    r.at = at + RECORD_FIXED_BYTES;
    r.data = slice_of(m.p + r.at, u16_at(m, at + 8));
    c->at = r.at + r.data.n;
    c->left--;
    *ret = r;
    return true;
}

/* How the data of the types with names in it is made: so many plain bytes, so many names, so many
 * plain bytes. */
struct shape {
    size_t before;
    unsigned names;
    size_t after;
};

static bool shape_of(uint16_t type, struct shape *ret)
{
    switch (type) {
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
        *ret = (struct shape){0, 1, 0};
        return true;
    case DNS_MX:
        *ret = (struct shape){2, 1, 0};
        return true;
    case DNS_SRV:
        *ret = (struct shape){6, 1, 0};
        return true;
    case DNS_SOA:
        *ret = (struct shape){0, 2, 20};
        return true;
    default:
        return false;
    }
}

static enum dns_err add_data(struct buf *out, slice message, const struct dns_record *r)
{
    char plain[20 + 2 * DNS_NAME_MAX];
    struct shape shape;
    slice data = r->data;
    if ((r->type == DNS_A && data.n != 4) || (r->type == DNS_AAAA && data.n != 16))
        return DNS_BAD;
    if (shape_of(r->type, &shape)) {
        size_t at = r->at, n = shape.before;
        /* Names may point anywhere before; what they take here must fill the data. */
        slice head = slice_head(message, r->at + r->data.n);
        if (data.n < shape.before + shape.after)
            return DNS_SHORT;
        memcpy(plain, data.p, shape.before);
        at += shape.before;
        for (unsigned i = 0; i < shape.names; i++) {
            struct dns_name name;
            enum dns_err err = dns_name_read(head, &at, &name);
            if (err != DNS_OK)
                return err;
            memcpy(plain + n, name.wire, name.n);
            n += name.n;
        }
        if (at + shape.after != r->at + data.n)
            return DNS_BAD;
        memcpy(plain + n, message.p + at, shape.after);
        data = slice_of(plain, n + shape.after);
    }
    buf_addc(out, (char)(data.n >> 8));
    buf_addc(out, (char)data.n);
    buf_add(out, data);
    return out->err == BUF_OK ? DNS_OK : DNS_TOO_LONG;
}

/* Where does the CNAME of *name lead? False: there is none. */
static bool follow(slice message, struct dns_name *name, uint32_t *ttl, enum dns_err *err)
{
    struct dns_cursor c;
    struct dns_record r;
    *err = dns_message_open(message, &c);
    while (*err == DNS_OK && dns_message_next(&c, &r, err)) {
        if (r.type != DNS_CNAME || r.class != CLASS_IN || !dns_name_eq(&r.owner, name))
            continue;
        size_t at = r.at;
        *err = dns_name_read(message, &at, name);
        *ttl = r.ttl < *ttl ? r.ttl : *ttl;
        return *err == DNS_OK;
    }
    return false;
}

static enum dns_err add_answers(slice message, const struct dns_name *name, uint16_t type,
                                struct buf *out, uint32_t *ttl, size_t *count)
{
    struct dns_cursor c;
    struct dns_record r;
    enum dns_err err = dns_message_open(message, &c);
    while (err == DNS_OK && dns_message_next(&c, &r, &err)) {
        if (r.type != type || r.class != CLASS_IN || !dns_name_eq(&r.owner, name))
            continue;
        err = add_data(out, message, &r);
        *ttl = r.ttl < *ttl ? r.ttl : *ttl;
        ++*count;
    }
    return err;
}

enum dns_err dns_message_answer(slice message, const struct dns_name *name, uint16_t type,
                                struct buf *out, uint32_t *ret_ttl, size_t *ret_count)
{
    struct dns_name at = *name;
    uint32_t ttl = UINT32_MAX;
    size_t count = 0, before = out->n;
    enum dns_err err = DNS_OK;
    for (int i = 0; i < DNS_CHAIN_MAX; i++) {
        err = add_answers(message, &at, type, out, &ttl, &count);
        if (err != DNS_OK || count > 0 || !follow(message, &at, &ttl, &err))
            break;
    }
    if (err != DNS_OK) {
        out->n = before;
        return err;
    }
    *ret_ttl = ttl == UINT32_MAX ? 0 : ttl;
    *ret_count = count;
    return DNS_OK;
}

bool dns_record_take(slice *s, slice *ret)
{
    if (s->n < 2 || s->n - 2 < u16_at(*s, 0))
        return false;
    *ret = slice_of(s->p + 2, u16_at(*s, 0));
    *s = slice_tail(*s, 2 + ret->n);
    return true;
}
