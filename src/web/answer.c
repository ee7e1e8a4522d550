#include "src/web/answer.h"

#include <stdlib.h>

#include "src/web/target.h"
#include "src/web/visitors.h"

enum {
    ANSWER_MAX_BYTES = 8 * 1024 * 1024,
    /* Of all answers that are on their way: more wait in nobody's memory. */
    ANSWERS_MAX_BYTES = 64 * 1024 * 1024,
};

/* ---- header fields ---- */

/* "Name: value". */
static bool add_line(struct MHD_Response *r, const char *text)
{
    char name[64];
    slice line = slice_cstr(text);
    size_t n = slice_find(line, ':');
    if (n >= sizeof name || n + 2 > line.n)
        return false;
    memcpy(name, text, n);
    name[n] = '\0';
    return MHD_add_response_header(r, name, text + n + 2) == MHD_YES;
}

/* value NULL: no such field. */
static bool add(struct MHD_Response *r, const char *name, const char *value)
{
    return value == NULL || MHD_add_response_header(r, name, value) == MHD_YES;
}

static bool add_standing(struct MHD_Response *r)
{
    for (const char *const *line = page_headers(); *line != NULL; line++)
        if (!add_line(r, *line))
            return false;
    return true;
}

static bool add_fields(struct MHD_Response *r, const struct page_answer *a)
{
    struct buf location;
    char cache[48] = "no-store";
    buf_init(&location, 4096);
    buf_add(&location, a->location);
    buf_addc(&location, '\0');
    if (a->cache_s > 0)
        snprintf(cache, sizeof cache, "public, max-age=%u", a->cache_s);
    bool ok = location.err == BUF_OK && add_standing(r) &&
              add(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type) &&
              add(r, MHD_HTTP_HEADER_CONTENT_LANGUAGE, a->language) &&
              add(r, MHD_HTTP_HEADER_ALLOW, a->allow) &&
              add(r, MHD_HTTP_HEADER_LOCATION, a->location.n > 0 ? location.p : NULL) &&
              add(r, MHD_HTTP_HEADER_VARY, a->varies ? "Accept, Accept-Language" : NULL) &&
              add(r, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
    buf_release(&location);
    return ok;
}

/* ---- sending ---- */

/* r: taken; NULL where there was no memory for it. */
static enum MHD_Result queue(struct web *w, struct MHD_Connection *c, struct request *q,
                             unsigned status, struct MHD_Response *r)
{
    if (r == NULL)
        return MHD_NO;
    enum MHD_Result ok = MHD_YES;
    if (w->role->is_draining)
        ok = MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    if (ok == MHD_YES)
        ok = MHD_queue_response(c, status, r);
    MHD_destroy_response(r); /* it is counted: the queue has one too */
    if (ok == MHD_YES) {
        q->status = status;
        visitor_enter(q->visitor, VISITOR_LISTENS);
    }
    return ok;
}

static const char *words_of(unsigned status)
{
    switch (status) {
    case MHD_HTTP_BAD_REQUEST:
        return "400: this request cannot be understood.\n";
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return "405: the pages know GET, HEAD and POST.\n";
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "413: this is too much to explain at once. A reply or a bounce message without its "
               "attachments is enough; 64 KiB is the most.\n";
    case MHD_HTTP_NOT_IMPLEMENTED:
        return "501: this transfer encoding is not understood here.\n";
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        return "503: too much is asked at the moment. Try again in a few seconds.\n";
    default:
        return "500: the page could not be made. The server's log says when.\n";
    }
}

static enum MHD_Result say(struct web *w, struct MHD_Connection *c, struct request *q,
                           unsigned status, bool is_last)
{
    const char *words = words_of(status);
    const struct page_answer a = {
        .type = "text/plain; charset=utf-8",
        .language = "en",
        .allow = status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD, POST" : NULL,
    };
    q->answer_bytes = strlen(words);
    struct MHD_Response *r =
        MHD_create_response_from_buffer(q->answer_bytes, (void *)(uintptr_t)words,
                                        MHD_RESPMEM_PERSISTENT);
    bool ok =
        r != NULL && add_fields(r, &a) &&
        add(r, MHD_HTTP_HEADER_CONNECTION, is_last ? "close" : NULL) &&
        add(r, MHD_HTTP_HEADER_RETRY_AFTER, status == MHD_HTTP_SERVICE_UNAVAILABLE ? "5" : NULL);
    if (ok)
        return queue(w, c, q, status, r);
    if (r != NULL)
        MHD_destroy_response(r);
    return MHD_NO;
}

enum MHD_Result answer_plain(struct web *w, struct MHD_Connection *c, struct request *q,
                             unsigned status)
{
    return say(w, c, q, status, !w->role->is_draining); /* then queue says it */
}

/* A page on its way. */
struct body {
    struct web *web;
    struct buf text;
};

static void free_body(void *owner)
{
    struct body *b = owner;
    b->web->answer_bytes -= b->text.cap;
    buf_release(&b->text);
    free(b);
}

/* text is taken. */
static enum MHD_Result send_page(struct web *w, struct MHD_Connection *c, struct request *q,
                                 const struct page_answer *a, struct buf *text)
{
    struct body *b = calloc(1, sizeof *b);
    if (b == NULL) {
        buf_release(text);
        return MHD_NO;
    }
    *b = (struct body){w, *text};
    w->answer_bytes += text->cap;
    q->answer_bytes = text->n;
    struct MHD_Response *r =
        MHD_create_response_from_buffer_with_free_callback_cls(text->n, b->text.p, free_body, b);
    if (r == NULL) {
        free_body(b);
        return MHD_NO;
    }
    if (add_fields(r, a))
        return queue(w, c, q, a->status, r);
    MHD_destroy_response(r);
    return MHD_NO;
}

/* ---- pages ---- */

static slice field(struct MHD_Connection *c, const char *name)
{
    return slice_cstr(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static void log_failed(struct web *w, const struct target *t)
{
    struct log_line line;
    w->failed++;
    log_begin(&line, w->role->log, LOG_ERROR, "http.failed");
    log_slice(&line, "path", t->path);
    log_end(&line);
}

enum MHD_Result answer_page(struct web *w, struct MHD_Connection *c, struct request *q,
                            const char *method)
{
    struct target t;
    struct page_answer a;
    struct buf text;
    if (!target_split(buf_slice(&q->target), &t)) {
        slice m = slice_cstr(method);
        bool is_known = slice_is(m, "GET") || slice_is(m, "HEAD") || slice_is(m, "POST");
        return answer_plain(w, c, q, is_known ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_METHOD_NOT_ALLOWED);
    }
    if (w->answer_bytes > ANSWERS_MAX_BYTES)
        return say(w, c, q, MHD_HTTP_SERVICE_UNAVAILABLE, true);
    const struct page_request ask = {.method = slice_cstr(method),
                                     .path = t.path,
                                     .query = t.query,
                                     .body = buf_slice(&q->body),
                                     .accept = field(c, MHD_HTTP_HEADER_ACCEPT),
                                     .accept_language = field(c, MHD_HTTP_HEADER_ACCEPT_LANGUAGE)};
    buf_init(&text, ANSWER_MAX_BYTES);
    if (page_answer(w->page, &ask, &text, &a))
        return send_page(w, c, q, &a, &text);
    buf_release(&text);
    log_failed(w, &t);
    return say(w, c, q, MHD_HTTP_INTERNAL_SERVER_ERROR, false);
}
