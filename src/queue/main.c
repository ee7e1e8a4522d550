/* queue: the spool, alone. smtpd's messages are committed, waiting ones go to deliver, and what
 * became of them is written down.
 *
 *   commit ──▶ on_commit ──▶ spool_commit ─┐ gathers
 *   a helper is free, somebody waits ──────┴▶ kick ──▶ spool_job_run on the helper: one fdatasync
 *   committed ◀── on_committed ◀── spool_job_finish    and dispatch_add: its delivery begins
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "lib/smtp/envelope.h"
#include "src/queue/admin.h"
#include "src/queue/dispatch.h"
#include "src/queue/files.h"
#include "src/queue/grants.h"
#include "src/queue/spool_dir.h"
#include "sys/answers.h"
#include "sys/clock.h"

/* Outcomes alone wait this long for company before they are synced. */
#define FLUSH_MS 50
#define TICK_MS 1000
/* The wall clock may be slewed; more is a jump. */
#define JUMP_MS 30000
#define SPARES 3

struct lane {
    struct work work;
    enum spool_lane id;
    bool is_busy;
};

/* A commit that smtpd waits for. */
struct waiting {
    struct rpc *peer; /* NULL: it is gone, or the place is free */
    uint32_t call;
    uint32_t next_free;
    uint32_t recipients;
    char *account; /* of its grant; NULL: it has none */
    size_t account_n;
};

static struct queue {
    struct role *role;
    struct conf *conf;
    struct spool *spool;
    struct dispatch dispatch;
    struct files files;
    struct grants grants;
    struct buf sealed; /* an envelope without its grant */
    int dir;
    struct lane lanes[SPOOL_LANES];
    struct waiting *waiting;
    uint32_t waiting_room, waiting_free;
    struct turn_hook turn;
    struct timer flush, tick, due;
    bool is_flush_due;
    bool has_pressure;
    uint64_t wall_ms, mono_ms; /* of the last tick */
    struct buf answer;
} self;

static void log_failure(const char *event, int err)
{
    struct log_line line;
    log_begin(&line, self.role->log, LOG_ERROR, event);
    log_error(&line, err);
    log_end(&line);
}

/* ---- the lanes ---- */

static void kick(struct turn_hook *h);

static void kick_later(void)
{
    turn_hook_queue(self.role->loop, &self.turn, kick);
}

static void lane_run(struct work *w)
{
    const struct lane *lane = CONTAINER_OF(w, struct lane, work);
    spool_job_run(self.spool, lane->id);
}

static void lane_done(struct work *w)
{
    struct lane *lane = CONTAINER_OF(w, struct lane, work);
    lane->is_busy = false;
    spool_job_finish(self.spool, lane->id);
    kick_later();
}

static void on_flush(struct timer *t)
{
    (void)t;
    self.is_flush_due = true;
    kick_later();
}

static bool may_start(enum spool_lane lane)
{
    if (lane != SPOOL_LANE_COMMIT || spool_is_urgent(self.spool) || self.is_flush_due ||
        self.role->is_draining)
        return true;
    if (!timer_is_set(&self.flush))
        timer_set(self.role->loop, &self.flush, FLUSH_MS, on_flush);
    return false;
}

static bool start_lanes(uint64_t now_ms)
{
    bool is_idle = true;
    for (size_t i = 0; i < SPOOL_LANES; i++) {
        struct lane *lane = &self.lanes[i];
        if (!lane->is_busy && may_start(lane->id) && spool_job_take(self.spool, lane->id, now_ms)) {
            lane->is_busy = true;
            if (lane->id == SPOOL_LANE_COMMIT)
                self.is_flush_due = false;
            loop_submit(self.role->loop, &lane->work, lane_run, lane_done);
        }
        is_idle = is_idle && !lane->is_busy;
    }
    return is_idle;
}

static void on_due(struct timer *t)
{
    (void)t;
    kick_later();
}

/* At the end of a turn: everything that came in it is gathered, so one sync serves it all. */
static void kick(struct turn_hook *h)
{
    (void)h;
    uint64_t now_ms = clock_wall_ms();
    bool more = dispatch_run(&self.dispatch, now_ms);
    bool is_idle = start_lanes(now_ms);
    uint64_t next_ms = dispatch_next_ms(&self.dispatch);
    if (more)
        timer_set(self.role->loop, &self.due, 0, on_due);
    else if (next_ms != UINT64_MAX && next_ms > now_ms)
        timer_set(self.role->loop, &self.due, next_ms - now_ms, on_due);
    if (self.role->is_draining && is_idle && dispatch_active(&self.dispatch) == 0)
        role_drained(self.role);
}

