/* deliver: puts letters into Maildirs, in batches, on helper threads.
 *
 * queue sends a letter a recipient and waits for the answer of each; what comes while a batch is
 * being synced makes the next one. Only what queue gave is written, only below the path that it
 * gave. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "src/deliver/mailboxes.h"
#include "sys/answers.h"
#include "sys/clock.h"
#include "sys/role.h"

/* Batches at a time. One mailbox is never in two, so more serve file systems that are slower than
 * others; on one disk they only spare the time between two syncs. */
#define BATCHES 4
/* A syncfs waits for everything that anybody wrote to the file system. When that takes so long,
 * letters are synced one by one for a while. */
#define SYNCFS_SLOW_MS 3000
#define SYNCFS_PAUSE_MS 60000

struct delivery {
    struct job job;
    uint64_t number; /* queue's */
    uint32_t call;   /* to be answered */
    uint64_t epoch;  /* of the queue that asked */
    char name[256];  /* NUL behind it */
    struct buf text; /* what head and body point to */
};

struct crew {
    struct work work;
    struct batch batch;
    struct buf room;
    struct maildir_system system;
    bool is_busy;
    uint64_t took_ms;
};

static struct {
    struct role *role;
    struct vfs *vfs;
    struct maildir_system system; /* without syncfs where it cannot be believed */
    struct roots roots;
    struct mailboxes *mailboxes;
    struct crew *crews[BATCHES];
    struct turn_hook hook;
    uint64_t epoch; /* raised when queue dies: nobody waits for those answers any more */
    uint64_t directory_epoch;
    uint64_t open; /* deliveries not yet answered */
    uint64_t no_syncfs_until_ms;
    uint64_t done, failed;
} self;

/* ---- answers ---- */

/* What people and the sender's bounce read. */
static const char *explain(int err)
{
    switch (-err) {
    case ENOSPC:
        return "4.3.1 the disk with the mailbox is full";
    case EDQUOT:
        return "4.2.2 the mailbox is over its quota";
    case EACCES:
    case EPERM:
    case EROFS:
        return "4.2.0 the mailbox cannot be written";
    case EXDEV:
        return "4.3.5 the mailbox is below no directory of the server's configuration";
    case ELOOP:
        return "4.2.0 a symbolic link stands where the mailbox should be";
    case ENOTDIR:
        return "4.2.0 something that is no directory stands where the mailbox should be";
    case ENAMETOOLONG:
        return "5.2.0 the mailbox's path is too long";
    case EINVAL:
        return "5.2.0 the mailbox's path or the letter's name is malformed";
    default:
        return "4.3.0 the mailbox could not be written";
    }
}

static enum delivery_result result_of(int err)
{
    if (err == 0)
        return DELIVERY_DONE;
    return err == -ENAMETOOLONG || err == -EINVAL ? DELIVERY_REFUSED : DELIVERY_LATER;
}

static void log_failure(const struct delivery *d, slice mailbox)
{
    struct log_line line;

    bool is_full = d->job.letter.err == -EDQUOT; /* not our trouble */
    log_begin(&line, self.role->log, is_full ? LOG_INFO : LOG_ERROR, "deliver.failed");
    log_slice(&line, "mailbox", mailbox);
    log_cstr(&line, "name", d->name);
    log_cstr(&line, "at", d->job.letter.at);
    log_error(&line, d->job.letter.err);
    log_end(&line);
}

static void answer(struct delivery *d)
{
    int err = d->job.letter.err;
    struct rpc *queue = role_peer(self.role, ROLE_QUEUE, 0);
    struct ipc_delivered m = {.job = d->number, .result = (uint8_t)result_of(err)};
    const char *name = strerrorname_np(-err);
    struct buf detail;

    buf_init(&detail, 512);
    if (err != 0)
        buf_addf(&detail, "%s (%s at %s)", explain(err), name != NULL ? name : "?",
                 d->job.letter.at);
    m.detail = buf_slice(&detail);
    if (queue != NULL && d->epoch == self.epoch) {
        int sent = rpc_reply_delivered(queue, d->call, &m);

        if (sent != 0 && sent != -EPIPE)
            role_fail(self.role, "deliver.reply", sent);
    }
    buf_release(&detail);
    *(err == 0 ? &self.done : &self.failed) += 1;
    self.open--;
}

