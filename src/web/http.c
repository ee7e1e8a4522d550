#include "src/web/http.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/ascii.h"
#include "src/web/answer.h"
#include "src/web/visitors.h"

enum {
    /* Of a connection: its request line and header section, and the head of the answer. */
    CONNECTION_BYTES = 32 * 1024,
    /* A body that is too large is read to its end so far, so that the client hears why: one that
     * still writes when we close may lose the answer (RFC 9112 9.6). */
    SWALLOW_BYTES = 1024 * 1024,
    RUNS_A_TURN = 64,
};

/* ---- requests ---- */

void request_free(struct request *q)
{
    if (q == NULL)
        return;
    buf_release(&q->target);
    buf_release(&q->body);
    free(q);
}

static struct visitor *visitor_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The first line, before libmicrohttpd decodes it in place. What is returned is *con_cls later. */
static void *on_first_line(void *owner, const char *target, struct MHD_Connection *c)
{
    struct web *w = owner;
    struct visitor *v = visitor_of(c);
    struct request *q = calloc(1, sizeof *q);
    request_free(v->request);
    v->request = q;
    if (q == NULL)
        return NULL;
    q->visitor = v;
    q->begun_ms = loop_now_ms(w->role->loop);
    buf_init(&q->target, CONNECTION_BYTES);
    buf_init(&q->body, PAGE_BODY_MAX_BYTES);
    buf_adds(&q->target, target);
    visitor_enter(v, VISITOR_ASKS);
    return q;
}

/* Header fields that say where a request ends, and whom it is for. */
struct framing {
    unsigned hosts, lengths, encodings;
    slice length, encoding;
    bool is_broken;
};

/* A name of RFC 9110 5.1, and no line end within the value. Blanks before the colon and a CR alone
 * stay where they are in libmicrohttpd; other readers take them away, or end the line there. A
 * folded line it puts behind the name: "Content-Length: 3" and " 0" become "Content-Length0: 3". */
static bool is_field(slice name, slice value)
{
    static const char *const folded[] = {"Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!ascii_is_alnum(c) && slice_find(SLICE_LIT("!#$%&'*+-.^_`|~"), c) == 15)
            return false;
    }
    for (size_t i = 0; i < sizeof folded / sizeof folded[0]; i++) {
        slice whole = slice_cstr(folded[i]);
        if (slice_starts_ci(name, whole) && name.n > whole.n)
            return false;
    }
    return name.n > 0 && slice_find(value, '\r') == value.n;
}

static enum MHD_Result see_field(void *to, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct framing *f = to;
    slice name = slice_cstr(key);
    (void)kind;
    if (!is_field(name, slice_cstr(value)))
        f->is_broken = true;
    if (slice_is_ci(name, "Host"))
        f->hosts++;
    if (slice_is_ci(name, "Content-Length")) {
        f->lengths++;
        f->length = slice_cstr(value);
    }
    if (slice_is_ci(name, "Transfer-Encoding")) {
        f->encodings++;
        f->encoding = slice_cstr(value);
    }
    return MHD_YES;
}

/* libmicrohttpd picks one when two fields say different lengths; a proxy in front of us may pick
 * the other, and take what we see as a second request for something else (RFC 9112 6.3, 11.2). */
static unsigned refuse_head(struct MHD_Connection *c, const char *version)
{
    struct framing f = {0};
    uint64_t length = 0;
    bool is_1_1 = slice_is(slice_cstr(version), MHD_HTTP_VERSION_1_1);
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, see_field, &f);
    if (f.is_broken)
        return MHD_HTTP_BAD_REQUEST;
    if (f.hosts > 1 || (f.hosts == 0 && is_1_1)) /* RFC 9112 3.2 */
        return MHD_HTTP_BAD_REQUEST;
    if (f.lengths + f.encodings > 1 || (f.encodings > 0 && !is_1_1))
        return MHD_HTTP_BAD_REQUEST;
    if (f.encodings > 0 && !slice_is_ci(f.encoding, "chunked"))
        return MHD_HTTP_NOT_IMPLEMENTED; /* RFC 9112 6.1 */
    if (f.lengths > 0 && !slice_to_u64(f.length, UINT64_MAX, &length))
        return MHD_HTTP_BAD_REQUEST;
    if (length > SWALLOW_BYTES)
        return MHD_HTTP_CONTENT_TOO_LARGE;
    if (length > PAGE_BODY_MAX_BYTES &&
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) != NULL)
        return MHD_HTTP_CONTENT_TOO_LARGE;
    return 0;
}

static enum MHD_Result take_body(struct request *q, const char *method, slice part)
{
    q->body_bytes += part.n;
    if (slice_is(slice_cstr(method), MHD_HTTP_METHOD_POST) && q->body_bytes <= PAGE_BODY_MAX_BYTES)
        buf_add(&q->body, part);
    else
        buf_release(&q->body);
    return q->body_bytes <= SWALLOW_BYTES ? MHD_YES : MHD_NO;
}

