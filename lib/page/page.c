#include "lib/page/page.h"

#include <stdlib.h>

#include "lib/base/ascii.h"
#include "lib/page/html.h"
#include "lib/page/style.h"
#include "lib/page/view.h"

enum {
    ARENA_MAX_BYTES = 8 << 20,
    PATH_MAX_BYTES = 1024,
    KEPT_S = 3600,
};

struct page {
    struct phrasebook *book;
    struct arena arena;
    struct buf path;
    struct buf query;
    struct buf location;
};

struct page *page_new(void)
{
    struct page *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->book = phrasebook_new();
    arena_init(&p->arena, ARENA_MAX_BYTES);
    buf_init(&p->path, PATH_MAX_BYTES);
    buf_init(&p->query, PAGE_BODY_MAX_BYTES);
    buf_init(&p->location, 4 * PATH_MAX_BYTES);
    if (p->book == NULL) {
        page_free(p);
        return NULL;
    }
    return p;
}

void page_free(struct page *p)
{
    if (p == NULL)
        return;
    phrasebook_free(p->book);
    arena_release(&p->arena);
    buf_release(&p->path);
    buf_release(&p->query);
    buf_release(&p->location);
    free(p);
}

const char *const *page_headers(void)
{
    static const char *const headers[] = {
        "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Cross-Origin-Resource-Policy: same-origin",
        "Permissions-Policy: interest-cohort=()",
        NULL,
    };
    return headers;
}

/* ---- What is asked for ---- */

/* A weight of RFC 9110 12.4.2 in thousandths; 1000 where none stands. */
static unsigned weight_of(slice parameters)
{
    slice one;
    while (slice_split(&parameters, ';', &one)) {
        one = slice_trim(one);
        if (!slice_starts_ci(one, SLICE_LIT("q=")) || one.n < 3)
            continue;
        slice digits = slice_tail(one, 2);
        unsigned weight = digits.p[0] == '1' ? 1000 : 0, scale = 100;
        for (size_t i = 2; i < digits.n && i < 5 && ascii_is_digit(digits.p[i]); i++, scale /= 10)
            weight += (unsigned)(digits.p[i] - '0') * scale;
        return weight > 1000 ? 1000 : weight;
    }
    return 1000;
}

/* RFC 9110 12.5.4: the language with the greatest weight, the first of equals. */
static const struct language *language_of(slice accept_language)
{
    const struct language *best = language_english();
    unsigned best_weight = 0;
    slice range;
    while (slice_split(&accept_language, ',', &range)) {
        slice tag = slice_trim(slice_head(range, slice_find(range, ';')));
        unsigned weight = weight_of(slice_tail(range, slice_find(range, ';') + 1));
        const struct language *lang = tag.n == 0 ? NULL : language_find(tag);
        if (lang != NULL && weight > best_weight) {
            best = lang;
            best_weight = weight;
        }
    }
    return best;
}

/* The weight that a field Accept gives to a type; 0: not wanted, or only by a wildcard. */
static unsigned accepts(slice accept, const char *type)
{
    slice range;
    while (slice_split(&accept, ',', &range)) {
        if (slice_is_ci(slice_trim(slice_head(range, slice_find(range, ';'))), type))
            return weight_of(slice_tail(range, slice_find(range, ';') + 1));
    }
    return 0;
}

/* "/tr/codes/554.json": takes the language off the front and ".json" off the end. */
static void read_path(struct page *p, const struct page_request *q, struct view *v)
{
    url_decode(&p->path, q->path, false);
    v->path = buf_slice(&p->path);
    slice rest = slice_tail(v->path, 1);
    slice first = slice_head(rest, slice_find(rest, '/'));
    const struct language *lang = first.n == 2 ? language_find(first) : NULL;
    v->is_prefixed = lang != NULL;
    v->lang = lang != NULL ? lang : language_of(q->accept_language);
    if (v->is_prefixed)
        v->path = slice_tail(v->path, 1 + first.n);
    v->is_json = slice_ends(v->path, SLICE_LIT(".json"));
    if (v->is_json)
        v->path = slice_head(v->path, v->path.n - 5);
    else
        v->is_json = accepts(q->accept, "application/json") > accepts(q->accept, "text/html");
    /* "/codes/" is "/codes". */
    while (v->path.n > 1 && v->path.p[v->path.n - 1] == '/')
        v->path.n--;
    if (v->path.n == 0)
        v->path = SLICE_LIT("/");
}

/* ---- Where it leads ---- */

static bool is_get(const struct page_request *q)
{
    return slice_is(q->method, "GET") || slice_is(q->method, "HEAD");
}

/* Takes "/codes/" off a path; false where another one begins. */
static bool take_prefix(slice *path, const char *prefix)
{
    slice s = slice_cstr(prefix);
    if (!slice_starts(*path, s) || path->n == s.n)
        return false;
    *path = slice_tail(*path, s.n);
    return true;
}

