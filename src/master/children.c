#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/master/master.h"
#include "sys/clock.h"
#include "sys/role.h"

enum {
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 30 * 1000,
    GOOD_LIFE_MS = 60 * 1000, /* who lived so long begins with the shortest back-off again */
    END_MS = 5 * 1000,        /* from the end of the channel to the end of the process */
};

static void log_child(const struct child *c, enum log_level level, const char *event,
                      struct log_line *line)
{
    log_begin(line, c->master->log, level, event);
    log_cstr(line, "child", role_name(c->id));
    log_u64(line, "instance", c->instance);
    log_u64(line, "child_pid", (uint64_t)c->pid);
}

static void log_event(const struct child *c, enum log_level level, const char *event)
{
    struct log_line line;
    log_child(c, level, event, &line);
    log_end(&line);
}

struct child *child_find(struct master *m, enum role_id id, uint32_t instance)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].id == id && m->children[i].instance == instance)
            return &m->children[i];
    return NULL;
}

bool children_are_down(const struct master *m, role_set roles)
{
    for (size_t i = 0; i < m->children_n; i++)
        if ((roles & ROLE_BIT(m->children[i].id)) != 0 && m->children[i].pid != 0)
            return false;
    return true;
}

/* ---- ending one ---- */

void child_kill(struct child *c)
{
    if (c->pid != 0 && kill(c->pid, SIGKILL) != 0)
        log_event(c, LOG_ERROR, "role.kill"); /* children_reap follows */
}

static void on_overdue(struct timer *t)
{
    struct child *c = CONTAINER_OF(t, struct child, timer);
    log_event(c, LOG_WARN, "role.overdue");
    child_kill(c);
}

/* It sees the end of its channel and ends itself; the rest is on_gone's. */
static void hang_up(struct child *c)
{
    if (c->rpc != NULL)
        rpc_close(c->rpc);
}

void child_drain(struct child *c)
{
    const struct ipc_drain drain = {};
    c->is_wanted = false;
    if (c->pid == 0) {
        timer_stop(c->master->loop, &c->timer); /* not started again */
        return;
    }
    if (c->state == ROLE_DRAINING)
        return;
    bool was_ready = c->state == ROLE_READY;
    c->state = ROLE_DRAINING;
    if (c->rpc != NULL && (!was_ready || rpc_send_drain(c->rpc, &drain) != 0))
        hang_up(c);
}

/* ---- starting one ---- */

static slice executable_path(const struct child *c, char *room, size_t size)
{
    const struct master *m = c->master;
    const char *name = role_executable(c->id);
    int n = m->is_tree ? snprintf(room, size, "%s/%s/%s", m->libexec, name, name)
                       : snprintf(room, size, "%s/%s", m->libexec, name);
    return slice_of(room, (size_t)n);
}

/* In the child, after fork: only what is safe there. The descriptor to master is put where
 * role_main looks for it; everything else is closed by exec. */
__attribute__((noreturn)) static void become_role(const char *path, char *const argv[], int fd,
                                                  pid_t master)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1};
    sigset_t none;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
    if (getppid() != master)
        _exit(0);
    if (fd == ROLE_MASTER_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, ROLE_MASTER_FD) >= 0)
        execv(path, argv);
    _exit(127);
}

