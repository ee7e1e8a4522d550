/* Connections: lines in, lines out, both bounded in size and time. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/control/control.h"

enum { REST_MS = 500, READ_BYTES = 16 * 1024 };

static void on_timer(struct timer *t);

static struct loop *loop_of(const struct client *c)
{
    return c->control->role->loop;
}

/* ---- the end ---- */

static void sweep(struct turn_hook *h)
{
    struct control *self = CONTAINER_OF(h, struct control, sweep);
    for (struct client **at = &self->clients; *at != NULL;) {
        struct client *c = *at;
        if (!c->is_dead) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        buf_release(&c->in);
        buf_release(&c->out);
        json_decref(c->rows);
        free(c);
        self->clients_n--;
    }
}

/* Its request, if one is open, goes on at the role; the answer will find nobody. */
static void end(struct client *c)
{
    if (c->is_dead)
        return;
    c->is_dead = true;
    watch_stop(loop_of(c), &c->watch);
    timer_stop(loop_of(c), &c->timer);
    close(c->fd);
    turn_hook_queue(loop_of(c), &c->control->sweep, sweep);
}

static void end_for(struct client *c, const char *why)
{
    struct log_line line;
    log_begin(&line, c->control->role->log, LOG_WARN, "control.client-ended");
    log_u64(&line, "uid", c->uid);
    log_cstr(&line, "why", why);
    log_end(&line);
    end(c);
}

static void on_timer(struct timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);
    if (c->out.n > 0)
        end_for(c, "does not read");
    else
        end(c);
}

/* ---- out ---- */

static void arm(struct client *c)
{
    bool is_listening = c->request == NULL && c->out.n == 0;
    uint32_t events = (c->out.n > 0 ? WATCH_WRITE : 0u) | (is_listening ? WATCH_READ : 0u);
    watch_change(loop_of(c), &c->watch, events);
    if (c->out.n > 0)
        timer_set(loop_of(c), &c->timer, STALL_MS, on_timer);
    else if (c->request == NULL)
        timer_set(loop_of(c), &c->timer, SILENCE_MS, on_timer);
    else if (c->timer.fire == on_timer)
        timer_stop(loop_of(c), &c->timer); /* the request's own time limit holds */
}

static void flush(struct client *c)
{
    while (c->out.n > 0) {
        ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            end(c);
            return;
        }
        buf_drop(&c->out, (size_t)n);
    }
    if (c->out.n == 0 && c->is_ending)
        end(c);
}

static void write_line(struct client *c, const char *key, json_t *value)
{
    json_t *object = value == NULL ? NULL : json_pack("{s:o}", key, value);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (c->is_dead) {
        free(text);
        return;
    }
    buf_adds(&c->out, text == NULL ? "" : text);
    buf_addc(&c->out, '\n');
    if (text == NULL || c->out.err != BUF_OK)
        end_for(c, text == NULL ? "no memory" : "does not read");
    else
        flush(c);
    free(text);
}

void client_part(struct client *c, json_t *value)
{
    write_line(c, "part", value);
    if (!c->is_dead)
        arm(c);
}

void client_answer(struct client *c, json_t *value)
{
    c->request = NULL;
    c->asked = NULL;
    write_line(c, "answer", value);
    if (!c->is_dead)
        arm(c);
}

struct client *client_find(struct control *self, uint64_t id)
{
    for (struct client *c = self->clients; c != NULL; c = c->next)
        if (c->id == id && !c->is_dead)
            return c;
    return NULL;
}

/* ---- in ---- */

static void take_lines(struct client *c)
{
    while (!c->is_dead && !c->is_ending && c->request == NULL && c->out.n == 0) {
        slice in = buf_slice(&c->in);
        size_t n = slice_find(in, '\n');
        if (n == in.n) {
            if (n < REQUEST_MAX)
                break;
            c->is_ending = true;
            client_answer(c,
                          answer_error("bad-request", NULL,
                                       "a request is one line of at most %d bytes", REQUEST_MAX));
            break;
        }
        request_start(c, slice_head(in, n));
        if (!c->is_dead)
            buf_drop(&c->in, n + 1);
    }
    if (!c->is_dead)
        arm(c);
}

