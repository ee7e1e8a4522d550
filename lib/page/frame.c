#include "lib/page/html.h"
#include "lib/page/view.h"

void frame_ui(struct view *v, enum ui_id id)
{
    html_cstr(v->out, ui_text(v->lang, id));
}

static void add_path(struct view *v, const struct language *lang, slice path)
{
    if (lang != NULL)
        buf_addf(v->out, "/%s", language_code(lang));
    slice segment;
    path = slice_tail(path, 1);
    if (path.n == 0)
        buf_addc(v->out, '/');
    while (slice_split(&path, '/', &segment)) {
        buf_addc(v->out, '/');
        html_url(v->out, segment);
    }
}

void frame_link(struct view *v, const char *page, slice segment, slice segment2)
{
    buf_adds(v->out, "<a href=\"");
    add_path(v, v->is_prefixed ? v->lang : NULL, slice_cstr(page));
    const slice both[] = {segment, segment2};
    for (size_t i = 0; i < 2 && both[i].n > 0; i++) {
        buf_addc(v->out, '/');
        html_url(v->out, both[i]);
    }
    buf_adds(v->out, "\">");
}

/* "?q=..." of a search, so that a change of language keeps it. What was pasted is not repeated. */
static void add_query(struct view *v)
{
    if (v->query.n == 0 || !slice_is(v->path, "/codes"))
        return;
    buf_adds(v->out, "?q=");
    html_url(v->out, v->query);
}

static void add_alternates(struct view *v)
{
    const struct language *lang;
    for (size_t i = 0; (lang = language_nth(i)) != NULL; i++) {
        buf_addf(v->out, "<link rel=\"alternate\" hreflang=\"%s\" href=\"", language_code(lang));
        add_path(v, lang, v->path);
        buf_adds(v->out, "\">\n");
    }
    buf_adds(v->out, "<link rel=\"alternate\" hreflang=\"x-default\" href=\"");
    add_path(v, NULL, v->path);
    buf_adds(v->out, "\">\n");
}

static void add_languages(struct view *v)
{
    const struct language *lang;
    buf_adds(v->out, "<nav class=\"languages\" aria-label=\"");
    frame_ui(v, UI_WEB_LANGUAGE);
    buf_adds(v->out, "\"><ul>");
    for (size_t i = 0; (lang = language_nth(i)) != NULL; i++) {
        const char *code = language_code(lang);
        buf_addf(v->out, "<li><a lang=\"%s\" hreflang=\"%s\"%s href=\"", code, code,
                 lang == v->lang ? " aria-current=\"true\"" : "");
        add_path(v, lang, v->path);
        add_query(v);
        buf_addf(v->out, "\">%s</a></li>", ui_text(lang, UI_LANGUAGE_NAME));
    }
    buf_adds(v->out, "</ul></nav>");
}

static void add_place(struct view *v, const char *page, enum ui_id name)
{
    slice there = slice_cstr(page);
    bool is_here = slice_starts(v->path, there);
    buf_adds(v->out, "<li><a href=\"");
    add_path(v, v->is_prefixed ? v->lang : NULL, there);
    buf_addf(v->out, "\"%s>",
             slice_eq(v->path, there) ? " aria-current=\"page\""
             : is_here                ? " aria-current=\"true\""
                                      : "");
    frame_ui(v, name);
    buf_adds(v->out, "</a></li>");
}

void frame_begin(struct view *v, slice title, slice about)
{
    buf_addf(v->out,
             "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
             language_code(v->lang));
    html_text(v->out, title);
    buf_adds(v->out, " – Candor</title>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n");
    if (about.n > 0) {
        buf_adds(v->out, "<meta name=\"description\" content=\"");
        html_text(v->out, about);
        buf_adds(v->out, "\">\n");
    }
    buf_adds(v->out, "<link rel=\"stylesheet\" href=\"/style.css\">\n"
                     "<link rel=\"icon\" type=\"image/svg+xml\" href=\"/icon.svg\">\n");
    if (v->status == 200)
        add_alternates(v);
    buf_adds(v->out, "</head>\n<body>\n<a class=\"skip\" href=\"#main\">");
    frame_ui(v, UI_WEB_SKIP);
    buf_adds(v->out, "</a>\n<header class=\"top\"><a class=\"brand\" href=\"");
    add_path(v, v->is_prefixed ? v->lang : NULL, SLICE_LIT("/"));
    buf_adds(v->out, "\" translate=\"no\">Candor</a>\n<nav class=\"places\" aria-label=\"");
    frame_ui(v, UI_WEB_NAV);
    buf_adds(v->out, "\"><ul>");
    add_place(v, "/explain", UI_WEB_EXPLAIN);
    add_place(v, "/codes", UI_WEB_CODES);
    add_place(v, "/compare", UI_WEB_COMPARE);
    buf_adds(v->out, "</ul></nav>\n");
    add_languages(v);
    buf_adds(v->out, "</header>\n<main id=\"main\" tabindex=\"-1\">\n");
}

void frame_end(struct view *v)
{
    buf_adds(v->out, "</main>\n<footer><p>");
    frame_ui(v, UI_WEB_FOOT);
    buf_adds(v->out, "</p></footer>\n</body>\n</html>\n");
}
