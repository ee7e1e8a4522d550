#include "sys/role.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"

enum { CONFIG_MAX_BYTES = 16 * 1024 * 1024 };

struct peer {
    struct peer *next;
    struct rpc *rpc;
    bool is_open; /* its hello was right: the role knows it */
};

/* What the role sees, and what we keep about it. */
struct runner {
    struct role role;
    const struct role_spec *spec;
    struct peer *peers;
    bool is_ready;
    bool is_drained;
    int status;
};

static struct runner *runner_of(struct role *r)
{
    return CONTAINER_OF(r, struct runner, role);
}

static void finish(struct runner *self, int status)
{
    if (self->status == 0)
        self->status = status;
    loop_stop(self->role.loop);
}

void role_fail(struct role *r, const char *event, int err)
{
    struct log_line line;
    log_begin(&line, r->log, LOG_ERROR, event);
    log_error(&line, err);
    log_end(&line);
    finish(runner_of(r), 1);
}

/* ---- peers ---- */

static struct peer *find_peer(struct runner *self, const struct rpc *rpc)
{
    for (struct peer *p = self->peers; p != NULL; p = p->next)
        if (p->rpc == rpc)
            return p;
    return NULL;
}

struct rpc *role_peer(struct role *r, enum role_id peer, uint32_t instance)
{
    for (struct peer *p = runner_of(r)->peers; p != NULL; p = p->next)
        if (p->is_open && rpc_peer(p->rpc) == peer && rpc_peer_instance(p->rpc) == instance)
            return p->rpc;
    return NULL;
}

struct rpc *role_next_peer(struct role *r, struct rpc *after)
{
    struct runner *self = runner_of(r);
    struct peer *p = after == NULL ? self->peers : find_peer(self, after)->next;
    while (p != NULL && !p->is_open)
        p = p->next;
    return p == NULL ? NULL : p->rpc;
}

static void log_peer(struct runner *self, enum log_level level, const char *event,
                     const struct rpc *rpc, int error, enum ipc_err why)
{
    struct log_line line;
    log_begin(&line, self->role.log, level, event);
    log_cstr(&line, "peer", role_name(rpc_peer(rpc)));
    log_u64(&line, "instance", rpc_peer_instance(rpc));
    log_error(&line, error);
    if (why != IPC_OK)
        log_cstr(&line, "why", ipc_err_name(why));
    log_end(&line);
}

static void on_peer_open(void *owner, struct rpc *rpc)
{
    struct runner *self = owner;
    find_peer(self, rpc)->is_open = true;
    log_peer(self, LOG_DEBUG, "peer.open", rpc, 0, IPC_OK);
    if (self->spec->peer != NULL)
        self->spec->peer(&self->role, rpc);
}

static void on_peer_message(void *owner, struct rpc *rpc, struct ipc_message *m)
{
    struct runner *self = owner;
    assert(self->spec->message != NULL);
    self->spec->message(&self->role, rpc, m);
}

static void on_answer(void *owner, struct rpc *rpc, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    struct runner *self = owner;
    assert(self->spec->answer != NULL);
    self->spec->answer(&self->role, rpc, call, token, result, m);
}

static void on_writable(void *owner, struct rpc *rpc)
{
    struct runner *self = owner;
    if (self->spec->writable != NULL)
        self->spec->writable(&self->role, rpc);
}

static void tell_master(struct runner *self, const struct rpc *rpc, enum ipc_err why)
{
    const struct ipc_condemn condemn = {.role = rpc_peer(rpc),
                                        .instance = rpc_peer_instance(rpc),
                                        .why = why};
    if (rpc_send_condemn(self->role.master, &condemn) != 0)
        role_fail(&self->role, "master.full", ENOBUFS);
}

static void on_peer_gone(void *owner, struct rpc *rpc, int error, enum ipc_err why)
{
    struct runner *self = owner;
    bool is_worse = why != IPC_OK || error != 0;
    log_peer(self, is_worse ? LOG_ERROR : LOG_DEBUG, "peer.gone", rpc, error, why);
    if (why != IPC_OK)
        tell_master(self, rpc, why);
    for (struct peer **at = &self->peers; *at != NULL; at = &(*at)->next)
        if ((*at)->rpc == rpc) {
            struct peer *p = *at;
            *at = p->next; /* before the role hears of it: role_peer finds it no more */
            if (p->is_open && self->spec->gone != NULL)
                self->spec->gone(&self->role, rpc);
            free(p);
            break;
        }
    rpc_free(rpc);
}

