/* Sockets in the file system for roles whose root is empty. Only those that the configuration
 * names, by their place in it: the role never says a path. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/ascii.h"
#include "src/master/master.h"
#include "sys/answers.h"

/* ldapi://%2Frun%2Fslapd%2Fldapi, and what may follow. */
static bool ldapi_path(slice url, struct buf *out)
{
    slice rest = slice_tail(url, strlen("ldapi://"));
    if (!slice_starts(url, SLICE_LIT("ldapi://")))
        return false;
    rest = slice_head(rest, slice_find(rest, '/'));
    while (rest.n > 0) {
        int high = rest.n > 2 && rest.p[0] == '%' ? ascii_hex_value(rest.p[1]) : -1;
        int low = high >= 0 ? ascii_hex_value(rest.p[2]) : -1;
        buf_addc(out, low >= 0 ? (char)(high * 16 + low) : rest.p[0]);
        rest = slice_tail(rest, low >= 0 ? 3 : 1);
    }
    return out->n > 0 && memchr(out->p, '\0', out->n) == NULL;
}

/* Empty: there is no such place. */
static void path_of(const struct conf *conf, enum role_id asker, const struct ipc_unix_open *ask,
                    struct buf *out)
{
    bool is_authx = asker == ROLE_AUTHX;
    if (is_authx && ask->place == UNIX_DOVECOT)
        buf_add(out, conf->dovecot.socket.path);
    else if (is_authx && ask->place == UNIX_DOVECOT_USERS)
        buf_add(out, conf->dovecot.users.path);
    else if (is_authx && ask->place == UNIX_LDAP && ask->index < conf->ldap.urls.n &&
             !ldapi_path(conf->ldap.urls.v[ask->index], out))
        buf_clear(out);
    else if (asker == ROLE_RELAY && ask->place == UNIX_LMTP && ask->index < conf_lmtp_count(conf) &&
             conf_lmtp_at(conf, ask->index) != NULL)
        buf_add(out, conf_lmtp_at(conf, ask->index)->path);
}

/* Never waits: a socket whose queue is full says EAGAIN. */
static int connect_to(slice path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (path.n == 0)
        return -ENOENT;
    if (path.n >= sizeof at.sun_path)
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path.p, path.n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int err = errno;
    close(fd);
    return -err;
}

void child_give_unix(struct child *c, uint32_t call, const struct ipc_unix_open *ask)
{
    const struct settings *s = &c->master->settings;
    struct ipc_unix_opened a = {.fd = -1};
    struct buf path;
    buf_init(&path, 4096);
    path_of(s->conf, c->id, ask, &path);
    int fd = ask->generation != s->generation ? -ESTALE : connect_to(buf_slice(&path));
    buf_release(&path);
    if (fd >= 0)
        a.fd = fd;
    else
        a.error = (uint32_t)-fd;
    if (rpc_reply_unix_opened(c->rpc, call, &a) == 0)
        return;
    if (fd >= 0)
        close(fd);
    child_kill(c);
}