/* ---- room ---- */

static void tell_pressure(struct rpc *smtpd)
{
    /* A channel that is full hears it with the next change, and its commits are refused anyway. */
    (void)!rpc_send_pressure(smtpd, &(struct ipc_pressure){.level = self.has_pressure});
}

static void look_at_room(void)
{
    bool has_pressure = !spool_has_room(self.spool);
    if (has_pressure == self.has_pressure)
        return;
    self.has_pressure = has_pressure;
    for (struct rpc *p = NULL; (p = role_next_peer(self.role, p)) != NULL;)
        if (ipc_may_send(IPC_PRESSURE, ROLE_QUEUE, rpc_peer(p)))
            tell_pressure(p);
}

static void on_tick(struct timer *t)
{
    uint64_t wall_ms = clock_wall_ms(), mono_ms = clock_mono_ms();
    int64_t jump_ms = (int64_t)(wall_ms - self.wall_ms) - (int64_t)(mono_ms - self.mono_ms);
    if (jump_ms > JUMP_MS || jump_ms < -JUMP_MS) {
        struct log_line line;
        log_begin(&line, self.role->log, LOG_WARN, "clock.jump");
        log_cstr(&line, "direction", jump_ms > 0 ? "forward" : "back");
        log_u64(&line, "by_s", (uint64_t)(jump_ms > 0 ? jump_ms : -jump_ms) / 1000);
        log_end(&line);
        dispatch_shift(&self.dispatch, jump_ms);
        grants_shift(&self.grants, jump_ms);
    }
    grants_tick(&self.grants, wall_ms);
    self.wall_ms = wall_ms;
    self.mono_ms = mono_ms;
    look_at_room();
    dispatch_tick(&self.dispatch);
    kick_later();
    timer_set(self.role->loop, t, TICK_MS, on_tick);
}

/* ---- what the spool says ---- */

static const char *event_name(enum spool_event event)
{
    switch (event) {
    case SPOOL_TORN:
        return "spool.torn";
    case SPOOL_DAMAGED:
        return "spool.damaged";
    case SPOOL_LOST_BODY:
        return "spool.lost-body";
    case SPOOL_SYNC_FAILED:
        return "spool.sync-failed";
    case SPOOL_NO_SPACE:
        return "spool.no-space";
    case SPOOL_SPACE_AGAIN:
        return "spool.space-again";
    case SPOOL_UPKEEP_FAILED:
        return "spool.upkeep-failed";
    }
    return "spool";
}

static void on_event(void *owner, enum spool_event event, uint32_t segment, uint64_t offset,
                     int err)
{
    struct log_line line;
    (void)owner;
    bool is_normal = event == SPOOL_TORN || event == SPOOL_SPACE_AGAIN;
    log_begin(&line, self.role->log, is_normal ? LOG_INFO : LOG_ERROR, event_name(event));
    if (segment != TABLE_NONE) {
        log_u64(&line, "segment", segment);
        log_u64(&line, "offset", offset);
    }
    log_error(&line, err);
    log_end(&line);
}

static uint8_t result_of(int err)
{
    return err == 0                           ? SPOOL_RESULT_DONE
           : err == -ENOSPC || err == -EDQUOT ? SPOOL_RESULT_NO_ROOM
                                              : SPOOL_RESULT_FAILED;
}

static void answer_commit(struct rpc *peer, uint32_t call, int err, uint64_t id)
{
    /* A peer that is gone hears nothing: to its client the commit is in doubt, which is true. */
    (void)!rpc_reply_committed(peer, call, &(struct ipc_committed){result_of(err), id});
}

/* A directory that is away, or asleep, misses one message in its limits. */
static void tell_used(const struct waiting *w)
{
    struct rpc *directory = role_peer(self.role, ROLE_DIRECTORY, 0);
    const struct ipc_grant_used used = {.recipients = w->recipients,
                                        .account = slice_of(w->account, w->account_n)};
    if (directory != NULL)
        (void)!rpc_send_grant_used(directory, &used);
}

static void on_committed(void *owner, uint64_t cookie, int result, uint64_t id)
{
    struct waiting *w = &self.waiting[cookie];
    (void)owner;
    if (w->peer != NULL)
        answer_commit(w->peer, w->call, result, id);
    if (result == 0 && w->account != NULL)
        tell_used(w);
    free(w->account);
    w->account = NULL;
    w->peer = NULL;
    w->next_free = self.waiting_free;
    self.waiting_free = (uint32_t)cookie;
    if (result == 0)
        dispatch_add(&self.dispatch, id);
}

