#include "lib/catalogue/reply_make.h"

#include "lib/base/ascii.h"
#include "lib/base/base64.h"
#include "lib/base/utf8.h"

enum {
    LINE_MAX_BYTES = 512 - 2, /* without CRLF */
    TEXT_MAX_BYTES = 2048,    /* of one filled text: its own and at most four facts */
    LINK_MAX_BYTES = 400,
    ESCAPE_MAX_BYTES = 12,
};

/* The text before it is wrapped. It silently stops at its end: facts are cut long before. */
struct text {
    char p[TEXT_MAX_BYTES];
    size_t n;
};

static void text_add(struct text *t, slice s)
{
    size_t room = sizeof t->p - t->n;
    size_t n = s.n < room ? s.n : room;
    if (n > 0)
        memcpy(t->p + t->n, s.p, n);
    t->n += n;
}

/* One code point or stray byte off *in, in a form that may stand in a reply. */
static size_t escape_one(slice *in, char out[ESCAPE_MAX_BYTES])
{
    static const char hex[] = "0123456789ABCDEF";
    char c = in->p[0];
    if (ascii_is_graphic(c) || c == ' ') {
        *in = slice_tail(*in, 1);
        out[0] = c;
        return 1;
    }
    uint32_t cp;
    size_t n = 0;
    out[n++] = '\\';
    out[n++] = 'x';
    if (!ascii_is_ascii(c) && utf8_take(in, &cp)) {
        out[n++] = '{';
        for (int shift = cp > 0xffff ? 20 : cp > 0xff ? 12 : 4; shift >= 0; shift -= 4)
            out[n++] = hex[cp >> shift & 15];
        out[n++] = '}';
        return n;
    }
    *in = slice_tail(*in, 1);
    out[n++] = hex[(unsigned char)c >> 4];
    out[n++] = hex[(unsigned char)c & 15];
    return n;
}

/* fact in a form that may stand in a reply, at most max_bytes of it with the dots. */
static void text_add_fact(struct text *t, slice fact, size_t max_bytes)
{
    size_t begin = t->n;
    size_t cut = t->n; /* where the dots would go, never inside an escape */
    while (fact.n > 0) {
        char one[ESCAPE_MAX_BYTES];
        size_t n = escape_one(&fact, one);
        if (t->n - begin + n > max_bytes) {
            t->n = cut;
            text_add(t, SLICE_LIT("..."));
            return;
        }
        text_add(t, slice_of(one, n));
        if (t->n - begin + 3 <= max_bytes)
            cut = t->n;
    }
}

static void text_add_number(struct text *t, uint64_t u)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    text_add(t, slice_of(digits + n, sizeof digits - n));
}

/* The placeholder's value. False: name is none of ours, and its braces are text. */
static bool text_add_placeholder(struct text *t, slice name, const struct reply_facts *facts)
{
    const struct {
        const char *name;
        slice fact;
        size_t max_bytes;
    } rows[] = {
        {"address", facts->address, 256},   {"domain", facts->domain, 255},
        {"host", facts->host, 255},         {"client", facts->client, 255},
        {"word", facts->word, 64},          {"queue-id", facts->queue_id, 64},
        {"moved-to", facts->moved_to, 256},
    };
    if (slice_is(name, "limit")) {
        text_add_number(t, facts->limit);
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!slice_is(name, rows[i].name))
            continue;
        /* <> is an address, an empty name is none. */
        if (rows[i].fact.n == 0 && i > 0)
            text_add(t, SLICE_LIT("unknown"));
        else
            text_add_fact(t, rows[i].fact, rows[i].max_bytes);
        return true;
    }
    return false;
}

static void text_fill(struct text *t, slice from, const struct reply_facts *facts)
{
    while (from.n > 0) {
        size_t open = slice_find(from, '{');
        text_add(t, slice_head(from, open));
        from = slice_tail(from, open);
        size_t shut = slice_find(from, '}');
        if (shut == from.n || !text_add_placeholder(t, slice_of(from.p + 1, shut - 1), facts)) {
            text_add(t, slice_head(from, 1));
            from = slice_tail(from, 1);
        } else {
            from = slice_tail(from, shut + 1);
        }
    }
}

