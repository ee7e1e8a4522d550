/* What several pages are made of. */
#include "lib/page/html.h"
#include "lib/page/view.h"

/* ---- Forms ---- */

static void begin_form(struct view *v, const char *page, const char *method, const char *role)
{
    buf_addf(v->out, "<form method=\"%s\" action=\"", method);
    if (v->is_prefixed)
        buf_addf(v->out, "/%s", language_code(v->lang));
    buf_addf(v->out, "%s\"%s accept-charset=\"utf-8\">\n", page, role);
}

static void add_button(struct view *v, enum ui_id label)
{
    buf_adds(v->out, "<button type=\"submit\">");
    frame_ui(v, label);
    buf_adds(v->out, "</button>");
}

void part_paste_form(struct view *v)
{
    begin_form(v, "/explain", "post", "");
    buf_adds(v->out, "<label for=\"q\">");
    frame_ui(v, UI_WEB_PASTE);
    buf_adds(v->out, "</label>\n<p id=\"q-hint\" class=\"hint\">");
    frame_ui(v, UI_WEB_PASTE_HINT);
    buf_adds(v->out, "</p>\n<textarea id=\"q\" name=\"q\" rows=\"6\" required maxlength=\"60000\" "
                     "aria-describedby=\"q-hint\" dir=\"ltr\" spellcheck=\"false\" "
                     "autocomplete=\"off\" translate=\"no\">\n");
    if (slice_is(v->path, "/explain"))
        html_text(v->out, v->query);
    buf_adds(v->out, "</textarea>\n<p>");
    add_button(v, UI_WEB_PASTE_BUTTON);
    buf_adds(v->out, "</p>\n</form>\n");
}

void part_search_form(struct view *v)
{
    begin_form(v, "/codes", "get", " role=\"search\"");
    buf_adds(v->out, "<label for=\"s\">");
    frame_ui(v, UI_WEB_SEARCH);
    buf_adds(v->out, "</label>\n<p id=\"s-hint\" class=\"hint\">");
    frame_ui(v, UI_WEB_SEARCH_HINT);
    buf_adds(v->out, "</p>\n<p class=\"row\"><input id=\"s\" name=\"q\" type=\"search\" "
                     "maxlength=\"200\" aria-describedby=\"s-hint\" value=\"");
    if (slice_is(v->path, "/codes"))
        html_text(v->out, v->query);
    buf_adds(v->out, "\">");
    add_button(v, UI_WEB_SEARCH);
    buf_adds(v->out, "</p>\n</form>\n");
}

static void add_code_field(struct view *v, const char *name, enum ui_id label, slice value)
{
    buf_addf(v->out, "<span class=\"field\"><label for=\"c-%s\">", name);
    frame_ui(v, label);
    buf_addf(v->out,
             "</label><input id=\"c-%s\" name=\"%s\" required maxlength=\"200\" "
             "autocapitalize=\"none\" spellcheck=\"false\" translate=\"no\" value=\"",
             name, name);
    html_text(v->out, value);
    buf_adds(v->out, "\"></span>\n");
}

void part_compare_form(struct view *v, slice a)
{
    begin_form(v, "/compare", "get", " class=\"pair\"");
    add_code_field(v, "a", UI_WEB_COMPARE_FIRST, a);
    add_code_field(v, "b", UI_WEB_COMPARE_SECOND, (slice){0});
    add_button(v, UI_WEB_COMPARE_BUTTON);
    buf_adds(v->out, "\n</form>\n");
}

/* ---- An explanation ---- */

void part_name(struct view *v, const struct explanation *e)
{
    if (e->code != 0)
        buf_addu(v->out, e->code);
    if (e->enhanced.n > 0) {
        if (e->code != 0)
            buf_addc(v->out, ' ');
        html_text(v->out, e->enhanced);
    }
    if (e->code == 0 && e->enhanced.n == 0 && e->cause != NULL)
        html_cstr(v->out, e->cause);
}

static void begin_fact(struct view *v, enum ui_id label)
{
    buf_adds(v->out, "<div><dt>");
    frame_ui(v, label);
    buf_adds(v->out, "</dt><dd>");
}

