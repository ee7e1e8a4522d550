/* The roles authx and pam without a server around them: authx_ask CONFIGURATION AUTHX [PAM] starts
 * them as master does, is their directory and their resolver (every name is 127.0.0.1), and
 * connects to unix sockets for them. On stdin one question a line: verify NAME SECRET-IN-HEX
 * AS-SENT-IN-HEX      find NAME
 * (`-` for nothing). Each is answered on stdout when it is answered: NUMBER CODE ACCOUNT, numbers
 * counting the questions from 0. The end of stdin ends the roles. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/ascii.h"
#include "lib/conf/conf.h"
#include "sys/answers.h"
#include "sys/role.h"

enum { GENERATION = 1, ROOM = 65536 };

static struct self {
    struct loop *loop;
    struct conf *conf;
    struct rpc *authx, *pam;      /* as master */
    struct rpc *asker, *resolver; /* as directory, as resolver */
    unsigned ready, wanted;
    struct watch input;
    struct buf line;
    uint64_t asked, answered;
    bool is_end;
} self;

__attribute__((noreturn)) static void die(const char *what, int err)
{
    fprintf(stderr, "authx_ask: %s: %s\n", what, strerrorname_np(err < 0 ? -err : err));
    exit(1);
}

/* ---- the configuration ---- */

static int print_conf(void)
{
    struct buf text;
    buf_init(&text, 4 * CONF_TEXT_MAX);
    conf_print(&text, self.conf);
    int fd = memfd_create("conf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
        die("memfd", errno);
    buf_release(&text);
    return fd;
}

static void read_conf(const char *path)
{
    struct buf text, out;
    struct conf_errors errors;
    buf_init(&text, CONF_TEXT_MAX);
    buf_init(&out, CONF_TEXT_MAX);
    conf_errors_init(&errors);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *room = buf_reserve(&text, ROOM);
    ssize_t n = fd >= 0 && room != NULL ? read(fd, room, ROOM) : -1;
    if (n < 0)
        die(path, errno);
    text.n = (size_t)n;
    (void)close(fd);
    if (conf_parse(buf_slice(&text), slice_cstr(path), SLICE_LIT("/"), &errors, &self.conf) !=
        CONF_OK) {
        conf_errors_print(&out, &errors, slice_cstr(path), buf_slice(&text));
        fprintf(stderr, "%.*s", SLICE_ARG(buf_slice(&out)));
        exit(1);
    }
    conf_errors_release(&errors);
    buf_release(&text);
    buf_release(&out);
}

/* ---- as master ---- */

static void give_unix(struct rpc *r, uint32_t call, const struct ipc_unix_open *ask)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct ipc_unix_opened a = {.fd = -1};
    slice path = ask->place == UNIX_DOVECOT         ? self.conf->dovecot.socket.path
                 : ask->place == UNIX_DOVECOT_USERS ? self.conf->dovecot.users.path
                                                    : SLICE_LIT("");
    const char *ldapi = getenv("LDAPI_PATH"); /* what the URL says, decoded */
    if (ask->place == UNIX_LDAP && ldapi != NULL)
        path = slice_cstr(ldapi);
    if (path.n == 0 || path.n >= sizeof at.sun_path)
        die("unix_open", EINVAL);
    memcpy(at.sun_path, path.p, path.n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        die("socket", errno);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
        a.fd = fd;
    } else {
        a.error = (uint32_t)errno;
        (void)close(fd);
    }
    if (rpc_reply_unix_opened(r, call, &a) != 0)
        die("unix_opened", EPIPE);
}

static void wire(struct rpc *r, enum role_id peer, int fd)
{
    if (rpc_send_wire(r, &(struct ipc_wire){.role = peer, .fd = fd}) != 0)
        die("wire", EPIPE);
}

static void pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        die("socketpair", errno);
}

static const struct rpc_ops peer_ops;

static struct rpc *peer_new(enum role_id as, int fd)
{
    const struct rpc_options o = {
        .loop = self.loop, .fd = fd, .self = as, .peer = ROLE_AUTHX, .ops = &peer_ops};
    return rpc_new(&o);
}

static void on_input(struct watch *w, uint32_t events);

static void all_ready(void)
{
    int fds[2];
    pair(fds);
    wire(self.authx, ROLE_DIRECTORY, fds[0]);
    self.asker = peer_new(ROLE_DIRECTORY, fds[1]);
    pair(fds);
    wire(self.authx, ROLE_RESOLVER, fds[0]);
    self.resolver = peer_new(ROLE_RESOLVER, fds[1]);
    if (self.pam != NULL) {
        pair(fds);
        wire(self.authx, ROLE_PAM, fds[0]);
        wire(self.pam, ROLE_AUTHX, fds[1]);
    }
    if (watch_start(self.loop, &self.input, 0, WATCH_READ, on_input) != 0)
        die("stdin", EINVAL);
}

static void on_master_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    (void)owner;
    if (m->type == IPC_UNIX_OPEN)
        give_unix(r, m->call, &m->unix_open);
    else if (m->type == IPC_READY && ++self.ready == self.wanted)
        all_ready();
}

static void on_config_taken(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                            enum rpc_result result, struct ipc_message *m)
{
    (void)owner;
    (void)r;
    (void)call;
    (void)token;
    if (result != RPC_ANSWER || m->config_taken.ok == 0)
        die("config", EINVAL);
}

