#include "lib/dns/name.h"

#include "lib/base/ascii.h"

enum { POINTER = 0xc0 };

static size_t byte_at(slice s, size_t at)
{
    return (unsigned char)s.p[at];
}

enum dns_err dns_name_read(slice message, size_t *at, struct dns_name *ret)
{
    struct dns_name name = {0};
    size_t pos = *at, after = 0, lowest = *at;
    for (;;) {
        if (pos >= message.n)
            return DNS_SHORT;
        size_t n = byte_at(message, pos);
        if ((n & POINTER) == POINTER) {
            if (pos + 2 > message.n)
                return DNS_SHORT;
            size_t to = (n & ~(size_t)POINTER) << 8 | byte_at(message, pos + 1);
            if (after == 0)
                after = pos + 2;
            if (to >= lowest)
                return DNS_BAD;
            pos = lowest = to;
            continue;
        }
        if (n > DNS_LABEL_MAX)
            return DNS_BAD;
        if (pos + 1 + n > message.n)
            return DNS_SHORT;
        if (name.n + 1 + n + (n > 0) > DNS_NAME_MAX)
            return DNS_TOO_LONG;
        memcpy(name.wire + name.n, message.p + pos, 1 + n);
        name.n = (uint8_t)(name.n + 1 + n);
        pos += 1 + n;
        if (n == 0)
            break;
    }
    *at = after == 0 ? pos : after;
    *ret = name;
    return DNS_OK;
}

/* One byte of a label, unescaped. */
static bool take_byte(slice *s, char *ret)
{
    if (s->p[0] != '\\') {
        *ret = s->p[0];
        *s = slice_tail(*s, 1);
        return true;
    }
    if (s->n >= 4 && ascii_is_digit(s->p[1])) {
        uint64_t number;
        if (!slice_to_u64(slice_of(s->p + 1, 3), 255, &number))
            return false;
        *ret = (char)(unsigned char)number;
        *s = slice_tail(*s, 4);
        return true;
    }
    if (s->n < 2 || ascii_is_digit(s->p[1]))
        return false;
    *ret = s->p[1];
    *s = slice_tail(*s, 2);
    return true;
}

enum dns_err dns_name_parse(slice s, struct dns_name *ret)
{
    struct dns_name name = {0};
    size_t label = 0; /* where its length byte stands */
    if (slice_is(s, ".")) {
        *ret = (struct dns_name){.n = 1};
        return DNS_OK;
    }
    if (s.n == 0)
        return DNS_BAD;
    name.n = 1;
    while (s.n > 0) {
        size_t n = name.n - label - 1;
        char c;
        if (s.p[0] == '.') {
            if (n == 0)
                return DNS_BAD;
            name.wire[label] = (char)n;
            label = name.n;
            c = 0;
            s = slice_tail(s, 1);
        } else if (!take_byte(&s, &c)) {
            return DNS_BAD;
        } else if (n == DNS_LABEL_MAX) {
            return DNS_TOO_LONG;
        }
        if (name.n >= DNS_NAME_MAX)
            return DNS_TOO_LONG;
        name.wire[name.n++] = c;
    }
    size_t n = name.n - label - 1;
    if (n > 0) { /* no dot at the end: the root's zero is still to come */
        if (name.n >= DNS_NAME_MAX)
            return DNS_TOO_LONG;
        name.wire[label] = (char)n;
        name.wire[name.n++] = 0;
    }
    *ret = name;
    return DNS_OK;
}

/* The label at *at; false at the root. */
static bool next_label(const struct dns_name *name, size_t *at, slice *ret)
{
    size_t n = (unsigned char)name->wire[*at];
    if (n == 0)
        return false;
    *ret = slice_of(name->wire + *at + 1, n);
    *at += 1 + n;
    return true;
}

void dns_name_print(struct buf *out, const struct dns_name *name)
{
    size_t at = 0;
    slice label;
    if (name->n <= 1)
        buf_addc(out, '.');
    while (next_label(name, &at, &label)) {
        if (label.p > name->wire + 1)
            buf_addc(out, '.');
        for (size_t i = 0; i < label.n; i++) {
            char c = label.p[i];
            if (!ascii_is_graphic(c)) {
                buf_addf(out, "\\%03u", (unsigned)(unsigned char)c);
                continue;
            }
            if (slice_find(SLICE_LIT(".\\\"();@$"), c) < 7)
                buf_addc(out, '\\');
            buf_addc(out, c);
        }
    }
}

bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
    /* Length bytes are below 'A': they have no case. */
    return slice_eq_ci(slice_of(a->wire, a->n), slice_of(b->wire, b->n));
}

bool dns_name_is_host(const struct dns_name *name)
{
    size_t at = 0;
    slice label;
    bool all_digits = true;
    if (name->n <= 1)
        return false;
    while (next_label(name, &at, &label)) {
        all_digits = true;
        for (size_t i = 0; i < label.n; i++) {
            char c = label.p[i];
            if (c == '-' ? i == 0 || i + 1 == label.n : !ascii_is_alnum(c) && c != '_')
                return false;
            all_digits = all_digits && ascii_is_digit(c);
        }
    }
    return !all_digits;
}

void dns_name_reverse(const struct ip *ip, struct dns_name *ret)
{
    static const char hex[] = "0123456789abcdef";
    struct buf text;
    buf_init(&text, DNS_NAME_TEXT_MAX);
    for (size_t i = ip_size(ip); i-- > 0;) {
        unsigned b = ip->bytes[i];
        if (ip->family == IP_V4)
            buf_addf(&text, "%u.", b);
        else
            buf_addf(&text, "%c.%c.", hex[b & 15], hex[b >> 4]);
    }
    buf_adds(&text, ip->family == IP_V4 ? "in-addr.arpa" : "ip6.arpa");
    if (text.err != BUF_OK || dns_name_parse(buf_slice(&text), ret) != DNS_OK)
        *ret = (struct dns_name){.n = 1};
    buf_release(&text);
}
