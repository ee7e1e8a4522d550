/* directory: domains, accounts and aliases. Says whether a recipient exists (smtpd), where its mail
 * goes (queue), and carries out what the administrator asks for (control).
 *
 * One thread, one database connection: a look-up takes some microseconds, so no answer waits for
 * another. What smtpd remembers of its answers holds while the number on the shared page stands;
 * the number is raised after every change and before it is acknowledged. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "sys/clock.h"
#include "sys/directory/admin.h"
#include "sys/directory/rules.h"
#include "sys/genpage.h"
#include "sys/role.h"

/* How long a change by another process (a command that did not find the server) may stay unseen by
 * what smtpd remembers; our own answers look before each. */
#define POLL_MS 250
#define RULES_MAX_BYTES ((size_t)64 << 20)
#define SCRATCH_MAX_BYTES ((size_t)4 << 20)

static struct {
    struct role *role;
    struct conf *conf;
    struct arena rules_arena;
    struct directory_rules rules;
    struct ip own_ips[DIRECTORY_OWN_IPS_MAX]; /* as they were at the start */
    size_t own_ip_count;
    struct directory_db *db;
    uint32_t db_version;
    struct genpage page;
    struct timer poll;
    struct arena scratch; /* of one request */
    struct buf out, canonical, moved_to;
} self;

static void log_failure(const char *event, int err)
{
    struct log_line line;

    log_begin(&line, self.role->log, LOG_ERROR, event);
    log_error(&line, err);
    if (self.db != NULL)
        log_slice(&line, "database", directory_db_error(self.db));
    log_end(&line);
}

/* ---- configuration ---- */

/* Takes over text as the configuration; on failure, after having logged why, all is as before. */
static int use_configuration(slice text)
{
    struct directory_rules rules;
    struct arena arena;
    struct conf *conf = conf_read_print(text);
    slice bad = {0};
    struct log_line line;
    int err = 0;

    arena_init(&arena, RULES_MAX_BYTES);
    if (conf == NULL)
        err = -EINVAL;
    else
        err = directory_rules_make(conf, &arena, self.own_ips, self.own_ip_count, &rules, &bad);
    /* The database is opened before the sandbox, never again. */
    if (err == 0 && self.conf != NULL &&
        !slice_eq(self.conf->server.database, conf->server.database)) {
        err = -EBUSY;
        bad = SLICE_LIT("a new path of the database needs a restart");
    }
    if (err != 0 || bad.n > 0) {
        log_begin(&line, self.role->log, LOG_ERROR, "directory.configuration");
        log_error(&line, err);
        log_slice(&line, "about", bad);
        log_end(&line);
    }
    if (err == 0) {
        conf_unref(self.conf);
        arena_release(&self.rules_arena);
        self.conf = conf;
        self.rules_arena = arena;
        self.rules = rules;
    } else {
        conf_unref(conf);
        arena_release(&arena);
    }
    return err;
}

/* SQLite would sync the name of its log when it first syncs the log, and can open no directory
 * then. */
static int sync_folder(const char *path)
{
    slice folder = slice_head(slice_cstr(path), slice_rfind(slice_cstr(path), '/'));
    char *name = folder.n > 0 ? strndup(folder.p, folder.n) : strdup("/");
    int fd = name == NULL ? -1 : open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = name == NULL ? -ENOMEM : fd < 0 ? -errno : 0;

    if (fd >= 0 && fsync(fd) != 0)
        err = -errno;
    if (fd >= 0)
        close(fd);
    free(name);
    return err;
}

static int open_role(struct role *r, slice text)
{
    const char *path;
    int err;

    self.role = r;
    self.page.fd = -1;
    arena_init(&self.rules_arena, RULES_MAX_BYTES);
    arena_init(&self.scratch, SCRATCH_MAX_BYTES);
    buf_init(&self.out, IPC_BYTES_MAX);
    buf_init(&self.canonical, 1024);
    buf_init(&self.moved_to, 1024);
    json_object_seed(0); /* from the kernel, while /dev is in sight */
    self.own_ip_count = directory_own_ips(self.own_ips);
    if ((err = use_configuration(text)) != 0)
        return err;
    path = self.conf->server.database.p;
    /* SQLite has its log and its index open too after the first read, and keeps them (db.h): inside
     * the sandbox it finds no path, and needs none. */
    if ((r->user.is_own && (err = directory_db_make(path, r->user.uid, r->user.gid)) != 0) ||
        (err = directory_db_open(path, &self.db)) != 0 ||
        (err = directory_db_version(self.db, &self.db_version)) != 0 ||
        (err = sync_folder(path)) != 0) {
        log_failure("directory.open", err);
        return err;
    }
    /* A number that no earlier run of this role gave out. */
    if ((err = genpage_create(&self.page, clock_wall_us())) != 0)
        log_failure("directory.generation", err);
    return err;
}

static bool reconfigure(struct role *r, slice text)
{
    (void)r;
    if (use_configuration(text) != 0)
        return false;
    genpage_raise(&self.page);
    return true;
}

/* ---- generation ---- */

