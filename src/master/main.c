/* master: see master.h. Its start, top to bottom: arguments, configuration, sockets, roles, loop.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/master/master.h"
#include "sys/sandbox.h"

static struct master self;

static void on_end(void *owner, int signum)
{
    struct master *m = owner;
    struct log_line line;
    log_begin(&line, m->log, LOG_INFO, "server.signal");
    log_cstr(&line, "signal", sigabbrev_np(signum));
    log_end(&line);
    if (m->stage == DRAIN_NOT)
        drain_begin(m, 0);
    else
        drain_hurry(m);
}

static void on_hangup(void *owner, int signum)
{
    (void)signum;
    reload_begin(owner, NULL, 0);
}

static void on_child(void *owner, int signum)
{
    (void)signum;
    children_reap(owner);
}

/* Sessions, and the messages between the roles, need descriptors: as many as we may have. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Installed, the roles' programs lie beside ours; in a build folder each in one of its own. */
static bool find_libexec(struct master *m, const char *own)
{
    static char libexec[PATH_MAX];
    char probe[PATH_MAX + 16];
    slice dir = slice_head(slice_cstr(own), slice_rfind(slice_cstr(own), '/'));
    for (int is_tree = 0; is_tree < 2; is_tree++) {
        snprintf(libexec, sizeof libexec, is_tree ? "%.*s/.." : "%.*s", SLICE_ARG(dir));
        snprintf(probe, sizeof probe, is_tree ? "%s/queue/queue" : "%s/queue", libexec);
        struct stat st;
        if (stat(probe, &st) == 0 && S_ISREG(st.st_mode)) {
            m->libexec = libexec;
            m->is_tree = is_tree != 0;
            return true;
        }
    }
    return false;
}

static int usage(void)
{
    fputs("usage: master -c FILE [--libexec DIR]\n  Started by candor serve.\n", stderr);
    return 2;
}

static bool take_arguments(struct master *m, int argc, char **argv, const char *own)
{
    static char path[PATH_MAX];
    for (int i = 1; i + 1 < argc; i += 2) {
        slice name = slice_cstr(argv[i]);
        if (slice_is(name, "-c"))
            m->config_path = argv[i + 1];
        else if (slice_is(name, "--libexec"))
            m->libexec = argv[i + 1];
        else
            return false;
    }
    if (argc % 2 == 0 || m->config_path == NULL)
        return false;
    if (realpath(m->config_path, path) != NULL) /* else reading it says what is wrong */
        m->config_path = path;
    return m->libexec != NULL || find_libexec(m, own);
}

/* What is wrong goes to standard error: there is no log yet, and somebody looks. */
static bool read_settings(struct master *m)
{
    struct buf text;
    struct conf_errors errors;
    buf_init(&text, 256 * 1024);
    conf_errors_init(&errors);
    int err = settings_read(m->config_path, &m->settings, &errors, &text);
    if (err != 0)
        fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&text)));
    m->settings.generation = 1;
    conf_errors_release(&errors);
    buf_release(&text);
    return err == 0;
}

static bool open_log(struct master *m)
{
    const struct log_options options = {.sink = settings_log_sink(&m->settings),
                                        .format = settings_log_format(&m->settings),
                                        .level = settings_log_level(&m->settings),
                                        .role = role_name(ROLE_MASTER),
                                        .fd = STDERR_FILENO};
    m->loop = loop_new();
    m->log = m->loop != NULL ? log_new(m->loop, &options) : NULL;
    return m->log != NULL;
}

static bool open_listeners(struct master *m)
{
    static struct listeners inherited;
    struct listen_problem problem;
    listeners_inherit(&inherited);
    int err = listeners_open(m->settings.conf, &inherited, &m->listeners, &problem);
    listeners_close(&inherited);
    if (err == 0)
        return true;
    struct buf at;
    struct log_line line;
    buf_init(&at, 128);
    conf_socket_print(&at, &problem.at);
    log_begin(&line, m->log, LOG_ERROR, "config.listen");
    log_slice(&line, "address", buf_slice(&at));
    log_error(&line, problem.err);
    log_end(&line);
    fprintf(stderr, "listen %.*s: %s\n", SLICE_ARG(buf_slice(&at)),
            problem.at.path.n > 0 && problem.err == ENOENT ? "there is no such group"
            : problem.err == EADDRINUSE ? "another program has this address and port"
            : problem.err == EACCES     ? "only root may have ports below 1024"
                                        : strerrorname_np(problem.err));
    buf_release(&at);
    return false;
}

static bool watch_signals(struct master *m)
{
    return loop_on_signal(m->loop, SIGCHLD, on_child, m) == 0 &&
           loop_on_signal(m->loop, SIGHUP, on_hangup, m) == 0 &&
           loop_on_signal(m->loop, SIGTERM, on_end, m) == 0 &&
           loop_on_signal(m->loop, SIGINT, on_end, m) == 0;
}

/* Root starts the roles as users of their own, and never as root for want of them. */
static bool has_users(void)
{
    bool ok = true;
    for (uint32_t id = ROLE_MASTER + 1; geteuid() == 0 && id < ROLE_COUNT; id++) {
        struct sandbox_user user;
        sandbox_user((enum role_id)id, &user);
        if (user.is_own || sandbox_keeps_user((enum role_id)id))
            continue;
        fprintf(stderr, "There is no system user candor-%s.\n", role_name(id));
        ok = false;
    }
    if (!ok)
        fputs("Started by root, each part of the server runs as a system user of its own. The\n"
              "package makes them; in a source tree run tools/deps as root. By hand, for each:\n"
              "  useradd --system --user-group --no-create-home --home-dir /nonexistent \\\n"
              "      --shell /usr/sbin/nologin candor-NAME\n"
              "Or start the server as an ordinary user, with ports above 1023.\n",
              stderr);
    return ok;
}

/* Master stays who it is, since it starts the roles; what it gives up here none of them has. */
static bool give_up(struct master *m)
{
    struct sandbox_options options = {.role = ROLE_MASTER};
    int err = sandbox_enter(&options, &m->sandbox);
    if (err == 0)
        err = sandbox_filter(ROLE_MASTER, &m->sandbox);
    if (err == 0)
        return true;
    struct log_line line;
    log_begin(&line, m->log, LOG_ERROR, "server.sandbox");
    log_error(&line, err);
    log_end(&line);
    return false;
}

static int run(struct master *m)
{
    if (!has_users() || !read_settings(m) || !open_log(m) || !open_listeners(m) ||
        !watch_signals(m) || !give_up(m))
        return 1;
    children_adjust(m);
    loop_run(m->loop);
    struct log_line line;
    log_begin(&line, m->log, LOG_INFO, "server.end");
    log_u64(&line, "status", (uint64_t)m->status);
    log_end(&line);
    return m->status;
}

int main(int argc, char **argv)
{
    char own[PATH_MAX]; /* read now: after an upgrade it names the new program */
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    own[n > 0 ? n : 0] = '\0';
    self.settings.fd = -1;
    if (!take_arguments(&self, argc, argv, own))
        return usage();
    raise_limits();
    umask(077);
    int status = run(&self);
    log_free(self.log);
    loop_free(self.loop);
    settings_release(&self.settings);
    if (self.is_upgrade && status == 0 && listeners_bequeath(&self.listeners) == 0) {
        execv(own, argv);
        status = 1;
    }
    listeners_close(&self.listeners);
    return status;
}
