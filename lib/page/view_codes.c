/* /codes: everything that can be looked up, and the search in it. */
#include <jansson.h>

#include "lib/page/html.h"
#include "lib/page/json.h"
#include "lib/page/search.h"
#include "lib/page/view.h"

/* What there is: basic codes, enhanced codes, causes, reasons, in this order. */
enum sort { SORT_BASIC, SORT_ENHANCED, SORT_CAUSE, SORT_REASON };
enum { SORT_COUNT = SORT_REASON + 1 };

struct entry {
    slice id;
    enum reply_kind kind;
    const char *texts[TEXT_FIELDS];
};

static size_t entries_of(enum sort sort)
{
    static const size_t counts[SORT_COUNT] = {[SORT_BASIC] = CODE_COUNT,
                                              [SORT_ENHANCED] = ENHANCED_COUNT,
                                              [SORT_CAUSE] = CAUSE_COUNT,
                                              [SORT_REASON] = REASON_COUNT};
    return counts[sort];
}

/* digits: room for a basic code. */
static struct entry entry_at(const struct language *lang, enum sort sort, unsigned i,
                             char digits[3])
{
    struct entry e = {.kind = KIND_PSEUDO};
    for (unsigned f = 0; f < TEXT_FIELDS; f++) {
        enum text_field field = (enum text_field)f;
        e.texts[f] = sort == SORT_BASIC      ? code_text(lang, (enum code_id)i, field)
                     : sort == SORT_ENHANCED ? enhanced_text(lang, (enum enhanced_id)i, field)
                     : sort == SORT_CAUSE    ? cause_text(lang, (enum cause_id)i, field)
                                             : reason_text(lang, (enum reason_id)i, field);
    }
    if (sort == SORT_BASIC) {
        unsigned number = code_number((enum code_id)i);
        for (unsigned at = 3, rest = number; at-- > 0; rest /= 10)
            digits[at] = (char)('0' + rest % 10);
        e.id = slice_of(digits, 3);
        e.kind = reply_kind_of(number);
    } else if (sort == SORT_ENHANCED) {
        e.id = slice_cstr(enhanced_name((enum enhanced_id)i));
        e.kind = reply_kind_of((unsigned)(e.id.p[0] - '0') * 100);
    } else if (sort == SORT_CAUSE) {
        e.id = slice_cstr(cause_of((enum cause_id)i)->id);
    } else {
        const struct reason *r = reason_of((enum reason_id)i);
        e.id = slice_cstr(r->id);
        e.kind = reply_kind_of(r->basic);
    }
    return e;
}

static bool fits(struct search *s, const struct entry *e)
{
    if (search_is_empty(s) || search_finds_id(s, e->id))
        return true;
    return search_finds(s, slice_cstr(e->texts[TEXT_TITLE])) ||
           search_finds(s, slice_cstr(e->texts[TEXT_MEANING])) ||
           search_finds(s, slice_cstr(e->texts[TEXT_WHEN]));
}

/* ---- JSON ---- */

static const char *const sort_names[SORT_COUNT] = {"code", "enhanced", "cause", "reason"};

static bool print_json(struct view *v, struct search *s)
{
    json_t *array = json_array();
    for (unsigned sort = 0; sort < SORT_COUNT; sort++) {
        for (unsigned i = 0; i < entries_of((enum sort)sort); i++) {
            char digits[3];
            struct entry e = entry_at(v->lang, (enum sort)sort, i, digits);
            if (fits(s, &e) &&
                json_array_append_new(array, json_pack("{s:s%, s:s, s:s, s:s}", "id", e.id.p,
                                                       e.id.n, "sort", sort_names[sort], "kind",
                                                       reply_kind_name(e.kind), "title",
                                                       e.texts[TEXT_TITLE])) != 0) {
                json_decref(array);
                return false;
            }
        }
    }
    return json_print(v->out,
                      json_pack("{s:o, s:s}", "entries", array, "lang", language_code(v->lang)));
}

/* ---- HTML ---- */

static void add_entry(struct view *v, const struct entry *e)
{
    buf_adds(v->out, "<li>");
    frame_link(v, "/codes", e->id, (slice){0});
    buf_addf(v->out, "<span class=\"number %s\">", reply_kind_name(e->kind));
    html_text(v->out, e->id);
    buf_adds(v->out, "</span> ");
    html_cstr(v->out, e->texts[TEXT_TITLE]);
    buf_adds(v->out, "</a></li>\n");
}

/* The heading comes with the first that fits. */
static size_t add_sort(struct view *v, struct search *s, enum sort sort)
{
    static const struct {
        const char *anchor;
        enum ui_id title;
        enum ui_id about;
    } heads[SORT_COUNT] = {
        [SORT_BASIC] = {"basic", UI_WEB_BASIC, UI_WEB_BASIC_ABOUT},
        [SORT_ENHANCED] = {"enhanced", UI_WEB_ENHANCED, UI_WEB_ENHANCED_ABOUT},
        [SORT_CAUSE] = {"causes", UI_WEB_CAUSES, UI_WEB_CAUSES_ABOUT},
        [SORT_REASON] = {"reasons", UI_WEB_REASONS, UI_WEB_REASONS_ABOUT},
    };
    size_t n = 0;
    for (unsigned i = 0; i < entries_of(sort); i++) {
        char digits[3];
        struct entry e = entry_at(v->lang, sort, i, digits);
        if (!fits(s, &e))
            continue;
        if (n++ == 0) {
            buf_addf(v->out, "<section id=\"%s\"><h2>", heads[sort].anchor);
            frame_ui(v, heads[sort].title);
            buf_adds(v->out, "</h2>\n<p class=\"hint\">");
            frame_ui(v, heads[sort].about);
            buf_addf(v->out, "</p>\n<ul class=\"index %s\">\n", heads[sort].anchor);
        }
        add_entry(v, &e);
    }
    if (n > 0)
        buf_adds(v->out, "</ul></section>\n");
    return n;
}

static void add_count(struct view *v, size_t n)
{
    slice text = slice_cstr(ui_text(v->lang, UI_WEB_SEARCH_COUNT));
    size_t at = slice_find_slice(text, SLICE_LIT("{count}"));
    html_text(v->out, slice_head(text, at));
    buf_addu(v->out, n);
    html_text(v->out, slice_tail(text, at + 7));
}

bool view_codes(struct view *v)
{
    struct search s;
    if (!search_init(&s, v->query))
        return false;
    bool is_ok = true;
    if (v->is_json) {
        is_ok = print_json(v, &s);
        search_release(&s);
        return is_ok;
    }
    frame_begin(v, slice_cstr(ui_text(v->lang, UI_WEB_CODES)),
                slice_cstr(ui_text(v->lang, UI_WEB_LEAD)));
    buf_adds(v->out, "<h1>");
    frame_ui(v, UI_WEB_CODES);
    buf_adds(v->out, "</h1>\n");
    part_search_form(v);
    struct buf *page = v->out, list;
    size_t n = 0;
    buf_init(&list, page->max);
    v->out = &list;
    for (unsigned sort = 0; sort < SORT_COUNT; sort++)
        n += add_sort(v, &s, (enum sort)sort);
    v->out = page;
    if (v->query.n > 0) {
        buf_adds(v->out, "<p role=\"status\">");
        if (n == 0)
            frame_ui(v, UI_WEB_SEARCH_NONE);
        else
            add_count(v, n);
        buf_adds(v->out, "</p>\n");
    }
    buf_add(v->out, buf_slice(&list));
    is_ok = list.err == BUF_OK;
    buf_release(&list);
    search_release(&s);
    frame_end(v);
    return is_ok;
}