/* Has another process changed the file? True unless that cannot be known. */
static bool look_for_changes(void)
{
    uint32_t version;
    int err = directory_db_version(self.db, &version);

    if (err != 0) {
        log_failure("directory.read", err);
        return false;
    }
    if (version != self.db_version) {
        self.db_version = version;
        genpage_raise(&self.page);
    }
    return true;
}

static void on_poll(struct timer *t)
{
    look_for_changes();
    timer_set(self.role->loop, t, POLL_MS, on_poll);
}

static int start(struct role *r)
{
    timer_set(r->loop, &self.poll, POLL_MS, on_poll);
    return 0;
}

static void send_page(struct rpc *peer)
{
    struct ipc_generation_page m = {.fd = fcntl(self.page.fd, F_DUPFD_CLOEXEC, 0)};
    int err = m.fd < 0 ? -errno : rpc_send_generation_page(peer, &m);

    if (err == 0)
        return;
    /* Without the page nothing is remembered there: slower, not wrong. */
    log_failure("directory.page", err);
    if (m.fd >= 0)
        close(m.fd);
}

static void on_peer(struct role *r, struct rpc *peer)
{
    (void)r;
    if (ipc_may_send(IPC_GENERATION_PAGE, ROLE_DIRECTORY, rpc_peer(peer)))
        send_page(peer);
}

/* ---- questions ---- */

/* Looks address up; the targets are in self.out, the address found in self.canonical, the new one
 * of somebody who has moved in self.moved_to. */
static enum recipient_verdict look_up(slice address, uint64_t *ret_generation)
{
    enum recipient_verdict verdict = RECIPIENT_IS_TEMPFAIL;
    struct directory_answer answer = {&self.out, &self.canonical, &self.moved_to, 0};

    buf_clear(&self.out);
    buf_clear(&self.canonical);
    buf_clear(&self.moved_to);
    arena_reset(&self.scratch);
    if (look_for_changes()) {
        *ret_generation = genpage_read(&self.page);
        verdict = directory_expand(self.db, &self.rules, &self.scratch, address, &answer);
    }
    if (answer.error != 0) {
        struct log_line line;

        log_begin(&line, self.role->log, LOG_WARN, "directory.lookup");
        log_slice(&line, "address", address);
        log_error(&line, answer.error);
        log_end(&line);
    }
    return verdict;
}

static int answer_rcpt_check(struct rpc *peer, const struct ipc_message *m)
{
    struct ipc_rcpt_verdict answer = {0};

    answer.verdict = (uint8_t)look_up(m->rcpt_check.address, &answer.generation);
    answer.canonical = buf_slice(&self.canonical);
    answer.moved_to = buf_slice(&self.moved_to);
    return rpc_reply_rcpt_verdict(peer, m->call, &answer);
}

static int answer_expand(struct rpc *peer, const struct ipc_message *m)
{
    struct ipc_expanded answer = {0};

    answer.result = (uint8_t)look_up(m->expand.address, &answer.generation);
    answer.targets = buf_slice(&self.out);
    return rpc_reply_expanded(peer, m->call, &answer);
}

static int answer_admin(struct rpc *peer, const struct ipc_message *m)
{
    struct ipc_admin_answer answer;
    struct log_line line;
    struct directory_change change;

    buf_clear(&self.out);
    if (directory_admin(self.db, &self.rules, m->admin.json, (int64_t)(clock_wall_ms() / 1000),
                        &self.out, &change) != 0) {
        buf_clear(&self.out);
        buf_adds(&self.out, "{\"ok\":false,\"error\":\"unavailable\",\"message\":\"out of memory\","
                            "\"hint\":\"\"}");
    }
    if (change.is_changed) {
        genpage_raise(&self.page);
        buf_clear(&self.canonical);
        directory_admin_summary(m->admin.json, &self.canonical);
        log_begin(&line, self.role->log, LOG_INFO, "directory.changed");
        log_slice(&line, "request", buf_slice(&self.canonical));
        log_end(&line);
    }
    answer.json = buf_slice(&self.out);
    return rpc_reply_admin_answer(peer, m->call, &answer);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    int err = 0;

    (void)r;
    /* Only what ipc.def lets come here comes here; the rest of the list is other roles'. */
    if (m->type == IPC_RCPT_CHECK)
        err = answer_rcpt_check(peer, m);
    else if (m->type == IPC_EXPAND)
        err = answer_expand(peer, m);
    else if (m->type == IPC_ADMIN)
        err = answer_admin(peer, m);
    /* -EPIPE: who asked is gone, `gone` follows. Anything else is our own fault. */
    if (err != 0 && err != -EPIPE)
        role_fail(r, "directory.reply", err);
}

static void close_role(struct role *r)
{
    timer_stop(r->loop, &self.poll);
    directory_db_settle(self.db);
    directory_db_close(self.db);
    genpage_close(&self.page);
    conf_unref(self.conf);
    arena_release(&self.rules_arena);
    arena_release(&self.scratch);
    buf_release(&self.out);
    buf_release(&self.canonical);
    buf_release(&self.moved_to);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_DIRECTORY),
    .open = open_role,
    .start = start,
    .reconfigure = reconfigure,
    .peer = on_peer,
    .message = on_message,
    .close = close_role,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
