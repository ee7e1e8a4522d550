#include "lib/catalogue/letter.h"

#include "lib/base/ascii.h"

enum { QUOTES_MAX = 4 }; /* forwarded so many times */

/* The next line with its line end; empty when s is. */
static slice take_line(slice *s)
{
    size_t n = slice_find(*s, '\n');
    slice line = slice_head(*s, n + 1);
    *s = slice_tail(*s, line.n);
    return line;
}

/* ---- Quoting ---- */

/* Most of what is written begins with '>'. */
static bool is_quoted(slice text)
{
    size_t lines = 0, quoted = 0;
    while (text.n > 0) {
        slice line = slice_trim(take_line(&text));
        if (line.n == 0 || line.p[0] == '\r' || line.p[0] == '\n')
            continue;
        lines++;
        quoted += line.p[0] == '>';
    }
    return lines > 1 && quoted * 3 > lines * 2;
}

static size_t unquote(slice text, char *out)
{
    size_t n = 0;
    while (text.n > 0) {
        slice line = take_line(&text);
        if (line.p[0] == '>') {
            line = slice_tail(line, 1);
            if (line.n > 0 && line.p[0] == ' ')
                line = slice_tail(line, 1);
        }
        if (line.n > 0)
            memmove(out + n, line.p, line.n); /* out may be where text is */
        n += line.n;
    }
    return n;
}

/* ---- Parts ---- */

enum coding { PLAIN, BASE64, QUOTED };

static enum coding coding_of(slice line)
{
    slice name = SLICE_LIT("Content-Transfer-Encoding:");
    if (!slice_starts_ci(line, name))
        return PLAIN;
    slice value = slice_trim(slice_tail(line, name.n));
    return slice_starts_ci(value, SLICE_LIT("base64"))             ? BASE64
           : slice_starts_ci(value, SLICE_LIT("quoted-printable")) ? QUOTED
                                                                   : PLAIN;
}

static bool is_blank_line(slice line)
{
    return line.p[0] == '\n' || (line.p[0] == '\r' && line.n > 1 && line.p[1] == '\n');
}

static unsigned letter_value(char c)
{
    return ascii_is_upper(c)   ? (unsigned)(c - 'A')
           : ascii_is_lower(c) ? (unsigned)(c - 'a') + 26
           : ascii_is_digit(c) ? (unsigned)(c - '0') + 52
           : c == '+'          ? 62
           : c == '/'          ? 63
                               : 64;
}

/* What other programs wrote may be cut or have blanks in it: what can be read is. */
static size_t base64_text(slice body, char *out)
{
    size_t n = 0;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < body.n && body.p[i] != '='; i++) {
        unsigned value = letter_value(body.p[i]);
        if (value > 63)
            continue;
        bits = (bits << 6 | value) & 0xffffu;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (char)(unsigned char)(bits >> held & 0xffu);
        }
    }
    return n;
}

static unsigned hex_value(char c)
{
    char upper = ascii_upper(c);
    return ascii_is_digit(c)              ? (unsigned)(c - '0')
           : upper >= 'A' && upper <= 'F' ? (unsigned)(upper - 'A') + 10
                                          : 16;
}

static size_t quoted_text(slice body, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < body.n; i++) {
        slice rest = slice_tail(body, i + 1);
        if (body.p[i] != '=') {
            out[n++] = body.p[i];
        } else if (slice_starts(rest, SLICE_LIT("\n"))) {
            i++;
        } else if (slice_starts(rest, SLICE_LIT("\r\n"))) {
            i += 2;
        } else if (rest.n > 1 && hex_value(rest.p[0]) < 16 && hex_value(rest.p[1]) < 16) {
            out[n++] = (char)(unsigned char)(hex_value(rest.p[0]) << 4 | hex_value(rest.p[1]));
            i += 2;
        } else {
            out[n++] = '=';
        }
    }
    return n;
}

/* The body up to the line that begins as the part began; all where nothing did. */
static slice take_body(slice *text, slice delimiter)
{
    slice start = *text;
    while (text->n > 0) {
        slice before = *text, line = take_line(text);
        if (delimiter.n > 0 && slice_starts(line, delimiter)) {
            *text = before;
            break;
        }
    }
    return slice_head(start, start.n - text->n);
}

static size_t decode_parts(slice text, char *out)
{
    size_t n = 0;
    slice delimiter = {0};
    enum coding coding = PLAIN;
    while (text.n > 0) {
        slice line = take_line(&text);
        memcpy(out + n, line.p, line.n);
        n += line.n;
        if (slice_starts(line, SLICE_LIT("--"))) {
            delimiter = line;
            while (delimiter.n > 2 &&
                   (delimiter.p[delimiter.n - 1] == '\n' || delimiter.p[delimiter.n - 1] == '\r'))
                delimiter.n--;
            coding = PLAIN;
        } else if (coding == PLAIN) {
            coding = coding_of(line);
        }
        if (coding == PLAIN || !is_blank_line(line))
            continue;
        slice body = take_body(&text, delimiter);
        n += coding == BASE64 ? base64_text(body, out + n) : quoted_text(body, out + n);
        if (text.n > 0 && n > 0 && out[n - 1] != '\n' && body.n > 0)
            out[n++] = '\n'; /* the body had at least the line end that decoding lost */
        coding = PLAIN;
    }
    return n;
}

static bool has_coded_part(slice text)
{
    while (text.n > 0) {
        if (coding_of(take_line(&text)) != PLAIN)
            return true;
    }
    return false;
}

bool letter_plain(struct arena *a, slice text, slice *ret)
{
    if (is_quoted(text)) {
        char *out = arena_take(a, text.n + 1);
        if (out == NULL)
            return false;
        for (int i = 0; i < QUOTES_MAX && is_quoted(text); i++)
            text = slice_of(out, unquote(text, out));
    }
    if (has_coded_part(text)) {
        char *out = arena_take(a, text.n + 1);
        if (out == NULL)
            return false;
        text = slice_of(out, decode_parts(text, out));
    }
    *ret = text;
    return true;
}
