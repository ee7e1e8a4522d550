/* candor explain WHAT: what a reply means, when one sees it, how to fix it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/layout.h"
#include "lib/catalogue/compare.h"
#include "lib/page/json.h"

enum { ARENA_MAX_BYTES = 1 << 20, OUTPUT_MAX_BYTES = 1 << 20 };

const struct language *explain_language(const struct cli *cli)
{
    const struct language *lang = language_find(slice_cstr(cli->lang));
    if (lang != NULL)
        return lang;
    if (!cli->has_lang)
        return language_english();
    struct buf known;
    buf_init(&known, 1024);
    for (size_t i = 0; (lang = language_nth(i)) != NULL; i++)
        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", language_code(lang));
    cli_error(cli, CLI_USAGE, "there is no language \"%s\"; there are %.*s", cli->lang,
              SLICE_ARG(buf_slice(&known)));
    buf_release(&known);
    return NULL;
}

/* ---- The terminal ---- */

void explain_learn_print(struct buf *out, size_t width, slice rfc, slice related, slice self)
{
    struct buf lines;
    slice line;
    buf_init(&lines, 8192);
    learn_lines(&lines, rfc, related, self);
    slice text = buf_slice(&lines);
    while (slice_split(&text, '\n', &line))
        layout_paragraph(out, width, SLICE_LIT("  "), line);
    buf_release(&lines);
}

static void print_label(struct buf *out, size_t width, const char *label, const char *value)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_addf(&line, "%s: %s", label, value);
    layout_paragraph(out, width, SLICE_LIT("  "), buf_slice(&line));
    buf_release(&line);
}

static void print_for(struct buf *out, size_t width, const char *whom)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_addf(&line, "%s:", whom);
    layout_paragraph(out, width, SLICE_LIT("  "), buf_slice(&line));
    buf_release(&line);
}

void explain_fix_print(struct buf *out, size_t width, const struct explanation *e)
{
    slice fix = e->fix, step;
    enum who who, before = WHO_NOBODY;
    for (unsigned number = 1; step_take(&fix, &who, &step); number++) {
        if (who != before && *for_text(e->lang, who) != '\0')
            print_for(out, width, for_text(e->lang, who));
        layout_step(out, width, number, step);
        before = who;
    }
}

static void print_explanation(struct buf *out, size_t width, const struct explanation *e)
{
    struct buf head;
    buf_init(&head, 4096);
    if (e->code != 0)
        buf_addf(&head, "%u ", e->code);
    if (e->enhanced.n > 0)
        buf_addf(&head, "%.*s ", SLICE_ARG(e->enhanced));
    buf_add(&head, e->title);
    layout_paragraph(out, width, (slice){0}, buf_slice(&head));
    buf_release(&head);
    bool has_number = e->code != 0 || e->enhanced.n > 0;
    if (has_number || e->is_known)
        buf_addc(out, '\n');
    if (has_number)
        print_label(out, width, ui_text(e->lang, UI_LABEL_KIND), kind_text(e->lang, e->kind));
    if (e->is_known)
        print_label(out, width, ui_text(e->lang, UI_LABEL_WHO), who_text(e->lang, e->who));
    if (e->reason != NULL)
        print_label(out, width, ui_text(e->lang, UI_LABEL_REASON), e->reason);
    if (e->system != NULL)
        print_label(out, width, ui_text(e->lang, UI_LABEL_SYSTEM), e->system);
    if (e->is_known && e->percent < 95 && !e->is_plain_code) {
        struct buf percent;
        buf_init(&percent, 64);
        percent_text(&percent, e->lang, e->percent);
        buf_addc(&percent, '\0');
        print_label(out, width, ui_text(e->lang, UI_LABEL_SURE), percent.p);
        buf_release(&percent);
    }
    if (e->about.n > 0)
        layout_paragraph(out, width, SLICE_LIT("  "), e->about);
    layout_heading(out, slice_cstr(ui_text(e->lang, UI_DESCRIPTION)));
    layout_paragraph(out, width, SLICE_LIT("  "), e->meaning);
    layout_heading(out, slice_cstr(ui_text(e->lang, UI_WHEN)));
    layout_paragraph(out, width, SLICE_LIT("  "), e->when);
    layout_heading(out, slice_cstr(ui_text(e->lang, UI_FIX)));
    explain_fix_print(out, width, e);
    if (e->example.n > 0) {
        slice example = e->example, line;
        layout_heading(out, slice_cstr(ui_text(e->lang, UI_EXAMPLE)));
        while (slice_split(&example, '\n', &line))
            layout_paragraph(out, width,
                             slice_starts(line, SLICE_LIT("S:")) ? SLICE_LIT("  S: ")
                                                                 : SLICE_LIT("  C: "),
                             slice_tail(line, 3));
    }
    char room[3];
    slice self = compare_self(e, room);
    enum pair_id pair;
    if (e->rfc.n + e->related.n > 0 || compare_with(self, 0, &pair)) {
        layout_heading(out, slice_cstr(ui_text(e->lang, UI_LEARN)));
        explain_learn_print(out, width, e->rfc, e->related, self);
    }
}

