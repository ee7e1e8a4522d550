#include "lib/conf/lex.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

void lex_init(struct lex *l, slice text, struct arena *arena)
{
    *l = (struct lex){.rest = text, .at = {1, 1}, .arena = arena};
    if (slice_starts(text, SLICE_LIT("\xef\xbb\xbf")))
        l->rest = slice_tail(text, 3); /* a byte order mark, as some editors leave it */
}

static void skip(struct lex *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = l->rest.p[i];
        if (c == '\n') {
            l->at.line++;
            l->at.column = 1;
        } else if (((unsigned char)c & 0xc0) != 0x80) {
            l->at.column++;
        }
    }
    l->rest = slice_tail(l->rest, n);
}

static bool is_line_end(slice s)
{
    return s.p[0] == '\n' || (s.p[0] == '\r' && s.n > 1 && s.p[1] == '\n');
}

static void skip_blank_and_comment(struct lex *l)
{
    for (;;) {
        size_t n = 0;
        while (n < l->rest.n && ascii_is_blank(l->rest.p[n]))
            n++;
        skip(l, n);
        if (l->rest.n == 0 || l->rest.p[0] != '#')
            return;
        skip(l, slice_find(l->rest, '\n'));
    }
}

/* {name}, the length of it; else 0. */
static size_t placeholder(slice s)
{
    size_t n = 1;
    while (n < s.n && ascii_is_lower(s.p[n]))
        n++;
    return n > 1 && n < s.n && s.p[n] == '}' ? n + 1 : 0;
}

static struct token bad(struct lex *l, const char *message)
{
    struct token t = {.kind = TOKEN_BAD, .at = l->at, .message = message};
    l->rest = slice_tail(l->rest, l->rest.n);
    return t;
}

/* The bytes at the start of s that belong to a bare word. */
static size_t bare_length(slice s)
{
    size_t n = 0;
    while (n < s.n) {
        char c = s.p[n];
        if (ascii_is_blank(c) || ascii_is_control(c) || c == ';' || c == '}' || c == '"')
            break;
        size_t step = 1;
        if (c == '{') {
            step = n == 0 ? 0 : placeholder(slice_tail(s, n));
            if (step == 0)
                break;
        }
        n += step;
    }
    return n;
}

static struct token quoted(struct lex *l)
{
    struct token t = {.kind = TOKEN_WORD, .is_quoted = true, .at = l->at};
    size_t n = 1;
    size_t escapes = 0;
    for (;; n++) {
        if (n == l->rest.n || l->rest.p[n] == '\n' || l->rest.p[n] == '\r')
            return bad(l, "this quote is not closed on its line");
        if (l->rest.p[n] == '"')
            break;
        if (ascii_is_control(l->rest.p[n])) {
            skip(l, n);
            return bad(l, "a control character stands between quotes");
        }
        if (l->rest.p[n] != '\\')
            continue;
        if (n + 1 == l->rest.n || (l->rest.p[n + 1] != '"' && l->rest.p[n + 1] != '\\')) {
            skip(l, n);
            return bad(l, "between quotes \\ stands only before \" or \\");
        }
        n++;
        escapes++;
    }
    t.text = slice_of(l->rest.p + 1, n - 1);
    if (escapes > 0) {
        char *copy = arena_take(l->arena, t.text.n);
        if (copy == NULL)
            return bad(l, "out of memory");
        size_t len = 0;
        for (size_t i = 0; i < t.text.n; i++) {
            if (t.text.p[i] == '\\')
                i++;
            copy[len++] = t.text.p[i];
        }
        t.text = slice_of(copy, len);
    }
    skip(l, n + 1);
    if (l->rest.n > 0 && (bare_length(l->rest) > 0 || l->rest.p[0] == '"'))
        return bad(l, "after the closing quote a blank is missing");
    return t;
}

struct token lex_next(struct lex *l)
{
    skip_blank_and_comment(l);
    struct token t = {.kind = TOKEN_END, .at = l->at};
    if (l->rest.n == 0)
        return t;
    char c = l->rest.p[0];
    if (is_line_end(l->rest)) {
        t.kind = TOKEN_STOP;
        skip(l, c == '\n' ? 1 : 2);
        return t;
    }
    if (c == ';' || c == '{' || c == '}') {
        t.kind = c == ';' ? TOKEN_STOP : c == '{' ? TOKEN_OPEN : TOKEN_CLOSE;
        skip(l, 1);
        return t;
    }
    if (c == '"')
        return quoted(l);
    size_t n = bare_length(l->rest);
    if (n == 0)
        return bad(l, "this control character has no place in a configuration");
    t.kind = TOKEN_WORD;
    t.text = slice_head(l->rest, n);
    skip(l, n);
    if (l->rest.n > 0 && l->rest.p[0] == '"')
        return bad(l, "a quote may only begin a word");
    return t;
}

bool lex_needs_quotes(slice word)
{
    return word.n == 0 || word.p[0] == '#' || slice_find(word, '\\') < word.n ||
           bare_length(word) != word.n;
}
