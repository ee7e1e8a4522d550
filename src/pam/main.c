/* pam: asks this machine's PAM whether a password is somebody's. Apart from authx, which may do
 * little: a module may do anything, and the usual one must be root to read /etc/shadow. So this
 * role keeps the user who started the server, reads nothing but a name and a password from authx,
 * and hands both to a process of its own for each question (ask.h).
 *
 *   pam_check ──▶ waiting ──(fewer than RUNNING_MAX)──▶ a process ──▶ pam_checked
 *                    └────────────── limit ──────────────┴──▶ FAILED, the process killed */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "lib/conf/conf.h"
#include "src/pam/ask.h"
#include "sys/role.h"

enum { RUNNING_MAX = 16, ADDRESS_MAX = 64 };

struct check {
    struct check *next;
    struct self *self;
    struct rpc *peer; /* NULL: nobody waits any more */
    uint32_t call;
    pid_t pid;    /* 0: it waits */
    bool is_dead; /* and buried: the number may be another process's by now */
    struct watch result;
    struct timer limit;
    const char *user, *secret;
    char address[ADDRESS_MAX];
    size_t bytes;
    char text[];
};

struct self {
    struct role *role;
    struct conf *conf;
    struct check *first, **last; /* in the order in which they came */
    size_t open, running;
    uint64_t yes, no, failed;
};

static void log_check(struct self *s, enum log_level level, const char *event,
                      const struct check *c, int err)
{
    struct log_line line;
    log_begin(&line, s->role->log, level, event);
    if (c != NULL)
        log_cstr(&line, "user", c->user);
    log_slice(&line, "service", s->conf->pam.service);
    log_error(&line, err);
    log_end(&line);
}

/* ---- one check ---- */

static void start_waiting(struct self *s);

static void finish(struct check *c, enum sasl_answer_code code)
{
    struct self *s = c->self;
    struct check **at = &s->first;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (c->next == NULL)
        s->last = at;
    s->open--;
    timer_stop(s->role->loop, &c->limit);
    if (c->pid != 0) {
        /* Not watch_close: a child that was just started may have a duplicate for a moment. */
        watch_stop(s->role->loop, &c->result);
        (void)close(c->result.fd);
        s->running--;
    }
    if (code == SASL_ANSWER_YES)
        s->yes++;
    else if (code == SASL_ANSWER_FAILED)
        s->failed++;
    else
        s->no++;
    if (c->peer != NULL) /* a peer that is gone needs no answer */
        (void)!rpc_reply_pam_checked(c->peer, c->call, &(struct ipc_pam_checked){(uint8_t)code});
    secret_wipe(c->text, c->bytes);
    free(c);
    if (s->role->is_draining && s->open == 0)
        role_drained(s->role);
}

static void end_process(const struct check *c)
{
    if (c->pid != 0 && !c->is_dead)
        (void)kill(c->pid, SIGKILL);
}

static void on_limit(struct timer *t)
{
    struct check *c = CONTAINER_OF(t, struct check, limit);
    struct self *s = c->self;
    log_check(s, LOG_WARN, "pam.late", c, 0);
    end_process(c);
    finish(c, SASL_ANSWER_FAILED);
    start_waiting(s);
}

static void on_result(struct watch *w, uint32_t events)
{
    struct check *c = CONTAINER_OF(w, struct check, result);
    struct self *s = c->self;
    unsigned char code = SASL_ANSWER_FAILED;
    (void)events;
    ssize_t n = read(w->fd, &code, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != 1 || code > SASL_ANSWER_DISABLED)
        code = SASL_ANSWER_FAILED;
    if (n != 1) /* a module ended the process */
        log_check(s, LOG_ERROR, "pam.died", c, n < 0 ? errno : 0);
    else if (code == SASL_ANSWER_FAILED)
        log_check(s, LOG_WARN, "pam.failed", c, 0);
    finish(c, (enum sasl_answer_code)code);
    start_waiting(s);
}

static void start_check(struct self *s, struct check *c)
{
    const struct conf_pam *conf = &s->conf->pam;
    const struct ask a = {.service = conf->service.p,
                          .directory = conf->directory.n > 0 ? conf->directory.p : NULL,
                          .user = c->user,
                          .secret = c->secret,
                          .address = c->address[0] != '\0' ? c->address : NULL,
                          .seconds = (unsigned)(conf->timeout / 1000) + 2};
    int fd = -1;
    int pid = ask_start(&a, &fd);
    int err = pid < 0 ? pid : watch_start(s->role->loop, &c->result, fd, WATCH_READ, on_result);
    if (err == 0) {
        c->pid = pid;
        s->running++;
        return;
    }
    log_check(s, LOG_ERROR, "pam.not-started", c, err);
    if (fd >= 0)
        (void)close(fd);
    finish(c, SASL_ANSWER_FAILED);
}

static void start_waiting(struct self *s)
{
    for (struct check *c = s->first, *next; c != NULL && s->running < RUNNING_MAX; c = next) {
        next = c->next;
        if (c->pid == 0)
            start_check(s, c);
    }
}

/* ---- messages ---- */

