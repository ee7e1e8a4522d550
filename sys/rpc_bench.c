/* How many commits of 4 KiB go from one process to another and are answered, a second.
 *
 *   rpc_bench [SECONDS [WINDOW]]      WINDOW: calls that are open at the same time */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/rpc.h"

static struct {
    struct loop *loop;
    struct rpc *rpc;
    struct timer end;
    uint64_t window, calls, answers;
    bool is_over;
} self;

static char body[4096], head[400];

static void on_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    const struct ipc_committed done = {.id = ++self.calls};
    (void)owner;
    if (m->type != IPC_COMMIT || rpc_reply_committed(r, m->call, &done) != 0)
        abort();
}

static void call_more(void)
{
    const struct ipc_commit commit = {.body_bytes = sizeof body,
                                      .envelope = {head, 100},
                                      .added = {head, 200},
                                      .header = {head, 400},
                                      .body = {body, sizeof body},
                                      .fd = -1};
    while (!self.is_over && rpc_open_calls(self.rpc) < self.window &&
           rpc_call_commit(self.rpc, self.calls++, &commit) == 0)
        ;
}

static void on_open(void *owner, struct rpc *r)
{
    (void)owner;
    (void)r;
    call_more();
}

static void on_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    (void)owner;
    (void)r;
    (void)call;
    (void)token;
    (void)m;
    if (result != RPC_ANSWER)
        abort();
    self.answers++;
    call_more();
}

static void on_writable(void *owner, struct rpc *r)
{
    (void)owner;
    (void)r;
    call_more();
}

static void on_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    (void)owner;
    if (error != 0 || why != IPC_OK)
        abort();
    rpc_free(r);
    loop_stop(self.loop);
}

static void on_end(struct timer *t)
{
    (void)t;
    self.is_over = true;
    loop_stop(self.loop);
}

static void run(int fd, enum role_id me, enum role_id peer, uint64_t seconds)
{
    static const struct rpc_ops client = {on_open, NULL, on_answer, on_writable, on_gone};
    static const struct rpc_ops server = {NULL, on_message, NULL, NULL, on_gone};
    self.loop = loop_new();
    const struct rpc_options options = {.loop = self.loop,
                                        .fd = fd,
                                        .self = me,
                                        .peer = peer,
                                        .ops = me == ROLE_MX ? &client : &server};
    self.rpc = rpc_new(&options);
    if (self.rpc == NULL)
        abort();
    if (seconds > 0)
        timer_set(self.loop, &self.end, seconds * 1000, on_end);
    loop_run(self.loop);
}

static uint64_t cpu_us(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    uint64_t seconds = 3;
    int fds[2];
    self.window = 50;
    if ((argc > 1 && !slice_to_u64(slice_cstr(argv[1]), 3600, &seconds)) ||
        (argc > 2 && !slice_to_u64(slice_cstr(argv[2]), 2048, &self.window)) || chan_pair(fds) != 0)
        return 2;
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0) {
        close(fds[0]);
        run(fds[1], ROLE_QUEUE, ROLE_MX, 0);
        _exit(0);
    }
    close(fds[1]);
    run(fds[0], ROLE_MX, ROLE_QUEUE, seconds);
    rpc_free(self.rpc);
    loop_free(self.loop);
    waitpid(pid, NULL, 0);
    uint64_t here = cpu_us(RUSAGE_SELF), there = cpu_us(RUSAGE_CHILDREN);
    printf("window %llu: %llu commits a second; a commit takes %.2f us here, %.2f us there\n",
           (unsigned long long)self.window, (unsigned long long)(self.answers / seconds),
           (double)here / (double)self.answers, (double)there / (double)self.answers);
    return 0;
}
