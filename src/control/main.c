/* control: carries the candor command's requests to the roles. It holds a unix socket and the
 * channels, and nothing else. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/control/control.h"

static struct control self;

static bool take_configuration(struct role *r, slice text)
{
    struct conf *conf = conf_read_print(text);
    buf_clear(&self.text);
    buf_add(&self.text, text);
    if (conf != NULL && self.text.err == BUF_OK) {
        conf_unref(self.conf);
        self.conf = conf;
        return true;
    }
    struct log_line line;
    log_begin(&line, r->log, LOG_ERROR, "control.bad-config");
    log_end(&line);
    conf_unref(conf);
    return false;
}

static int on_open(struct role *r, slice text)
{
    self.role = r;
    r->self = &self;
    buf_init(&self.text, 64 * CONF_TEXT_MAX);
    json_object_seed(0); /* from the kernel, while /dev is in sight */
    return take_configuration(r, text) ? socket_open(&self) : -EINVAL;
}

static int on_start(struct role *r)
{
    (void)r;
    return clients_start(&self);
}

/* The socket stays where it is: moving it needs rights that are given up, and so a restart. */
static bool on_reconfigure(struct role *r, slice text)
{
    struct conf *before = conf_ref(self.conf);
    bool ok = take_configuration(r, text);
    if (ok && !slice_eq(before->server.control, self.conf->server.control)) {
        struct log_line line;
        log_begin(&line, r->log, LOG_WARN, "control.socket-stays");
        log_slice(&line, "path", before->server.control);
        log_cstr(&line, "hint", "a new path holds from the next start on");
        log_end(&line);
    }
    conf_unref(before);
    return ok;
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)r;
    request_answer(&self, peer, call, token, result, m);
}

static void on_close(struct role *r)
{
    (void)r;
    clients_close(&self);
    conf_unref(self.conf);
    buf_release(&self.text);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_CONTROL),
    .open = on_open,
    .start = on_start,
    .reconfigure = on_reconfigure,
    .answer = on_answer,
    .close = on_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
