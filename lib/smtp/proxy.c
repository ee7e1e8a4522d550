#include "lib/smtp/proxy.h"

static const char v1_lead[] = "PROXY ";
static const char v2_lead[] = "\r\n\r\n\0\r\nQUIT\n";

enum { V1_LEAD_BYTES = sizeof v1_lead - 1, V2_LEAD_BYTES = sizeof v2_lead - 1 };
enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNSPECIFIED = 0, FAMILY_V4 = 1, FAMILY_V6 = 2, FAMILY_UNIX = 3 };
enum { TRANSPORT_UNSPECIFIED = 0, TRANSPORT_STREAM = 1 };

void proxy_reader_init(struct proxy_reader *r)
{
    *r = (struct proxy_reader){.n = 0};
}

/* ---- version 1: one line ---- */

static bool take_word(slice *line, slice *ret)
{
    return slice_split(line, ' ', ret) && ret->n > 0;
}

/* Plain decimal, without zeros before it. */
static bool take_port(slice word, uint16_t *ret)
{
    uint64_t port;
    if ((word.n > 1 && word.p[0] == '0') || !slice_to_u64(word, UINT16_MAX, &port))
        return false;
    *ret = (uint16_t)port;
    return true;
}

/* line: without its CRLF, and without the word PROXY. */
static bool read_v1(slice line, struct proxy_header *ret)
{
    struct proxy_header h = {.is_local = true};
    slice family, source, destination, source_port, destination_port;
    if (!take_word(&line, &family))
        return false;
    if (slice_is(family, "UNKNOWN")) {
        *ret = h; /* whatever else stands there */
        return true;
    }
    if (!slice_is(family, "TCP4") && !slice_is(family, "TCP6"))
        return false;
    uint8_t wanted = slice_is(family, "TCP4") ? IP_V4 : IP_V6;
    bool ok = take_word(&line, &source) && take_word(&line, &destination) &&
              take_word(&line, &source_port) && take_word(&line, &destination_port) &&
              line.n == 0 && destination_port.p + destination_port.n == line.p &&
              ip_parse(source, &h.source) == IP_OK && h.source.family == wanted &&
              ip_parse(destination, &h.destination) == IP_OK && h.destination.family == wanted &&
              take_port(source_port, &h.source_port) &&
              take_port(destination_port, &h.destination_port);
    if (!ok)
        return false;
    h.source = ip_unmap(&h.source);
    h.destination = ip_unmap(&h.destination);
    h.is_local = false;
    *ret = h;
    return true;
}

/* One byte more of a line that begins with v1_lead. */
static enum proxy_event more_v1(struct proxy_reader *r, struct proxy_header *ret)
{
    bool ended = r->head[r->n - 1] == '\n';
    if (!ended)
        return r->n == sizeof r->head ? PROXY_BAD : PROXY_MORE;
    if (r->head[r->n - 2] != '\r')
        return PROXY_BAD;
    slice line = slice_of(r->head + V1_LEAD_BYTES, r->n - V1_LEAD_BYTES - 2);
    return read_v1(line, ret) ? PROXY_DONE : PROXY_BAD;
}

/* ---- version 2: sixteen bytes, the addresses, anything ---- */

static uint16_t big16(const char *p)
{
    return (uint16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}

static bool read_addresses(const struct proxy_reader *r, enum ip_family family,
                           struct proxy_header *h)
{
    size_t n = family == IP_V4 ? 4 : 16;
    const char *at = r->head + PROXY_V2_HEAD_BYTES;
    if (r->n < PROXY_V2_HEAD_BYTES + 2 * n + 4)
        return false;
    if (!ip_from_bytes(slice_of(at, n), &h->source) ||
        !ip_from_bytes(slice_of(at + n, n), &h->destination))
        return false;
    h->source = ip_unmap(&h->source);
    h->destination = ip_unmap(&h->destination);
    h->source_port = big16(at + 2 * n);
    h->destination_port = big16(at + 2 * n + 2);
    h->is_local = false;
    return true;
}

static bool read_v2(const struct proxy_reader *r, struct proxy_header *ret)
{
    struct proxy_header h = {.is_local = true};
    unsigned version = (unsigned char)r->head[12] >> 4, command = r->head[12] & 15;
    unsigned family = (unsigned char)r->head[13] >> 4, transport = r->head[13] & 15;
    if (version != 2 || command > COMMAND_PROXY)
        return false;
    /* A health check's family may be anything. */
    if (command == COMMAND_PROXY) {
        bool is_stream = transport == TRANSPORT_STREAM;
        if (family > FAMILY_UNIX || (family != FAMILY_UNSPECIFIED && !is_stream))
            return false;
        if (is_stream && (family == FAMILY_V4 || family == FAMILY_V6) &&
            !read_addresses(r, family == FAMILY_V4 ? IP_V4 : IP_V6, &h))
            return false;
    }
    *ret = h;
    return true;
}

/* One byte more of what begins with v2_lead. */
static enum proxy_event more_v2(struct proxy_reader *r, struct proxy_header *ret)
{
    if (r->n < PROXY_V2_HEAD_BYTES)
        return PROXY_MORE;
    size_t rest = big16(r->head + 14), room = PROXY_V2_KEPT_BYTES - PROXY_V2_HEAD_BYTES;
    size_t kept = rest < room ? rest : room;
    if (r->n < PROXY_V2_HEAD_BYTES + kept)
        return PROXY_MORE;
    struct proxy_header h;
    if (!read_v2(r, &h))
        return PROXY_BAD;
    r->left_bytes = (uint32_t)(rest - kept);
    if (r->left_bytes > 0)
        return PROXY_MORE;
    *ret = h;
    return PROXY_DONE;
}

static bool begins(const struct proxy_reader *r, const char *lead, size_t lead_n)
{
    return memcmp(r->head, lead, r->n < lead_n ? r->n : lead_n) == 0;
}

enum proxy_event proxy_take(struct proxy_reader *r, slice *in, struct proxy_header *ret)
{
    while (in->n > 0) {
        enum proxy_event event = PROXY_MORE;
        if (r->left_bytes > 0) {
            size_t n = in->n < r->left_bytes ? in->n : r->left_bytes;
            *in = slice_tail(*in, n);
            r->left_bytes -= (uint32_t)n;
            if (r->left_bytes == 0)
                return read_v2(r, ret) ? PROXY_DONE : PROXY_BAD;
            continue;
        }
        r->head[r->n++] = in->p[0];
        *in = slice_tail(*in, 1);
        bool is_v1 = begins(r, v1_lead, V1_LEAD_BYTES), is_v2 = begins(r, v2_lead, V2_LEAD_BYTES);
        if (is_v1 && r->n > V1_LEAD_BYTES)
            event = more_v1(r, ret);
        else if (is_v2)
            event = more_v2(r, ret);
        else if (!is_v1)
            event = PROXY_BAD;
        if (event != PROXY_MORE)
            return event;
    }
    return PROXY_MORE;
}