/* Called with the head, then with each part of the body, then once more. */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_n, void **con_cls)
{
    struct web *w = owner;
    struct request *q = *con_cls;
    (void)url; /* decoded; the pages want it as it came */
    if (q == NULL || q->target.err != BUF_OK)
        return MHD_NO; /* no memory */
    if (!q->has_head) {
        q->has_head = true;
        unsigned status = refuse_head(c, version);
        return status == 0 ? MHD_YES : answer_plain(w, c, q, status);
    }
    if (*data_n > 0) {
        slice part = slice_of(data, *data_n);
        *data_n = 0;
        return take_body(q, method, part);
    }
    if (q->body_bytes > PAGE_BODY_MAX_BYTES)
        return answer_plain(w, c, q, MHD_HTTP_CONTENT_TOO_LARGE);
    if (q->body.err != BUF_OK)
        return MHD_NO;
    return answer_page(w, c, q, method);
}

static const char *end_name(enum MHD_RequestTerminationCode end)
{
    switch (end) {
    case MHD_REQUEST_TERMINATED_COMPLETED_OK:
        return "done";
    case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED:
        return "late";
    case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN:
        return "drain";
    case MHD_REQUEST_TERMINATED_WITH_ERROR:
    case MHD_REQUEST_TERMINATED_READ_ERROR:
    case MHD_REQUEST_TERMINATED_CLIENT_ABORT:
        break;
    }
    return "gone";
}

/* Which page, and never what was looked for or pasted there. */
static void log_request(struct web *w, const struct request *q, const char *end)
{
    struct log_line line;
    struct buf client;
    slice target = buf_slice(&q->target);
    buf_init(&client, 64);
    ip_print(&client, &q->visitor->ip);
    log_begin(&line, w->role->log, LOG_DEBUG, "http.request");
    log_slice(&line, "client", buf_slice(&client));
    log_slice(&line, "path", slice_head(target, slice_find(target, '?')));
    log_u64(&line, "status", q->status);
    log_u64(&line, "bytes", q->answer_bytes);
    log_u64(&line, "ms", loop_now_ms(w->role->loop) - q->begun_ms);
    log_cstr(&line, "end", end);
    log_end(&line);
    buf_release(&client);
}

static void on_completed(void *owner, struct MHD_Connection *c, void **con_cls,
                         enum MHD_RequestTerminationCode end)
{
    struct web *w = owner;
    struct visitor *v = visitor_of(c);
    *con_cls = NULL;
    if (v->request == NULL)
        return;
    w->requests++;
    w->refused += v->request->status == 0 || v->request->status >= 400;
    log_request(w, v->request, end_name(end));
    request_free(v->request);
    v->request = NULL;
    visitor_wait(v);
}

static void on_connection(void *owner, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct web *w = owner;
    (void)c;
    switch (what) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        *context = w->arriving;
        w->arriving = NULL;
        return;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        visitor_free(*context);
        *context = NULL;
    }
}

/* ---- on the loop ---- */

static void on_again(struct timer *t)
{
    http_wake(CONTAINER_OF(t, struct web, run_again));
}

static void run(struct turn_hook *h)
{
    struct web *w = CONTAINER_OF(h, struct web, run);
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    bool is_busy = true;
    for (int i = 0; i < RUNS_A_TURN && is_busy; i++) {
        (void)MHD_run(w->daemon); /* fails when it is used in another way than this only */
        is_busy = MHD_get_timeout(w->daemon, &wait_ms) == MHD_YES && wait_ms == 0;
    }
    timer_stop(w->role->loop, &w->run_again);
    if (is_busy || MHD_get_timeout(w->daemon, &wait_ms) == MHD_YES)
        timer_set(w->role->loop, &w->run_again, is_busy ? 0 : wait_ms, on_again);
}

void http_wake(struct web *w)
{
    turn_hook_queue(w->role->loop, &w->run, run);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    http_wake(CONTAINER_OF(watch, struct web, watch));
}

/* What it has to say is about single clients. */
static void on_complaint(void *owner, const char *format, va_list list)
{
    struct web *w = owner;
    struct log_line line;
    char text[512];
    vsnprintf(text, sizeof text, format, list);
    log_begin(&line, w->role->log, LOG_DEBUG, "http.complaint");
    log_slice(&line, "text", slice_head(slice_cstr(text), slice_find(slice_cstr(text), '\n')));
    log_end(&line);
}

int http_start(struct web *w)
{
    w->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, w,
        MHD_OPTION_EXTERNAL_LOGGER, on_complaint, w,
        /* How many there may be is our business: this must never be the lower limit. */
        MHD_OPTION_CONNECTION_LIMIT, UINT32_MAX / 2, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_URI_LOG_CALLBACK, on_first_line, w,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, w, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        w, MHD_OPTION_END);
    if (w->daemon == NULL)
        return -ENOMEM;
    int fd = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return watch_start(w->role->loop, &w->watch, fd, WATCH_READ, on_ready);
}

void http_stop(struct web *w)
{
    watch_stop(w->role->loop, &w->watch);
    turn_hook_cancel(w->role->loop, &w->run);
    timer_stop(w->role->loop, &w->run_again);
    struct MHD_Daemon *daemon = w->daemon;
    w->daemon = NULL;
    if (daemon != NULL)
        MHD_stop_daemon(daemon);
}
