#include "src/master/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

_Static_assert(LISTENER_PATH_BYTES == sizeof(((struct sockaddr_un *)0)->sun_path), "one path");

static socklen_t to_address(const struct conf_endpoint *at, union address *ret)
{
    memset(ret, 0, sizeof *ret);
    if (at->ip.family == IP_V4) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(at->port);
        memcpy(&ret->v4.sin_addr, at->ip.bytes, 4);
        return sizeof ret->v4;
    }
    ret->v6.sin6_family = AF_INET6;
    ret->v6.sin6_port = htons(at->port);
    memcpy(&ret->v6.sin6_addr, at->ip.bytes, 16);
    return sizeof ret->v6;
}

static bool from_socket(int fd, struct listener *ret)
{
    union address a;
    socklen_t n = sizeof a;
    int is_listening = 0;
    socklen_t m = sizeof is_listening;
    if (getsockname(fd, &a.any, &n) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &m) != 0 || is_listening == 0)
        return false;
    struct conf_endpoint at = {.port = 0};
    if (a.any.sa_family == AF_UNIX && n > offsetof(struct sockaddr_un, sun_path) + 1 &&
        a.local.sun_path[0] == '/') {
        memcpy(ret->path, a.local.sun_path, n - offsetof(struct sockaddr_un, sun_path));
        ret->path[LISTENER_PATH_BYTES - 1] = '\0';
        return true;
    }
    if (a.any.sa_family == AF_INET) {
        at.ip.family = IP_V4;
        memcpy(at.ip.bytes, &a.v4.sin_addr, 4);
        at.port = ntohs(a.v4.sin_port);
    } else if (a.any.sa_family == AF_INET6) {
        at.ip.family = IP_V6;
        memcpy(at.ip.bytes, &a.v6.sin6_addr, 16);
        at.port = ntohs(a.v6.sin6_port);
    } else {
        return false;
    }
    ret->at = at;
    return true;
}

void listeners_inherit(struct listeners *ret)
{
    uint64_t pid = 0, n = 0;
    ret->n = 0;
    bool is_ours = slice_to_u64(slice_cstr(getenv("LISTEN_PID")), UINT32_MAX, &pid) &&
                   slice_to_u64(slice_cstr(getenv("LISTEN_FDS")), LISTENERS_MAX, &n) &&
                   pid == (uint64_t)getpid();
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (uint64_t i = 0; is_ours && i < n; i++) {
        int fd = FIRST_FD + (int)i;
        int flags = fcntl(fd, F_GETFL);
        struct listener l = {.fd = fd};
        if (flags >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
            fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && from_socket(fd, &l))
            ret->v[ret->n++] = l;
    }
}

/* What a line of the configuration asks for. */
struct line {
    struct conf_socket address;
    slice group;
    enum role_id role;
};

static size_t line_count(const struct conf *conf)
{
    return conf->listen.n + conf->web.n;
}

static struct line line_at(const struct conf *conf, size_t i)
{
    if (i >= conf->listen.n) {
        const struct conf_web *w = &conf->web.v[i - conf->listen.n];
        return (struct line){w->address, w->group, ROLE_WEB};
    }
    const struct conf_listen *l = &conf->listen.v[i];
    return (struct line){l->address, l->group, l->class == CONF_CLASS_MX ? ROLE_MX : ROLE_SUBMIT};
}

static bool has_any_v4(const struct conf *conf, uint16_t port)
{
    for (size_t i = 0; i < line_count(conf); i++) {
        const struct line line = line_at(conf, i);
        const struct conf_endpoint *at = &line.address.at;
        if (line.address.path.n == 0 && at->port == port && at->ip.family == IP_V4 &&
            ip_is_any(&at->ip))
            return true;
    }
    return false;
}

/* [::] takes IPv4 along unless 0.0.0.0 has a line of its own for the port. */
static int bind_one(const struct conf *conf, const struct conf_endpoint *at)
{
    union address a;
    socklen_t n = to_address(at, &a);
    const int on = 1;
    int v6_only = !ip_is_any(&at->ip) || has_any_v4(conf, at->port);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (a.any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) != 0) ||
        bind(fd, &a.any, n) != 0 || listen(fd, SOMAXCONN) != 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

/* A kernel without IPv6 still serves every address that it has. */
static int bind_endpoint(const struct conf *conf, const struct conf_endpoint *at)
{
    int fd = bind_one(conf, at);
    if (fd == -EAFNOSUPPORT && at->ip.family == IP_V6 && ip_is_any(&at->ip) &&
        !has_any_v4(conf, at->port)) {
        const struct conf_endpoint v4 = {.ip = {.family = IP_V4}, .port = at->port};
        return bind_one(conf, &v4);
    }
    return fd;
}

