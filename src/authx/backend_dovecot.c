#include "src/authx/backend_dovecot.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/auth/dovecot.h"
#include "lib/base/secret.h"

/* LINE_ROOM: for any line of ours. */
enum { MAJOR = 1, NAME_MAX_BYTES = 1024, LINE_ROOM = 64 * 1024 };

/* One of the two sockets. */
struct socket {
    struct link link;
    struct dovecot *dovecot;
    bool is_users;
    bool has_plain, has_version;
};

struct dovecot {
    struct backend backend;
    struct requests *requests;
    struct log *log;
    struct socket client, users;
};

static struct dovecot *dovecot_of(struct backend *b)
{
    return CONTAINER_OF(b, struct dovecot, backend);
}

static struct socket *socket_of(struct link *l)
{
    return CONTAINER_OF(l, struct socket, link);
}

static bool is_ours(const struct socket *s, const struct request *q)
{
    return q->backend == &s->dovecot->backend && q->is_find == s->is_users;
}

/* ---- asking ---- */

static void send_one(struct socket *s, struct request *q)
{
    const struct dovecot_request r = {.id = q->id,
                                      .name = q->name,
                                      .secret = request_secret(q),
                                      .ip = q->ip,
                                      .session = q->session};
    if (LINK_OUT_MAX - s->link.out.n < LINE_ROOM) { /* it does not read */
        request_done(q, SASL_ANSWER_FAILED, (slice){0});
        return;
    }
    bool ok = s->is_users ? dovecot_put_user(&s->link.out, q->id, q->name)
                          : dovecot_put_plain(&s->link.out, &r);
    q->is_sent = true;
    if (ok)
        link_flush(&s->link);
    else /* nobody's name, nobody's password */
        request_done(q, s->is_users ? SASL_ANSWER_UNKNOWN : SASL_ANSWER_NO, (slice){0});
}

static void ask(struct backend *b, struct request *q)
{
    struct dovecot *d = dovecot_of(b);
    struct socket *s = q->is_find ? &d->users : &d->client;
    if (s->link.state == LINK_OPEN)
        send_one(s, q);
    else if (!link_wake(&s->link))
        request_done(q, SASL_ANSWER_FAILED, (slice){0});
}

static void forget(struct backend *b, struct request *q)
{
    struct dovecot *d = dovecot_of(b);
    if (q->is_find || !q->is_sent || d->client.link.state != LINK_OPEN)
        return;
    dovecot_put_cancel(&d->client.link.out, q->id);
    link_flush(&d->client.link);
}

/* ---- the link ---- */

static void on_hello(struct link *l)
{
    struct socket *s = socket_of(l);
    uint32_t pid = 1;
    s->has_plain = s->has_version = false;
    if (s->is_users) {
        dovecot_put_users_hello(&l->out);
        return;
    }
    /* A number of its own: Dovecot refuses a second connection with the same, and sees the end of
     * an old one later than we do. */
    if (getrandom(&pid, sizeof pid, 0) != (ssize_t)sizeof pid)
        pid = l->attempt;
    dovecot_put_hello(&l->out, (pid & INT32_MAX) | 1);
}

static void on_lost(struct link *l, bool is_tried_again)
{
    struct socket *s = socket_of(l);
    for (struct request *q = s->dovecot->requests->first, *next; q != NULL; q = next) {
        next = q->next;
        if (!is_ours(s, q))
            continue;
        if (is_tried_again && q->times_lost == 0) {
            q->times_lost++;
            q->is_sent = false;
        } else {
            request_done(q, SASL_ANSWER_FAILED, (slice){0});
        }
    }
}

static void greeted(struct socket *s)
{
    link_greeted(&s->link);
    for (struct request *q = s->dovecot->requests->first, *next; q != NULL; q = next) {
        next = q->next;
        if (is_ours(s, q) && !q->is_sent)
            send_one(s, q);
    }
}

/* ---- answers ---- */

static void answer(struct request *q, enum sasl_answer_code code, slice name)
{
    struct buf plain;
    buf_init(&plain, NAME_MAX_BYTES);
    dovecot_unescape(&plain, name);
    if (plain.err != BUF_OK)
        buf_clear(&plain);
    request_done(q, code, buf_slice(&plain));
    buf_release(&plain);
}

static void log_refusal(const struct dovecot *d, const struct request *q,
                        const struct dovecot_line *line, const char *cause)
{
    struct log_line out;
    struct buf reason;
    buf_init(&reason, NAME_MAX_BYTES);
    dovecot_unescape(&reason, line->reason);
    log_begin(&out, d->log, line->cause == DOVECOT_TEMPORARY ? LOG_WARN : LOG_INFO,
              "backend.refused");
    log_cstr(&out, "backend", d->backend.name);
    log_slice(&out, "name", q->name);
    log_cstr(&out, "cause", cause);
    if (line->reason.n > 0)
        log_slice(&out, "reason", buf_slice(&reason));
    log_end(&out);
    buf_release(&reason);
}

