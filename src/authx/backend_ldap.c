#include "src/authx/backend_ldap.h"

#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "lib/dns/message.h"
#include "src/authx/ldap_job.h"
#include "sys/answers.h"

enum {
    SERVERS_MAX = 8,
    PASSWORD_MAX = 1024,
    PAUSE_MIN_MS = 500,
    PAUSE_MAX_MS = 30 * 1000,
    ADDRESS_MIN_MS = 5 * 1000, /* how long addresses hold, whatever DNS says */
    ADDRESS_MAX_MS = 300 * 1000,
};

struct server {
    struct ldap_server at;
    struct ip address[LDAP_ADDRESSES_MAX], found[LDAP_ADDRESSES_MAX];
    size_t addresses, founds;
    unsigned asking;  /* answers of the resolver that are to come */
    uint64_t good_ms; /* until then the addresses hold */
    uint64_t ttl_ms;
};

struct slot {
    struct ldap_backend *ldap;
    struct ldap_session session;
    struct ldap_job *job; /* NULL: free */
    size_t server, tried;
    uint32_t dial; /* which question to master is the one that counts */
    enum { SLOT_IDLE, SLOT_OPENING, SLOT_RESOLVING, SLOT_WORKING } state;
};

struct ldap_backend {
    struct backend backend;
    struct role *role;
    struct requests *requests;
    const struct conf_ldap *conf;
    struct buf password;
    struct server servers[SERVERS_MAX];
    size_t count, good; /* good: the one to begin with */
    struct slot slots[LDAP_SLOTS];
    bool is_told;
    uint64_t pause_ms, down_until_ms;
};

static struct ldap_backend *ldap_of(struct backend *b)
{
    return CONTAINER_OF(b, struct ldap_backend, backend);
}

static uint64_t now_ms(const struct ldap_backend *l)
{
    return loop_now_ms(l->role->loop);
}

static void log_about(const struct ldap_backend *l, enum log_level level, const char *event,
                      slice what, const char *why)
{
    struct log_line line;
    log_begin(&line, l->role->log, level, event);
    log_cstr(&line, "backend", l->backend.name);
    if (what.n > 0)
        log_slice(&line, "url", what);
    if (why != NULL && why[0] != '\0')
        log_cstr(&line, "why", why);
    log_end(&line);
}

/* ---- jobs ---- */

static void job_free(struct ldap_job *j)
{
    if (j == NULL)
        return;
    if (j->fd >= 0)
        (void)close(j->fd);
    secret_wipe(j->text, j->bytes);
    free(j);
}

static slice keep(struct ldap_job *j, slice s)
{
    char *at = j->text + j->bytes;
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    at[s.n] = '\0';
    j->bytes += s.n + 1;
    return slice_of(at, s.n);
}

static struct ldap_job *job_new(struct ldap_backend *l, struct slot *slot, const struct request *q)
{
    slice secret = request_secret(q);
    struct ldap_job *j = calloc(1, sizeof *j + q->name.n + secret.n + 2);
    if (j == NULL)
        return NULL;
    j->conf = l->conf;
    j->password = buf_slice(&l->password);
    j->session = &slot->session;
    j->fd = -1;
    j->request = q->id;
    j->is_find = q->is_find;
    j->name = keep(j, q->name);
    j->secret = keep(j, secret);
    return j;
}

static void pump(struct ldap_backend *l);
static void dial(struct slot *s);
static void on_job_done(struct work *w);

static void submit(struct slot *s)
{
    struct ldap_backend *l = s->ldap;
    const struct server *server = &l->servers[s->server];
    struct ldap_job *j = s->job;
    j->server = &server->at;
    j->addresses = server->addresses;
    memcpy(j->address, server->address, sizeof j->address);
    j->is_lost = false;
    s->state = SLOT_WORKING;
    loop_submit(l->role->loop, &j->work, ldap_job_run, on_job_done);
}

/* The slot is free again, and its job's request is told. */
static void settle(struct slot *s, enum sasl_answer_code code, slice account)
{
    struct ldap_backend *l = s->ldap;
    struct ldap_job *j = s->job;
    struct request *q = request_by_id(l->requests, j->request);
    s->job = NULL;
    s->state = SLOT_IDLE;
    if (q != NULL)
        request_done(q, code, account);
    job_free(j);
    pump(l);
}

static void all_down(struct ldap_backend *l, const char *why)
{
    if (!l->is_told)
        log_about(l, LOG_WARN, "backend.down", (slice){0}, why);
    l->is_told = true;
    l->down_until_ms = now_ms(l) + l->pause_ms;
    l->pause_ms = l->pause_ms * 2 < PAUSE_MAX_MS ? l->pause_ms * 2 : PAUSE_MAX_MS;
}