static void on_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    (void)owner;
    if (r == self.asker || why != IPC_OK) {
        fprintf(stderr, "authx_ask: gone: %s\n", ipc_err_name(why));
        die("gone", error);
    }
}

static struct rpc *start(enum role_id id, const char *program)
{
    static const struct rpc_ops ops = {NULL, on_master_message, on_config_taken, NULL, on_gone};
    int fds[2];
    pair(fds);
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fds[1], ROLE_MASTER_FD) >= 0 && fcntl(ROLE_MASTER_FD, F_SETFD, 0) == 0)
            execl(program, program, "--role", role_name(id), "--log-level", "debug", (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    const struct rpc_options o = {
        .loop = self.loop, .fd = fds[0], .self = ROLE_MASTER, .peer = id, .ops = &ops};
    struct rpc *r = pid > 0 ? rpc_new(&o) : NULL;
    const struct ipc_config config = {.generation = GENERATION, .log_level = 3, .fd = print_conf()};
    if (r == NULL || rpc_call_config(r, 0, &config) != 0)
        die(program, errno);
    self.wanted++;
    return r;
}

/* ---- as directory and resolver ---- */

static void on_peer_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    static const char loopback[] = {0, 4, 127, 0, 0, 1};
    struct ipc_dns_answer a = {.result = DNS_NONE, .ttl = 60};
    (void)owner;
    if (m->type != IPC_DNS_QUERY)
        return;
    if (m->dns_query.type == 1) {
        a.result = DNS_FOUND;
        a.records = slice_of(loopback, sizeof loopback);
    }
    (void)!rpc_reply_dns_answer(r, m->call, &a);
}

static void finish(void)
{
    if (self.is_end && self.answered == self.asked)
        loop_stop(self.loop);
}

static void on_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    static const char *const codes[] = {"failed", "yes", "no", "unknown", "disabled", "scope"};
    (void)owner;
    (void)r;
    if (result != RPC_ANSWER) {
        printf("%zu %s -\n", (size_t)token, rpc_result_name(result));
    } else {
        bool is_find = call == IPC_FIND_USER;
        unsigned code = is_find ? m->user_found.code : m->verified.code;
        slice account = is_find ? m->user_found.account : m->verified.account;
        printf("%zu %s %.*s\n", (size_t)token, code < 6 ? codes[code] : "?", SLICE_ARG(account));
    }
    fflush(stdout);
    self.answered++;
    finish();
}

static const struct rpc_ops peer_ops = {NULL, on_peer_message, on_answer, NULL, on_gone};

static slice unhex(slice text, struct buf *out)
{
    size_t before = out->n;
    for (size_t i = 0; i + 1 < text.n; i += 2)
        buf_addc(out, (char)(ascii_hex_value(text.p[i]) * 16 + ascii_hex_value(text.p[i + 1])));
    return slice_of(out->p + before, out->n - before);
}

static void ask(slice line)
{
    static const char session[] = "authx-ask";
    slice kind = {0}, name = {0}, secret = {0}, as_sent = {0};
    struct ip ip;
    struct buf room;
    int err = ip_parse(SLICE_LIT("192.0.2.9"), &ip) == IP_OK ? 0 : -EINVAL;
    buf_init(&room, ROOM);
    (void)slice_split(&line, ' ', &kind);
    (void)slice_split(&line, ' ', &name);
    (void)slice_split(&line, ' ', &secret);
    (void)slice_split(&line, ' ', &as_sent);
    if (slice_is(name, "-"))
        name = (slice){0};
    if (buf_reserve(&room, ROOM / 2) == NULL)
        err = -ENOMEM;
    if (err == 0 && slice_is(kind, "find")) {
        err = rpc_call_find_user(self.asker, self.asked, &(struct ipc_find_user){name});
    } else if (err == 0) {
        const struct ipc_verify v = {.name = name,
                                     .secret = unhex(secret, &room),
                                     .as_sent = unhex(as_sent, &room),
                                     .ip = ip_bytes(&ip),
                                     .session = slice_of(session, sizeof session - 1)};
        err = rpc_call_verify(self.asker, self.asked, &v);
    }
    if (err != 0)
        die("ask", err);
    self.asked++;
    buf_release(&room);
}

static void on_input(struct watch *w, uint32_t events)
{
    (void)events;
    char *room = buf_reserve(&self.line, 8192);
    ssize_t n = room == NULL ? -1 : read(0, room, 8192);
    if (n < 0)
        die("stdin", errno);
    self.line.n += (size_t)n;
    for (;;) {
        slice all = buf_slice(&self.line);
        size_t end = slice_find(all, '\n');
        if (end == all.n)
            break;
        ask(slice_head(all, end));
        buf_drop(&self.line, end + 1);
    }
    if (n == 0) {
        watch_stop(self.loop, w);
        self.is_end = true;
        finish();
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    self.loop = loop_new();
    buf_init(&self.line, 1 << 20);
    read_conf(argv[1]);
    if (argc > 3)
        self.pam = start(ROLE_PAM, argv[3]);
    self.authx = start(ROLE_AUTHX, argv[2]);
    loop_run(self.loop);
    rpc_free(self.asker);
    rpc_free(self.resolver);
    rpc_free(self.authx);
    rpc_free(self.pam);
    loop_free(self.loop);
    conf_unref(self.conf);
    buf_release(&self.line);
    int status = 0, worst = 0;
    while (wait(&status) > 0)
        worst = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? worst : 1;
    return worst;
}
