/* probe ROLE INSIDE OUTSIDE SOCKET: enters the sandbox of ROLE as sys/role.c does it, with the
 * directory INSIDE as the place that its configuration names, and tries what a taken-over role
 * would try. One line an attempt: its name, what came of it on the main thread, and on a helper
 * thread: "ok", an error's name, or the signal that ended the process. test_sandbox.py knows what
 * should.
 *
 * OUTSIDE is a directory that anybody may write, with a file `file` in it; SOCKET the path of a
 * listening unix socket that anybody may connect to. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sandbox.h"

/* What the role holds when it enters. */
static struct {
    enum role_id role;
    const char *inside, *outside, *socket_path;
    int inside_dir, outside_dir; /* held open */
    int file;                    /* a file in inside, open for writing */
    int pair[2];
    int tcp, unix_stream; /* not connected */
    int listener;         /* of TCP, with a client waiting */
    struct sockaddr_in port;
    pid_t parent;
} held;

typedef int attempt(void); /* 0 or -errno */

static int result(long rc)
{
    return rc < 0 ? -errno : 0;
}

static int opened(int fd)
{
    return result(fd);
}

/* ---- what must work everywhere ---- */

static int use_memfd(void)
{
    int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, "x", 1) != 1 || lseek(fd, 0, SEEK_SET) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return -errno;
    return 0;
}

static int send_on_pair(void)
{
    char byte;
    if (send(held.pair[0], "x", 1, 0) != 1)
        return -errno;
    return result(recv(held.pair[1], &byte, 1, 0));
}

static int get_random(void)
{
    char bytes[16];
    return result(getrandom(bytes, sizeof bytes, 0));
}

static int wait_epoll(void)
{
    struct epoll_event e;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : result(epoll_wait(fd, &e, 1, 0));
}

static int take_memory(void)
{
    char *p = malloc((size_t)64 << 20);
    if (p == NULL)
        return -ENOMEM;
    memset(p, 1, (size_t)64 << 20);
    free(p);
    return 0;
}

static int write_held_file(void)
{
    return result(write(held.file, "x", 1));
}

static int end_by_abort(void)
{
    abort();
}

/* ---- by right ---- */

static int take_client(void)
{
    return opened(accept4(held.listener, NULL, NULL, SOCK_CLOEXEC));
}

static int sync_held_file(void)
{
    return result(fdatasync(held.file));
}

static int read_inside(void)
{
    return opened(openat(held.inside_dir, "file", O_RDONLY));
}