static pid_t spawn(const struct child *c, int fd)
{
    static const char *const sinks[] = {"stderr", "journal", "syslog"};
    static const char *const formats[] = {"keys", "json"};
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const struct settings *s = &c->master->settings;
    char path[PATH_MAX], instance[16];
    if (executable_path(c, path, sizeof path).n >= sizeof path)
        return -ENAMETOOLONG;
    snprintf(instance, sizeof instance, "%u", c->instance);
    const char *const argv[] = {role_executable(c->id),
                                "--role",
                                role_name(c->id),
                                "--instance",
                                instance,
                                "--log",
                                sinks[settings_log_sink(s)],
                                "--log-format",
                                formats[settings_log_format(s)],
                                "--log-level",
                                levels[settings_log_level(s)],
                                NULL};
    sigset_t all, before;
    pid_t master = getpid();
    /* No handler of ours may run in the child: it would write into our pipes. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become_role(path, (char *const *)(uintptr_t)argv, fd, master);
    int err = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid > 0 ? pid : -err;
}

bool child_configure(struct child *c)
{
    const struct settings *s = &c->master->settings;
    const struct ipc_config config = {.generation = s->generation,
                                      .log_format = (uint8_t)settings_log_format(s),
                                      .log_level = (uint8_t)settings_log_level(s),
                                      .fd = fcntl(s->fd, F_DUPFD_CLOEXEC, ROLE_MASTER_FD + 1)};
    int err = config.fd < 0 ? -errno : rpc_call_config(c->rpc, s->generation, &config);
    c->generation = s->generation;
    if (err != 0 && config.fd >= 0)
        close(config.fd);
    return err == 0;
}

/* ---- what it says ---- */

/* Both ends of a new channel, to two that are ready. */
static bool wire_end(struct child *c, const struct child *peer, int fd)
{
    const struct ipc_wire wire = {.role = peer->id, .instance = peer->instance, .fd = fd};
    if (rpc_send_wire(c->rpc, &wire) == 0)
        return true;
    close(fd);
    return false;
}

static void wire(struct child *a, struct child *b)
{
    int fds[2];
    int err = chan_pair(fds);
    if (err != 0) {
        struct log_line line;
        log_child(a, LOG_ERROR, "role.wire", &line);
        log_error(&line, err);
        log_end(&line);
        child_kill(a);
        return;
    }
    bool a_has = wire_end(a, b, fds[0]), b_has = wire_end(b, a, fds[1]);
    if (!a_has) /* it does not read: start it anew */
        child_kill(a);
    if (!b_has)
        child_kill(b);
}

static void give_listener(struct child *c, uint32_t index, int fd)
{
    const struct ipc_listener listener = {
        .index = index, .fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, ROLE_MASTER_FD + 1) : -1};
    if (rpc_send_listener(c->rpc, &listener) != 0 || (fd >= 0 && listener.fd < 0)) {
        if (listener.fd >= 0)
            close(listener.fd);
        child_kill(c);
    }
}

void child_give_listeners(struct child *c, const struct listeners *before)
{
    const struct listeners *now = &c->master->listeners;
    static const struct listeners none;
    if (before == NULL)
        before = &none;
    size_t n = now->n > before->n ? now->n : before->n;
    for (size_t i = 0; i < n && c->state == ROLE_READY; i++) {
        bool had = listeners_has(before, i, c->id), has = listeners_has(now, i, c->id);
        if (has && !(had && listener_is_same(&before->v[i], &now->v[i])))
            give_listener(c, (uint32_t)i, now->v[i].fd);
        else if (had && !has)
            give_listener(c, (uint32_t)i, -1);
    }
}

static bool are_all_ready(const struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].is_wanted && m->children[i].state != ROLE_READY)
            return false;
    return true;
}

/* The first time: only now may clients in, everybody is there to answer. */
static void on_all_ready(struct master *m)
{
    struct log_line line;
    m->is_started = true;
    for (size_t i = 0; i < m->children_n; i++)
        child_give_listeners(&m->children[i], NULL);
    log_begin(&line, m->log, LOG_INFO, "server.ready");
    log_u64(&line, "listeners", m->listeners.n);
    log_u64(&line, "roles", m->children_n);
    log_end(&line);
    notify_manager("READY=1\nSTATUS=Serving");
    reload_postponed(m);
}

static void take_ready(struct child *c, const struct ipc_ready *ready)
{
    struct master *m = c->master;
    struct log_line line;
    if (c->state != ROLE_STARTING)
        return;
    c->state = ROLE_READY;
    c->sandbox = ready->sandbox;
    log_child(c, LOG_DEBUG, "role.ready", &line);
    log_u64(&line, "sandbox", ready->sandbox);
    log_u64(&line, "after_ms", loop_now_ms(m->loop) - c->started_ms);
    log_end(&line);
    for (size_t i = 0; i < m->children_n; i++) {
        struct child *peer = &m->children[i];
        if (peer != c && peer->state == ROLE_READY && ipc_are_peers(c->id, peer->id))
            wire(c, peer);
    }
    if (m->is_started)
        child_give_listeners(c, NULL);
    else if (m->stage == DRAIN_NOT && are_all_ready(m))
        on_all_ready(m);
}