/* ---- The command ---- */

/* The arguments with blanks between them, or standard input when there are none. */
static int read_what(struct cli *cli, struct buf *what)
{
    for (size_t i = 0; i < cli->args_n && what->n < EXPLAIN_MAX_BYTES; i++) {
        if (i > 0)
            buf_addc(what, ' ');
        buf_add(what, slice_head(slice_cstr(cli->args[i]), EXPLAIN_MAX_BYTES - what->n));
    }
    if (cli->args_n > 0)
        return 0;
    if (isatty(STDIN_FILENO))
        return cli_usage(cli, "say what to explain: a code, a reason, or a reply");
    while (what->n < EXPLAIN_MAX_BYTES) {
        char piece[4096];
        ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_error(cli, CLI_TEMPFAIL, "cannot read standard input");
        if (n == 0)
            break;
        buf_add(what, slice_of(piece, (size_t)n));
    }
    return 0;
}

static int print_answer(struct cli *cli, const struct explanation *e)
{
    if (cli->is_json)
        return cli_print_json(cli, explanation_json(e)) ? CLI_OK : CLI_TEMPFAIL;
    struct buf out;
    buf_init(&out, OUTPUT_MAX_BYTES);
    print_explanation(&out, cli_width(), e);
    bool is_ok = out.err == BUF_OK && fwrite(out.p, 1, out.n, stdout) == out.n;
    buf_release(&out);
    return is_ok ? CLI_OK : cli_error(cli, CLI_TEMPFAIL, "cannot write to standard output");
}

/* "\\n" stands for a line end, and "\\\\" for a backslash. */
static void unescape(slice line, struct buf *out)
{
    for (size_t i = 0; i < line.n; i++) {
        bool is_escaped = line.p[i] == '\\' && i + 1 < line.n;
        if (is_escaped && (line.p[i + 1] == 'n' || line.p[i + 1] == '\\'))
            buf_addc(out, line.p[++i] == 'n' ? '\n' : '\\');
        else
            buf_addc(out, line.p[i]);
    }
}

static bool print_line_json(json_t *object)
{
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    bool is_ok = text != NULL && printf("%s\n", text) > 0;
    free(text);
    json_decref(object);
    return is_ok;
}

/* One reply a line of standard input, one JSON object a line of standard output. */
static int explain_each_line(struct cli *cli, const struct language *lang)
{
    struct phrasebook *book = phrasebook_new();
    struct arena arena;
    struct buf what;
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    arena_init(&arena, ARENA_MAX_BYTES);
    buf_init(&what, EXPLAIN_MAX_BYTES);
    int status = book == NULL ? cli_error(cli, CLI_TEMPFAIL, "out of memory") : CLI_OK;
    while (status == CLI_OK && (n = getline(&line, &room, stdin)) >= 0) {
        struct explanation e;
        slice text = slice_of(line, (size_t)n);
        if (text.n > 0 && text.p[text.n - 1] == '\n')
            text.n--;
        buf_clear(&what);
        unescape(slice_head(text, EXPLAIN_MAX_BYTES), &what);
        arena_reset(&arena);
        if (!explain(&arena, book, lang, buf_slice(&what), &e))
            status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
        else if (!print_line_json(explanation_json(&e)))
            status = cli_error(cli, CLI_TEMPFAIL, "cannot write to standard output");
    }
    if (status == CLI_OK && ferror(stdin))
        status = cli_error(cli, CLI_TEMPFAIL, "cannot read standard input");
    free(line);
    buf_release(&what);
    arena_release(&arena);
    phrasebook_free(book);
    return status;
}

int cmd_explain(struct cli *cli)
{
    const struct language *lang = explain_language(cli);
    bool is_each_line = cli_take_flag(cli, "--each-line");
    if (lang == NULL || !cli_check_args(cli, 0, is_each_line ? 0 : 64))
        return CLI_USAGE;
    if (is_each_line)
        return explain_each_line(cli, lang);
    struct phrasebook *book = NULL;
    struct buf what;
    struct arena arena;
    struct explanation e;
    buf_init(&what, EXPLAIN_MAX_BYTES + 65536);
    arena_init(&arena, ARENA_MAX_BYTES);
    int status = read_what(cli, &what);
    if (status == 0 && what.n == 0)
        status = cli_usage(cli, "say what to explain: a code, a reason, or a reply");
    if (status == 0 && (what.err != BUF_OK || (book = phrasebook_new()) == NULL ||
                        !explain(&arena, book, lang, buf_slice(&what), &e)))
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    if (status == 0) {
        status = print_answer(cli, &e);
        if (status == CLI_OK && !e.is_known)
            status = CLI_NO;
    }
    phrasebook_free(book);
    arena_release(&arena);
    buf_release(&what);
    return status;
}