static int make_inside(void)
{
    int fd = openat(held.inside_dir, "new", O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return -errno;
    if (mkdirat(held.inside_dir, "dir", 0700) != 0)
        return -errno;
    if (renameat(held.inside_dir, "new", held.inside_dir, "dir/moved") != 0)
        return -errno;
    if (unlinkat(held.inside_dir, "dir/moved", 0) != 0)
        return -errno;
    return result(unlinkat(held.inside_dir, "dir", AT_REMOVEDIR));
}

static int make_tcp_socket(void)
{
    return opened(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_udp_socket(void)
{
    return opened(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int connect_tcp(void)
{
    return result(connect(held.tcp, (struct sockaddr *)&held.port, sizeof held.port));
}

static int bind_tcp(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    return result(bind(held.tcp, (struct sockaddr *)&any, sizeof any));
}

/* ---- forbidden to all ---- */

static int read_passwd(void)
{
    return opened(open("/etc/passwd", O_RDONLY));
}

static int read_outside(void)
{
    return opened(openat(held.outside_dir, "file", O_RDONLY));
}

static int read_dotdot(void)
{
    return opened(openat(held.inside_dir, "../outside/file", O_RDONLY));
}

static int make_outside(void)
{
    return opened(openat(held.outside_dir, "new", O_WRONLY | O_CREAT, 0600));
}

static int make_outside_by_path(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/new", held.outside);
    return opened(open(path, O_WRONLY | O_CREAT, 0600));
}

static int remove_outside(void)
{
    return result(unlinkat(held.outside_dir, "other", 0));
}

static int move_out(void)
{
    return result(renameat(held.inside_dir, "other", held.outside_dir, "moved"));
}

static int make_symlink(void)
{
    return result(symlinkat("/etc/passwd", held.inside_dir, "link"));
}

static int make_device(void)
{
    return result(mknodat(held.inside_dir, "device", S_IFCHR | 0600, 0x103));
}

static int make_unix_socket(void)
{
    return opened(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int make_netlink_socket(void)
{
    return opened(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int make_packet_socket(void)
{
    return opened(socket(AF_PACKET, SOCK_RAW, 0));
}

static int connect_unix(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", held.socket_path);
    return result(connect(held.unix_stream, (struct sockaddr *)&to, sizeof to));
}

static int execute(void)
{
    static char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    return result(execv("/bin/true", argv));
}

static int execute_held(void)
{
    static char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    return result(syscall(SYS_execveat, held.file, "", argv, argv + 1, AT_EMPTY_PATH));
}

static int make_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static void *nothing(void *arg)
{
    return arg;
}

static int make_thread(void)
{
    pthread_t t;
    return -pthread_create(&t, NULL, nothing, NULL);
}

static int trace_parent(void)
{
    return result(ptrace(PTRACE_SEIZE, held.parent, NULL, NULL)); /* which does not stop it */
}

static int read_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&held, 1};
    return result(process_vm_readv(held.parent, &here, 1, &there, 1, 0));
}

static int signal_parent(void)
{
    return result(kill(held.parent, SIGCONT));
}

static int signal_parent_thread(void)
{
    return result(syscall(SYS_tgkill, held.parent, held.parent, SIGCONT));
}

static int queue_signal(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    return result(syscall(SYS_rt_sigqueueinfo, held.parent, SIGCONT, &info));
}

static int map_executable(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -errno : 0;
}

static int make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -errno : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int mount_tmpfs(void)
{
    return result(mount("none", "/", "tmpfs", 0, NULL));
}

static int load_bpf(void)
{
    char attr[128] = {2 /* an array */};
    return result(syscall(SYS_bpf, 0 /* BPF_MAP_CREATE */, attr, sizeof attr));
}

static int new_user_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static int change_root(void)
{
    return result(chroot("."));
}

static int become_root(void)
{
    return result(setresuid(0, 0, 0));
}

static int keep_key(void)
{
    return result(syscall(SYS_keyctl, 0, -3, 0));
}

static int use_io_uring(void)
{
    char params[256] = {0};
    return opened((int)syscall(SYS_io_uring_setup, 4, params));
}

static int use_userfaultfd(void)
{
    return opened((int)syscall(SYS_userfaultfd, 1));
}

static int open_handle(void)
{
    char handle[64] = {0};
    return opened((int)syscall(SYS_open_by_handle_at, held.inside_dir, handle, O_RDONLY));
}

static int raise_limits_of_parent(void)
{
    return result(syscall(SYS_prlimit64, held.parent, 7, NULL, NULL));
}

static int push_terminal(void)
{
    return result(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x"));
}

#ifdef __x86_64__
static int call_x32(void)
{
    return result(syscall(0x40000000 | SYS_getpid));
}
#endif

static const struct {
    const char *name;
    attempt *try;
} attempts[] = {
    {"use-memfd", use_memfd},
    {"send-on-pair", send_on_pair},
    {"get-random", get_random},
    {"wait-epoll", wait_epoll},
    {"take-memory", take_memory},
    {"write-held-file", write_held_file},
    {"abort", end_by_abort},
    {"accept", take_client},
    {"sync", sync_held_file},
    {"read-inside", read_inside},
    {"make-inside", make_inside},
    {"socket-tcp", make_tcp_socket},
    {"socket-udp", make_udp_socket},
    {"connect-tcp", connect_tcp},
    {"bind-tcp", bind_tcp},
    {"read-passwd", read_passwd},
    {"read-outside", read_outside},
    {"read-dotdot", read_dotdot},
    {"make-outside", make_outside},
    {"make-outside-by-path", make_outside_by_path},
    {"remove-outside", remove_outside},
    {"move-out", move_out},
    {"symlink", make_symlink},
    {"mknod", make_device},
    {"socket-unix", make_unix_socket},
    {"socket-netlink", make_netlink_socket},
    {"socket-packet", make_packet_socket},
    {"connect-unix", connect_unix},
    {"exec", execute},
    {"exec-held", execute_held},
    {"fork", make_process},
    {"thread", make_thread},
    {"ptrace", trace_parent},
    {"read-memory", read_parent},
    {"kill", signal_parent},
    {"tgkill", signal_parent_thread},
    {"sigqueue", queue_signal},
    {"mmap-exec", map_executable},
    {"mprotect-exec", make_executable},
    {"mount", mount_tmpfs},
    {"bpf", load_bpf},
    {"unshare", new_user_namespace},
    {"chroot", change_root},
    {"setuid", become_root},
    {"keyctl", keep_key},
    {"io-uring", use_io_uring},
    {"userfaultfd", use_userfaultfd},
    {"open-handle", open_handle},
    {"prlimit-other", raise_limits_of_parent},
    {"push-terminal", push_terminal},
#ifdef __x86_64__
    {"x32", call_x32},
#endif
};

/* ---- the trial ---- */

enum { NO_TRIAL = 200 }; /* exit status: the sandbox could not be entered */

static int listen_with_a_client(void)
{
    struct sockaddr_in *at = &held.port;
    socklen_t n = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || client < 0 || bind(fd, (struct sockaddr *)at, n) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)at, &n) != 0 ||
        connect(client, (struct sockaddr *)at, n) != 0)
        return -1;
    return fd;
}

static bool hold(void)
{
    held.inside_dir = open(held.inside, O_RDONLY | O_DIRECTORY);
    held.outside_dir = open(held.outside, O_RDONLY | O_DIRECTORY);
    held.file = openat(held.inside_dir, "file", O_RDWR);
    held.tcp = socket(AF_INET, SOCK_STREAM, 0);
    held.unix_stream = socket(AF_UNIX, SOCK_STREAM, 0);
    held.listener = listen_with_a_client();
    return held.inside_dir >= 0 && held.outside_dir >= 0 && held.file >= 0 && held.tcp >= 0 &&
           held.unix_stream >= 0 && held.listener >= 0 &&
           socketpair(AF_UNIX, SOCK_STREAM, 0, held.pair) == 0;
}

struct helper {
    pthread_t thread;
    int wake[2];
    attempt *try;
};

__attribute__((noreturn)) static void finish(attempt *try)
{
    _exit(-try());
}

static void *helper_main(void *arg)
{
    struct helper *h = arg;
    char byte;
    if (read(h->wake[0], &byte, 1) == 1)
        finish(h->try);
    return NULL;
}

/* In a process of its own, for there is no way back. */
__attribute__((noreturn)) static void run_trial(attempt *try, bool is_in_helper)
{
    struct sandbox_options options = {.role = held.role};
    struct sandbox_places places;
    struct helper h = {.try = try};
    uint32_t bits = 0;
    sandbox_user(held.role, &options.user);
    options.places = &places;
    if (!hold() || sandbox_places_init(&places, held.role) != 0 || pipe(h.wake) != 0)
        _exit(NO_TRIAL);
    int err = sandbox_allow(&places, held.inside_dir);
    if ((err != 0 && err != -EPERM) || /* EPERM: it opens no files */
        (options.user.is_own && fchown(held.inside_dir, options.user.uid, options.user.gid) != 0) ||
        sandbox_enter(&options, &bits) != 0 ||
        (is_in_helper && pthread_create(&h.thread, NULL, helper_main, &h) != 0) ||
        sandbox_filter(held.role, &bits) != 0)
        _exit(NO_TRIAL);
    if (!is_in_helper)
        finish(try);
    if (write(h.wake[1], "", 1) == 1)
        for (;;)
            sleep(1);
    _exit(NO_TRIAL);
}

static void print_outcome(int status)
{
    int err = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (WIFSIGNALED(status))
        printf(" SIG%s", sigabbrev_np(WTERMSIG(status)));
    else if (err == NO_TRIAL)
        printf(" no-trial");
    else
        printf(" %s", err == 0 ? "ok" : strerrorname_np(err));
}

static bool try_both(attempt *try)
{
    for (int i = 0; i < 2; i++) {
        int status;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            run_trial(try, i == 1);
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return false;
        print_outcome(status);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 5 || !role_by_name(slice_cstr(argv[1]), &held.role)) {
        fprintf(stderr, "usage: probe ROLE INSIDE OUTSIDE SOCKET\n");
        return 2;
    }
    held.inside = argv[2];
    held.outside = argv[3];
    held.socket_path = argv[4];
    held.parent = getpid();
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        printf("%s", attempts[i].name);
        if (!try_both(attempts[i].try))
            return 1;
        printf("\n");
    }
    return 0;
}
