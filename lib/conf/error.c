/* The list of errors, how they are shown, and what was probably meant. */
#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/conf/value.h"

#define MESSAGE_MAX 1024
#define SHOWN_LINE_MAX 200

void conf_errors_init(struct conf_errors *e)
{
    e->n = 0;
    e->more = false;
    arena_init(&e->arena, (CONF_ERRORS_MAX + 1) * (size_t)4096);
}

void conf_errors_release(struct conf_errors *e)
{
    arena_release(&e->arena);
    e->n = 0;
}

static void error_add(struct conf_errors *e, struct conf_origin at, bool is_warning,
                      const char *hint, slice message)
{
    if (e->n == CONF_ERRORS_MAX) {
        e->more = true;
        return;
    }
    struct conf_error *error = &e->v[e->n++];
    *error = (struct conf_error){.at = at, .is_warning = is_warning};
    if (!arena_copy(&e->arena, slice_head(message, MESSAGE_MAX), &error->message))
        error->message = SLICE_LIT("out of memory");
    if (hint != NULL &&
        !arena_copy(&e->arena, slice_head(slice_cstr(hint), MESSAGE_MAX), &error->hint))
        error->hint = SLICE_LIT("");
}

static void add_formatted(struct conf_errors *e, struct conf_origin at, bool is_warning,
                          const char *hint, const char *format, va_list list)
    __attribute__((format(printf, 5, 0)));

static void add_formatted(struct conf_errors *e, struct conf_origin at, bool is_warning,
                          const char *hint, const char *format, va_list list)
{
    struct buf message;
    buf_init(&message, 2 * CONF_TEXT_MAX);
    buf_addv(&message, format, list);
    error_add(e, at, is_warning, hint, buf_slice(&message));
    buf_release(&message);
}

void conf_error(struct conf_errors *e, struct conf_origin at, const char *hint, const char *format,
                ...)
{
    va_list list;
    va_start(list, format);
    add_formatted(e, at, false, hint, format, list);
    va_end(list);
}

void conf_warning(struct conf_errors *e, struct conf_origin at, const char *hint,
                  const char *format, ...)
{
    va_list list;
    va_start(list, format);
    add_formatted(e, at, true, hint, format, list);
    va_end(list);
}

/* --- showing -------------------------------------------------------------------------------- */

static slice line_of(slice text, uint32_t line)
{
    for (; line > 1 && text.n > 0; line--)
        text = slice_tail(text, slice_find(text, '\n') + 1);
    slice s = slice_head(text, slice_find(text, '\n'));
    return s.n > 0 && s.p[s.n - 1] == '\r' ? slice_head(s, s.n - 1) : s;
}

/* The letters of s, with '?' for what a terminal should not get; as many columns of blanks when
 * is_blank. At most `letters` of them. */
static void add_letters(struct buf *out, slice s, uint32_t letters, bool is_blank)
{
    for (; s.n > 0 && letters > 0; letters--) {
        slice before = s;
        uint32_t cp;
        if (!utf8_take(&s, &cp)) {
            s = slice_tail(s, 1);
            cp = '?';
        }
        slice letter = slice_head(before, before.n - s.n);
        if (cp != '\t' && (cp < 32 || (cp >= 127 && cp < 160)))
            letter = SLICE_LIT("?");
        if (!is_blank || cp == '\t')
            buf_add(out, letter);
        else
            for (size_t width = utf8_width(letter); width > 0; width--)
                buf_addc(out, ' ');
    }
}

static void error_print(struct buf *out, const struct conf_error *e, slice file, slice text)
{
    buf_add(out, file);
    if (e->at.line > 0)
        buf_addf(out, ":%u:%u", e->at.line, e->at.column);
    buf_adds(out, e->is_warning ? ": warning: " : ": ");
    add_letters(out, e->message, UINT32_MAX, false);
    buf_addc(out, '\n');
    if (e->at.line > 0 && e->at.column <= SHOWN_LINE_MAX) {
        slice line = line_of(text, e->at.line);
        buf_adds(out, "    ");
        add_letters(out, line, SHOWN_LINE_MAX, false);
        buf_adds(out, "\n    ");
        add_letters(out, line, e->at.column - 1, true);
        buf_adds(out, "^\n");
    }
    if (e->hint.n > 0)
        buf_addf(out, "    hint: %.*s\n", SLICE_ARG(e->hint));
}

void conf_errors_print(struct buf *out, const struct conf_errors *e, slice file, slice text)
{
    for (size_t i = 0; i < e->n; i++)
        error_print(out, &e->v[i], file, text);
    if (e->more)
        buf_addf(out, "%.*s: and more; these are the first %d\n", SLICE_ARG(file), CONF_ERRORS_MAX);
}

/* --- what was probably meant ---------------------------------------------------------------- */

#define GUESS_MAX 32

void spelling_init(struct spelling *g, slice word)
{
    /* One slip in four letters, at least one. */
    *g = (struct spelling){.word = word, .best_distance = word.n / 4 + 2};
}

/* Letters to insert, delete, replace or swap with their neighbour. */
static size_t distance(slice a, slice b)
{
    size_t rows[3][GUESS_MAX + 1];
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = ascii_lower(a.p[i - 1]) == ascii_lower(b.p[j - 1]);
            size_t d = last[j - 1] + (same ? 0 : 1);
            if (last[j] + 1 < d)
                d = last[j] + 1;
            if (now[j - 1] + 1 < d)
                d = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                older[j - 2] + 1 < d)
                d = older[j - 2] + 1;
            now[j] = d;
        }
    }
    return rows[a.n % 3][b.n];
}

void spelling_offer(struct spelling *g, const char *candidate)
{
    slice c = slice_cstr(candidate);
    if (g->word.n > GUESS_MAX || c.n > GUESS_MAX || c.n == 0)
        return;
    size_t d = distance(g->word, c);
    /* size for message-size: a part of the name, too. */
    if (d >= g->best_distance && g->best.n == 0 && g->word.n >= 4 &&
        slice_find_slice(c, g->word) < c.n)
        d = g->best_distance - 1;
    if (d < g->best_distance) {
        g->best = c;
        g->best_distance = d;
    }
}

const char *spelling_hint(const struct spelling *g, char *room, size_t n)
{
    static const char before[] = "did you mean ";
    if (g->best.n == 0 || sizeof(before) + g->best.n + 1 > n)
        return NULL;
    memcpy(room, before, sizeof(before) - 1);
    memcpy(room + sizeof(before) - 1, g->best.p, g->best.n);
    memcpy(room + sizeof(before) - 1 + g->best.n, "?", 2);
    return room;
}
