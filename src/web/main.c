/* web: serves the pages of lib/page, which say what SMTP replies mean.
 *
 * It holds HTTP connections and the texts that are compiled in, and nothing else: it sees no mail
 * and no keys, asks no other role, opens no file and connects to nobody. */
#include <errno.h>
#include <jansson.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "src/web/http.h"
#include "src/web/visitors.h"

enum { NICE = 5 };

static struct web self;

static bool take_configuration(struct web *w, slice text)
{
    struct conf *conf = conf_read_print(text);
    if (conf == NULL) {
        struct log_line line;
        log_begin(&line, w->role->log, LOG_ERROR, "config.invalid");
        log_end(&line);
        return false;
    }
    conf_unref(w->conf);
    w->conf = conf;
    return true;
}

static int on_open(struct role *r, slice text)
{
    uint64_t seed;
    struct web *w = &self;
    r->self = w;
    w->role = r;
    if (!take_configuration(w, text))
        return -EINVAL;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return -EIO;
    json_object_seed(0); /* from the kernel, while /dev is in sight */
    tzset();             /* Date is made by the C library, which looks for its time zone once */
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* mail first */
    visitors_init(w, seed);
    w->page = page_new();
    return w->page == NULL ? -ENOMEM : http_start(w);
}

static bool on_reconfigure(struct role *r, slice text)
{
    return take_configuration(r->self, text);
}

static void on_listener(struct role *r, uint32_t index, int fd)
{
    visitors_listen(r->self, index, fd);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    const struct web *w = r->self;
    struct buf json;
    if (m->type != IPC_ADMIN)
        return;
    buf_init(&json, 512);
    buf_addf(&json,
             "{\"role\":\"web\",\"open\":%u,\"connections\":%llu,\"crowded\":%llu,"
             "\"timed_out\":%llu,\"requests\":%llu,\"refused\":%llu,\"failed\":%llu}",
             w->visitor_count, (unsigned long long)w->connections, (unsigned long long)w->crowded,
             (unsigned long long)w->timed_out, (unsigned long long)w->requests,
             (unsigned long long)w->refused, (unsigned long long)w->failed);
    /* A reply is never refused for want of room; a peer that is gone needs none. */
    (void)!rpc_reply_admin_answer(peer, m->call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_drain(struct role *r)
{
    visitors_drain(r->self);
}

static void on_close(struct role *r)
{
    struct web *w = r->self;
    visitors_release(w);
    http_stop(w);
    visitors_release(w); /* the last of them may have asked for a tick */
    page_free(w->page);
    conf_unref(w->conf);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_WEB),
    .open = on_open,
    .reconfigure = on_reconfigure,
    .message = on_message,
    .listener = on_listener,
    .drain = on_drain,
    .close = on_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