static const char *keep(struct check *c, slice s)
{
    char *at = c->text + c->bytes;
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    at[s.n] = '\0';
    c->bytes += s.n + 1;
    return at;
}

static bool is_possible(slice s, size_t max)
{
    return s.n > 0 && s.n < max && slice_find(s, '\0') == s.n;
}

static void print_address(slice bytes, char *room)
{
    struct ip ip;
    struct buf out;
    buf_init(&out, ADDRESS_MAX - 1);
    if (ip_from_bytes(bytes, &ip))
        ip_print(&out, &ip);
    if (out.n > 0 && out.err == BUF_OK)
        memcpy(room, out.p, out.n);
    buf_release(&out);
}

static void take_check(struct self *s, struct rpc *peer, uint32_t call,
                       const struct ipc_pam_check *m)
{
    enum { PAM_TEXT_MAX = 512 }; /* PAM_MAX_RESP_SIZE: modules rely on it */
    struct check *c = NULL;
    bool ok = is_possible(m->user, PAM_TEXT_MAX) && is_possible(m->secret, PAM_TEXT_MAX);
    if (ok)
        c = calloc(1, sizeof *c + m->user.n + m->secret.n + 2);
    if (c == NULL) {
        uint8_t code = ok ? SASL_ANSWER_FAILED : SASL_ANSWER_NO;
        (void)!rpc_reply_pam_checked(peer, call, &(struct ipc_pam_checked){code});
        return;
    }
    c->self = s;
    c->peer = peer;
    c->call = call;
    c->user = keep(c, m->user);
    c->secret = keep(c, m->secret);
    print_address(m->ip, c->address);
    *s->last = c;
    s->last = &c->next;
    s->open++;
    timer_set(s->role->loop, &c->limit, s->conf->pam.timeout, on_limit);
    start_waiting(s);
}

static void answer_admin(struct self *s, struct rpc *control, uint32_t call)
{
    struct buf json;
    buf_init(&json, 1024);
    buf_addf(&json,
             "{\"role\":\"pam\",\"open\":%zu,\"running\":%zu,\"yes\":%llu,\"no\":%llu,"
             "\"failed\":%llu}",
             s->open, s->running, (unsigned long long)s->yes, (unsigned long long)s->no,
             (unsigned long long)s->failed);
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    struct self *s = r->self;
    if (m->type == IPC_PAM_CHECK)
        take_check(s, peer, m->call, &m->pam_check);
    else if (m->type == IPC_ADMIN)
        answer_admin(s, peer, m->call);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    struct self *s = r->self;
    for (struct check *c = s->first; c != NULL; c = c->next)
        if (c->peer == peer)
            c->peer = NULL;
}

/* ---- life ---- */

/* Their answers came by the pipe; here they are only buried. */
static void on_child(void *owner, int signum)
{
    struct self *s = owner;
    pid_t pid;
    (void)signum;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        for (struct check *c = s->first; c != NULL; c = c->next)
            c->is_dead |= c->pid == pid;
}

static struct conf *read_conf(struct role *r, slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL) {
        struct log_line line;
        log_begin(&line, r->log, LOG_ERROR, "config.invalid");
        log_end(&line);
    }
    return conf;
}

/* Without its file PAM takes the one called other, which as a rule refuses everybody. */
static void look_for_service(struct self *s)
{
    const struct conf_pam *conf = &s->conf->pam;
    struct buf path;
    buf_init(&path, 2048);
    buf_addf(&path, "%.*s/%.*s",
             SLICE_ARG(conf->directory.n > 0 ? conf->directory : SLICE_LIT("/etc/pam.d")),
             SLICE_ARG(conf->service));
    buf_addc(&path, '\0');
    if (path.err == BUF_OK && access(path.p, R_OK) != 0)
        log_check(s, LOG_WARN, "pam.no-service", NULL, errno);
    buf_release(&path);
}

static int pam_open(struct role *r, slice text)
{
    struct self *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    r->self = s;
    s->role = r;
    s->last = &s->first;
    s->conf = read_conf(r, text);
    if (s->conf == NULL)
        return -EINVAL;
    look_for_service(s);
    return loop_on_signal(r->loop, SIGCHLD, on_child, s);
}

static bool pam_reconfigure(struct role *r, slice text)
{
    struct self *s = r->self;
    struct conf *conf = read_conf(r, text);
    if (conf == NULL)
        return false;
    conf_unref(s->conf);
    s->conf = conf;
    if (conf->pam.service.n > 0) /* else it ends now */
        look_for_service(s);
    return true;
}

static void pam_drain(struct role *r)
{
    struct self *s = r->self;
    if (s->open == 0)
        role_drained(r);
}

static void pam_close(struct role *r)
{
    struct self *s = r->self;
    while (s->first != NULL) {
        end_process(s->first);
        finish(s->first, SASL_ANSWER_FAILED);
    }
    conf_unref(s->conf);
    free(s);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_PAM),
    .open = pam_open,
    .reconfigure = pam_reconfigure,
    .gone = on_gone,
    .message = on_message,
    .drain = pam_drain,
    .close = pam_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
