#include "src/fetch/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "lib/base/url.h"
#include "lib/dns/message.h"
#include "sys/answers.h"

enum { ADDRESSES_MAX = 8, RESOLVE_TEXT_MAX = 1024, IDLE_CONNECTIONS = 8 };

struct transfer {
    struct http *http;
    struct transfer *next, **link;
    uint64_t id; /* even; with dns_query the token is id for A and id + 1 for AAAA */
    struct url url;
    http_done *done;
    void *owner; /* NULL: nobody waits any more */
    slice authorities;
    struct timer limit; /* while the addresses are looked up; then libcurl has its own */
    struct turn_hook begin;
    uint64_t due_ms;
    unsigned lookups; /* that are open */
    bool is_running;  /* libcurl has it */
    bool is_too_long;
    struct ip address[ADDRESSES_MAX];
    size_t addresses;
    CURL *easy;
    struct curl_slist *headers, *resolve;
    struct buf form, body;
    char about[CURL_ERROR_SIZE];
};

struct socket_watch {
    struct watch watch;
    struct http *http;
};

struct http {
    struct role *role;
    CURLM *multi;
    struct timer timer; /* libcurl's */
    struct turn_hook
        soon;     /* the same, when it says "now": a timer would take until the next tick */
    bool is_soon; /* that is running; what it wants next has a tick's time */
    struct transfer *first;
    size_t open;
    uint64_t next_id;
};

const char *http_result_name(enum http_result result)
{
    static const char *const names[] = {
        [HTTP_ANSWERED] = "answered",
        [HTTP_NO_ADDRESS] = "no-address",
        [HTTP_UNREACHABLE] = "no-connection",
        [HTTP_UNTRUSTED] = "untrusted",
        [HTTP_TIMEOUT] = "timeout",
        [HTTP_TOO_LONG] = "too-long",
        [HTTP_BROKEN] = "broken",
    };
    return names[result];
}

/* ---- the end of one ---- */

static void finish(struct transfer *t, const struct http_answer *a)
{
    struct http *h = t->http;
    void *owner = t->owner;
    t->owner = NULL;
    if (owner != NULL)
        t->done(owner, a);
    timer_stop(h->role->loop, &t->limit);
    turn_hook_cancel(h->role->loop, &t->begin);
    if (t->is_running)
        (void)curl_multi_remove_handle(h->multi, t->easy);
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    h->open--;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolve);
    secret_release(&t->form);
    secret_release(&t->body);
    free(t);
}

static void fail(struct transfer *t, enum http_result result)
{
    finish(t, &(struct http_answer){.result = result});
}

static enum http_result result_of(const struct transfer *t, CURLcode code)
{
    if (t->is_too_long || code == CURLE_FILESIZE_EXCEEDED)
        return HTTP_TOO_LONG;
    if (code == CURLE_OK)
        return HTTP_ANSWERED;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return HTTP_TIMEOUT;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM)
        return HTTP_UNTRUSTED;
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return HTTP_NO_ADDRESS;
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR ||
        code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
        return HTTP_UNREACHABLE;
    return HTTP_BROKEN;
}

static void take_ended(struct http *h)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        long status = 0;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        const struct http_answer a = {
            .result = result_of(t, code),
            .status = status > 0 && status < 1000 ? (unsigned)status : 0,
            .body = buf_slice(&t->body),
            .about = t->about[0] != '\0' ? t->about : NULL,
        };
        finish(t, &a);
    }
}

/* ---- libcurl on our loop ---- */