/* One says that another sent nonsense: it is taken out. But a role that reads what strangers send
 * may be a stranger's by now; its word does not end a role that is not so exposed. Then it is the
 * accuser who is started anew: both cannot be right. */
static void take_condemn(struct child *by, const struct ipc_condemn *condemn)
{
    struct log_line line;
    struct child *accused =
        condemn->role < ROLE_COUNT
            ? child_find(by->master, (enum role_id)condemn->role, condemn->instance)
            : NULL;
    bool is_heard = accused != NULL && (!role_is_exposed(by->id) || role_is_exposed(accused->id));
    log_child(by, LOG_ERROR, "role.condemned", &line);
    log_cstr(&line, "accused", role_name(condemn->role));
    log_u64(&line, "accused_instance", condemn->instance);
    log_cstr(&line, "why", ipc_err_name(condemn->why));
    log_cstr(&line, "ended", is_heard ? "accused" : "accuser");
    log_end(&line);
    child_kill(is_heard ? accused : by);
}

static void give_status(struct child *asker, uint32_t call)
{
    struct master *m = asker->master;
    bool ok = true;
    for (size_t i = 0; i < m->children_n && ok; i++) {
        const struct child *c = &m->children[i];
        const struct ipc_role_status row = {.role = c->id,
                                            .instance = c->instance,
                                            .pid = (uint32_t)c->pid,
                                            .restarts = c->restarts,
                                            .started_at_ms = c->pid != 0 ? c->started_at_ms : 0,
                                            .sandbox = c->sandbox,
                                            .state = (uint8_t)c->state};
        ok = (i + 1 < m->children_n ? rpc_reply_more_role_status(asker->rpc, call, &row)
                                    : rpc_reply_role_status(asker->rpc, call, &row)) == 0;
    }
    if (!ok)
        child_kill(asker);
}

enum { FILE_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY }; /* a FIFO must not hold us */

/* Rights stay here, and what is in the files stays unread here. */
static int open_pair(const struct conf *conf, uint32_t index, struct ipc_pair_opened *ret)
{
    if (index >= conf->tls.certificates.n || index >= conf->tls.keys.n)
        return EINVAL;
    ret->certificate = open(conf->tls.certificates.v[index].p, FILE_FLAGS);
    if (ret->certificate < 0)
        return errno;
    ret->key = open(conf->tls.keys.v[index].p, FILE_FLAGS);
    if (ret->key >= 0)
        return 0;
    int err = errno;
    close(ret->certificate);
    ret->certificate = -1;
    return err;
}

static void give_pair(struct child *c, uint32_t call, const struct ipc_pair_open *ask)
{
    const struct settings *s = &c->master->settings;
    struct ipc_pair_opened a = {.certificate = -1, .key = -1};
    int err = ask->generation != s->generation ? ESTALE : open_pair(s->conf, ask->index, &a);
    a.error = (uint32_t)err;
    if (rpc_reply_pair_opened(c->rpc, call, &a) == 0)
        return;
    if (a.certificate >= 0)
        close(a.certificate);
    if (a.key >= 0)
        close(a.key);
    child_kill(c);
}

static void give_authorities(struct child *c, uint32_t call, const struct ipc_authorities_open *ask)
{
    const struct settings *s = &c->master->settings;
    struct ipc_authorities_opened a = {.error = ESTALE, .file = -1};
    if (ask->generation == s->generation && ask->index < s->conf->listen.n) {
        a.file = open(s->conf->listen.v[ask->index].client_certificates.p, FILE_FLAGS);
        a.error = a.file < 0 ? (uint32_t)errno : 0;
    }
    if (rpc_reply_authorities_opened(c->rpc, call, &a) == 0)
        return;
    if (a.file >= 0)
        close(a.file);
    child_kill(c);
}

/* It comes back when it has ended (take_end). */
static void renew(struct child *c)
{
    if (c->state != ROLE_READY || !c->is_wanted || c->master->stage != DRAIN_NOT)
        return;
    child_drain(c);
    c->is_wanted = true;
}

