#include "cli/manual.h"

#include "lib/base/utf8.h"
#include "lib/conf/conf.h"

/* --- for man -------------------------------------------------------------------------------- */

/* roff takes a backslash, and a full stop or quote at the start of a line, for its own. */
static void add_roff(struct buf *out, slice s)
{
    if (s.n > 0 && (s.p[0] == '.' || s.p[0] == '\''))
        buf_adds(out, "\\&");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            buf_adds(out, "\\e");
        else if (s.p[i] == '-')
            buf_adds(out, "\\-");
        else
            buf_addc(out, s.p[i]);
    }
}

static void page_entry(void *context, const struct conf_doc *doc)
{
    struct buf *out = context;
    if (doc->key.n == 0) {
        buf_adds(out, ".SH ");
        if (doc->block.n == 0) {
            buf_adds(out, "TOP LEVEL");
        } else {
            add_roff(out, doc->block);
            buf_addc(out, ' ');
            add_roff(out, doc->value);
            buf_adds(out, doc->value.n > 0 ? " {" : "{");
            buf_adds(out, " ... }");
        }
        buf_addc(out, '\n');
        add_roff(out, doc->text);
        buf_addc(out, '\n');
        return;
    }
    buf_adds(out, ".TP\n\\fB");
    add_roff(out, doc->key);
    buf_adds(out, "\\fR ");
    add_roff(out, doc->value);
    buf_addc(out, '\n');
    add_roff(out, doc->text);
    buf_addc(out, '\n');
    if (doc->fallback.n > 0) {
        buf_adds(out, "Default: ");
        add_roff(out, doc->fallback);
        buf_adds(out, ".\n");
    }
}

static const char page_head[] =
    ".TH CANDOR.CONF 5 \"\" \"candor " CANDOR_VERSION "\" \"Candor\"\n"
    ".SH NAME\ncandor.conf \\- configuration of the Candor mail server\n"
    ".SH SYNOPSIS\n.nf\n"
    "host mx.example.org\n"
    "domain example.org\n"
    "tls { certificate /etc/candor/cert.pem; key /etc/candor/key.pem }\n.fi\n"
    ".SH DESCRIPTION\n"
    "These three lines are a whole configuration: everything else has a default.\n"
    ".PP\n"
    "A statement is a word and its values; it ends with the line, with a semicolon or before a "
    "closing brace. Some have a block of statements in braces. A number sign at the start of a "
    "word "
    "begins a comment. Words with blanks, braces, semicolons or quotes in them stand in double "
    "quotes, in which only \\e\" and \\e\\e are special.\n"
    ".PP\n"
    "A SIZE is a number of bytes, or one with K, M or G (of 1024); a DURATION is a number with ms, "
    "s, m, h or d. A PATH that does not begin with / begins where the file is. A key may stand "
    "once, "
    "but those whose value is a list (...) may be repeated and add up.\n"
    ".PP\n"
    ".B candor config check\n"
    "says what is wrong, with line and column;\n"
    ".B candor config show\n"
    "shows every value that holds and where it comes from;\n"
    ".B candor config diff\n"
    "shows what a reload (SIGHUP) would change.\n";

void manual_conf_page(struct buf *out)
{
    buf_adds(out, page_head);
    conf_each_doc(page_entry, out);
    buf_adds(out, ".SH SEE ALSO\n.BR candor (1)\n");
}

/* Lines as they are, those of more than one thing apart. */
static void add_lines(struct buf *out, slice text)
{
    slice line;
    while (slice_split(&text, '\n', &line)) {
        if (line.n == 0)
            buf_adds(out, ".sp");
        else
            add_roff(out, line);
        buf_addc(out, '\n');
    }
}

static const struct {
    const char *name;
    const char *arguments;
    const char *summary;
    const char *more;
} commands[] = {
#define COMMAND(name, function, arguments, summary, more) {#name, arguments, summary, more},
#include "cli/commands.def"
#undef COMMAND
};

void manual_candor_page(struct buf *out)
{
    buf_adds(out, ".TH CANDOR 1 \"\" \"candor " CANDOR_VERSION "\" \"Candor\"\n"
                  ".SH NAME\ncandor \\- an SMTP server that says what its replies mean\n"
                  ".SH SYNOPSIS\n.B candor\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n"
                  ".SH COMMANDS\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        buf_addf(out, ".SS candor %s ", commands[i].name);
        add_roff(out, slice_cstr(commands[i].arguments));
        buf_addc(out, '\n');
        add_roff(out, slice_cstr(commands[i].summary));
        buf_adds(out, ".\n");
        if (commands[i].more[0] != '\0') {
            buf_adds(out, ".sp\n.nf\n");
            add_lines(out, slice_cstr(commands[i].more));
            buf_adds(out, ".fi\n");
        }
    }
    buf_adds(out, ".SH OPTIONS\n"
                  ".TP\n\\fB\\-\\-help\\fR\nshow how a command is used\n"
                  ".TP\n\\fB\\-\\-json\\fR\nprint one JSON object\n"
                  ".TP\n\\fB\\-\\-lang\\fR \\fIL\\fR\n"
                  "speak this language: en, de, tr, vi or hi; by default the environment's\n"
                  ".SH EXIT STATUS\n"
                  ".TP\n0\ndone\n.TP\n1\nthe answer is no: not found, refused, check failed\n"
                  ".TP\n2\nwrong usage\n.TP\n75\ncould not tell; try again\n"
                  ".SH FILES\n"
                  ".TP\n/etc/candor/candor.conf\nthe configuration, where neither \\-c nor "
                  "\\-\\-dir nor the environment's CANDOR_CONF names another\n"
                  ".SH SEE ALSO\n.BR candor.conf (5)\n");
}

/* --- for a terminal ------------------------------------------------------------------------- */

struct text {
    struct buf *out;
    size_t width;
};

void manual_add_wrapped(struct buf *out, slice s, size_t indent, size_t width)
{
    size_t column = 0;
    slice word;
    while (slice_split(&s, ' ', &word)) {
        size_t n = utf8_width(word);
        if (column > 0 && column + 1 + n > width) {
            buf_addc(out, '\n');
            column = 0;
        }
        if (column == 0) {
            for (; column < indent; column++)
                buf_addc(out, ' ');
        } else {
            buf_addc(out, ' ');
            column++;
        }
        buf_add(out, word);
        column += n;
    }
    buf_addc(out, '\n');
}

static void text_entry(void *context, const struct conf_doc *doc)
{
    struct text *t = context;
    bool is_top = doc->block.n == 0;
    size_t indent = is_top ? 4 : 8;
    if (doc->key.n == 0) {
        buf_adds(t->out, t->out->n > 0 ? "\n" : "");
        if (!is_top)
            buf_addf(t->out, "%.*s %.*s%s{ … }\n", SLICE_ARG(doc->block), SLICE_ARG(doc->value),
                     doc->value.n > 0 ? " " : "");
        manual_add_wrapped(t->out, doc->text, is_top ? 0 : 4, t->width);
        return;
    }
    buf_addf(t->out, "%s%.*s %.*s", is_top ? "" : "    ", SLICE_ARG(doc->key),
             SLICE_ARG(doc->value));
    if (doc->fallback.n > 0)
        buf_addf(t->out, "   (default: %.*s)", SLICE_ARG(doc->fallback));
    buf_addc(t->out, '\n');
    manual_add_wrapped(t->out, doc->text, indent, t->width);
}

void manual_conf_text(struct buf *out, size_t width)
{
    struct text t = {out, width};
    conf_each_doc(text_entry, &t);
}