static void delivery_free(struct delivery *d)
{
    if (d == NULL)
        return;
    if (d->job.letter.fd >= 0)
        close(d->job.letter.fd);
    buf_release(&d->text);
    free(d);
}

static void refuse(struct delivery *d, slice mailbox, int err, const char *at)
{
    d->job.letter.err = err;
    d->job.letter.at = at;
    log_failure(d, mailbox);
    answer(d);
    delivery_free(d);
}

static void drain_if_done(void)
{
    if (self.role->is_draining && self.open == 0)
        role_drained(self.role);
}

/* ---- batches ---- */

static void start_batches(struct turn_hook *hook);

/* Directory answers 452 or 552 by it before the next message comes. A word that finds no room is
 * said again with the next letter. */
static void tell_usage(const struct batch *b)
{
    struct rpc *directory = role_peer(self.role, ROLE_DIRECTORY, 0);

    for (size_t i = 0; i < b->n && directory != NULL; i++) {
        struct maildir *m = b->letters[i].to;

        if (!m->is_counted)
            continue;
        m->is_counted = false; /* said */
        (void)!rpc_send_mailbox_used(directory,
                                     &(struct ipc_mailbox_used){.bytes = m->used.bytes,
                                                                .messages = m->used.messages,
                                                                .mailbox = slice_cstr(m->path)});
    }
}

/* On a helper thread. */
static void run_batch(struct work *w)
{
    struct crew *c = CONTAINER_OF(w, struct crew, work);
    uint64_t from = clock_mono_ms();

    maildir_deliver(&c->system, c->batch.letters, c->batch.n, &c->room);
    c->took_ms = clock_mono_ms() - from;
}

static void finish_batch(struct work *w)
{
    struct crew *c = CONTAINER_OF(w, struct crew, work);

    if (c->system.syncfs != NULL && c->took_ms > SYNCFS_SLOW_MS)
        self.no_syncfs_until_ms = loop_now_ms(self.role->loop) + SYNCFS_PAUSE_MS;
    for (size_t i = 0; i < c->batch.n; i++) {
        struct delivery *d = CONTAINER_OF(c->batch.jobs[i], struct delivery, job);

        d->job.letter = c->batch.letters[i];
        if (d->job.letter.err != 0)
            log_failure(d, slice_cstr(d->job.letter.to->path));
        answer(d);
        delivery_free(d);
    }
    tell_usage(&c->batch);
    batch_done(self.mailboxes, &c->batch);
    c->is_busy = false;
    turn_hook_queue(self.role->loop, &self.hook, start_batches);
    drain_if_done();
}

static void start_batches(struct turn_hook *hook)
{
    (void)hook;
    for (size_t i = 0; i < BATCHES; i++) {
        struct crew *c = self.crews[i];

        if (c->is_busy)
            continue;
        if (!batch_take(self.mailboxes, &c->batch))
            return;
        c->is_busy = true;
        c->system = self.system;
        c->system.now_s = clock_wall_ms() / 1000;
        if (loop_now_ms(self.role->loop) < self.no_syncfs_until_ms)
            c->system.syncfs = NULL;
        loop_submit(self.role->loop, &c->work, run_batch, finish_batch);
    }
}

/* ---- letters ---- */

/* Copies what lives in the datagram only. False: no memory. */
static bool keep(struct delivery *d, struct ipc_delivery *m)
{
    size_t n = m->head.n + m->body.n;

    buf_init(&d->text, n);
    if (n > 0 && buf_reserve(&d->text, n) == NULL)
        return false;
    buf_add(&d->text, m->head);
    buf_add(&d->text, m->body);
    if (m->name.n < sizeof d->name)
        memcpy(d->name, m->name.p != NULL ? m->name.p : "", m->name.n);
    d->job.size_bytes = n + (m->fd >= 0 ? m->body_bytes : 0);
    d->job.letter = (struct letter){.name = d->name,
                                    .is_binary = m->is_binary != 0,
                                    .head = slice_of(d->text.p, m->head.n),
                                    .body = slice_of(d->text.p + m->head.n, m->body.n),
                                    .fd = ipc_take_fd(&m->fd),
                                    .body_bytes = m->body_bytes,
                                    .quota_bytes = m->quota_bytes,
                                    .at = "receive"};
    return true;
}