static void add_fact(struct view *v, enum ui_id label, slice value)
{
    if (value.n == 0)
        return;
    begin_fact(v, label);
    html_text(v->out, value);
    buf_adds(v->out, "</dd></div>\n");
}

static void add_named_fact(struct view *v, enum ui_id label, const char *id)
{
    if (id == NULL)
        return;
    begin_fact(v, label);
    frame_link(v, "/codes", slice_cstr(id), (slice){0});
    buf_addf(v->out, "<code translate=\"no\">%s</code></a></dd></div>\n", id);
}

void part_facts(struct view *v, const struct explanation *e)
{
    buf_addf(v->out, "<dl class=\"facts %s\">\n", reply_kind_name(e->kind));
    if (e->code != 0 || e->enhanced.n > 0)
        add_fact(v, UI_LABEL_KIND, slice_cstr(kind_text(e->lang, e->kind)));
    if (e->is_known)
        add_fact(v, UI_LABEL_WHO, slice_cstr(who_text(e->lang, e->who)));
    add_fact(v, UI_LABEL_SYSTEM, slice_cstr(e->system));
    if (e->reason != NULL)
        add_named_fact(v, UI_LABEL_REASON, e->reason);
    else if (!e->is_plain_code)
        add_named_fact(v, UI_LABEL_CAUSE, e->cause);
    if (e->is_known && e->percent < 95 && e->cause != NULL && !e->is_plain_code) {
        begin_fact(v, UI_LABEL_SURE);
        percent_text(v->out, e->lang, e->percent);
        buf_adds(v->out, "</dd></div>\n");
    }
    buf_adds(v->out, "</dl>\n");
}

static void add_heading(struct view *v, unsigned level, const char *text)
{
    buf_addf(v->out, "<h%u>", level);
    html_cstr(v->out, text);
    buf_addf(v->out, "</h%u>\n", level);
}

void part_fix(struct view *v, const struct explanation *e, unsigned level)
{
    slice fix = e->fix, step;
    enum who who, before = WHO_NOBODY;
    bool is_open = false;
    for (unsigned number = 1; step_take(&fix, &who, &step); number++) {
        if (!is_open || who != before) {
            if (is_open)
                buf_adds(v->out, "</ol>\n");
            if (*for_text(e->lang, who) != '\0')
                add_heading(v, level, for_text(e->lang, who));
            buf_addf(v->out, "<ol start=\"%u\">\n", number);
        }
        buf_adds(v->out, "<li>");
        html_prose(v->out, step, e->values.url);
        buf_adds(v->out, "</li>\n");
        is_open = true;
        before = who;
    }
    if (is_open)
        buf_adds(v->out, "</ol>\n");
}

static void add_example(struct view *v, const struct explanation *e)
{
    slice example = e->example, line;
    if (example.n == 0)
        return;
    add_heading(v, 2, ui_text(e->lang, UI_EXAMPLE));
    buf_adds(v->out, "<pre class=\"wire\" lang=\"en\" translate=\"no\" tabindex=\"0\" "
                     "role=\"group\" aria-label=\"");
    html_cstr(v->out, ui_text(e->lang, UI_EXAMPLE));
    buf_adds(v->out, "\">");
    while (slice_split(&example, '\n', &line)) {
        bool is_server = slice_starts(line, SLICE_LIT("S:"));
        buf_adds(v->out, is_server ? "<span class=\"s\">" : "<span class=\"c\">");
        html_text(v->out, line);
        buf_adds(v->out, "</span>\n");
    }
    buf_adds(v->out, "</pre>\n");
}

static void add_values(struct view *v, const struct explanation *e)
{
    const struct phrase_values *p = &e->values;
    if (p->ip.n + p->address.n + p->domain.n + p->list.n + p->url.n + p->size.n + p->limit.n == 0)
        return;
    add_heading(v, 2, ui_text(e->lang, UI_WEB_FOUND));
    buf_adds(v->out, "<dl class=\"facts\">\n");
    add_fact(v, UI_VALUE_IP, p->ip);
    add_fact(v, UI_VALUE_ADDRESS, p->address);
    add_fact(v, UI_VALUE_DOMAIN, p->domain);
    add_fact(v, UI_VALUE_LIST, p->list);
    add_fact(v, UI_VALUE_URL, p->url);
    add_fact(v, UI_VALUE_SIZE, p->size);
    add_fact(v, UI_VALUE_LIMIT, p->limit);
    buf_adds(v->out, "</dl>\n");
}