/* ---- commits ---- */

static int waiting_add(struct rpc *peer, uint32_t call, uint32_t *ret_cookie)
{
    if (self.waiting_free == TABLE_NONE) {
        uint32_t room = self.waiting_room == 0 ? 256 : self.waiting_room * 2;
        struct waiting *p = realloc(self.waiting, room * sizeof *p);
        if (p == NULL)
            return -ENOMEM;
        self.waiting = p;
        for (uint32_t i = room; i-- > self.waiting_room;) {
            p[i] = (struct waiting){.next_free = self.waiting_free};
            self.waiting_free = i;
        }
        self.waiting_room = room;
    }
    uint32_t i = self.waiting_free;
    self.waiting_free = self.waiting[i].next_free;
    self.waiting[i] = (struct waiting){.peer = peer, .call = call, .next_free = TABLE_NONE};
    *ret_cookie = i;
    return 0;
}

static bool is_sealed(int fd)
{
    const int want = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & want) == want;
}

/* smtpd is not trusted: its envelope must read and name no account by itself, its file be its own,
 * its memfd be sealed. */
static int check_commit(struct rpc *peer, const struct ipc_commit *c, struct envelope *ret)
{
    if (envelope_decode(c->envelope, ret) != ENVELOPE_OK || ret->rcpt_count == 0 ||
        ret->account.n > 0)
        return -EBADMSG;
    if (c->fd >= 0 && (c->file != 0 || c->body.n > 0 || !is_sealed(c->fd)))
        return -EBADMSG;
    if (c->file != 0 && (c->body.n > 0 || !files_take(&self.files, c->file, peer)))
        return -EBADMSG;
    return 0;
}

static void log_grant_refused(const struct rpc *peer, const struct envelope *e, enum grants_err err,
                              const char *why)
{
    struct log_line line;
    bool is_known =
        err == GRANTS_NO_KEY || err == GRANTS_BEFORE_START; /* something was restarted */
    log_begin(&line, self.role->log, is_known ? LOG_WARN : LOG_ERROR, "queue.grant-refused");
    log_cstr(&line, "why", why);
    log_slice(&line, "session", e->incident);
    log_slice(&line, "from", e->reverse_path);
    log_u64(&line, "recipients", e->rcpt_count);
    log_cstr(&line, "peer", role_name(rpc_peer(peer)));
    log_end(&line);
}

/* A message that somebody submitted keeps his name, and not the grant, whose work is done. */
static int take_grant(const struct rpc *peer, const struct envelope *e, struct waiting *w)
{
    struct grant grant;
    const char *why;
    enum grants_err err = grants_take(&self.grants, e, clock_wall_ms(), &grant, &why);
    if (err != GRANTS_OK) {
        log_grant_refused(peer, e, err, why);
        return -EACCES;
    }
    w->account = strndup(grant.account.p, grant.account.n);
    w->account_n = grant.account.n;
    w->recipients = e->rcpt_count;
    buf_clear(&self.sealed);
    grants_seal(&self.sealed, e, grant.account);
    return w->account == NULL || self.sealed.err != BUF_OK ? -ENOMEM : 0;
}

static void on_commit(struct rpc *peer, struct ipc_message *m)
{
    struct ipc_commit *c = &m->commit;
    struct envelope envelope;
    uint32_t cookie = 0;
    int err = check_commit(peer, c, &envelope);
    if (err == 0) {
        err = waiting_add(peer, m->call, &cookie);
        if (err != 0 && c->file != 0)
            spool_file_drop(self.spool, c->file);
    }
    if (err != 0) {
        log_failure("commit.refused", err);
        answer_commit(peer, m->call, err, 0);
        return;
    }
    if (envelope.grant.n > 0)
        err = take_grant(peer, &envelope, &self.waiting[cookie]);
    if (err != 0) {
        if (c->file != 0)
            spool_file_drop(self.spool, c->file);
        on_committed(NULL, cookie, err, 0);
        return;
    }
    const struct spool_message message = {
        .envelope = envelope.grant.n > 0 ? buf_slice(&self.sealed) : c->envelope,
        .added = c->added,
        .header = c->header,
        .body = c->body,
        .body_bytes = c->body_bytes,
        .fd = c->fd,
        .file = c->file,
        .next_try_ms = envelope.hold_until_ms,
    };
    err = spool_commit(self.spool, &message, clock_wall_ms(), cookie);
    if (err != 0) {
        log_failure("commit.failed", err);
        on_committed(NULL, cookie, err, 0);
    }
}