void client_resume(struct client *c)
{
    if (!c->is_dead)
        take_lines(c);
}

static void read_some(struct client *c)
{
    size_t room = c->in.max - c->in.n < READ_BYTES ? c->in.max - c->in.n : READ_BYTES;
    char *to = room == 0 ? NULL : buf_reserve(&c->in, room);
    if (to == NULL) {
        end_for(c, "no memory");
        return;
    }
    ssize_t n = recv(c->fd, to, room, 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        end(c);
        return;
    }
    c->in.n += (size_t)n;
    take_lines(c);
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct client *c = CONTAINER_OF(w, struct client, watch);
    if ((events & WATCH_WRITE) != 0 && c->out.n > 0) {
        flush(c);
        client_resume(c);
    }
    if (!c->is_dead && (events & WATCH_READ) != 0 && c->request == NULL && c->out.n == 0)
        read_some(c);
}

/* ---- the beginning ---- */

static size_t count_of(const struct control *self, uid_t uid)
{
    size_t n = 0;
    for (const struct client *c = self->clients; c != NULL; c = c->next)
        n += !c->is_dead && c->uid == uid;
    return n;
}

static struct client *client_new(struct control *self, int fd, uid_t uid, enum who who)
{
    struct client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    *c = (struct client){.next = self->clients,
                         .control = self,
                         .id = ++self->last_id,
                         .fd = fd,
                         .uid = uid,
                         .who = who};
    buf_init(&c->in, REQUEST_MAX + READ_BYTES);
    buf_init(&c->out, ANSWER_MAX);
    if (watch_start(self->role->loop, &c->watch, fd, WATCH_READ, on_ready) != 0) {
        free(c);
        return NULL;
    }
    self->clients = c;
    self->clients_n++;
    return c;
}

static void take_client(struct control *self, int fd)
{
    uid_t uid = 0;
    enum who who = WHO_GROUP;
    bool is_known = socket_peer(self, fd, &uid, &who);
    bool is_full = self->clients_n >= CLIENTS_MAX ||
                   (who != WHO_OWNER && count_of(self, uid) >= CLIENTS_OF_USER_MAX);
    /* Far above the maximum not even a refusal: a descriptor each is more than it is worth. */
    struct client *c = self->clients_n >= 2 * CLIENTS_MAX ? NULL : client_new(self, fd, uid, who);
    if (c == NULL) {
        close(fd);
        return;
    }
    if (is_known && !is_full) {
        arm(c);
        return;
    }
    struct log_line line;
    log_begin(&line, self->role->log, LOG_WARN, is_known ? "control.full" : "control.denied");
    log_u64(&line, "uid", uid);
    log_end(&line);
    c->is_ending = true;
    client_answer(c, is_known ? answer_error("unavailable", "Try again in a moment.",
                                             "too many connections to the server's control socket")
                              : answer_error("not-allowed",
                                             "Root may, the user who started the server, and "
                                             "members of its control-group.",
                                             "you may not talk to this server"));
}

static void accept_again(struct timer *t)
{
    struct control *self = CONTAINER_OF(t, struct control, again);
    watch_change(self->role->loop, &self->watch, WATCH_READ);
}

static void on_listener(struct watch *w, uint32_t events)
{
    struct control *self = CONTAINER_OF(w, struct control, watch);
    (void)events;
    for (int i = 0; i < 16; i++) {
        int fd = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_client(self, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            watch_change(self->role->loop, w, 0);
            timer_set(self->role->loop, &self->again, REST_MS, accept_again);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

int clients_start(struct control *self)
{
    return watch_start(self->role->loop, &self->watch, self->listener, WATCH_READ, on_listener);
}

void clients_close(struct control *self)
{
    watch_stop(self->role->loop, &self->watch);
    timer_stop(self->role->loop, &self->again);
    for (struct client *c = self->clients; c != NULL; c = c->next)
        end(c);
    turn_hook_cancel(self->role->loop, &self->sweep);
    sweep(&self->sweep);
    close(self->listener);
}
