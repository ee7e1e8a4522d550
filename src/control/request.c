/* Requests: whom each goes to, who may make it, and what comes back. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/control/control.h"

#define REFUSAL_MAX ((size_t)64 * 1024)

static const struct request requests[] = {
#define IS_CHANGE_READS false
#define IS_CHANGE_CHANGES true
#define REQUEST(name, role, who, what) {name, ROLE_##role, WHO_##who, IS_CHANGE_##what},
#include "src/control/requests.def"
};

const struct request *request_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(requests) / sizeof(requests[0]); i++)
        if (strcmp(requests[i].name, name) == 0)
            return &requests[i];
    return NULL;
}

json_t *answer_error(const char *key, const char *hint, const char *format, ...)
{
    struct buf message;
    va_list list;
    buf_init(&message, REFUSAL_MAX + 1024);
    va_start(list, format);
    buf_addv(&message, format, list);
    va_end(list);
    json_t *answer =
        json_pack("{s:b,s:s,s:s%,s:s}", "ok", 0, "error", key, "message",
                  message.p == NULL ? "" : message.p, message.n, "hint", hint == NULL ? "" : hint);
    buf_release(&message);
    return answer;
}

/* Nothing was asked of it: whoever asked may ask again without doing anything twice. */
static json_t *absent(const char *role)
{
    return answer_error("absent", "Try again in a moment; `candor status` shows the roles.",
                        "the server's role %s is not there now", role);
}

static json_t *unavailable(const char *role)
{
    return answer_error("unavailable", "Try again in a moment; `candor status` shows the roles.",
                        "the server's role %s does not answer now", role);
}

static void log_request(const struct client *c, const struct request *r, const char *result)
{
    struct log_line line;
    log_begin(&line, c->control->role->log, r->is_change ? LOG_INFO : LOG_DEBUG, "control.request");
    log_u64(&line, "uid", c->uid);
    log_cstr(&line, "do", r->name);
    log_cstr(&line, "result", result);
    log_end(&line);
}

/* The last word on the open request. */
static void finish(struct client *c, json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    log_request(c, c->request,
                json_is_true(json_object_get(answer, "ok")) ? "ok"
                : error != NULL                             ? error
                                                            : "?");
    client_answer(c, answer);
}

/* ---- to the roles ---- */

static int ask_role(struct client *c, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    const struct ipc_admin admin = {.json = slice_cstr(text)};
    int err = text == NULL ? -ENOMEM : rpc_call_admin(c->asked, c->id, &admin);
    free(text);
    return err;
}

static int ask_master(struct client *c)
{
    if (strcmp(c->request->name, "reload") == 0) {
        const struct ipc_reload_ask ask = {};
        return rpc_call_reload_ask(c->asked, c->id, &ask);
    }
    const struct ipc_status_ask ask = {};
    c->rows = json_array();
    return c->rows == NULL ? -ENOMEM : rpc_call_status_ask(c->asked, c->id, &ask);
}

/* What control knows itself. */
static json_t *show_configuration(const struct control *self)
{
    return json_pack("{s:b,s:s%}", "ok", 1, "text", self->text.p, self->text.n);
}

static void finish_figures(struct client *c)
{
    json_t *rows = c->rows;
    c->rows = NULL;
    finish(c, json_pack("{s:b,s:o}", "ok", 1, "figures", rows));
}

/* A role that is stuck must not keep anybody from seeing the others. */
static void figures_late(struct timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);
    finish_figures(c);
    client_resume(c);
}

/* Everybody at once; who is not there is left out. */
static void ask_figures(struct client *c)
{
    static const struct ipc_admin ask = {SLICE_LIT("{\"do\":\"figures\"}")};
    static const struct ipc_admin ask_queue = {SLICE_LIT("{\"do\":\"queue-summary\"}")};
    struct role *role = c->control->role;
    c->rows = json_array();
    c->awaited = 0;
    for (struct rpc *peer = role_next_peer(role, NULL); peer != NULL;
         peer = role_next_peer(role, peer))
        if (rpc_call_admin(peer, c->id, rpc_peer(peer) == ROLE_QUEUE ? &ask_queue : &ask) == 0)
            c->awaited++;
    if (c->awaited == 0)
        finish_figures(c);
    else
        timer_set(role->loop, &c->timer, FIGURES_MS, figures_late);
}

static void start(struct client *c, const struct request *r, json_t *object)
{
    struct role *role = c->control->role;
    c->request = r;
    c->id = ++c->control->last_id;
    if (r->role == ROLE_CONTROL) {
        if (strcmp(r->name, "figures") == 0)
            ask_figures(c);
        else
            finish(c, show_configuration(c->control));
        return;
    }
    c->asked = r->role == ROLE_MASTER ? role->master : role_peer(role, r->role, 0);
    int err = c->asked == NULL         ? -EPIPE
              : r->role == ROLE_MASTER ? ask_master(c)
                                       : ask_role(c, object);
    if (err == -EMSGSIZE)
        finish(c, answer_error("bad-request", NULL, "the request is too long"));
    else if (err != 0)
        finish(c, absent(role_name(r->role)));
}