static void on_file_open(struct rpc *peer, uint32_t call)
{
    struct ipc_file_opened answer = {.result = SPOOL_RESULT_FAILED, .fd = -1};
    int err = self.has_pressure ? -ENOSPC : spool_file_open(self.spool, &answer.file, &answer.fd);
    if (err == 0 && !files_add(&self.files, answer.file, peer)) {
        spool_file_drop(self.spool, answer.file);
        err = -ENOMEM;
    }
    if (err != 0) {
        log_failure("file.open", err);
        if (answer.fd >= 0)
            close(answer.fd);
        answer.fd = -1;
        answer.file = 0;
    }
    answer.result = result_of(err);
    if (rpc_reply_file_opened(peer, call, &answer) != 0 && answer.fd >= 0)
        close(answer.fd); /* the peer is gone; its files go with it */
}

static void drop_file(void *owner, uint64_t file)
{
    (void)owner;
    spool_file_drop(self.spool, file);
}

/* ---- the role ---- */

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    int err = 0;
    if (m->type == IPC_COMMIT) {
        on_commit(peer, m);
    } else if (m->type == IPC_FILE_OPEN) {
        on_file_open(peer, m->call);
    } else if (m->type == IPC_FILE_DROP) {
        if (files_take(&self.files, m->file_drop.file, peer))
            spool_file_drop(self.spool, m->file_drop.file);
    } else if (m->type == IPC_GENERATION_PAGE) {
        err = genpage_open(&self.dispatch.page, m->generation_page.fd);
        if (err != 0)
            log_failure("generation-page", err);
    } else if (m->type == IPC_GRANT_KEY) {
        if (!grants_key(&self.grants, m->grant_key.key))
            log_failure("grant-key", -EINVAL);
    } else if (m->type == IPC_REVOKE) {
        grants_revoke(&self.grants, m->revoke.account, m->revoke.credential, m->revoke.before_ms);
    } else if (m->type == IPC_ADMIN) {
        buf_clear(&self.answer);
        queue_admin(self.spool, m->admin.json, self.dispatch.is_held, &self.answer);
        (void)!rpc_reply_admin_answer(peer, m->call,
                                      &(struct ipc_admin_answer){buf_slice(&self.answer)});
    }
    (void)r;
    kick_later();
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)r, (void)peer;
    if (call == IPC_EXPAND)
        dispatch_expanded(&self.dispatch, token, m == NULL ? NULL : &m->expanded);
    else if (call == IPC_DELIVERY)
        dispatch_delivered(&self.dispatch, token, m == NULL ? NULL : &m->delivered,
                           result == RPC_TIMEOUT);
    else if (call == IPC_TRANSFER)
        dispatch_transferred(&self.dispatch, token, m == NULL ? NULL : &m->transferred,
                             result == RPC_TIMEOUT);
    kick_later();
}

static void on_peer(struct role *r, struct rpc *peer)
{
    (void)r;
    if (ipc_may_send(IPC_PRESSURE, ROLE_QUEUE, rpc_peer(peer)))
        tell_pressure(peer);
    kick_later();
}

static void on_gone(struct role *r, struct rpc *peer)
{
    (void)r;
    for (uint32_t i = 0; i < self.waiting_room; i++)
        if (self.waiting[i].peer == peer)
            self.waiting[i].peer = NULL;
    files_forget(&self.files, peer, drop_file, NULL);
    /* A new directory may know other things under the same number. */
    if (rpc_peer(peer) == ROLE_DIRECTORY)
        genpage_close(&self.dispatch.page);
    dispatch_resume(&self.dispatch);
    kick_later();
}

static void on_writable(struct role *r, struct rpc *peer)
{
    (void)r, (void)peer;
    dispatch_resume(&self.dispatch);
    kick_later();
}

static struct conf *read_conf(slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL)
        log_failure("config.invalid", -EINVAL);
    return conf;
}

static void use_conf(struct conf *conf)
{
    conf_unref(self.conf);
    self.conf = conf;
    self.dispatch.host = conf->server.host;
    self.dispatch.is_held = conf->queue.hold == CONF_ON;
}

static uint64_t random_number(void)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number = clock_wall_us();
    return number;
}