static void act(struct http *h, curl_socket_t fd, int events)
{
    int running;
    (void)curl_multi_socket_action(h->multi, fd, events, &running);
    take_ended(h);
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct socket_watch *s = CONTAINER_OF(w, struct socket_watch, watch);
    act(s->http, w->fd,
        ((events & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) |
            ((events & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void on_curl_timer(struct timer *t)
{
    act(CONTAINER_OF(t, struct http, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_soon(struct turn_hook *hook)
{
    struct http *h = CONTAINER_OF(hook, struct http, soon);
    h->is_soon = true;
    act(h, CURL_SOCKET_TIMEOUT, 0);
    h->is_soon = false;
}

static int set_timer(CURLM *multi, long timeout_ms, void *owner)
{
    struct http *h = owner;
    (void)multi;
    timer_stop(h->role->loop, &h->timer);
    if (timeout_ms == 0 && !h->is_soon)
        turn_hook_queue(h->role->loop, &h->soon, on_soon);
    else if (timeout_ms >= 0)
        timer_set(h->role->loop, &h->timer, (uint64_t)timeout_ms, on_curl_timer);
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *assigned)
{
    struct http *h = owner;
    struct socket_watch *s = assigned;
    uint32_t events = ((what & CURL_POLL_IN) != 0 ? (uint32_t)WATCH_READ : 0U) |
                      ((what & CURL_POLL_OUT) != 0 ? (uint32_t)WATCH_WRITE : 0U);
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL)
            watch_stop(h->role->loop, &s->watch);
        free(s);
        return curl_multi_assign(h->multi, fd, NULL) == CURLM_OK ? 0 : -1;
    }
    if (s != NULL) {
        watch_change(h->role->loop, &s->watch, events);
        return 0;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return -1;
    s->http = h;
    if (watch_start(h->role->loop, &s->watch, fd, events, on_ready) != 0 ||
        curl_multi_assign(h->multi, fd, s) != CURLM_OK) {
        watch_stop(h->role->loop, &s->watch);
        free(s);
        return -1;
    }
    return 0;
}

/* The last look before a connection: in the clear to this machine only, and to no address that we
 * have not seen ourselves. */
static curl_socket_t open_socket(void *owner, curlsocktype purpose, struct curl_sockaddr *to)
{
    const struct transfer *t = owner;
    struct ip ip = {0};
    bool is_known = t->url.ip.family != IP_NONE;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (to->family == AF_INET)
        (void)!ip_from_bytes(slice_of(&((struct sockaddr_in *)(void *)&to->addr)->sin_addr,
                                      sizeof(struct in_addr)),
                             &ip);
    else if (to->family == AF_INET6)
        (void)!ip_from_bytes(slice_of(&((struct sockaddr_in6 *)(void *)&to->addr)->sin6_addr,
                                      sizeof(struct in6_addr)),
                             &ip);
    if (is_known)
        is_known = ip_eq(&ip, &t->url.ip);
    for (size_t i = 0; i < t->addresses && !is_known; i++)
        is_known = ip_eq(&ip, &t->address[i]);
    if (!is_known || (!t->url.is_https && !ip_is_loopback(&ip)))
        return CURL_SOCKET_BAD;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *owner)
{
    struct transfer *t = owner;
    buf_add(&t->body, slice_of(bytes, size * n));
    t->is_too_long = t->body.err == BUF_FULL;
    return t->body.err == BUF_OK ? size * n : 0;
}

/* ---- the beginning of one ---- */

#define SET(option, value) (curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

static bool set_bounds(struct transfer *t, const struct http_request *r)
{
    return SET(CURLOPT_PROTOCOLS_STR, t->url.is_https ? "https" : "http") &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_PROXY, "") &&
           SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_NOSIGNAL, 1L) &&
           SET(CURLOPT_MAXFILESIZE, (long)r->answer_max) &&
           SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) && SET(CURLOPT_OPENSOCKETDATA, t) &&
           SET(CURLOPT_WRITEFUNCTION, take_body) && SET(CURLOPT_WRITEDATA, t) &&
           SET(CURLOPT_ERRORBUFFER, t->about) && SET(CURLOPT_PRIVATE, t);
}

static bool set_trust(struct transfer *t)
{
    struct curl_blob pem = {.data = (void *)(uintptr_t)t->authorities.p,
                            .len = t->authorities.n,
                            .flags = CURL_BLOB_NOCOPY};
    return !t->url.is_https || (SET(CURLOPT_CAINFO, NULL) && SET(CURLOPT_CAPATH, NULL) &&
                                SET(CURLOPT_CAINFO_BLOB, &pem) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
                                SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
                                SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
                                SET(CURLOPT_SSL_ENABLE_ALPN, 0L));
}

static bool add_header(struct transfer *t, const char *name, slice value)
{
    struct buf line;
    buf_init(&line, 16384);
    bool ok = buf_reserve(&line, strlen(name) + value.n + 1) != NULL; /* no copies of a secret */
    buf_addf(&line, "%s%.*s", name, SLICE_ARG(value));
    buf_addc(&line, '\0');
    struct curl_slist *more =
        ok && line.err == BUF_OK ? curl_slist_append(t->headers, line.p) : NULL;
    secret_release(&line);
    if (more != NULL)
        t->headers = more;
    return more != NULL;
}

static bool set_question(struct transfer *t, const struct http_request *r)
{
    bool ok = add_header(t, "Accept: application/json", (slice){0}) &&
              add_header(t, "User-Agent: candor/" CANDOR_VERSION, (slice){0}) &&
              (r->authorization.n == 0 || add_header(t, "Authorization: ", r->authorization)) &&
              SET(CURLOPT_URL, r->url.p);
    buf_init(&t->form, r->form.n);
    if (ok && r->form.n > 0) {
        buf_add(&t->form, r->form);
        ok = t->form.err == BUF_OK && SET(CURLOPT_POSTFIELDSIZE, (long)t->form.n) &&
             SET(CURLOPT_POSTFIELDS, t->form.p) &&
             /* no round trip for permission to send some hundred bytes */
             add_header(t, "Expect:", (slice){0});
    }
    return ok && SET(CURLOPT_HTTPHEADER, t->headers);
}

/* HOST:PORT:ADDRESS,ADDRESS… */
static bool set_addresses(struct transfer *t)
{
    struct buf line;
    buf_init(&line, RESOLVE_TEXT_MAX);
    buf_addf(&line, "%.*s:%u:", SLICE_ARG(t->url.host), t->url.port);
    for (size_t i = 0; i < t->addresses; i++) {
        bool is_v6 = t->address[i].family == IP_V6;
        buf_adds(&line, i > 0 ? "," : "");
        buf_adds(&line, is_v6 ? "[" : "");
        ip_print(&line, &t->address[i]);
        buf_adds(&line, is_v6 ? "]" : "");
    }
    buf_addc(&line, '\0');
    t->resolve = line.err == BUF_OK ? curl_slist_append(NULL, line.p) : NULL;
    buf_release(&line);
    return t->resolve != NULL && SET(CURLOPT_RESOLVE, t->resolve);
}

/* The addresses are there. */
static void run(struct transfer *t)
{
    struct http *h = t->http;
    uint64_t now = loop_now_ms(h->role->loop);
    timer_stop(h->role->loop, &t->limit);
    if (t->url.ip.family == IP_NONE && t->addresses == 0) {
        fail(t, HTTP_NO_ADDRESS);
        return;
    }
    if (now >= t->due_ms) {
        fail(t, HTTP_TIMEOUT);
        return;
    }
    bool ok = (t->url.ip.family != IP_NONE || set_addresses(t)) &&
              SET(CURLOPT_TIMEOUT_MS, (long)(t->due_ms - now));
    t->is_running = ok && curl_multi_add_handle(h->multi, t->easy) == CURLM_OK;
    if (!t->is_running)
        fail(t, HTTP_BROKEN);
}

static void on_limit(struct timer *timer)
{
    fail(CONTAINER_OF(timer, struct transfer, limit), HTTP_TIMEOUT);
}

static void on_begin(struct turn_hook *hook)
{
    run(CONTAINER_OF(hook, struct transfer, begin));
}

void http_addresses(struct http *h, uint64_t token, enum rpc_result result,
                    const struct ipc_message *m)
{
    struct transfer *t = h->first;
    while (t != NULL && t->id != (token & ~UINT64_C(1)))
        t = t->next;
    if (t == NULL || t->lookups == 0)
        return;
    t->lookups--;
    if (result == RPC_ANSWER && m->dns_answer.result == DNS_FOUND) {
        slice records = m->dns_answer.records, data;
        while (t->addresses < ADDRESSES_MAX && dns_record_take(&records, &data))
            if (ip_from_bytes(data, &t->address[t->addresses]))
                t->addresses++;
    }
    if (t->lookups == 0)
        run(t);
}

static void look_up(struct transfer *t)
{
    struct rpc *resolver = role_peer(t->http->role, ROLE_RESOLVER, 0);
    const uint16_t types[] = {DNS_A, DNS_AAAA};
    for (size_t i = 0; i < 2 && resolver != NULL; i++) {
        const struct ipc_dns_query query = {.name = t->url.host, .type = types[i]};
        t->lookups += rpc_call_dns_query(resolver, t->id + i, &query) == 0 ? 1 : 0;
    }
}

int http_ask(struct http *h, const struct http_request *r, http_done *done, void *owner)
{
    struct url url;
    if (h->open >= HTTP_OPEN_MAX)
        return -EBUSY;
    if (url_read(r->url, &url) != URL_OK || !url_is_private(&url))
        return -EINVAL;
    struct transfer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return -ENOMEM;
    *t = (struct transfer){.http = h,
                           .next = h->first,
                           .link = &h->first,
                           .url = url,
                           .done = done,
                           .owner = owner,
                           .authorities = r->authorities,
                           .due_ms = loop_now_ms(h->role->loop) + r->timeout_ms,
                           .easy = curl_easy_init()};
    t->id = h->next_id;
    h->next_id += 2;
    if (t->next != NULL)
        t->next->link = &t->next;
    h->first = t;
    h->open++;
    buf_init(&t->body, r->answer_max);
    if (t->easy == NULL || !set_bounds(t, r) || !set_trust(t) || !set_question(t, r)) {
        t->owner = NULL;
        fail(t, HTTP_BROKEN);
        return -ENOMEM;
    }
    if (url.ip.family == IP_NONE)
        look_up(t);
    if (t->lookups > 0)
        timer_set(h->role->loop, &t->limit, r->timeout_ms, on_limit);
    else /* not from here: invariant 1 */
        turn_hook_queue(h->role->loop, &t->begin, on_begin);
    return 0;
}

void http_forget(struct http *h, const void *owner)
{
    for (struct transfer *t = h->first; t != NULL; t = t->next)
        if (t->owner == owner)
            t->owner = NULL;
}

size_t http_open(const struct http *h)
{
    return h->open;
}

/* ---- all of it ---- */

struct http *http_new(struct role *role)
{
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(h);
        return NULL;
    }
    h->role = role;
    h->multi = curl_multi_init();
    if (h->multi == NULL ||
        curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_HOST_CONNECTIONS) !=
            CURLM_OK) {
        http_free(h);
        return NULL;
    }
    return h;
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    while (h->first != NULL) {
        h->first->owner = NULL;
        fail(h->first, HTTP_BROKEN);
    }
    if (h->multi != NULL)
        (void)curl_multi_cleanup(h->multi);
    timer_stop(h->role->loop, &h->timer);
    turn_hook_cancel(h->role->loop, &h->soon);
    curl_global_cleanup();
    free(h);
}
