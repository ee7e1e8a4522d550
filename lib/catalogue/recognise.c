#include "lib/catalogue/recognise.h"

#include "lib/base/ascii.h"

static bool is_word(char c)
{
    return ascii_is_alnum(c) || c == '_' || !ascii_is_ascii(c);
}

/* Digits of a code that stands alone: not in a number, a word, an address or a time. */
static bool code_at(slice s, size_t at, unsigned *ret)
{
    if (s.n - at < 3 || s.p[at] < '2' || s.p[at] > '5')
        return false;
    if (!ascii_is_digit(s.p[at + 1]) || !ascii_is_digit(s.p[at + 2]))
        return false;
    if (at > 0) {
        char before = s.p[at - 1];
        if (is_word(before) || before == '.' || before == '/' || before == '@' ||
            (before == '-' && at > 1 && is_word(s.p[at - 2])) ||
            (before == '[' && at > 1 && is_word(s.p[at - 2])) || /* a log's "sm-mta[593]" */
            (before == ':' && at > 1 && is_word(s.p[at - 2]) && !ascii_is_alpha(s.p[at - 2])))
            return false;
    }
    if (at + 3 < s.n) {
        char after = s.p[at + 3];
        bool goes_on = at + 4 < s.n && ascii_is_digit(s.p[at + 4]);
        if (is_word(after) || after == '/' || after == '@' || (after == '.' && goes_on) ||
            (after == ':' && goes_on))
            return false;
        /* 550-5.1.1, 550-192.0.2.1 and 550-text are replies, 2024-12-06 and 555-1234 are not. */
        size_t end = at + 4;
        while (after == '-' && end < s.n && ascii_is_digit(s.p[end]))
            end++;
        if (after == '-' && goes_on && !(end < s.n && s.p[end] == '.'))
            return false;
    }
    *ret = (unsigned)(s.p[at] - '0') * 100 + (unsigned)(s.p[at + 1] - '0') * 10 +
           (unsigned)(s.p[at + 2] - '0');
    return true;
}

/* "." and one to three digits. */
static bool take_part(slice *s, unsigned *ret)
{
    size_t n = 1;
    unsigned value = 0;
    if (s->n < 2 || s->p[0] != '.')
        return false;
    while (n < s->n && n < 4 && ascii_is_digit(s->p[n]))
        value = value * 10 + (unsigned)(s->p[n++] - '0');
    if (n == 1)
        return false;
    *ret = value;
    *s = slice_tail(*s, n);
    return true;
}

static bool enhanced_at(slice s, size_t at, struct recognised *ret)
{
    char class = ascii_upper(s.p[at]);
    if (class != '2' && class != '4' && class != '5' && class != 'X')
        return false;
    if (at > 0 && (is_word(s.p[at - 1]) || s.p[at - 1] == '.'))
        return false;
    slice rest = slice_tail(s, at + 1);
    unsigned subject, detail;
    if (!take_part(&rest, &subject) || !take_part(&rest, &detail))
        return false;
    /* 5.1.1.7 is an address or a version. */
    if (rest.n > 0 &&
        (is_word(rest.p[0]) || (rest.p[0] == '.' && rest.n > 1 && ascii_is_digit(rest.p[1]))))
        return false;
    ret->enhanced = slice_of(s.p + at, s.n - at - rest.n);
    ret->class = class;
    ret->subject = subject;
    ret->detail = detail;
    return true;
}

/* line without the code and enhanced code that it begins with. */
static slice line_text(slice line)
{
    line = slice_trim(line);
    unsigned code;
    struct recognised enhanced;
    if (line.n >= 3 && code_at(line, 0, &code)) {
        line = slice_tail(line, 3);
        if (line.n > 0 && line.p[0] == '-')
            line = slice_tail(line, 1);
        line = slice_trim(line);
        if (line.n > 0 && enhanced_at(line, 0, &enhanced))
            line = slice_trim(slice_tail(line, enhanced.enhanced.n));
    }
    return line;
}

/* Whether a line of the same reply begins in the middle of line, as where lines were joined:
 * "550-5.1.1 The account does not 550-5.1.1 exist". *ret_n is the length of its codes. */
static bool is_joint(slice line, size_t at, unsigned code, size_t *ret_n)
{
    unsigned again;
    struct recognised enhanced;
    if (code == 0 || at == 0 || line.p[at - 1] != ' ' || !code_at(line, at, &again) ||
        again != code || line.n - at < 5)
        return false;
    slice rest = slice_tail(line, at + 4);
    bool is_coded = enhanced_at(rest, 0, &enhanced);
    if (line.p[at + 3] != '-' && !(line.p[at + 3] == ' ' && is_coded))
        return false;
    *ret_n = 4 + (is_coded ? enhanced.enhanced.n : 0);
    return true;
}

/* The words of a line, one blank between them, without codes that joined lines left in between. */
static size_t words_copy(slice line, unsigned code, char *out)
{
    size_t n = 0, skipped;
    for (size_t i = 0; i < line.n; i++) {
        if (is_joint(line, i, code, &skipped)) {
            i += skipped - 1;
            continue;
        }
        char c = line.p[i] == '\t' ? ' ' : line.p[i];
        if (c != ' ' || (n > 0 && out[n - 1] != ' '))
            out[n++] = c;
    }
    return n;
}

bool recognise(struct arena *a, slice what, struct recognised *ret)
{
    struct recognised r = {.code = 0};
    size_t code_begin = what.n;
    for (size_t at = 0; at < what.n && r.code == 0; at++) {
        if (code_at(what, at, &r.code))
            code_begin = at;
    }
    for (size_t at = 0; at < what.n && r.enhanced.n == 0; at++)
        (void)enhanced_at(what, at, &r);
    slice all = slice_trim(what);
    uint64_t number;
    if (r.code == 0 && all.n == 3 && slice_to_u64(all, 999, &number))
        r.code = (unsigned)number;

    char *text = arena_take(a, what.n + 1);
    if (text == NULL)
        return false;
    size_t n = 0;
    slice rest = slice_tail(what, code_begin < what.n ? code_begin : 0);
    slice line;
    while (slice_split(&rest, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        line = line_text(line);
        if (line.n > 0 && n > 0)
            text[n++] = ' ';
        n += words_copy(line, r.code, text + n);
    }
    r.text = slice_of(text, n);
    *ret = r;
    return true;
}

/* Each literal run of reply is looked for behind the one before; the first has to stand at the
 * beginning. Facts hold no runs of ours often enough to need going back. */
bool reason_text_matches(const char *reply, slice text, size_t *ret_literal)
{
    slice pattern = slice_cstr(reply);
    size_t literal = 0;
    bool is_anchored = true;
    while (pattern.n > 0) {
        size_t open = slice_find(pattern, '{');
        slice run = slice_head(pattern, open);
        size_t shut = slice_find(pattern, '}');
        pattern = slice_tail(pattern, shut == pattern.n ? pattern.n
                                      : open < shut     ? shut + 1
                                                        : shut);
        size_t at = slice_find_slice(text, run);
        if (run.n > 0 && (at == text.n || (is_anchored && at > 0)))
            return false;
        text = slice_tail(text, at + run.n);
        literal += run.n;
        is_anchored = false;
    }
    *ret_literal = literal;
    return literal > 0;
}