static void take_wire(struct runner *self, struct ipc_wire *wire)
{
    static const struct rpc_ops ops = {on_peer_open, on_peer_message, on_answer, on_writable,
                                       on_peer_gone};
    enum role_id id = (enum role_id)wire->role;
    if (wire->role >= ROLE_COUNT || !ipc_are_peers(self->role.id, id)) {
        role_fail(&self->role, "wire.wrong", EINVAL);
        return;
    }
    for (struct peer *p = self->peers, *next; p != NULL; p = next) {
        next = p->next;
        if (rpc_peer(p->rpc) == id && rpc_peer_instance(p->rpc) == wire->instance)
            rpc_close(p->rpc);
    }
    struct peer *p = calloc(1, sizeof *p);
    const struct rpc_options options = {.loop = self->role.loop,
                                        .fd = ipc_take_fd(&wire->fd),
                                        .self = self->role.id,
                                        .self_instance = self->role.instance,
                                        .peer = id,
                                        .peer_instance = wire->instance,
                                        .ops = &ops,
                                        .owner = self};
    struct rpc *rpc = rpc_new(&options);
    if (p == NULL || rpc == NULL) {
        free(p);
        rpc_free(rpc);
        role_fail(&self->role, "wire", ENOMEM);
        return;
    }
    *p = (struct peer){.next = self->peers, .rpc = rpc};
    self->peers = p;
}

/* ---- master ---- */

static int read_config(int fd, struct buf *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (st.st_size < 0 || st.st_size > CONFIG_MAX_BYTES)
        return -EFBIG;
    size_t size = (size_t)st.st_size;
    char *room = buf_reserve(out, size);
    if (room == NULL)
        return -ENOMEM;
    while (out->n < size) {
        ssize_t n = pread(fd, out->p + out->n, size - out->n, (off_t)out->n);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        out->n += (size_t)n;
    }
    return 0;
}

/* The kernel tells us when master is gone, should we be too busy to read its channel. Changing the
 * user forgets it. */
static void follow_master(void)
{
    prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
}

static int enter_sandbox(struct runner *self, uint32_t *ret_bits)
{
    struct role *r = &self->role;
    const struct sandbox_options options = {.role = r->id, .user = r->user, .places = &r->places};
    int err = sandbox_enter(&options, ret_bits);
    sandbox_places_release(&r->places);
    follow_master();
    if (err == 0)
        err = loop_start_workers(r->loop, self->spec->workers);
    return err == 0 ? sandbox_filter(r->id, ret_bits) : err;
}

/* From the first configuration to ready. */
static int start(struct runner *self, slice text)
{
    struct role *r = &self->role;
    uint32_t bits = 0;
    sandbox_user(r->id, &r->user);
    int err = sandbox_places_init(&r->places, r->id);
    if (err == 0 && self->spec->open != NULL)
        err = self->spec->open(r, text);
    if (err == 0)
        err = enter_sandbox(self, &bits);
    if (err == 0 && self->spec->start != NULL)
        err = self->spec->start(r);
    if (err != 0)
        return err;
    self->is_ready = true;
    const struct ipc_ready ready = {.pid = (uint32_t)getpid(), .sandbox = bits};
    struct log_line line;
    log_begin(&line, r->log, LOG_DEBUG, "role.ready");
    log_u64(&line, "sandbox", bits);
    log_end(&line);
    return rpc_send_ready(r->master, &ready);
}

static void take_config(struct runner *self, uint32_t call, const struct ipc_config *config)
{
    struct buf text;
    buf_init(&text, CONFIG_MAX_BYTES);
    int err = read_config(config->fd, &text);
    bool ok = err == 0;
    if (config->log_format <= LOG_JSON && config->log_level <= LOG_DEBUG)
        log_set(self->role.log, (enum log_format)config->log_format,
                (enum log_level)config->log_level);
    if (err == 0 && !self->is_ready)
        err = start(self, buf_slice(&text));
    else if (err == 0 && self->spec->reconfigure != NULL)
        ok = self->spec->reconfigure(&self->role, buf_slice(&text));
    buf_release(&text);
    if (err != 0) {
        role_fail(&self->role, self->is_ready ? "config.unreadable" : "role.start", err);
        return;
    }
    if (ok)
        self->role.generation = config->generation;
    const struct ipc_config_taken taken = {.ok = ok};
    err = rpc_reply_config_taken(self->role.master, call, &taken);
    if (err != 0)
        role_fail(&self->role, "master.full", err);
}

void role_renew(struct role *r)
{
    struct log_line line;
    log_begin(&line, r->log, LOG_INFO, "role.renew");
    log_end(&line);
    int err = rpc_send_renew(r->master, &(struct ipc_renew){});
    if (err != 0)
        role_fail(r, "master.full", err);
}

void role_drained(struct role *r)
{
    struct runner *self = runner_of(r);
    const struct ipc_drained drained = {};
    if (self->is_drained)
        return;
    self->is_drained = true;
    int err = rpc_send_drained(r->master, &drained);
    if (err != 0)
        role_fail(r, "master.full", err);
}

static void take_drain(struct runner *self)
{
    if (self->role.is_draining)
        return;
    self->role.is_draining = true;
    if (self->spec->drain != NULL)
        self->spec->drain(&self->role);
    else
        role_drained(&self->role);
}