static void server_lost(struct slot *s, const char *why)
{
    struct ldap_backend *l = s->ldap;
    bool is_wanted = request_by_id(l->requests, s->job->request) != NULL;
    log_about(l, LOG_DEBUG, "ldap.lost", l->servers[s->server].at.url, why);
    if (l->good == s->server) /* others need not learn it again */
        l->good = (l->good + 1) % l->count;
    s->tried++;
    if (s->tried >= l->count)
        all_down(l, why);
    if (is_wanted && s->tried < l->count) {
        s->server = (s->server + 1) % l->count;
        dial(s);
    } else {
        settle(s, SASL_ANSWER_FAILED, (slice){0});
    }
}

static void on_job_done(struct work *w)
{
    struct ldap_job *j = CONTAINER_OF(w, struct ldap_job, work);
    struct slot *s = CONTAINER_OF(j->session, struct slot, session);
    struct ldap_backend *l = s->ldap;
    if (j->is_lost && j->was_old) {
        s->server = l->good; /* it was closed while nobody looked */
        dial(s);
        return;
    }
    if (j->is_lost) {
        server_lost(s, j->why);
        return;
    }
    if (l->is_told || !j->was_old)
        log_about(l, l->is_told ? LOG_INFO : LOG_DEBUG, "backend.up", j->server->url, NULL);
    l->is_told = false;
    l->pause_ms = PAUSE_MIN_MS;
    l->good = s->server;
    if (j->why[0] != '\0')
        log_about(l, j->code == SASL_ANSWER_FAILED ? LOG_WARN : LOG_INFO, "backend.refused",
                  j->server->url, j->why);
    settle(s, j->code, slice_cstr(j->account));
}

/* ---- reaching a server ---- */

static void open_socket(struct slot *s)
{
    struct ldap_backend *l = s->ldap;
    uint64_t number = (uint64_t)(s - l->slots);
    const struct ipc_unix_open ask = {.generation = l->role->generation,
                                      .place = UNIX_LDAP,
                                      .index = (uint32_t)s->server};
    s->dial = (s->dial + 1) & UINT16_MAX;
    s->state = SLOT_OPENING;
    uint64_t token = (uint64_t)UNIX_LDAP << 32 | number << 16 | s->dial;
    if (rpc_call_unix_open(l->role->master, token, &ask) != 0)
        server_lost(s, "EAGAIN");
}

bool ldap_backend_unix_opened(struct backend *b, uint64_t token, int error, int fd)
{
    struct ldap_backend *l = ldap_of(b);
    uint64_t number = token >> 16 & UINT16_MAX;
    if (token >> 32 != UNIX_LDAP || number >= LDAP_SLOTS)
        return false;
    struct slot *s = &l->slots[number];
    if (s->state != SLOT_OPENING || s->dial != (token & UINT16_MAX))
        return false;
    if (fd < 0) {
        server_lost(s, strerrorname_np(error));
        return true;
    }
    s->job->fd = fd;
    submit(s);
    return true;
}

static bool ask_resolver(struct ldap_backend *l, struct server *server)
{
    static const uint16_t types[] = {DNS_A, DNS_AAAA};
    struct rpc *resolver = role_peer(l->role, ROLE_RESOLVER, 0);
    uint64_t number = (uint64_t)(server - l->servers);
    server->founds = 0;
    server->ttl_ms = ADDRESS_MAX_MS;
    for (size_t i = 0; resolver != NULL && i < 2; i++) {
        const struct ipc_dns_query q = {.name = server->at.host, .type = types[i]};
        if (rpc_call_dns_query(resolver, number, &q) == 0)
            server->asking++;
    }
    return server->asking > 0;
}

static void take_records(struct server *server, const struct ipc_dns_answer *a)
{
    slice records = a->records, data;
    uint64_t ttl_ms = (uint64_t)a->ttl * 1000;
    if (ttl_ms < server->ttl_ms)
        server->ttl_ms = ttl_ms < ADDRESS_MIN_MS ? ADDRESS_MIN_MS : ttl_ms;
    while (server->founds < LDAP_ADDRESSES_MAX && dns_record_take(&records, &data))
        if (ip_from_bytes(data, &server->found[server->founds]))
            server->founds++;
}

void ldap_backend_resolved(struct backend *b, uint64_t token, const struct ipc_message *m)
{
    struct ldap_backend *l = ldap_of(b);
    if (token >= l->count || l->servers[token].asking == 0)
        return;
    struct server *server = &l->servers[token];
    if (m != NULL && m->dns_answer.result == DNS_FOUND)
        take_records(server, &m->dns_answer);
    if (--server->asking > 0)
        return;
    if (server->founds > 0) { /* else the old ones go on */
        server->addresses = server->founds;
        memcpy(server->address, server->found, sizeof server->address);
        server->good_ms = now_ms(l) + server->ttl_ms;
    }
    for (size_t i = 0; i < LDAP_SLOTS; i++)
        if (l->slots[i].state == SLOT_RESOLVING && l->slots[i].server == token)
            submit(&l->slots[i]);
}

static void dial(struct slot *s)
{
    struct ldap_backend *l = s->ldap;
    struct server *server = &l->servers[s->server];
    if (server->at.scheme == LDAP_IS_UNIX) {
        open_socket(s);
    } else if (now_ms(l) < server->good_ms || (server->asking == 0 && !ask_resolver(l, server))) {
        submit(s);
    } else {
        s->state = SLOT_RESOLVING;
    }
}

