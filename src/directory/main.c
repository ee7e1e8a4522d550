/* directory: domains, accounts and aliases. Says whether a recipient exists (smtpd), where its mail
 * goes (queue), who somebody is who signs in and what he may do then (smtpd), and carries out what
 * the administrator asks for (control).
 *
 * What smtpd remembers of the answers holds while the number on the shared page stands; the number
 * is raised after every change and before it is acknowledged. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/directory/directory.h"
#include "sys/clock.h"

/* How long a change by another process (a command that did not find the server) may stay unseen by
 * what smtpd remembers; our own answers look before each. */
#define POLL_MS 250
#define RULES_MAX_BYTES ((size_t)64 << 20)
#define SCRATCH_MAX_BYTES ((size_t)4 << 20)

static struct directory self;
static struct role_spec spec;

static struct rpc *peer_of(struct directory *d, enum role_id role)
{
    return role_peer(d->role, role, 0);
}

static struct rpc *next_peer(struct directory *d, struct rpc *after)
{
    return role_next_peer(d->role, after);
}

/* ---- configuration ---- */

/* Takes over text as the configuration; on failure, after having logged why, all is as before. */
static int use_configuration(struct directory *d, slice text)
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
        err = directory_rules_make(conf, &arena, d->own_ips, d->own_ip_count, &rules, &bad);
    /* The database is opened before the sandbox, never again. */
    if (err == 0 && d->conf != NULL && !slice_eq(d->conf->server.database, conf->server.database)) {
        err = -EBUSY;
        bad = SLICE_LIT("a new path of the database needs a restart");
    }
    if (err != 0 || bad.n > 0) {
        log_begin(&line, d->log, LOG_ERROR, "directory.configuration");
        log_error(&line, err);
        log_slice(&line, "about", bad);
        log_end(&line);
    }
    if (err == 0) {
        conf_unref(d->conf);
        arena_release(&d->rules_arena);
        d->conf = conf;
        d->rules_arena = arena;
        d->rules = rules;
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

static int open_database(struct directory *d)
{
    const struct sandbox_user *user = &d->role->user;
    const char *path = d->conf->server.database.p;
    int err = 0;

    /* SQLite has its log and its index open too after the first read, and keeps them (db.h): inside
     * the sandbox it finds no path, and needs none. */
    if (user->is_own)
        err = directory_db_make(path, user->uid, user->gid);
    if (err == 0 && (err = directory_db_open(path, &d->db)) == 0 &&
        (err = directory_db_version(d->db, &d->db_version)) == 0)
        err = sync_folder(path);
    return err;
}

static unsigned thread_count(const struct conf *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->auth.hash_threads > 0)
        return (unsigned)conf->auth.hash_threads;
    return cores > 2 ? (unsigned)cores - 1 : 1;
}

static int open_role(struct role *r, slice text)
{
    struct directory *d = &self;
    int err;

    *d = (struct directory){.role = r,
                            .loop = r->loop,
                            .log = r->log,
                            .peer_of = peer_of,
                            .next_peer = next_peer,
                            .page.fd = -1};
    r->self = d;
    arena_init(&d->rules_arena, RULES_MAX_BYTES);
    arena_init(&d->scratch, SCRATCH_MAX_BYTES);
    buf_init(&d->out, IPC_BYTES_MAX);
    buf_init(&d->canonical, 1024);
    buf_init(&d->moved_to, 1024);
    json_object_seed(0); /* from the kernel, while /dev is in sight */
    d->own_ip_count = directory_own_ips(d->own_ips);
    if ((err = use_configuration(d, text)) != 0)
        return err;
    spec.workers = thread_count(d->conf);
    if ((err = open_database(d)) != 0 || (err = directory_begin(d, spec.workers)) != 0) {
        directory_log_failure(d, "directory.open", err);
        return err;
    }
    /* A number that no earlier run of this role gave out. */
    if ((err = genpage_create(&d->page, clock_wall_us())) != 0)
        directory_log_failure(d, "directory.generation", err);
    return err;
}

static bool reconfigure(struct role *r, slice text)
{
    struct directory *d = r->self;

    if (use_configuration(d, text) != 0)
        return false;
    guard_configure(d);
    genpage_raise(&d->page);
    return true;
}

/* ---- generation ---- */

static void on_poll(struct timer *t)
{
    struct directory *d = CONTAINER_OF(t, struct directory, poll);

    directory_look_for_changes(d);
    timer_set(d->loop, t, POLL_MS, on_poll);
}

static int start(struct role *r)
{
    timer_set(r->loop, &self.poll, POLL_MS, on_poll);
    return 0;
}

static void on_peer(struct role *r, struct rpc *peer)
{
    directory_peer(r->self, peer);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    directory_gone(r->self, peer);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    directory_message(r->self, peer, m);
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)peer;
    directory_answered(r->self, call, token, result == RPC_ANSWER ? m : NULL);
}

static void close_role(struct role *r)
{
    struct directory *d = r->self;

    timer_stop(r->loop, &d->poll);
    directory_end(d);
    directory_db_settle(d->db);
    directory_db_close(d->db);
    genpage_close(&d->page);
    conf_unref(d->conf);
    arena_release(&d->rules_arena);
    arena_wipe(&d->scratch);
    arena_release(&d->scratch);
    buf_release(&d->out);
    buf_release(&d->canonical);
    buf_release(&d->moved_to);
}

/* workers: as many as the configuration says. */
static struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_DIRECTORY),
    .open = open_role,
    .start = start,
    .reconfigure = reconfigure,
    .peer = on_peer,
    .gone = on_gone,
    .message = on_message,
    .answer = on_answer,
    .close = close_role,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
