/* The resolver's lookups without a server around them: resolver_ask PORT TIMEOUT_MS, then on stdin
 * one question a line, `ptr ADDRESS` or `query NAME TYPE`; `---` waits for the answers to those
 * before. One line is printed for each, in the order in which they were asked:
 * RESULT TTL NAME, or RESULT TTL SECURE RECORDS-IN-HEX. */
#include <stdlib.h>
#include <sys/socket.h>

#include "src/resolver/lookup.h"
#include "sys/rpc.h"

enum { QUESTIONS = 20000, RESOLVER_SIDE = 0, ASKER_SIDE = 1 };

static const char *const result_names[] = {"found", "none", "unconfirmed", "tempfail", "refused"};

static struct self {
    struct loop *loop;
    struct lookups lookups;
    struct rpc *side[2];
    struct buf line[QUESTIONS];
    size_t asked, answered;
    bool is_open;
} self;

static void on_open(void *owner, struct rpc *r)
{
    (void)owner;
    if (r == self.side[ASKER_SIDE]) {
        self.is_open = true;
        loop_stop(self.loop);
    }
}

static void on_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    (void)owner;
    lookup_begin(&self.lookups, r, m);
}

static void on_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)owner;
    (void)r;
    struct buf *out = &self.line[token];
    if (result != RPC_ANSWER || out->n > 0) {
        fprintf(stderr, "call %zu: %s\n", (size_t)token, rpc_result_name(result));
        exit(1);
    }
    if (call == IPC_DNS_PTR) {
        buf_addf(out, "%s %u %.*s", result_names[m->dns_name.result], m->dns_name.ttl,
                 SLICE_ARG(m->dns_name.name));
    } else {
        buf_addf(out, "%s %u %u ", result_names[m->dns_answer.result], m->dns_answer.ttl,
                 (unsigned)m->dns_answer.secure);
        for (size_t i = 0; i < m->dns_answer.records.n; i++)
            buf_addf(out, "%02x", (unsigned)(unsigned char)m->dns_answer.records.p[i]);
    }
    if (++self.answered == self.asked)
        loop_stop(self.loop);
}

static void on_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    (void)owner;
    (void)r;
    fprintf(stderr, "gone: %d %s\n", error, ipc_err_name(why));
    exit(1);
}

static void join(void)
{
    static const struct rpc_ops ops = {on_open, on_message, on_answer, NULL, on_gone};
    static const enum role_id roles[2] = {ROLE_RESOLVER, ROLE_MX};
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0)
        exit(1);
    for (int i = 0; i < 2; i++) {
        struct rpc_options o = {
            .loop = self.loop, .fd = fd[i], .self = roles[i], .peer = roles[1 - i], .ops = &ops};
        self.side[i] = rpc_new(&o);
    }
    loop_run(self.loop);
}

static void ask(slice line)
{
    slice kind = {0}, subject = {0}, type = {0};
    struct ip ip = {0};
    uint64_t number = 0;
    int err = -1;
    buf_init(&self.line[self.asked], 200000);
    (void)slice_split(&line, ' ', &kind);
    (void)slice_split(&line, ' ', &subject);
    (void)slice_split(&line, ' ', &type);
    if (slice_is(kind, "ptr") && ip_parse(subject, &ip) == IP_OK)
        err = rpc_call_dns_ptr(self.side[ASKER_SIDE], self.asked,
                               &(struct ipc_dns_ptr){ip_bytes(&ip)});
    else if (slice_is(kind, "query") && slice_to_u64(type, 65535, &number))
        err =
            rpc_call_dns_query(self.side[ASKER_SIDE], self.asked,
                               &(struct ipc_dns_query){.name = subject, .type = (uint16_t)number});
    if (err != 0) {
        fprintf(stderr, "not asked: %d\n", err);
        exit(1);
    }
    self.asked++;
}

int main(int argc, char **argv)
{
    char text[4096];
    uint64_t port, timeout;
    const char *why = NULL;
    if (argc != 3 || !slice_to_u64(slice_cstr(argv[1]), 65535, &port) ||
        !slice_to_u64(slice_cstr(argv[2]), 60000, &timeout))
        return 2;
    self.loop = loop_new();
    struct engine_options o = {.loop = self.loop,
                               .server[0].port = (uint16_t)port,
                               .servers = 1,
                               .cache_bytes = 1 << 20,
                               .timeout_ms = (uint32_t)timeout};
    if (ip_parse(SLICE_LIT("127.0.0.1"), &o.server[0].ip) != IP_OK)
        return 1;
    self.lookups = (struct lookups){.loop = self.loop, .timeout_ms = (uint32_t)timeout};
    self.lookups.engine = engine_new(&o, &why);
    if (self.lookups.engine == NULL) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    join();
    bool more = true;
    while (more) {
        while ((more = fgets(text, sizeof text, stdin) != NULL)) {
            slice line = slice_head(slice_cstr(text), slice_find(slice_cstr(text), '\n'));
            if (slice_is(line, "---"))
                break;
            ask(line);
        }
        if (self.answered < self.asked)
            loop_run(self.loop);
    }
    for (size_t i = 0; i < self.asked; i++) {
        printf("%.*s\n", SLICE_ARG(buf_slice(&self.line[i])));
        buf_release(&self.line[i]);
    }
    lookup_forget_peer(&self.lookups, self.side[RESOLVER_SIDE]);
    rpc_free(self.side[0]);
    rpc_free(self.side[1]);
    engine_free(self.lookups.engine);
    loop_free(self.loop);
    return 0;
}