/* ---- unix sockets ---- */

/* Who may connect; for one that was kept, too. */
static int set_rights(const char *path, slice group)
{
    const struct group *members = group.n > 0 ? getgrnam(group.p) : NULL;
    if (group.n > 0 && members == NULL)
        return -ENOENT;
    if (members != NULL && chown(path, (uid_t)-1, members->gr_gid) != 0)
        return -errno;
    return chmod(path, members != NULL ? 0660 : 0600) != 0 ? -errno : 0;
}

/* The folder alone, which a fresh /run does not have. */
static int make_folder(const char *path)
{
    char folder[LISTENER_PATH_BYTES];
    size_t n = slice_rfind(slice_cstr(path), '/');
    if (n == 0)
        return 0;
    memcpy(folder, path, n);
    folder[n] = '\0';
    return mkdir(folder, 0755) != 0 && errno != EEXIST ? -errno : 0;
}

static int bind_path(const char *path, slice group)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    memcpy(a.sun_path, path, strlen(path));
    /* Of a server that is gone: nobody else writes there, and the spool's lock keeps two of us
     * apart. */
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) != 0)
        return -errno;
    int err = make_folder(path);
    int fd = err < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err < 0 ? err : -errno;
    mode_t before = umask(0177); /* closed until its rights are set */
    err = bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 ? -errno : 0;
    (void)umask(before);
    if (err == 0)
        err = set_rights(path, group);
    if (err == 0 && listen(fd, SOMAXCONN) != 0)
        err = -errno;
    if (err == 0)
        return fd;
    close(fd);
    return err;
}

/* ---- the set ---- */

bool listener_is_same(const struct listener *a, const struct listener *b)
{
    return strcmp(a->path, b->path) == 0 && conf_endpoint_eq(&a->at, &b->at);
}

static int keep_one(const struct listeners *have, const struct listener *wanted)
{
    for (size_t i = 0; i < have->n; i++)
        if (listener_is_same(&have->v[i], wanted))
            return fcntl(have->v[i].fd, F_DUPFD_CLOEXEC, FIRST_FD);
    return -1;
}

static int open_one(const struct conf *conf, const struct line *line, const struct listeners *have,
                    const struct listener *wanted)
{
    int fd = keep_one(have, wanted);
    if (fd != -1 && wanted->path[0] != '\0') {
        int err = set_rights(wanted->path, line->group);
        if (err == 0)
            return fd;
        close(fd);
        return err;
    }
    if (fd != -1)
        return fd;
    return wanted->path[0] != '\0' ? bind_path(wanted->path, line->group)
                                   : bind_endpoint(conf, &wanted->at);
}

int listeners_open(const struct conf *conf, const struct listeners *have, struct listeners *ret,
                   struct listen_problem *problem)
{
    ret->n = 0;
    for (size_t i = 0; i < line_count(conf); i++) {
        const struct line line = line_at(conf, i);
        struct listener l = {.at = line.address.at, .role = line.role};
        slice path = line.address.path;
        if (path.n > 0 && path.n < sizeof l.path)
            memcpy(l.path, path.p, path.n);
        l.fd = i < LISTENERS_MAX ? open_one(conf, &line, have, &l) : -EMFILE;
        if (l.fd < 0) {
            *problem = (struct listen_problem){line.address, -l.fd};
            listeners_close(ret);
            return l.fd;
        }
        ret->v[ret->n++] = l;
    }
    return 0;
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < l->n; i++)
        close(l->v[i].fd);
    l->n = 0;
}

static int set_number(const char *name, uint64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return setenv(name, text, 1) == 0 ? 0 : -errno;
}

int listeners_bequeath(const struct listeners *l)
{
    int high[LISTENERS_MAX];
    /* Out of the way first: one may sit where another belongs. */
    for (size_t i = 0; i < l->n; i++) {
        high[i] = fcntl(l->v[i].fd, F_DUPFD_CLOEXEC, FIRST_FD + LISTENERS_MAX);
        if (high[i] < 0)
            return -errno;
    }
    for (size_t i = 0; i < l->n; i++)
        if (dup2(high[i], FIRST_FD + (int)i) < 0) /* without close-on-exec */
            return -errno;
    int err = set_number("LISTEN_FDS", l->n);
    return err == 0 ? set_number("LISTEN_PID", (uint64_t)getpid()) : err;
}
