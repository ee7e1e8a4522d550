/* /, /explain and /codes/X: what one thing means. */
#include <jansson.h>

#include "lib/page/html.h"
#include "lib/page/json.h"
#include "lib/page/view.h"

enum { SHOWN_MAX_BYTES = 600 };

static void begin_titled(struct view *v, const struct explanation *e)
{
    struct buf title;
    struct view name = *v;
    buf_init(&title, 4096);
    name.out = &title;
    part_name(&name, e);
    if (title.n > 0)
        buf_addc(&title, ' ');
    buf_add(&title, e->title);
    frame_begin(v, buf_slice(&title), e->meaning);
    buf_release(&title);
}

bool view_code(struct view *v, slice what)
{
    struct explanation e;
    if (!explain(v->a, v->book, v->lang, what, &e))
        return false;
    if (!e.is_known)
        v->status = 404;
    if (v->is_json)
        return json_print(v->out, explanation_json(&e));
    begin_titled(v, &e);
    part_explanation(v, &e);
    frame_end(v);
    return true;
}

/* What was pasted, so that the explanation stands under it; of a long one the beginning. */
static void add_asked(struct view *v)
{
    slice shown = slice_head(v->query, SHOWN_MAX_BYTES);
    while (shown.n > 0 && shown.n < v->query.n && (shown.p[shown.n] & 0xc0) == 0x80)
        shown.n--;
    buf_adds(
        v->out,
        "<pre class=\"wire asked\" translate=\"no\" tabindex=\"0\" role=\"group\" aria-label=\"");
    frame_ui(v, UI_WEB_PASTE);
    buf_adds(v->out, "\">");
    html_text(v->out, shown);
    buf_adds(v->out, shown.n < v->query.n ? " …</pre>\n" : "</pre>\n");
}

bool view_explain(struct view *v)
{
    struct explanation e;
    if (v->query.n > 0 && !explain(v->a, v->book, v->lang, v->query, &e))
        return false;
    if (v->is_json && v->query.n > 0)
        return json_print(v->out, explanation_json(&e));
    v->is_json = false; /* a form is for people, whatever was asked for */
    frame_begin(v, slice_cstr(ui_text(v->lang, UI_WEB_EXPLAIN)),
                slice_cstr(ui_text(v->lang, UI_WEB_LEAD)));
    if (v->query.n > 0) {
        add_asked(v);
        part_explanation(v, &e);
        buf_adds(v->out, "<section class=\"again\"><h2>");
        frame_ui(v, UI_WEB_EXPLAIN);
        buf_adds(v->out, "</h2>\n");
        part_paste_form(v);
        buf_adds(v->out, "</section>\n");
    } else {
        buf_adds(v->out, "<h1>");
        frame_ui(v, UI_WEB_EXPLAIN);
        buf_adds(v->out, "</h1>\n");
        part_paste_form(v);
    }
    frame_end(v);
    return true;
}

/* ---- The first page ---- */

static bool add_popular(struct view *v)
{
    static const char *const often[] = {"550", "554",   "535",   "421",   "450",
                                        "552", "5.7.1", "5.1.1", "4.7.1", "5.7.26"};
    buf_adds(v->out, "<ul class=\"index\">\n");
    for (size_t i = 0; i < sizeof often / sizeof often[0]; i++) {
        struct explanation e;
        if (!explain(v->a, NULL, v->lang, slice_cstr(often[i]), &e))
            return false;
        buf_adds(v->out, "<li>");
        frame_link(v, "/codes", slice_cstr(often[i]), (slice){0});
        buf_addf(v->out, "<span class=\"number %s\">%s</span> ", reply_kind_name(e.kind), often[i]);
        html_text(v->out, e.title);
        buf_adds(v->out, "</a></li>\n");
    }
    buf_adds(v->out, "</ul>\n");
    return true;
}

bool view_home(struct view *v)
{
    slice site = slice_cstr(ui_text(v->lang, UI_WEB_SITE)),
          lead = slice_cstr(ui_text(v->lang, UI_WEB_LEAD));
    v->is_json = false; /* as of the form */
    frame_begin(v, site, lead);
    buf_adds(v->out, "<h1>");
    html_text(v->out, site);
    buf_adds(v->out, "</h1>\n<p class=\"lead\">");
    html_text(v->out, lead);
    buf_adds(v->out, "</p>\n");
    part_paste_form(v);
    buf_adds(v->out, "<h2>");
    frame_ui(v, UI_WEB_POPULAR);
    buf_adds(v->out, "</h2>\n");
    if (!add_popular(v))
        return false;
    frame_end(v);
    return true;
}
