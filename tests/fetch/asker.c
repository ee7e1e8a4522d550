/* asker FETCH CONFIG [NAME=ADDRESS]...: starts the role fetch in its whole sandbox, as master
 * would, and is directory and resolver to it: reads tokens, one a line, asks about each and prints
 * the answer: yes ACCOUNT, no, unknown, scope, failed. CONFIG is a configuration's canonical print.
 * An empty line has it wait until all is answered. NAME has ADDRESS (IPv4); other names do not
 * exist. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/auth/sasl.h"
#include "sys/answers.h"
#include "sys/rpc.h"

static struct {
    struct loop *loop;
    struct rpc *master, *directory, *resolver;
    char **names;
    uint64_t asked, answered;
    bool is_ready, is_gone;
} self;

static void answer_query(struct rpc *r, const struct ipc_message *m)
{
    char records[2 + 4] = {0, 4};
    struct ipc_dns_answer answer = {.result = DNS_NONE};
    for (char **at = self.names; *at != NULL; at++) {
        slice pair = slice_cstr(*at);
        size_t n = slice_find(pair, '=');
        if (m->dns_query.type != 1 || !slice_eq(slice_head(pair, n), m->dns_query.name) ||
            inet_pton(AF_INET, *at + n + 1, records + 2) != 1)
            continue;
        answer.result = DNS_FOUND;
        answer.ttl = 60;
        answer.records = slice_of(records, sizeof records);
    }
    (void)!rpc_reply_dns_answer(r, m->call, &answer);
}

static void on_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    (void)owner;
    if (m->type == IPC_READY)
        self.is_ready = true;
    else if (m->type == IPC_DNS_QUERY)
        answer_query(r, m);
    loop_stop(self.loop);
}

static const char *word_of(uint8_t code)
{
    static const char *const words[] = {[SASL_ANSWER_FAILED] = "failed",
                                        [SASL_ANSWER_YES] = "yes",
                                        [SASL_ANSWER_NO] = "no",
                                        [SASL_ANSWER_UNKNOWN] = "unknown",
                                        [SASL_ANSWER_DISABLED] = "disabled",
                                        [SASL_ANSWER_SCOPE] = "scope"};
    return code < sizeof words / sizeof words[0] ? words[code] : "?";
}

static void on_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)owner;
    (void)r;
    if (call == IPC_TOKEN_CHECK) {
        self.answered++;
        if (result != RPC_ANSWER)
            printf("%llu %s\n", (unsigned long long)token, rpc_result_name(result));
        else
            printf("%llu %s %.*s\n", (unsigned long long)token, word_of(m->token_checked.code),
                   SLICE_ARG(m->token_checked.account));
        fflush(stdout);
    }
    loop_stop(self.loop);
}

static void on_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    (void)owner;
    (void)r;
    fprintf(stderr, "asker: fetch is gone: %d %s\n", error, ipc_err_name(why));
    self.is_gone = true;
    loop_stop(self.loop);
}

static struct rpc *end(int fd, enum role_id as)
{
    static const struct rpc_ops ops = {.message = on_message, .answer = on_answer, .gone = on_gone};
    const struct rpc_options options = {
        .loop = self.loop, .fd = fd, .self = as, .peer = ROLE_FETCH, .ops = &ops};
    struct rpc *r = rpc_new(&options);
    if (r == NULL)
        abort();
    return r;
}

static struct rpc *wire(enum role_id as)
{
    int fds[2];
    if (chan_pair(fds) != 0)
        abort();
    const struct ipc_wire wire = {.role = as, .fd = fds[1]};
    if (rpc_send_wire(self.master, &wire) != 0)
        abort();
    return end(fds[0], as);
}

static void start(const char *program)
{
    int fds[2];
    pid_t parent = getpid();
    if (chan_pair(fds) != 0)
        abort();
    if (fork() == 0) {
        const char *const argv[] = {"fetch", "--role",      "fetch",  "--instance",
                                    "0",     "--log",       "stderr", "--log-format",
                                    "keys",  "--log-level", "debug",  NULL};
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != parent || dup2(fds[1], 3) < 0 || fcntl(3, F_SETFD, 0) != 0)
            _exit(126);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fds[1]);
    self.master = end(fds[0], ROLE_MASTER);
}

static int config(const char *path)
{
    char room[65536];
    int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("candor.conf", MFD_CLOEXEC);
    ssize_t n = from < 0 ? -1 : read(from, room, sizeof room);
    if (n <= 0 || to < 0 || write(to, room, (size_t)n) != n)
        abort();
    close(from);
    return to;
}

static void wait_for(const uint64_t *count, uint64_t want)
{
    while (!self.is_gone && *count < want)
        (void)loop_run(self.loop);
}

static void ask(char *line)
{
    slice token = slice_cstr(line);
    token.n -= token.n > 0 && token.p[token.n - 1] == '\n' ? 1 : 0;
    if (token.n == 0) {
        wait_for(&self.answered, self.asked);
        return;
    }
    const struct ipc_token_check check = {.token = token};
    if (rpc_call_token_check(self.directory, ++self.asked, &check) != 0)
        abort();
}

int main(int argc, char **argv)
{
    char line[16384];
    if (argc < 3)
        return 2;
    self.loop = loop_new();
    self.names = argv + 3;
    start(argv[1]);
    const struct ipc_config c = {.generation = 1, .log_level = 3, .fd = config(argv[2])};
    if (rpc_call_config(self.master, 1, &c) != 0)
        abort();
    while (!self.is_gone && !self.is_ready)
        (void)loop_run(self.loop);
    if (!self.is_gone) {
        self.resolver = wire(ROLE_RESOLVER);
        self.directory = wire(ROLE_DIRECTORY);
    }
    while (!self.is_gone && fgets(line, sizeof line, stdin) != NULL)
        ask(line);
    wait_for(&self.answered, self.asked);
    rpc_free(self.directory);
    rpc_free(self.resolver);
    rpc_free(self.master);
    int status = 0;
    (void)wait(&status);
    if (WIFSIGNALED(status))
        fprintf(stderr, "asker: signal %d\n", WTERMSIG(status));
    loop_free(self.loop);
    return self.is_gone || status != 0;
}