static int queue_open(struct role *r, slice text)
{
    self.role = r;
    self.dir = -1;
    self.waiting_free = TABLE_NONE;
    buf_init(&self.answer, IPC_BYTES_MAX);
    buf_init(&self.sealed, ENVELOPE_MAX_BYTES);
    grants_init(&self.grants, clock_wall_ms());
    json_object_seed(0); /* from the kernel, while /dev is in sight */
    dispatch_init(&self.dispatch, r, random_number());
    struct conf *conf = read_conf(text);
    if (conf == NULL)
        return -EINVAL;
    use_conf(conf);
    int err = spool_dir_open(conf->server.spool.p, &r->user, &self.dir);
    if (err == 0)
        err = sandbox_allow(&r->places, self.dir);
    if (err != 0)
        log_failure("spool.directory", err);
    return err;
}

static const char *open_hint(int err)
{
    return err == -EWOULDBLOCK ? "another server uses this spool"
           : err == -EPROTO    ? "a newer Candor wrote this spool"
           : err == -EUCLEAN   ? "its format file is missing or unreadable"
                               : "cannot be opened";
}

/* Inside the sandbox, as the user that the files belong to. */
static int queue_start(struct role *r)
{
    const struct spool_options options = {
        .vfs = &vfs_kernel,
        .dir = self.dir,
        .segment_bytes = (uint32_t)self.conf->queue.segment_size,
        .spares = SPARES,
        .floor_bytes = self.conf->queue.min_free,
        .floor_inodes = self.conf->queue.min_free_inodes,
        .random = random_number(),
        .listener = {.committed = on_committed, .event = on_event},
    };
    struct log_line line;
    uint64_t before_ms = clock_mono_ms();
    int err = spool_open(&options, clock_wall_ms(), &self.spool);
    if (err == 0 && !dispatch_start(&self.dispatch, self.spool, clock_wall_ms()))
        err = -ENOMEM;
    if (err != 0) {
        log_begin(&line, r->log, LOG_ERROR, "spool.open");
        log_cstr(&line, "why", open_hint(err));
        log_error(&line, err);
        log_end(&line);
        return err;
    }
    struct spool_stats st;
    spool_stats(self.spool, &st);
    log_begin(&line, r->log, LOG_INFO, "spool.open");
    log_u64(&line, "waiting", st.messages);
    log_u64(&line, "segments", st.segments);
    log_u64(&line, "torn", st.torn);
    log_u64(&line, "damaged", st.damaged);
    log_u64(&line, "ms", clock_mono_ms() - before_ms);
    log_end(&line);
    for (int i = 0; i < SPOOL_LANES; i++)
        self.lanes[i].id = (enum spool_lane)i;
    self.wall_ms = clock_wall_ms();
    self.mono_ms = clock_mono_ms();
    self.has_pressure = !spool_has_room(self.spool);
    timer_set(r->loop, &self.tick, TICK_MS, on_tick);
    kick_later();
    return 0;
}

static bool queue_reconfigure(struct role *r, slice text)
{
    (void)r;
    struct conf *conf = read_conf(text);
    if (conf == NULL)
        return false;
    use_conf(conf);
    kick_later();
    return true;
}

static void queue_drain(struct role *r)
{
    (void)r;
    self.dispatch.is_stopped = true;
    kick_later();
}

static void queue_close(struct role *r)
{
    timer_stop(r->loop, &self.tick);
    timer_stop(r->loop, &self.flush);
    timer_stop(r->loop, &self.due);
    turn_hook_cancel(r->loop, &self.turn);
    bool is_busy = false;
    for (size_t i = 0; i < SPOOL_LANES; i++)
        is_busy = is_busy || self.lanes[i].is_busy;
    /* A job that still runs owns what it works on; the process ends in a moment, and what is on the
     * disk is enough. */
    if (is_busy || self.spool == NULL)
        return;
    for (uint32_t i = 0; i < self.waiting_room; i++)
        self.waiting[i].peer = NULL;
    while (spool_job_take(self.spool, SPOOL_LANE_COMMIT, clock_wall_ms())) {
        spool_job_run(self.spool, SPOOL_LANE_COMMIT);
        spool_job_finish(self.spool, SPOOL_LANE_COMMIT);
    }
    dispatch_release(&self.dispatch);
    spool_close(self.spool);
    files_release(&self.files);
    grants_release(&self.grants);
    buf_release(&self.sealed);
    free(self.waiting);
    buf_release(&self.answer);
    conf_unref(self.conf);
    close(self.dir);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_QUEUE),
    .workers = SPOOL_LANES,
    .open = queue_open,
    .start = queue_start,
    .reconfigure = queue_reconfigure,
    .peer = on_peer,
    .gone = on_gone,
    .message = on_message,
    .answer = on_answer,
    .writable = on_writable,
    .drain = queue_drain,
    .close = queue_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
