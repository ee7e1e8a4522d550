#include "lib/page/html.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

static void add_code_point(struct buf *out, uint32_t cp)
{
    switch (cp) {
    case '&':
        buf_adds(out, "&amp;");
        break;
    case '<':
        buf_adds(out, "&lt;");
        break;
    case '>':
        buf_adds(out, "&gt;");
        break;
    case '"':
        buf_adds(out, "&quot;");
        break;
    case '\'':
        buf_adds(out, "&#39;");
        break;
    default:
        /* HTML has no other control characters; nor have we noncharacters. */
        if ((cp < ' ' && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0) ||
            (cp & 0xfffe) == 0xfffe)
            cp = 0xfffd;
        utf8_add(out, cp);
    }
}

void html_text(struct buf *out, slice text)
{
    while (text.n > 0) {
        uint32_t cp;
        if (!utf8_take(&text, &cp)) {
            text = slice_tail(text, 1);
            cp = 0xfffd;
        }
        add_code_point(out, cp);
    }
}

void html_cstr(struct buf *out, const char *text)
{
    html_text(out, slice_cstr(text));
}

/* ---- Prose ---- */

/* The length of the address of the web that text begins with, 0: none. */
static size_t link_length(slice text)
{
    size_t n = 0;
    if (!slice_starts(text, SLICE_LIT("https://")) && !slice_starts(text, SLICE_LIT("http://")))
        return 0;
    while (n < text.n && ascii_is_graphic(text.p[n]) &&
           slice_find(SLICE_LIT("<>\"'`"), text.p[n]) == 5)
        n++;
    while (n > 0 && slice_find(SLICE_LIT(".,;:)!?"), text.p[n - 1]) < 7)
        n--;
    return n;
}

static void add_link(struct buf *out, slice url)
{
    buf_adds(out, "<a href=\"");
    html_text(out, url);
    buf_adds(out, "\" rel=\"external noreferrer\">");
    html_text(out, url);
    buf_adds(out, "</a>");
}

/* Text without code: links are made. */
static void add_plain(struct buf *out, slice text, slice unlinked)
{
    size_t done = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != 'h')
            continue;
        slice url = slice_head(slice_tail(text, i), link_length(slice_tail(text, i)));
        if (url.n == 0 || (unlinked.n > 0 && slice_starts(url, unlinked)))
            continue;
        html_text(out, slice_of(text.p + done, i - done));
        add_link(out, url);
        done = i + url.n;
        i = done - 1;
    }
    html_text(out, slice_tail(text, done));
}

void html_prose(struct buf *out, slice text, slice unlinked)
{
    for (;;) {
        size_t open = slice_find(text, '`');
        slice behind = slice_tail(text, open + 1);
        size_t shut = slice_find(behind, '`');
        if (open == text.n || shut == behind.n)
            break;
        add_plain(out, slice_head(text, open), unlinked);
        buf_adds(out, "<code translate=\"no\">");
        html_text(out, slice_head(behind, shut));
        buf_adds(out, "</code>");
        text = slice_tail(behind, shut + 1);
    }
    add_plain(out, text, unlinked);
}

/* ---- Addresses ---- */

void html_url(struct buf *out, slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (ascii_is_alnum(c) || slice_find(SLICE_LIT("-._~"), c) < 4) {
            buf_addc(out, c);
        } else {
            buf_addc(out, '%');
            buf_addc(out, hex[(unsigned char)c >> 4]);
            buf_addc(out, hex[(unsigned char)c & 15]);
        }
    }
}

void url_decode(struct buf *out, slice text, bool plus_is_blank)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n && ascii_is_hex(text.p[i + 1]) &&
            ascii_is_hex(text.p[i + 2])) {
            c = (char)(ascii_hex_value(text.p[i + 1]) * 16 + ascii_hex_value(text.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        buf_addc(out, c);
    }
}

bool form_value(slice form, const char *name, struct buf *out)
{
    slice field, key;
    while (slice_split(&form, '&', &field)) {
        key = slice_head(field, slice_find(field, '='));
        if (!slice_is(key, name))
            continue;
        url_decode(out, slice_tail(field, key.n + 1), true);
        return true;
    }
    return false;
}