/* ---- requests ---- */

/* The one that waits longest. */
static struct request *next_request(struct ldap_backend *l)
{
    struct request *found = NULL;
    for (struct request *q = l->requests->first; q != NULL; q = q->next)
        if (q->backend == &l->backend && !q->is_sent)
            found = q;
    return found;
}

/* The function calls itself when a request is answered at once: each has one answer less to wait
 * for. */
static void pump(struct ldap_backend *l)
{
    for (size_t i = 0; i < LDAP_SLOTS; i++) {
        struct slot *s = &l->slots[i];
        struct request *q = s->state == SLOT_IDLE ? next_request(l) : NULL;
        if (q == NULL)
            continue;
        q->is_sent = true;
        s->job = job_new(l, s, q);
        if (s->job == NULL) {
            request_done(q, SASL_ANSWER_FAILED, (slice){0});
            continue;
        }
        s->tried = 0;
        if (s->session.handle == NULL)
            s->server = l->good;
        if (s->session.handle != NULL)
            submit(s);
        else
            dial(s);
    }
}

static void ask(struct backend *b, struct request *q)
{
    struct ldap_backend *l = ldap_of(b);
    if (now_ms(l) < l->down_until_ms)
        request_done(q, SASL_ANSWER_FAILED, (slice){0});
    else
        pump(l);
}

/* The job knows its request by a number. */
static void forget(struct backend *b, struct request *q)
{
    (void)b;
    q->is_sent = true;
}

/* ---- life ---- */

static int read_password(struct ldap_backend *l)
{
    slice path = l->conf->password_file;
    if (path.n == 0)
        return 0;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *room = buf_reserve(&l->password, PASSWORD_MAX);
    ssize_t n = fd >= 0 && room != NULL ? read(fd, room, PASSWORD_MAX - 1) : -1;
    int err = n >= 0 ? 0 : room == NULL ? -ENOMEM : -errno;
    if (fd >= 0)
        (void)close(fd); /* only read */
    if (err != 0) {
        struct log_line line;
        log_begin(&line, l->role->log, LOG_ERROR, "ldap.password-unreadable");
        log_slice(&line, "file", path);
        log_error(&line, err);
        log_end(&line);
        return err;
    }
    slice first =
        slice_head(slice_of(room, (size_t)n), slice_find(slice_of(room, (size_t)n), '\n'));
    l->password.n = first.n > 0 && first.p[first.n - 1] == '\r' ? first.n - 1 : first.n;
    room[l->password.n] = '\0';
    return 0;
}

static void take_servers(struct ldap_backend *l)
{
    for (size_t i = 0; i < l->conf->urls.n && l->count < SERVERS_MAX; i++) {
        struct server *s = &l->servers[i];
        if (!ldap_server_of(l->conf->urls.v[i], &s->at))
            continue; /* its place stays: unix_open counts by it */
        l->count = i + 1;
        if (s->at.host.n > 0 && ip_parse(s->at.host, &s->address[0]) == IP_OK) {
            s->addresses = 1;
            s->good_ms = UINT64_MAX;
        }
    }
    for (size_t i = 0; i < LDAP_SLOTS; i++)
        l->slots[i].ldap = l;
}

int ldap_backend_new(struct role *role, struct requests *requests, const struct conf_ldap *conf,
                     struct backend **ret)
{
    enum { LATER_MS = 500 }; /* than the thread, which knows why */
    struct ldap_backend *l = calloc(1, sizeof *l);
    if (l == NULL)
        return -ENOMEM;
    l->backend = (struct backend){.name = "ldap",
                                  .limit_ms = conf->timeout + LATER_MS,
                                  .can_find = conf->base.n > 0,
                                  .ask = ask,
                                  .forget = forget};
    l->role = role;
    l->requests = requests;
    l->conf = conf;
    l->pause_ms = PAUSE_MIN_MS;
    buf_init(&l->password, PASSWORD_MAX);
    int err = read_password(l);
    int ldap_err = err == 0 ? ldap_prepare(conf) : LDAP_SUCCESS;
    if (ldap_err != LDAP_SUCCESS) {
        log_about(l, LOG_ERROR, "ldap.not-started", conf->ca_file, ldap_err2string(ldap_err));
        err = -EINVAL;
    }
    take_servers(l);
    if (err != 0) {
        secret_release(&l->password);
        free(l);
        return err;
    }
    *ret = &l->backend;
    return 0;
}

bool ldap_backend_free(struct backend *b)
{
    if (b == NULL)
        return true;
    struct ldap_backend *l = ldap_of(b);
    for (size_t i = 0; i < LDAP_SLOTS; i++)
        if (l->slots[i].state == SLOT_WORKING)
            return false;
    for (size_t i = 0; i < LDAP_SLOTS; i++) {
        ldap_session_close(&l->slots[i].session);
        job_free(l->slots[i].job);
    }
    secret_release(&l->password);
    free(l);
    return true;
}