/* /compare?a=250&b=554 goes to /compare/250/554. */
static bool compare_form(struct page *p, const struct page_request *q, struct view *v,
                         struct page_answer *ret)
{
    struct buf a, b;
    buf_init(&a, PATH_MAX_BYTES);
    buf_init(&b, PATH_MAX_BYTES);
    bool has_both = form_value(q->query, "a", &a) && form_value(q->query, "b", &b);
    slice first = slice_trim(buf_slice(&a)), second = slice_trim(buf_slice(&b));
    /* As much as the address that it leads to may have. */
    bool is_ok = true,
         is_long = a.err == BUF_FULL || b.err == BUF_FULL || a.n + b.n > PATH_MAX_BYTES / 2;
    if (has_both && first.n > 0 && second.n > 0 && !is_long) {
        if (v->is_prefixed)
            buf_addf(&p->location, "/%s", language_code(v->lang));
        buf_adds(&p->location, "/compare/");
        html_url(&p->location, first);
        buf_addc(&p->location, '/');
        html_url(&p->location, second);
        if (v->is_json)
            buf_adds(&p->location, ".json");
        v->status = 303;
        ret->location = buf_slice(&p->location);
        is_ok = p->location.err == BUF_OK;
    } else if (is_long) {
        view_error(v, 414, UI_WEB_TOO_LONG_TITLE, UI_WEB_TOO_LONG);
    } else {
        is_ok = view_compare_form(v);
    }
    buf_release(&a);
    buf_release(&b);
    return is_ok;
}

/* "/compare/250/554": the first slash parts the two. */
static bool compare_two(struct view *v)
{
    slice rest = v->path;
    size_t cut;
    if (!take_prefix(&rest, "/compare/") || (cut = slice_find(rest, '/')) >= rest.n - 1) {
        view_error(v, 404, UI_WEB_NOT_FOUND_TITLE, UI_WEB_NOT_FOUND);
        return true;
    }
    return view_compare(v, slice_head(rest, cut), slice_tail(rest, cut + 1));
}

static bool answer_html(struct page *p, const struct page_request *q, struct view *v,
                        struct page_answer *ret)
{
    slice rest = v->path;
    if (slice_is(rest, "/explain")) {
        (void)form_value(is_get(q) ? q->query : q->body, "q", &p->query);
        v->query = buf_slice(&p->query);
        return view_explain(v);
    }
    if (!is_get(q)) {
        ret->allow = "GET, HEAD";
        view_error(v, 405, UI_WEB_METHOD_TITLE, UI_WEB_NOT_FOUND);
        return true;
    }
    if (slice_is(rest, "/"))
        return view_home(v);
    if (slice_is(rest, "/codes")) {
        (void)form_value(q->query, "q", &p->query);
        v->query = slice_trim(buf_slice(&p->query));
        return view_codes(v);
    }
    if (slice_is(rest, "/compare"))
        return compare_form(p, q, v, ret);
    if (take_prefix(&rest, "/codes/"))
        return view_code(v, rest);
    return compare_two(v);
}

/* What has no language. */
static bool answer_file(const struct page_request *q, struct buf *out, struct page_answer *ret)
{
    static const struct {
        const char *path;
        const char *type;
        const char *text;
    } files[] = {
        {"/style.css", "text/css; charset=utf-8", style_css},
        {"/icon.svg", "image/svg+xml", icon_svg},
        {"/robots.txt", "text/plain; charset=utf-8", "User-agent: *\nAllow: /\n"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!slice_is(q->path, files[i].path) || !is_get(q))
            continue;
        buf_adds(out, files[i].text);
        *ret = (struct page_answer){.status = 200, .type = files[i].type, .cache_s = KEPT_S};
        return true;
    }
    return false;
}

bool page_answer(struct page *p, const struct page_request *q, struct buf *out,
                 struct page_answer *ret)
{
    struct page_answer answer = {.status = 200, .varies = true};
    if (answer_file(q, out, &answer)) {
        if (out->err == BUF_OK)
            *ret = answer;
        return out->err == BUF_OK;
    }
    arena_reset(&p->arena);
    buf_clear(&p->path);
    buf_clear(&p->query);
    buf_clear(&p->location);
    struct view v = {.a = &p->arena, .book = p->book, .out = out, .status = 200};
    read_path(p, q, &v);
    bool is_known = is_get(q) || slice_is(q->method, "POST");
    if (!is_known) {
        answer.allow = "GET, HEAD, POST";
        view_error(&v, 405, UI_WEB_METHOD_TITLE, UI_WEB_NOT_FOUND);
    } else if (p->path.err != BUF_OK) {
        view_error(&v, 414, UI_WEB_TOO_LONG_TITLE, UI_WEB_TOO_LONG);
    } else if (!answer_html(p, q, &v, &answer)) {
        return false;
    }
    answer.status = v.status;
    answer.type = v.is_json ? "application/json" : "text/html; charset=utf-8";
    answer.language = language_code(v.lang);
    answer.cache_s = v.status == 200 && v.query.n == 0 ? KEPT_S : 0;
    if (out->err != BUF_OK || p->query.err == BUF_NOMEM)
        return false;
    *ret = answer;
    return true;
}