/* ---- Learn more ---- */

static void add_standards(struct view *v, slice rfc)
{
    slice one;
    if (rfc.n == 0)
        return;
    add_heading(v, 3, ui_text(v->lang, UI_WEB_STANDARDS));
    buf_adds(v->out, "<ul class=\"links\">\n");
    while (rfc_take(&rfc, &one)) {
        size_t before;
        buf_adds(v->out, "<li><a rel=\"external noreferrer\" translate=\"no\" href=\"");
        before = v->out->n;
        rfc_link(v->out, one);
        if (v->out->n == before)
            buf_adds(v->out, "https://datatracker.ietf.org/");
        buf_adds(v->out, "\">");
        html_text(v->out, one);
        buf_adds(v->out, "</a></li>\n");
    }
    buf_adds(v->out, "</ul>\n");
}

static void add_related(struct view *v, slice related)
{
    slice one;
    if (related.n == 0)
        return;
    add_heading(v, 3, ui_text(v->lang, UI_WEB_RELATED));
    buf_adds(v->out, "<ul class=\"links\">\n");
    while (slice_split(&related, ' ', &one)) {
        struct explanation e;
        buf_adds(v->out, "<li>");
        frame_link(v, "/codes", one, (slice){0});
        html_text(v->out, one);
        buf_adds(v->out, "</a>");
        if (explain(v->a, NULL, v->lang, one, &e)) {
            buf_adds(v->out, " ");
            html_text(v->out, e.title);
        }
        buf_adds(v->out, "</li>\n");
    }
    buf_adds(v->out, "</ul>\n");
}

void part_learn(struct view *v, slice rfc, slice related, slice self)
{
    slice a, b;
    enum pair_id id;
    add_heading(v, 2, ui_text(v->lang, UI_LEARN));
    add_standards(v, rfc);
    add_related(v, related);
    size_t n = 0;
    while (compare_with(self, n, &id) && compare_nth(id, &a, &b)) {
        if (n++ == 0) {
            add_heading(v, 3, ui_text(v->lang, UI_WEB_COMPARED));
            buf_adds(v->out, "<ul class=\"links\">\n");
        }
        buf_adds(v->out, "<li>");
        frame_link(v, "/compare", a, b);
        html_cstr(v->out, pair_text(v->lang, id, PAIR_TITLE));
        buf_adds(v->out, "</a></li>\n");
    }
    if (n > 0)
        buf_adds(v->out, "</ul>\n");
}

/* ---- The whole ---- */

void part_explanation(struct view *v, const struct explanation *e)
{
    char room[3];
    buf_addf(v->out, "<article lang=\"%s\">\n<h1>", language_code(e->lang));
    if (e->code != 0 || e->enhanced.n > 0) {
        buf_addf(v->out, "<span class=\"number %s\">", reply_kind_name(e->kind));
        part_name(v, e);
        buf_adds(v->out, "</span> ");
    }
    html_text(v->out, e->title);
    buf_adds(v->out, "</h1>\n");
    part_facts(v, e);
    if (e->about.n > 0) {
        buf_adds(v->out, "<p class=\"about\">");
        html_text(v->out, e->about);
        buf_adds(v->out, "</p>\n");
    }
    add_heading(v, 2, ui_text(e->lang, UI_DESCRIPTION));
    buf_adds(v->out, "<p>");
    html_prose(v->out, e->meaning, e->values.url);
    buf_adds(v->out, "</p>\n");
    add_values(v, e);
    add_heading(v, 2, ui_text(e->lang, UI_WHEN));
    buf_adds(v->out, "<p>");
    html_prose(v->out, e->when, e->values.url);
    buf_adds(v->out, "</p>\n");
    add_heading(v, 2, ui_text(e->lang, UI_FIX));
    part_fix(v, e, 3);
    add_example(v, e);
    part_learn(v, e->rfc, e->related, compare_self(e, room));
    buf_adds(v->out, "</article>\n");
}
