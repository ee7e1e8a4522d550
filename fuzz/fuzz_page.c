/* A request, its parts as lines (method, target, Accept, Accept-Language, and the rest as the
 * body): every one has an answer that is whole and UTF-8, that can stand in an answer of HTTP,
 * leads to no other site, and brings no markup of the request with it. */
#include <jansson.h>

#include "fuzz/fuzz.h"
#include "lib/base/utf8.h"
#include "lib/page/page.h"
#include "src/web/target.h"

enum { OUT_MAX = 16 * 1024 * 1024 };

static bool has(slice text, const char *what)
{
    return slice_find_slice(text, slice_cstr(what)) < text.n;
}

static void check_body(const struct page_answer *a, slice body)
{
    FUZZ_CHECK(utf8_is_valid(body));
    if (slice_is(slice_cstr(a->type), "application/json")) {
        json_t *object = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
        FUZZ_CHECK(object != NULL || a->status == 303);
        json_decref(object);
    } else if (slice_starts(slice_cstr(a->type), SLICE_LIT("text/html")) && a->status != 303) {
        FUZZ_CHECK(slice_starts(body, SLICE_LIT("<!DOCTYPE html>")) && has(body, "</html>"));
        FUZZ_CHECK(!has(body, "<script") && !has(body, "javascript:"));
    }
}

static void check_fields(const struct page_answer *a)
{
    FUZZ_CHECK(a->status >= 200 && a->status < 500 && a->type != NULL);
    FUZZ_CHECK((a->status == 405) == (a->allow != NULL));
    FUZZ_CHECK((a->status == 303) == (a->location.n > 0));
    FUZZ_CHECK(a->status == 200 || a->cache_s == 0);
    for (size_t i = 0; i < a->location.n; i++)
        FUZZ_CHECK(a->location.p[i] > ' ' && a->location.p[i] < 127);
    if (a->location.n > 0)
        FUZZ_CHECK(a->location.p[0] == '/' && a->location.n > 1 && a->location.p[1] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice rest = slice_of(data, n), method, line, accept = {NULL, 0}, language = {NULL, 0};
    struct target t;
    struct page_answer a;
    struct buf out;
    static struct page *page; /* kept: what it compiled serves every input */
    if (page == NULL)
        page = page_new();
    if (page == NULL || !slice_split(&rest, '\n', &method) || !slice_split(&rest, '\n', &line) ||
        !target_split(line, &t))
        return 0;
    (void)slice_split(&rest, '\n', &accept);
    (void)slice_split(&rest, '\n', &language);
    const struct page_request q = {.method = method,
                                   .path = t.path,
                                   .query = t.query,
                                   .body = slice_head(rest, PAGE_BODY_MAX_BYTES),
                                   .accept = accept,
                                   .accept_language = language};
    FUZZ_CHECK(t.path.n > 0 && t.path.p[0] == '/');
    buf_init(&out, OUT_MAX);
    bool ok = page_answer(page, &q, &out, &a);
    FUZZ_CHECK(ok);
    check_fields(&a);
    check_body(&a, buf_slice(&out));
    buf_release(&out);
    return 0;
}