static void on_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    struct child *c = owner;
    if (m->type == IPC_READY)
        take_ready(c, &m->ready);
    else if (m->type == IPC_DRAINED)
        hang_up(c);
    else if (m->type == IPC_RENEW)
        renew(c);
    else if (m->type == IPC_CONDEMN)
        take_condemn(c, &m->condemn);
    else if (m->type == IPC_STATUS_ASK)
        give_status(c, m->call);
    else if (m->type == IPC_RELOAD_ASK)
        reload_begin(c->master, r, m->call);
    else if (m->type == IPC_PAIR_OPEN)
        give_pair(c, m->call, &m->pair_open);
    else if (m->type == IPC_AUTHORITIES_OPEN)
        give_authorities(c, m->call, &m->authorities_open);
    else if (m->type == IPC_UNIX_OPEN)
        child_give_unix(c, m->call, &m->unix_open);
}

static void on_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    struct child *c = owner;
    (void)r;
    (void)call;
    bool ok = result == RPC_ANSWER && m->config_taken.ok != 0;
    if (!ok && result != RPC_GONE)
        log_event(c, LOG_ERROR, result == RPC_TIMEOUT ? "role.config-late" : "role.config-refused");
    if (c->is_reloading && token == c->generation)
        reload_answered(c, ok || result == RPC_GONE); /* who died will start with it */
}

/* Ours and the child's tables differ: its file was replaced by another version's. */
static bool is_upgraded(const struct child *c, enum ipc_err why)
{
    return why == IPC_BAD_HELLO && c->state == ROLE_STARTING && c->master->is_started;
}

static void on_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    struct child *c = owner;
    struct master *m = c->master;
    if (why != IPC_OK || error != 0) {
        struct log_line line;
        log_child(c, LOG_ERROR, "role.channel", &line);
        log_error(&line, error);
        log_cstr(&line, "why", ipc_err_name(why));
        log_end(&line);
        child_kill(c);
    }
    bool upgraded = is_upgraded(c, why);
    reload_forget(m, r);
    rpc_free(r);
    c->rpc = NULL;
    timer_set(m->loop, &c->timer, END_MS, on_overdue);
    if (upgraded && m->stage == DRAIN_NOT) {
        m->is_upgrade = true;
        drain_begin(m, 0);
    }
}

void child_start(struct child *c)
{
    static const struct rpc_ops ops = {NULL, on_message, on_answer, NULL, on_gone};
    struct master *m = c->master;
    int fds[2];
    int err = chan_pair(fds);
    if (err == 0) {
        pid_t pid = spawn(c, fds[1]);
        close(fds[1]);
        if (pid > 0)
            c->pid = pid;
        else
            err = pid;
        if (err != 0)
            close(fds[0]);
    }
    if (err != 0) {
        struct log_line line;
        log_child(c, LOG_ERROR, "role.spawn", &line);
        log_error(&line, err);
        log_end(&line);
        drain_begin(m, 1); /* the machine has no room for a process: let the manager decide */
        return;
    }
    c->state = ROLE_STARTING;
    c->sandbox = 0;
    c->started_ms = loop_now_ms(m->loop);
    c->started_at_ms = clock_wall_ms();
    const struct rpc_options options = {
        .loop = m->loop,
        .fd = fds[0],
        .self = ROLE_MASTER,
        .peer = c->id,
        .peer_instance = c->instance,
        .ops = &ops,
        .owner = c,
    };
    c->rpc = rpc_new(&options);
    if (c->rpc == NULL || !child_configure(c))
        child_kill(c);
    log_event(c, LOG_DEBUG, "role.start");
}

/* ---- the end of one ---- */

static void on_restart(struct timer *t)
{
    child_start(CONTAINER_OF(t, struct child, timer));
}

static void log_end_of(const struct child *c, int status, bool is_expected, uint64_t again_ms)
{
    struct log_line line;
    log_child(c, is_expected ? LOG_DEBUG : LOG_ERROR, is_expected ? "role.ended" : "role.died",
              &line);
    if (WIFSIGNALED(status))
        log_cstr(&line, "signal", sigabbrev_np(WTERMSIG(status)));
    else
        log_u64(&line, "status", (uint64_t)WEXITSTATUS(status));
    if (!is_expected)
        log_u64(&line, "again_ms", again_ms);
    log_end(&line);
}