static void take_delivery(struct role *r, struct ipc_message *message)
{
    struct ipc_delivery *m = &message->delivery;
    struct delivery *d = calloc(1, sizeof *d);
    bool is_sane = maildir_is_name(m->name) && maildir_is_path(m->mailbox);

    if (d == NULL) {
        role_fail(r, "deliver.memory", -ENOMEM);
        return;
    }
    d->number = m->job;
    d->call = message->call;
    d->epoch = self.epoch;
    d->job.letter.fd = -1;
    self.open++;
    if (!keep(d, m))
        refuse(d, m->mailbox, -ENOMEM, "receive");
    else if (!is_sane)
        refuse(d, m->mailbox, -EINVAL, "receive");
    else if (!mailboxes_wait(self.mailboxes, m->mailbox, &d->job))
        refuse(d, m->mailbox, -ENOMEM, "receive");
    else
        turn_hook_queue(r->loop, &self.hook, start_batches);
}

/* ---- how full? ---- */

struct usage {
    struct work work;
    uint32_t call;
    uint64_t epoch; /* of the directory that asked */
    struct maildirsize sum;
    int err;
    char path[];
};

/* On a helper thread. */
static void run_usage(struct work *w)
{
    struct usage *u = CONTAINER_OF(w, struct usage, work);

    u->err = maildir_usage(&self.system, u->path, &u->sum);
}

static void finish_usage(struct work *w)
{
    struct usage *u = CONTAINER_OF(w, struct usage, work);
    struct rpc *directory = role_peer(self.role, ROLE_DIRECTORY, 0);
    struct ipc_usage_told m = {.result = u->err != 0,
                               .bytes = u->sum.bytes,
                               .messages = u->sum.messages};
    int sent = directory == NULL || u->epoch != self.directory_epoch
                   ? 0
                   : rpc_reply_usage_told(directory, u->call, &m);

    if (sent != 0 && sent != -EPIPE)
        role_fail(self.role, "deliver.reply", sent);
    self.open--;
    free(u);
    drain_if_done();
}

static void take_usage(struct role *r, struct rpc *peer, const struct ipc_message *m)
{
    slice path = m->usage.mailbox;
    bool is_sane = maildir_is_path(path);
    struct usage *u = calloc(1, sizeof *u + path.n + 1);

    if (u == NULL || !is_sane) {
        int err = rpc_reply_usage_told(peer, m->call, &(struct ipc_usage_told){.result = 1});

        if (err != 0 && err != -EPIPE)
            role_fail(r, "deliver.reply", err);
        free(u);
        return;
    }
    memcpy(u->path, path.p, path.n);
    u->call = m->call;
    u->epoch = self.directory_epoch;
    self.open++;
    loop_submit(r->loop, &u->work, run_usage, finish_usage);
}

static void answer_admin(struct role *r, struct rpc *peer, const struct ipc_message *m)
{
    struct ipc_admin_answer reply;
    struct buf text;
    int err;

    buf_init(&text, 1024);
    buf_addf(&text,
             "{\"ok\":true,\"waiting\":%llu,\"delivered\":%llu,\"failed\":%llu,\"mailboxes\":%zu}",
             (unsigned long long)self.open, (unsigned long long)self.done,
             (unsigned long long)self.failed, mailboxes_idle(self.mailboxes));
    reply.json = buf_slice(&text);
    err = rpc_reply_admin_answer(peer, m->call, &reply);
    buf_release(&text);
    if (err != 0 && err != -EPIPE)
        role_fail(r, "deliver.reply", err);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    if (m->type == IPC_DELIVERY)
        take_delivery(r, m);
    else if (m->type == IPC_USAGE)
        take_usage(r, peer, m);
    else if (m->type == IPC_ADMIN)
        answer_admin(r, peer, m);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    (void)r;
    if (rpc_peer(peer) == ROLE_QUEUE)
        self.epoch++;
    if (rpc_peer(peer) == ROLE_DIRECTORY)
        self.directory_epoch++;
}