static void on_master_message(void *owner, struct rpc *rpc, struct ipc_message *m)
{
    struct runner *self = owner;
    (void)rpc;
    if (m->type == IPC_CONFIG)
        take_config(self, m->call, &m->config);
    else if (m->type == IPC_WIRE)
        take_wire(self, &m->wire);
    else if (m->type == IPC_DRAIN)
        take_drain(self);
    else if (m->type == IPC_LISTENER && self->spec->listener != NULL)
        self->spec->listener(&self->role, m->listener.index, ipc_take_fd(&m->listener.fd));
}

static void on_master_gone(void *owner, struct rpc *rpc, int error, enum ipc_err why)
{
    struct runner *self = owner;
    if (!self->is_drained)
        log_peer(self, LOG_WARN, "master.gone", rpc, error, why);
    finish(self, why == IPC_OK ? 0 : 1);
}

static void on_orphaned(void *owner, int signum)
{
    (void)signum;
    finish(owner, 0);
}

/* ---- start ---- */

struct arguments {
    enum role_id id;
    uint32_t instance;
    struct log_options log;
};

static bool take_word(slice value, const char *const *words, size_t n, unsigned *ret)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(value, words[i])) {
            *ret = (unsigned)i;
            return true;
        }
    return false;
}

/* The arguments are master's: --role mx --instance 0 --log stderr --log-format keys --log-level
 * info. */
static bool take_arguments(int argc, char **argv, struct arguments *ret)
{
    static const char *const sinks[] = {"stderr", "journal", "syslog"};
    static const char *const formats[] = {"keys", "json"};
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct arguments a = {.id = ROLE_MASTER, .log = {.level = LOG_INFO, .fd = 2}};
    for (int i = 1; i + 1 < argc; i += 2) {
        slice name = slice_cstr(argv[i]), value = slice_cstr(argv[i + 1]);
        uint64_t number;
        unsigned word;
        if (slice_is(name, "--role") && role_by_name(value, &a.id))
            continue;
        if (slice_is(name, "--instance") && slice_to_u64(value, 1000, &number))
            a.instance = (uint32_t)number;
        else if (slice_is(name, "--log") && take_word(value, sinks, 3, &word))
            a.log.sink = (enum log_sink)word;
        else if (slice_is(name, "--log-format") && take_word(value, formats, 2, &word))
            a.log.format = (enum log_format)word;
        else if (slice_is(name, "--log-level") && take_word(value, levels, 4, &word))
            a.log.level = (enum log_level)word;
        else
            return false;
    }
    a.log.role = role_name(a.id);
    a.log.instance = a.instance;
    *ret = a;
    return argc % 2 == 1 && a.id != ROLE_MASTER;
}

static bool has_master(void)
{
    int type = 0;
    socklen_t n = sizeof type;
    return getsockopt(ROLE_MASTER_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
           type == SOCK_SEQPACKET && fcntl(ROLE_MASTER_FD, F_SETFD, FD_CLOEXEC) == 0;
}

static int run(struct runner *self, const struct arguments *a)
{
    static const struct rpc_ops ops = {NULL, on_master_message, on_answer, on_writable,
                                       on_master_gone};
    struct role *r = &self->role;
    r->id = a->id;
    r->instance = a->instance;
    r->loop = loop_new();
    r->log = r->loop != NULL ? log_new(r->loop, &a->log) : NULL;
    if (r->log == NULL)
        return 1;
    const struct rpc_options options = {.loop = r->loop,
                                        .fd = ROLE_MASTER_FD,
                                        .self = r->id,
                                        .self_instance = r->instance,
                                        .peer = ROLE_MASTER,
                                        .ops = &ops,
                                        .owner = self};
    r->master = rpc_new(&options);
    if (r->master == NULL || loop_on_signal(r->loop, SIGUSR1, on_orphaned, self) != 0)
        return 1;
    follow_master();
    loop_run(r->loop);
    if (self->is_ready && self->spec->close != NULL)
        self->spec->close(r);
    return self->status;
}

static void release(struct runner *self)
{
    while (self->peers != NULL) {
        struct peer *p = self->peers;
        self->peers = p->next;
        rpc_flush(p->rpc);
        rpc_free(p->rpc);
        free(p);
    }
    rpc_free(self->role.master);
    log_free(self->role.log);
    loop_free(self->role.loop);
}

int role_main(const struct role_spec *spec, int argc, char **argv)
{
    struct arguments a;
    struct runner self = {.spec = spec};
    if (!has_master() || !take_arguments(argc, argv, &a) || (spec->roles & ROLE_BIT(a.id)) == 0) {
        fprintf(stderr, "%s: a part of the server, started by candor serve only\n", argv[0]);
        return 2;
    }
    /* Master says when to end, also when a whole group or unit gets these. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    int status = run(&self, &a);
    release(&self);
    return status;
}