static void take_end(struct child *c, int status)
{
    struct master *m = c->master;
    /* Who was let go and leaves without complaint. */
    bool is_expected = c->state == ROLE_DRAINING && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    uint64_t lived_ms = loop_now_ms(m->loop) - c->started_ms;
    if (lived_ms >= GOOD_LIFE_MS || c->backoff_ms == 0)
        c->backoff_ms = BACKOFF_MIN_MS;
    else
        c->backoff_ms = c->backoff_ms * 2 < BACKOFF_MAX_MS ? c->backoff_ms * 2 : BACKOFF_MAX_MS;
    bool comes_back = c->is_wanted && m->stage == DRAIN_NOT && m->is_started;
    /* Who left because it was to begin anew is missed by the others. */
    uint64_t again_ms = is_expected && lived_ms >= BACKOFF_MIN_MS ? 0 : c->backoff_ms;
    log_end_of(c, status, is_expected, comes_back ? again_ms : 0);
    hang_up(c);
    timer_stop(m->loop, &c->timer);
    c->pid = 0;
    c->state = ROLE_DOWN;
    if (comes_back && !is_expected)
        c->restarts++;
    if (comes_back)
        timer_set(m->loop, &c->timer, again_ms, on_restart);
    else if (c->is_wanted && m->stage == DRAIN_NOT)
        drain_begin(m, 1); /* it cannot even start: say so instead of trying for ever */
    drain_advance(m);
}

void children_reap(struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++) {
        struct child *c = &m->children[i];
        int status;
        if (c->pid != 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
            take_end(c, status);
    }
}

/* ---- which ---- */

/* Somebody else than our database knows accounts. */
static bool has_backend(const struct conf *conf)
{
    return conf_has_accounts(conf, CONF_ACCOUNTS_DOVECOT) ||
           conf_has_accounts(conf, CONF_ACCOUNTS_LDAP) ||
           conf_has_accounts(conf, CONF_ACCOUNTS_PAM);
}

static bool has_class(const struct conf *conf, enum conf_class class)
{
    for (size_t i = 0; i < conf->listen.n; i++)
        if (conf->listen.v[i].class == class)
            return true;
    return false;
}

static uint32_t count_of(const struct conf *conf, enum role_id id)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    switch (id) {
    case ROLE_MX:
        if (!has_class(conf, CONF_CLASS_MX))
            return 0;
        if (conf->processes.mx > 0)
            return conf->processes.mx < MX_MAX ? (uint32_t)conf->processes.mx : MX_MAX;
        return cores < 4 ? 1 : cores / 2 < MX_MAX ? (uint32_t)(cores / 2) : MX_MAX;
    case ROLE_SUBMIT:
        return has_class(conf, CONF_CLASS_SUBMIT) ? 1 : 0;
    case ROLE_FETCH:
        return conf->oauth.n > 0 ? 1 : 0;
    case ROLE_KEYS:
        return conf->tls.certificates.n > 0 ? 1 : 0;
    case ROLE_RESOLVER:
    case ROLE_DIRECTORY:
    case ROLE_COUNTERS:
    case ROLE_QUEUE:
    case ROLE_DELIVER:
    case ROLE_CONTROL:
        return 1;
    case ROLE_AUTHX:
        return has_backend(conf) ? 1 : 0;
    case ROLE_PAM:
        return conf->pam.service.n > 0 ? 1 : 0;
    case ROLE_WEB:
        return conf->web.n > 0 ? 1 : 0;
    case ROLE_RELAY:
        return conf_has_lmtp(conf) ? 1 : 0;
    case ROLE_MASTER:
    case ROLE_COUNT:
        break;
    }
    return 0;
}

static void want(struct master *m, enum role_id id, uint32_t instance)
{
    struct child *c = child_find(m, id, instance);
    if (c == NULL) {
        assert(m->children_n < CHILDREN_MAX);
        c = &m->children[m->children_n++];
        *c = (struct child){.master = m, .id = id, .instance = instance};
    }
    c->is_wanted = true;
    if (c->pid == 0 && !timer_is_set(&c->timer))
        child_start(c);
    /* One that still drains is started when it has ended. */
}

void children_adjust(struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++) {
        struct child *c = &m->children[i];
        if (c->is_wanted && c->instance >= count_of(m->settings.conf, c->id))
            child_drain(c);
    }
    for (uint32_t id = ROLE_MASTER + 1; id < ROLE_COUNT; id++)
        for (uint32_t i = 0; i < count_of(m->settings.conf, (enum role_id)id); i++)
            want(m, (enum role_id)id, i);
}