/* ---- life ---- */

static int call_syncfs(int fd)
{
    return syncfs(fd) < 0 ? -errno : 0;
}

/* Before Linux 5.8 syncfs kept write errors to itself. */
static bool kernel_tells_errors(void)
{
    struct utsname name;
    uint64_t major = 0, minor = 0;
    slice rest, part;
    size_t digits = 0;

    if (uname(&name) < 0)
        return false;
    rest = slice_cstr(name.release);
    if (!slice_split(&rest, '.', &part) || !slice_to_u64(part, 1000, &major))
        return false;
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
        digits++;
    if (!slice_to_u64(slice_head(rest, digits), 1000, &minor))
        return false;
    return major > 5 || (major == 5 && minor >= 8);
}

/* The sandbox has its say too, so this is asked inside of it. */
static bool has_syncfs(void)
{
    int fd = memfd_create("probe", MFD_CLOEXEC);
    bool works = fd >= 0 && kernel_tells_errors() && call_syncfs(fd) == 0;

    if (fd >= 0)
        close(fd);
    return works;
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

static int open_roots(struct role *r, slice text)
{
    struct conf *conf = read_conf(r, text);
    const char *path;
    int err;

    if (conf == NULL)
        return -EINVAL;
    if ((err = roots_open(&self.roots, conf, &r->user, &r->places, &path)) != 0) {
        struct log_line line;

        log_begin(&line, r->log, LOG_ERROR, "deliver.directory");
        log_cstr(&line, "path", path);
        log_error(&line, err);
        log_end(&line);
    }
    conf_unref(conf);
    return err;
}

/* A directory that somebody else made may be somebody else's only: better said now than with every
 * letter. */
static void warn_of_roots(struct role *r)
{
    for (size_t i = 0; i < self.roots.n; i++) {
        struct log_line line;

        if (faccessat(self.roots.v[i].dir, ".", W_OK | X_OK, 0) == 0)
            continue;
        log_begin(&line, r->log, LOG_WARN, "deliver.not-writable");
        log_cstr(&line, "path", self.roots.v[i].path);
        log_error(&line, errno);
        log_cstr(&line, "hint", "the user candor-deliver makes new mailboxes there");
        log_end(&line);
    }
}

static int open_role(struct role *r, slice text)
{
    struct rlimit limit;
    int err;

    self.role = r;
    self.system.vfs = &vfs_kernel;
    self.system.roots = &self.roots;
    if ((err = open_roots(r, text)) != 0)
        return err;
    /* A letter that waits may hold a descriptor. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        if ((self.crews[i] = calloc(1, sizeof *self.crews[i])) == NULL)
            return -ENOMEM;
        buf_init(&self.crews[i]->room, (size_t)1 << 20);
    }
    self.mailboxes = mailboxes_new(&self.system);
    return self.mailboxes == NULL ? -ENOMEM : 0;
}

static int start(struct role *r)
{
    warn_of_roots(r);
    self.system.syncfs = has_syncfs() ? call_syncfs : NULL;
    return 0;
}

/* Another place for mailboxes is opened by a new start only. */
static bool reconfigure(struct role *r, slice text)
{
    struct conf *conf = read_conf(r, text);

    if (conf != NULL && !roots_are_enough(&self.roots, conf))
        role_renew(r);
    conf_unref(conf);
    return conf != NULL;
}

static void drain(struct role *r)
{
    (void)r;
    drain_if_done();
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_DELIVER),
    .workers = BATCHES,
    .open = open_role,
    .start = start,
    .reconfigure = reconfigure,
    .gone = on_gone,
    .message = on_message,
    .drain = drain,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
