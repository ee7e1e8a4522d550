/* /compare: two codes side by side. */
#include <jansson.h>

#include "lib/page/html.h"
#include "lib/page/json.h"
#include "lib/page/view.h"

static void add_heading(struct view *v, unsigned level, enum ui_id id)
{
    buf_addf(v->out, "<h%u>", level);
    frame_ui(v, id);
    buf_addf(v->out, "</h%u>\n", level);
}

static void add_column(struct view *v, const struct explanation *e, slice name)
{
    buf_addf(v->out, "<section class=\"column\"><h2><span class=\"number %s\">",
             reply_kind_name(e->kind));
    html_text(v->out, name);
    buf_adds(v->out, "</span> ");
    html_text(v->out, e->title);
    buf_adds(v->out, "</h2>\n");
    part_facts(v, e);
    add_heading(v, 3, UI_DESCRIPTION);
    buf_adds(v->out, "<p>");
    html_prose(v->out, e->meaning, e->values.url);
    buf_adds(v->out, "</p>\n");
    add_heading(v, 3, UI_WHEN);
    buf_adds(v->out, "<p>");
    html_prose(v->out, e->when, e->values.url);
    buf_adds(v->out, "</p>\n");
    add_heading(v, 3, UI_FIX);
    part_fix(v, e, 4);
    buf_adds(v->out, "</section>\n");
}

static void add_differences(struct view *v, slice lines)
{
    slice line;
    add_heading(v, 2, UI_DIFFERENCES);
    buf_adds(v->out, "<ul>\n");
    while (slice_split(&lines, '\n', &line)) {
        buf_adds(v->out, "<li>");
        html_prose(v->out, line, (slice){0});
        buf_adds(v->out, "</li>\n");
    }
    buf_adds(v->out, "</ul>\n");
}

static void add_which(struct view *v, const struct comparison *c)
{
    const struct {
        const struct explanation *e;
        slice name;
        slice when;
    } both[] = {{&c->a, c->name_a, c->when_a}, {&c->b, c->name_b, c->when_b}};
    add_heading(v, 2, UI_WHICH);
    buf_adds(v->out, "<dl class=\"which\">\n");
    for (size_t i = 0; i < 2; i++) {
        buf_addf(v->out, "<div><dt><span class=\"number %s\">", reply_kind_name(both[i].e->kind));
        html_text(v->out, both[i].name);
        buf_adds(v->out, "</span></dt><dd>");
        html_prose(v->out, both[i].when, (slice){0});
        buf_adds(v->out, "</dd></div>\n");
    }
    buf_adds(v->out, "</dl>\n");
}

bool view_compare(struct view *v, slice a, slice b)
{
    struct comparison c;
    struct buf rfc, names;
    if (!compare(v->a, v->book, v->lang, a, b, &c))
        return false;
    if (!c.a.is_known || !c.b.is_known)
        v->status = 404;
    if (v->is_json)
        return json_print(v->out, comparison_json(&c));
    buf_init(&rfc, 4096);
    buf_init(&names, 4096);
    comparison_learn(&c, &rfc, &names);
    frame_begin(v, c.title, c.intro);
    buf_addf(v->out, "<article lang=\"%s\">\n<h1>", language_code(c.lang));
    html_text(v->out, c.title);
    buf_adds(v->out, "</h1>\n<p class=\"lead\">");
    html_prose(v->out, c.intro, (slice){0});
    buf_adds(v->out, "</p>\n");
    buf_adds(v->out, "<div class=\"columns\">\n");
    add_column(v, &c.a, c.name_a);
    add_column(v, &c.b, c.name_b);
    buf_adds(v->out, "</div>\n");
    add_differences(v, c.differences);
    add_which(v, &c);
    part_learn(v, buf_slice(&rfc), buf_slice(&names), (slice){0});
    buf_adds(v->out, "</article>\n");
    frame_end(v);
    bool is_ok = rfc.err == BUF_OK && names.err == BUF_OK;
    buf_release(&rfc);
    buf_release(&names);
    return is_ok;
}

bool view_compare_form(struct view *v)
{
    slice a, b;
    slice title = slice_cstr(ui_text(v->lang, UI_WEB_COMPARE));
    json_t *array = v->is_json ? json_array() : NULL;
    if (v->is_json) {
        for (size_t i = 0; compare_nth(i, &a, &b); i++)
            (void)json_array_append_new(array,
                                        json_pack("{s:s%, s:s%}", "a", a.p, a.n, "b", b.p, b.n));
        return json_print(v->out, json_pack("{s:o}", "pairs", array));
    }
    frame_begin(v, title, slice_cstr(ui_text(v->lang, UI_WEB_LEAD)));
    add_heading(v, 1, UI_WEB_COMPARE);
    part_compare_form(v, (slice){0});
    add_heading(v, 2, UI_WEB_COMPARE_PAIRS);
    buf_adds(v->out, "<ul class=\"index\">\n");
    for (size_t i = 0; compare_nth(i, &a, &b); i++) {
        buf_adds(v->out, "<li>");
        frame_link(v, "/compare", a, b);
        html_cstr(v->out, pair_text(v->lang, (enum pair_id)i, PAIR_TITLE));
        buf_adds(v->out, "</a></li>\n");
    }
    buf_adds(v->out, "</ul>\n");
    frame_end(v);
    return true;
}