static void failed(const struct dovecot *d, struct request *q, const struct dovecot_line *line)
{
    enum sasl_answer_code code = SASL_ANSWER_NO;
    const char *cause = NULL;
    switch (line->cause) {
    case DOVECOT_WRONG:
        /* The users' socket says NOTFOUND for those that are not there. */
        if (q->is_find)
            code = SASL_ANSWER_FAILED;
        break;
    case DOVECOT_TEMPORARY:
        cause = "temporary";
        code = SASL_ANSWER_FAILED;
        break;
    case DOVECOT_DISABLED:
        cause = "disabled";
        code = SASL_ANSWER_DISABLED;
        break;
    case DOVECOT_EXPIRED:
        cause = "expired";
        code = SASL_ANSWER_DISABLED;
        break;
    case DOVECOT_NOT_ALLOWED:
        cause = "not-allowed";
        code = SASL_ANSWER_DISABLED;
        break;
    }
    if (cause != NULL)
        log_refusal(d, q, line, cause);
    answer(q, code, line->name);
}

static void take_answer(struct socket *s, const struct dovecot_line *line)
{
    struct request *q = request_by_id(s->dovecot->requests, line->id);
    if (q == NULL || !is_ours(s, q) || !q->is_sent)
        return; /* its time was over */
    if (line->kind == DOVECOT_OK || line->kind == DOVECOT_USER)
        answer(q, SASL_ANSWER_YES, line->name);
    else if (line->kind == DOVECOT_NOTFOUND)
        answer(q, SASL_ANSWER_UNKNOWN, (slice){0});
    else if (line->kind == DOVECOT_FAIL)
        failed(s->dovecot, q, line);
    else /* PLAIN has no second step */
        answer(q, SASL_ANSWER_FAILED, (slice){0});
}

static bool is_greeting_over(const struct socket *s, const struct dovecot_line *line)
{
    return s->is_users ? s->has_version : line->kind == DOVECOT_DONE;
}

static bool on_line(struct link *l, slice text)
{
    struct socket *s = socket_of(l);
    struct dovecot_line line;
    if (dovecot_read(text, &line) != DOVECOT_READ)
        return false;
    switch (line.kind) {
    case DOVECOT_VERSION:
        s->has_version = line.major == MAJOR;
        if (!s->has_version)
            return false;
        break;
    case DOVECOT_MECH:
        if (s->is_users) /* a clients' socket: the name in its configuration ends in -userdb or not
                          */
            return false;
        s->has_plain = s->has_plain || slice_is_ci(line.name, "PLAIN");
        break;
    case DOVECOT_OTHER:
    case DOVECOT_DONE:
        break;
    case DOVECOT_OK:
    case DOVECOT_FAIL:
    case DOVECOT_CONT:
        if (l->state == LINK_OPEN)
            take_answer(s, &line);
        return l->state == LINK_OPEN;
    case DOVECOT_USER:
    case DOVECOT_NOTFOUND:
        if (l->state == LINK_OPEN && s->is_users)
            take_answer(s, &line);
        return l->state == LINK_OPEN && s->is_users;
    }
    if (l->state != LINK_GREETING || !is_greeting_over(s, &line))
        return true;
    if (!s->has_version || !(s->is_users || s->has_plain))
        return false; /* auth_mechanisms has no plain, or this is the other socket */
    greeted(s);
    return true;
}

/* ---- life ---- */

static void start(struct socket *s, struct dovecot *d, struct role *role,
                  const struct conf_socket *to)
{
    static const struct link_ops ops = {.hello = on_hello, .line = on_line, .lost = on_lost};
    s->dovecot = d;
    s->is_users = s == &d->users;
    if (!conf_socket_is_given(to))
        return;
    s->link.role = role;
    s->link.ops = &ops;
    s->link.name = s->is_users ? "dovecot-users" : "dovecot";
    s->link.to = *to;
    s->link.place = s->is_users ? UNIX_DOVECOT_USERS : UNIX_DOVECOT;
    link_start(&s->link);
}

struct backend *dovecot_new(struct role *role, struct requests *requests,
                            const struct conf_dovecot *conf)
{
    struct dovecot *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->backend = (struct backend){.name = "dovecot",
                                  .limit_ms = conf->timeout,
                                  .can_find = conf_socket_is_given(&conf->users),
                                  .ask = ask,
                                  .forget = forget};
    d->requests = requests;
    d->log = role->log;
    start(&d->client, d, role, &conf->socket);
    start(&d->users, d, role, &conf->users);
    return &d->backend;
}

void dovecot_free(struct backend *b)
{
    if (b == NULL)
        return;
    struct dovecot *d = dovecot_of(b);
    link_stop(&d->client.link);
    link_stop(&d->users.link);
    free(d);
}

bool dovecot_unix_opened(struct backend *b, uint64_t token, int error, int fd)
{
    struct dovecot *d = dovecot_of(b);
    return link_unix_opened(&d->client.link, token, error, fd) ||
           link_unix_opened(&d->users.link, token, error, fd);
}
