#include "cli/control_client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/configuration.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
/* Longer than control waits for a role. */
#define SILENCE_MAX_MS 95000
#define ABSENT_MS 3000
#define ABSENT_PAUSE_MS 100

enum control_err control_open(const char *path, struct control_client *ret)
{
    *ret = (struct control_client){.fd = -1, .path = path};
    buf_init(&ret->in, LINE_MAX_BYTES);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(address.sun_path)) {
        ret->error = ENAMETOOLONG;
        return CONTROL_BROKEN;
    }
    memcpy(address.sun_path, path, n);
    ret->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ret->fd < 0) {
        ret->error = errno;
        return CONTROL_BROKEN;
    }
    if (connect(ret->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return CONTROL_OK;
    ret->error = errno;
    control_close(ret);
    if (ret->error == ENOENT || ret->error == ECONNREFUSED || ret->error == ENOTDIR)
        return CONTROL_NO_SERVER;
    return ret->error == EACCES || ret->error == EPERM ? CONTROL_DENIED : CONTROL_BROKEN;
}

void control_close(struct control_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_release(&c->in);
}

static enum control_err broken(struct control_client *c, int error)
{
    c->error = error;
    return CONTROL_BROKEN;
}

static enum control_err send_all(struct control_client *c, slice s)
{
    while (s.n > 0) {
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        /* A server that refuses this user says so and closes: its words are worth reading. */
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return CONTROL_OK;
        if (n < 0)
            return broken(c, errno);
        s = slice_tail(s, (size_t)n);
    }
    return CONTROL_OK;
}

static enum control_err send_request(struct control_client *c, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    if (text == NULL)
        return broken(c, ENOMEM);
    size_t n = strlen(text);
    text[n] = '\n'; /* where the NUL was */
    enum control_err err = send_all(c, slice_of(text, n + 1));
    free(text);
    return err;
}

/* One line without its end. It lies in c->in until the next call drops *ret_bytes. */
static enum control_err take_line(struct control_client *c, slice *ret)
{
    for (;;) {
        slice in = buf_slice(&c->in);
        size_t n = slice_find(in, '\n');
        if (n < in.n) {
            *ret = slice_head(in, n);
            return CONTROL_OK;
        }
        struct pollfd wait = {.fd = c->fd, .events = POLLIN};
        int ready = poll(&wait, 1, SILENCE_MAX_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return broken(c, ready == 0 ? ETIMEDOUT : errno);
        char *to = buf_reserve(&c->in, in.n + 4096 < LINE_MAX_BYTES ? 4096 : LINE_MAX_BYTES - in.n);
        if (to == NULL || in.n == LINE_MAX_BYTES)
            return broken(c, EMSGSIZE);
        ssize_t got = recv(c->fd, to, c->in.cap - c->in.n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return broken(c, got == 0 ? ECONNRESET : errno);
        c->in.n += (size_t)got;
    }
}

static enum control_err ask_once(struct control_client *c, json_t *request,
                                 void (*each)(void *self, json_t *part), void *self,
                                 json_t **ret_answer)
{
    enum control_err err = send_request(c, request);
    while (err == CONTROL_OK) {
        slice line;
        err = take_line(c, &line);
        if (err != CONTROL_OK)
            break;
        json_t *object = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
        buf_drop(&c->in, line.n + 1);
        json_t *part = json_object_get(object, "part");
        json_t *answer = json_object_get(object, "answer");
        if (part != NULL && each != NULL)
            each(self, part);
        if (json_is_object(answer))
            *ret_answer = json_incref(answer);
        json_decref(object);
        if (json_is_object(answer))
            return CONTROL_OK;
        if (part == NULL)
            return broken(c, EBADMSG);
    }
    return err;
}

static bool is_absent(const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    return error != NULL && strcmp(error, "absent") == 0;
}

enum control_err control_ask(struct control_client *c, json_t *request,
                             void (*each)(void *self, json_t *part), void *self,
                             json_t **ret_answer)
{
    /* A server that has just begun, or a role that is being started again, gets a moment. */
    const struct timespec pause = {.tv_nsec = ABSENT_PAUSE_MS * 1000000L};
    for (int tries = ABSENT_MS / ABSENT_PAUSE_MS;; tries--) {
        json_t *answer = NULL;
        enum control_err err = ask_once(c, request, each, self, &answer);
        if (err != CONTROL_OK || tries == 0 || !is_absent(answer)) {
            if (err == CONTROL_OK)
                *ret_answer = answer;
            return err;
        }
        json_decref(answer);
        (void)nanosleep(&pause, NULL); /* cut short by a signal, it only asks sooner */
    }
}

int control_report(struct cli *cli, const struct control_client *c, enum control_err err)
{
    switch (err) {
    case CONTROL_NO_SERVER:
        return cli_error(cli, CLI_TEMPFAIL,
                         "no server runs here: nobody listens at %s\n  Start it with `candor serve "
                         "-c FILE`, or name the right configuration with -c or --dir.",
                         c->path);
    case CONTROL_DENIED:
        return cli_error(cli, CLI_TEMPFAIL,
                         "you may not talk to the server at %s\n  Root may, the user who started "
                         "it, and members of its control-group (candor-admin).",
                         c->path);
    case CONTROL_OK:
    case CONTROL_BROKEN:
        break;
    }
    if (c->error == ETIMEDOUT)
        return cli_error(cli, CLI_TEMPFAIL, "the server at %s did not answer", c->path);
    return cli_error(cli, CLI_TEMPFAIL,
                     "the connection to %s failed: %s\n  The server's log says more.", c->path,
                     c->error == 0 ? "?" : strerrorname_np(c->error));
}

int control_check(struct cli *cli, const json_t *answer)
{
    if (json_is_true(json_object_get(answer, "ok")))
        return CLI_OK;
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *message = json_string_value(json_object_get(answer, "message"));
    const char *hint = json_string_value(json_object_get(answer, "hint"));
    enum cli_exit status = is_absent(answer) || (error != NULL && strcmp(error, "unavailable") == 0)
                               ? CLI_TEMPFAIL
                               : CLI_NO;
    bool has_hint = hint != NULL && hint[0] != '\0';
    return cli_error(cli, status, "%s%s%s",
                     message != NULL ? message : "the server refused, and did not say why",
                     has_hint ? "\n  " : "", has_hint ? hint : "");
}

int control_request(struct cli *cli, json_t *request, json_t **ret_answer)
{
    struct configuration configuration;
    struct control_client client = {.fd = -1};
    json_t *answer = NULL;
    configuration_init(&configuration);
    int status = configuration_load_control(cli, &configuration);
    if (status == CLI_OK && request == NULL)
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    if (status == CLI_OK) {
        enum control_err err = control_open(configuration.conf->server.control.p, &client);
        if (err == CONTROL_OK)
            err = control_ask(&client, request, NULL, NULL, &answer);
        status = err == CONTROL_OK ? control_check(cli, answer) : control_report(cli, &client, err);
        control_close(&client);
    }
    if (status == CLI_OK)
        *ret_answer = json_incref(answer);
    json_decref(answer);
    json_decref(request);
    configuration_release(&configuration);
    return status;
}
