#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/master/master.h"

enum { TEXT_MAX = 64 * 1024 };

/* ---- saying what became of it ---- */

/* Lines for control to show; -1: there is none to give. */
static int text_to_fd(slice text)
{
    int fd = text.n > 0 ? memfd_create("reload", MFD_CLOEXEC) : -1;
    while (fd >= 0 && text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        text = slice_tail(text, (size_t)n);
    }
    return fd;
}

static void answer(struct master *m, struct rpc *asker, uint32_t call, bool ok, slice text)
{
    if (asker == NULL)
        return;
    const struct ipc_reload_done done = {.ok = ok, .fd = text_to_fd(text)};
    if (rpc_reply_reload_done(asker, call, &done) == 0)
        return;
    if (done.fd >= 0)
        close(done.fd);
    struct log_line line;
    log_begin(&line, m->log, LOG_WARN, "reload.unanswered");
    log_end(&line);
}

static void log_error_of(struct master *m, const struct conf_error *e)
{
    struct log_line line;
    log_begin(&line, m->log, e->is_warning ? LOG_WARN : LOG_ERROR,
              e->is_warning ? "config.warning" : "config.error");
    log_cstr(&line, "file", m->config_path);
    log_u64(&line, "line", e->at.line);
    log_u64(&line, "column", e->at.column);
    log_slice(&line, "message", e->message);
    if (e->hint.n > 0)
        log_slice(&line, "hint", e->hint);
    log_end(&line);
}

static void log_result(struct master *m, bool ok, const char *event)
{
    struct log_line line;
    log_begin(&line, m->log, ok ? LOG_INFO : LOG_ERROR, event);
    log_cstr(&line, "file", m->config_path);
    log_u64(&line, "generation", m->settings.generation);
    log_end(&line);
}

/* ---- the steps ---- */

static bool read_new(struct master *m, struct settings *ret, struct buf *text)
{
    struct conf_errors errors;
    conf_errors_init(&errors);
    int err = settings_read(m->config_path, ret, &errors, text);
    for (size_t i = 0; i < errors.n; i++)
        log_error_of(m, &errors.v[i]);
    if (err != 0 && err != -EINVAL) {
        struct log_line line;
        log_begin(&line, m->log, LOG_ERROR, "config.unreadable");
        log_cstr(&line, "file", m->config_path);
        log_error(&line, err);
        log_end(&line);
    }
    conf_errors_release(&errors);
    return err == 0;
}

static bool listen_new(struct master *m, const struct conf *conf, struct listeners *ret,
                       struct buf *text)
{
    struct listen_problem problem;
    int err = listeners_open(conf, &m->listeners, ret, &problem);
    if (err == 0)
        return true;
    struct buf at;
    struct log_line line;
    buf_init(&at, 128);
    conf_socket_print(&at, &problem.at);
    buf_addf(text, "listen %.*s: %s\n", SLICE_ARG(buf_slice(&at)), strerrorname_np(problem.err));
    log_begin(&line, m->log, LOG_ERROR, "config.listen");
    log_slice(&line, "address", buf_slice(&at));
    log_error(&line, problem.err);
    log_end(&line);
    buf_release(&at);
    return false;
}

static void finish(struct master *m)
{
    struct reload *r = &m->reload;
    bool ok = !r->has_failed;
    log_result(m, ok, ok ? "config.reloaded" : "config.partly");
    answer(m, r->asker, r->call, ok,
           ok ? slice_of(NULL, 0)
              : SLICE_LIT("a role keeps its old configuration: the log says which and why\n"));
    bool again = r->is_asked_again;
    *r = (struct reload){.is_running = false};
    notify_manager("READY=1");
    if (again)
        reload_begin(m, NULL, 0);
}

/* Everything that can go wrong has gone right: nothing is refused from here on. */
static void take_new(struct master *m, struct settings *new, struct listeners *listeners)
{
    struct listeners before = m->listeners;
    new->generation = m->settings.generation + 1;
    settings_release(&m->settings);
    m->settings = *new;
    m->listeners = *listeners;
    log_set(m->log, settings_log_format(new), settings_log_level(new));
    children_adjust(m);
    for (size_t i = 0; i < m->children_n; i++) {
        struct child *c = &m->children[i];
        if (c->rpc == NULL || !c->is_wanted || c->generation == new->generation)
            continue;
        if (!child_configure(c)) {
            child_kill(c);
            continue;
        }
        c->is_reloading = true;
        m->reload.waiting++;
        child_give_listeners(c, &before);
    }
    listeners_close(&before);
}

static void begin(struct master *m, struct rpc *asker, uint32_t call, struct buf *text)
{
    struct settings new = {.fd = -1};
    static struct listeners listeners; /* large */
    bool ok = read_new(m, &new, text);
    if (ok && !listen_new(m, new.conf, &listeners, text)) {
        settings_release(&new);
        ok = false;
    }
    if (!ok) {
        log_result(m, false, "config.refused");
        answer(m, asker, call, false, buf_slice(text));
        notify_manager("READY=1");
        return;
    }
    m->reload = (struct reload){.is_running = true, .asker = asker, .call = call, .waiting = 1};
    take_new(m, &new, &listeners);
    if (--m->reload.waiting == 0)
        finish(m);
}

void reload_begin(struct master *m, struct rpc *asker, uint32_t call)
{
    struct buf text;
    if (m->stage != DRAIN_NOT || ((m->reload.is_running || !m->is_started) && asker != NULL)) {
        answer(m, asker, call, false,
               m->stage != DRAIN_NOT
                   ? SLICE_LIT("the server is ending\n")
                   : SLICE_LIT("the server is busy with a reload or its start\n"));
        return;
    }
    if (m->reload.is_running || !m->is_started) {
        m->reload.is_asked_again = true;
        return;
    }
    notify_reloading();
    buf_init(&text, TEXT_MAX);
    begin(m, asker, call, &text);
    buf_release(&text);
}

void reload_postponed(struct master *m)
{
    bool again = m->reload.is_asked_again;
    m->reload.is_asked_again = false;
    if (again)
        reload_begin(m, NULL, 0);
}

void reload_answered(struct child *c, bool ok)
{
    struct reload *r = &c->master->reload;
    c->is_reloading = false;
    r->has_failed |= !ok;
    if (--r->waiting == 0)
        finish(c->master);
}

void reload_forget(struct master *m, const struct rpc *asker)
{
    if (m->reload.asker == asker)
        m->reload.asker = NULL;
}
