/* candor compare A B: how two codes differ, and when which is right. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/layout.h"
#include "lib/catalogue/compare.h"
#include "lib/page/json.h"

enum { ARENA_MAX_BYTES = 1 << 20, OUTPUT_MAX_BYTES = 1 << 20 };

static void print_which(struct buf *out, size_t width, slice name, slice when)
{
    struct buf line;
    buf_init(&line, 8192);
    buf_add(&line, name);
    buf_adds(&line, ": ");
    buf_add(&line, when);
    layout_paragraph(out, width, SLICE_LIT("  "), buf_slice(&line));
    buf_release(&line);
}

static void print_comparison(struct buf *out, size_t width, const struct comparison *c, slice rfc,
                             slice names)
{
    layout_paragraph(out, width, (slice){0}, c->title);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_DESCRIPTION)));
    layout_paragraph(out, width, SLICE_LIT("  "), c->intro);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_DIFFERENCES)));
    layout_list(out, width, c->differences);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_WHICH)));
    print_which(out, width, c->name_a, c->when_a);
    print_which(out, width, c->name_b, c->when_b);
    layout_heading(out, slice_cstr(ui_text(c->lang, UI_LEARN)));
    explain_learn_print(out, width, rfc, names);
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
    struct arena arena;
    struct comparison c;
    int status;
    arena_init(&arena, ARENA_MAX_BYTES);
    if (!compare(&arena, NULL, lang, slice_cstr(cli->args[0]), slice_cstr(cli->args[1]), &c)) {
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    } else {
        status = print_answer(cli, &c);
        if (status == CLI_OK && !(c.a.is_known && c.b.is_known))
            status = CLI_NO;
    }
    arena_release(&arena);
    return status;
}