void request_start(struct client *c, slice line)
{
    json_error_t error;
    json_t *object =
        json_loadb(line.p == NULL ? "" : line.p, line.n, JSON_REJECT_DUPLICATES, &error);
    const char *name = json_string_value(json_object_get(object, "do"));
    const struct request *r = request_find(name);
    if (object == NULL) {
        client_answer(c, answer_error("bad-request", NULL, "this is no JSON: %s", error.text));
    } else if (r == NULL) {
        client_answer(c,
                      answer_error("bad-request",
                                   "Is the server of another version than this command?",
                                   "the server knows no request \"%s\"", name == NULL ? "" : name));
    } else if (r->who > c->who) {
        log_request(c, r, "not-allowed");
        client_answer(c,
                      answer_error("not-allowed", "Root may, and the user who started the server.",
                                   "you may not ask for \"%s\"", r->name));
    } else {
        start(c, r, object);
    }
    json_decref(object);
}

/* ---- from master ---- */

static json_t *sandbox_words(uint32_t bits)
{
    json_t *list = json_array();
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((bits & bit) != 0 && sandbox_bit_name(bit) != NULL)
            json_array_append_new(list, json_string(sandbox_bit_name(bit)));
    return list;
}

static void take_row(struct client *c, const struct ipc_role_status *row)
{
    json_t *object =
        json_pack("{s:s,s:I,s:I,s:I,s:I,s:s,s:o}", "role", role_name(row->role), "instance",
                  (json_int_t)row->instance, "pid", (json_int_t)row->pid, "restarts",
                  (json_int_t)row->restarts, "started_at", (json_int_t)(row->started_at_ms / 1000),
                  "state", role_state_name(row->state), "sandbox", sandbox_words(row->sandbox));
    json_array_append_new(c->rows, object);
}

static void take_status(struct client *c, enum rpc_result result, const struct ipc_role_status *row)
{
    if (row != NULL)
        take_row(c, row);
    if (result == RPC_MORE)
        return;
    json_t *rows = c->rows;
    c->rows = NULL;
    if (result == RPC_ANSWER) {
        finish(c, json_pack("{s:b,s:s,s:s%,s:o}", "ok", 1, "version", CANDOR_VERSION, "host",
                            c->control->conf->server.host.p, c->control->conf->server.host.n,
                            "roles", rows));
        return;
    }
    json_decref(rows);
    finish(c, unavailable("master"));
}

/* Why master refused the file: what `candor config check` says. */
static json_t *refusal(int fd)
{
    struct buf text;
    buf_init(&text, REFUSAL_MAX);
    char *to = fd < 0 ? NULL : buf_reserve(&text, REFUSAL_MAX);
    ssize_t n = to == NULL ? 0 : pread(fd, to, REFUSAL_MAX, 0);
    text.n = n > 0 ? (size_t)n : 0;
    while (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    json_t *answer =
        text.n > 0
            ? answer_error("refused", "The server goes on with the configuration that it has.",
                           "%.*s", SLICE_ARG(buf_slice(&text)))
            : answer_error("refused", "The server's log says why.", "the reload failed");
    buf_release(&text);
    return answer;
}

static void take_reload(struct client *c, enum rpc_result result,
                        const struct ipc_reload_done *done)
{
    if (done == NULL || result != RPC_ANSWER)
        finish(c, unavailable("master"));
    else if (done->ok != 0)
        finish(c, json_pack("{s:b}", "ok", 1));
    else
        finish(c, refusal(done->fd));
}

/* ---- from a role ---- */

static void take_admin(struct client *c, enum rpc_result result,
                       const struct ipc_admin_answer *answer)
{
    if (answer == NULL) {
        finish(c, unavailable(role_name(c->request->role)));
        return;
    }
    json_t *object = json_loadb(answer->json.p == NULL ? "" : answer->json.p, answer->json.n,
                                JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object) && result == RPC_MORE) {
        client_part(c, object);
        return;
    }
    if (json_is_object(object)) {
        finish(c, object);
        return;
    }
    json_decref(object);
    if (result == RPC_ANSWER)
        finish(c, answer_error("unavailable", "The server's log may say more.",
                               "the server's role %s gave no answer that can be read",
                               role_name(c->request->role)));
}

/* What the role said, with its name first; a refusal is of a role that keeps no figures. */
static void take_figures(struct client *c, const struct rpc *peer, enum rpc_result result,
                         const struct ipc_admin_answer *answer)
{
    json_t *object = answer == NULL ? NULL
                                    : json_loadb(answer->json.p == NULL ? "" : answer->json.p,
                                                 answer->json.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *row = json_pack("{s:s,s:I}", "role", role_name(rpc_peer(peer)), "instance",
                            (json_int_t)rpc_peer_instance(peer));
    if (json_is_object(object) && !json_is_false(json_object_get(object, "ok"))) {
        json_object_del(object, "ok");
        json_object_del(object, "role");
        json_object_update(row, object);
        json_array_append(c->rows, row);
    }
    json_decref(row);
    json_decref(object);
    if (result != RPC_MORE && --c->awaited == 0)
        finish_figures(c);
}

void request_answer(struct control *self, const struct rpc *peer, enum ipc_type call,
                    uint64_t token, enum rpc_result result, struct ipc_message *m)
{
    struct client *c = client_find(self, token);
    if (c == NULL || c->request == NULL)
        return;
    if (call == IPC_STATUS_ASK)
        take_status(c, result, m == NULL ? NULL : &m->role_status);
    else if (call == IPC_RELOAD_ASK)
        take_reload(c, result, m == NULL ? NULL : &m->reload_done);
    else if (c->request->role == ROLE_CONTROL)
        take_figures(c, peer, result, m == NULL ? NULL : &m->admin_answer);
    else
        take_admin(c, result, m == NULL ? NULL : &m->admin_answer);
    client_resume(c);
}
