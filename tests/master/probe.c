/* A role for master's tests: it is whatever master starts it as, logs what happens to it, and
 * greets every connection with its name, instance and pid. SIGUSR2: accuses the queue (as queue:
 * mx). A configuration with the host refuse.example is refused, fail.example does not start. */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/role.h"

enum { LISTENERS = 16 };

struct probe {
    struct role *role;
    struct watch listeners[LISTENERS];
};

static struct probe self;

static void say(struct role *r, const char *event, const struct rpc *peer)
{
    struct log_line line;
    log_begin(&line, r->log, LOG_INFO, event);
    if (peer != NULL) {
        log_cstr(&line, "peer", role_name(rpc_peer(peer)));
        log_u64(&line, "instance", rpc_peer_instance(peer));
    }
    log_u64(&line, "generation", r->generation);
    log_end(&line);
}

static void accuse(void *owner, int signum)
{
    (void)owner;
    (void)signum;
    const struct ipc_condemn condemn = {.role = self.role->id == ROLE_QUEUE ? ROLE_MX : ROLE_QUEUE,
                                        .why = IPC_SHORT};
    if (rpc_send_condemn(self.role->master, &condemn) != 0)
        abort();
}

static bool has(slice text, const char *what)
{
    return slice_find_slice(text, slice_cstr(what)) < text.n;
}

static int open_probe(struct role *r, slice text)
{
    self.role = r;
    r->self = &self;
    if (r->id == ROLE_DELIVER && has(text, "fail.example"))
        return -5;
    return loop_on_signal(r->loop, SIGUSR2, accuse, NULL);
}

static bool reconfigure(struct role *r, slice text)
{
    bool ok = r->id != ROLE_DELIVER || !has(text, "refuse.example");
    say(r, ok ? "probe.configured" : "probe.refuses", NULL);
    return ok;
}

static void on_peer(struct role *r, struct rpc *peer)
{
    say(r, "probe.peer", peer);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    say(r, "probe.gone", peer);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    (void)m;
    say(r, "probe.message", peer);
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)call;
    (void)token;
    (void)m;
    (void)result;
    say(r, "probe.answer", peer);
}

static void on_connection(struct watch *w, uint32_t events)
{
    (void)events;
    char text[100];
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int n = snprintf(text, sizeof text, "220 %s %u %u\r\n", role_name(self.role->id),
                     self.role->instance, (unsigned)getpid());
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        say(self.role, "probe.unheard", NULL);
    close(fd);
}

static void on_listener(struct role *r, uint32_t index, int fd)
{
    if (index >= LISTENERS)
        abort();
    struct watch *w = &self.listeners[index];
    if (w->is_started)
        watch_close(r->loop, w);
    if (fd >= 0 && watch_start(r->loop, w, fd, WATCH_READ, on_connection) != 0)
        abort();
}

static void on_drain(struct role *r)
{
    say(r, "probe.drain", NULL);
    for (size_t i = 0; i < LISTENERS; i++)
        if (self.listeners[i].is_started)
            watch_close(r->loop, &self.listeners[i]);
    role_drained(r);
}

static void on_close(struct role *r)
{
    for (size_t i = 0; i < LISTENERS; i++)
        if (self.listeners[i].is_started)
            watch_close(r->loop, &self.listeners[i]);
    say(r, "probe.close", NULL);
}

static const struct role_spec spec = {
    .roles = ROLES_ANY,
    .workers = 1,
    .open = open_probe,
    .reconfigure = reconfigure,
    .peer = on_peer,
    .gone = on_gone,
    .message = on_message,
    .answer = on_answer,
    .listener = on_listener,
    .drain = on_drain,
    .close = on_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
