/* The socket's name in the file system, and who may come through it. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/control/control.h"

#define BACKLOG 64
#define GROUPS_MAX 1024

static int failed(const struct control *c, const char *event, int err)
{
    struct log_line line;
    log_begin(&line, c->role->log, LOG_ERROR, event);
    log_slice(&line, "path", c->conf->server.control);
    log_error(&line, err);
    log_end(&line);
    return -err;
}

/* The folder above, which lies on a file system that may be new at every start (/run). */
static int make_folder(slice path)
{
    char name[PATH_MAX];
    size_t n = slice_rfind(path, '/');
    if (n == 0 || n >= sizeof(name))
        return 0;
    memcpy(name, path.p, n);
    name[n] = '\0';
    return mkdir(name, 0755) == 0 || errno == EEXIST ? 0 : errno;
}

static bool is_dead_socket(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_dead = fd >= 0 &&
                   connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return is_dead;
}

/* Nobody else may connect between bind and chmod: the mode comes from the umask. */
static int bind_closed(int fd, const struct sockaddr_un *address)
{
    mode_t mask = umask(0177);
    int err = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    umask(mask);
    return err;
}

static void find_group(struct control *c)
{
    c->owner = geteuid();
    c->group = (gid_t)-1;
    const struct group *group = getgrnam(c->conf->server.control_group.p);
    if (group != NULL)
        c->group = group->gr_gid;
}

int socket_open(struct control *c)
{
    slice path = c->conf->server.control;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    find_group(c);
    if (path.n >= sizeof(address.sun_path))
        return failed(c, "control.path-too-long", ENAMETOOLONG);
    memcpy(address.sun_path, path.p, path.n);
    int err = make_folder(path);
    int fd = err != 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failed(c, "control.socket-failed", err != 0 ? err : errno);
    err = bind_closed(fd, &address);
    if (err == EADDRINUSE && is_dead_socket(&address) && unlink(address.sun_path) == 0)
        err = bind_closed(fd, &address);
    /* Root's socket is the group's; an ordinary user's stays in the group that is his anyway. */
    if (err == 0 && c->owner == 0 && c->group != (gid_t)-1 &&
        chown(address.sun_path, 0, c->group) != 0)
        err = errno;
    if (err == 0 && chmod(address.sun_path, 0660) != 0)
        err = errno;
    if (err == 0 && listen(fd, BACKLOG) != 0)
        err = errno;
    if (err != 0) {
        close(fd);
        return failed(c, err == EADDRINUSE ? "control.other-server" : "control.socket-failed", err);
    }
    c->listener = fd;
    return 0;
}

static bool is_member(int fd, gid_t primary, gid_t group)
{
    gid_t groups[GROUPS_MAX];
    socklen_t n = sizeof(groups);
    if (group == (gid_t)-1)
        return false;
    if (primary == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) != 0)
        return false;
    for (size_t i = 0; i < n / sizeof(groups[0]); i++)
        if (groups[i] == group)
            return true;
    return false;
}

bool socket_peer(const struct control *c, int fd, uid_t *ret_uid, enum who *ret_who)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
        return false;
    *ret_uid = peer.uid;
    *ret_who = peer.uid == 0 || peer.uid == c->owner ? WHO_OWNER : WHO_GROUP;
    return *ret_who == WHO_OWNER || is_member(fd, peer.gid, c->group);
}