void reason_text_fill(struct buf *out, const char *from, const struct reply_facts *facts)
{
    struct text t = {.n = 0};
    text_fill(&t, slice_cstr(from), facts);
    buf_add(out, slice_of(t.p, t.n));
}

/* A reply that grows by lines; the last one's '-' becomes ' ' at the end. */
struct lines {
    struct buf *out;
    const struct reason *reason;
    bool is_coded;
    size_t last; /* where the last line begins */
};

static void lines_add(struct lines *l, slice line)
{
    l->last = l->out->n;
    buf_addu(l->out, l->reason->basic);
    buf_addc(l->out, '-');
    if (l->is_coded) {
        buf_adds(l->out, l->reason->enhanced);
        buf_addc(l->out, ' ');
    }
    buf_add(l->out, line);
    buf_adds(l->out, "\r\n");
}

/* Wrapped at blanks; a word that fills a line alone is broken, which no link or id is. */
static void lines_add_wrapped(struct lines *l, slice text)
{
    size_t prefix = 4 + (l->is_coded ? strlen(l->reason->enhanced) + 1 : 0);
    size_t room = LINE_MAX_BYTES - prefix;
    while (text.n > room) {
        size_t at = slice_rfind(slice_head(text, room + 1), ' ');
        if (at > room || at == 0)
            at = room;
        lines_add(l, slice_trim(slice_head(text, at)));
        text = slice_trim(slice_tail(text, at));
    }
    lines_add(l, text);
}

static bool link_is_fit(slice link)
{
    for (size_t i = 0; i < link.n; i++) {
        if (!ascii_is_graphic(link.p[i]))
            return false;
    }
    return link.n > 0 && link.n <= LINK_MAX_BYTES;
}

enum reply_made reply_make(struct buf *out, enum reason_id id, const struct reply_facts *facts)
{
    const struct reason *reason = reason_of(id);
    if (reason->reply[0] == '\0')
        return REPLY_NOT_OURS;
    size_t begin = out->n;
    struct lines lines = {
        .out = out,
        .reason = reason,
        .is_coded = reason->enhanced[0] != '\0' && !reason->is_bare && !facts->is_greeting &&
                    reply_kind_of(reason->basic) != KIND_INTERMEDIATE,
    };
    struct text t = {.n = 0};
    text_fill(&t, slice_cstr(reason->reply), facts);
    lines_add_wrapped(&lines, slice_of(t.p, t.n));
    for (size_t i = 0; i < facts->lines_n; i++) {
        t.n = 0;
        text_add_fact(&t, facts->lines[i], LINE_MAX_BYTES - 16);
        lines_add_wrapped(&lines, slice_of(t.p, t.n));
    }
    bool has_link = link_is_fit(facts->link);
    if (facts->incident.n > 0 &&
        !(has_link && slice_find_slice(facts->link, facts->incident) < facts->link.n)) {
        t.n = 0;
        text_add(&t, SLICE_LIT("Incident "));
        text_add_fact(&t, facts->incident, 64);
        lines_add(&lines, slice_of(t.p, t.n));
    }
    if (has_link)
        lines_add(&lines, facts->link);
    if (out->err != BUF_OK) {
        out->n = begin;
        return REPLY_NO_ROOM;
    }
    out->p[lines.last + 3] = ' ';
    return REPLY_MADE;
}

enum reply_made reply_make_challenge(struct buf *out, slice challenge)
{
    size_t begin = out->n;
    buf_addu(out, reason_of(REASON_AUTH_CONTINUE)->basic);
    buf_addc(out, ' ');
    base64_encode(out, challenge);
    buf_adds(out, "\r\n");
    if (out->err != BUF_OK) {
        out->n = begin;
        return REPLY_NO_ROOM;
    }
    return REPLY_MADE;
}
