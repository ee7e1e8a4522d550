/* candor compare A B: how two codes differ, and when which is right. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/layout.h"
#include "lib/catalogue/compare.h"
#include "lib/page/json.h"

enum { ARENA_MAX_BYTES = 1 << 20, OUTPUT_MAX_BYTES = 1 << 20 };

/* From this width on the two stand side by side. */
enum { WIDE_COLUMNS = 100, GAP_COLUMNS = 4 };

struct side {
    const struct explanation *e;
    slice name;
};

/* What is said of each: its title with the meaning, when it is seen, how it is mended. */
enum section { SECTION_MEANING, SECTION_WHEN, SECTION_FIX };
enum { SECTIONS = SECTION_FIX + 1 };

static const enum ui_id headings[SECTIONS] = {
    [SECTION_MEANING] = UI_COUNT, /* its title */
    [SECTION_WHEN] = UI_WHEN,
    [SECTION_FIX] = UI_FIX,
};

static void print_title(struct buf *out, size_t width, const struct side *side)
{
    struct buf lead;
    buf_init(&lead, 4096);
    buf_addf(&lead, "%.*s  ", SLICE_ARG(side->name));
    layout_paragraph(out, width, buf_slice(&lead), side->e->title);
    buf_release(&lead);
}

static void print_section(struct buf *out, size_t width, const struct side *side,
                          enum section section)
{
    switch (section) {
    case SECTION_MEANING:
        print_title(out, width, side);
        layout_paragraph(out, width, SLICE_LIT("  "), side->e->meaning);
        break;
    case SECTION_WHEN:
        layout_paragraph(out, width, SLICE_LIT("  "), side->e->when);
        break;
    case SECTION_FIX:
        explain_fix_print(out, width, side->e);
        break;
    }
}

static void print_side(struct buf *out, size_t width, const struct language *lang,
                       const struct side *side)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        buf_addc(out, '\n');
        if (headings[i] != UI_COUNT)
            layout_paragraph(out, width, SLICE_LIT("  "), slice_cstr(ui_text(lang, headings[i])));
        print_section(out, width, side, (enum section)i);
    }
}

/* The left column is made first: how much it needs decides what is left for the right one. */
static void print_beside(struct buf *out, size_t width, const struct language *lang,
                         const struct side *left, const struct side *right)
{
    struct buf texts[SECTIONS], text;
    struct layout_extent extent = {0};
    size_t half = (width - GAP_COLUMNS) / 2;
    for (size_t i = 0; i < SECTIONS; i++) {
        buf_init(&texts[i], OUTPUT_MAX_BYTES);
        print_section(&texts[i], half, left, (enum section)i);
        layout_measure(buf_slice(&texts[i]), half, &extent);
    }
    size_t column = extent.columns + GAP_COLUMNS;
    buf_init(&text, OUTPUT_MAX_BYTES);
    for (size_t i = 0; i < SECTIONS; i++) {
        buf_clear(&text);
        print_section(&text, width - column - extent.excess, right, (enum section)i);
        if (headings[i] == UI_COUNT)
            buf_addc(out, '\n');
        else
            layout_heading(out, slice_cstr(ui_text(lang, headings[i])));
        layout_beside(out, column, buf_slice(&texts[i]), buf_slice(&text));
        buf_release(&texts[i]);
    }
    buf_release(&text);
}

static void print_sides(struct buf *out, size_t width, const struct comparison *c)
{
    const struct side a = {&c->a, c->name_a}, b = {&c->b, c->name_b};
    bool is_one = slice_eq(a.name, b.name);
    if (!is_one && width >= WIDE_COLUMNS) {
        print_beside(out, width, c->lang, &a, &b);
        return;
    }
    print_side(out, width, c->lang, &a);
    if (!is_one)
        print_side(out, width, c->lang, &b);
}

static void print_comparison(struct buf *out, size_t width, const struct comparison *c, slice rfc,
                             slice names)
{
    layout_paragraph(out, width, (slice){0}, c->title);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_DESCRIPTION)));
    layout_paragraph(out, width, SLICE_LIT("  "), c->intro);
    print_sides(out, width, c);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_DIFFERENCES)));
    layout_list(out, width, c->differences);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_WHICH)));
    layout_list(out, width, c->when_a);
    if (!slice_eq(c->when_a, c->when_b))
        layout_list(out, width, c->when_b);
    if (rfc.n + names.n > 0) {
        layout_heading(out, slice_cstr(ui_text(c->lang, UI_LEARN)));
        explain_learn_print(out, width, rfc, names, (slice){0});
    }
}

static int print_answer(struct cli *cli, const struct comparison *c)
{
    struct buf out, rfc, names;
    int status = CLI_OK;
    buf_init(&out, OUTPUT_MAX_BYTES);
    buf_init(&rfc, 4096);
    buf_init(&names, 4096);
    comparison_learn(c, &rfc, &names);
    if (cli->is_json) {
        if (!cli_print_json(cli, comparison_json(c)))
            status = CLI_TEMPFAIL;
    } else {
        print_comparison(&out, cli_width(), c, buf_slice(&rfc), buf_slice(&names));
        if (out.err != BUF_OK || fwrite(out.p, 1, out.n, stdout) != out.n)
            status = cli_error(cli, CLI_TEMPFAIL, "cannot write to standard output");
    }
    buf_release(&out);
    buf_release(&rfc);
    buf_release(&names);
    return status;
}

int cmd_compare(struct cli *cli)
{
    const struct language *lang = explain_language(cli);
    if (lang == NULL || !cli_check_args(cli, 2, 2))
        return CLI_USAGE;
    struct phrasebook *book = phrasebook_new();
    struct arena arena;
    struct comparison c;
    int status;
    arena_init(&arena, ARENA_MAX_BYTES);
    if (book == NULL ||
        !compare(&arena, book, lang, slice_cstr(cli->args[0]), slice_cstr(cli->args[1]), &c)) {
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    } else {
        status = print_answer(cli, &c);
        if (status == CLI_OK && !(c.a.is_known && c.b.is_known))
            status = CLI_NO;
    }
    phrasebook_free(book);
    arena_release(&arena);
    return status;
}
