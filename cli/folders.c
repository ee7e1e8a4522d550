#include "cli/folders.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_error(const struct cli *cli, const char *what, const char *path, int err)
{
    return cli_error(cli, CLI_TEMPFAIL, "%s %s: %s%s", what, path, strerrorname_np(err),
                     err == EACCES || err == EPERM
                         ? "\n  The system's places need root; `candor setup DOMAIN --dir DIR` "
                           "puts everything into a folder of your own."
                         : "");
}

int folder_give(struct cli *cli, const char *path, const char *user)
{
    if (geteuid() != 0 || user == NULL)
        return CLI_OK;
    const struct passwd *p = getpwnam(user);
    if (p != NULL && chown(path, p->pw_uid, p->pw_gid) != 0)
        return folder_error(cli, "cannot give away", path, errno);
    return CLI_OK;
}

int folder_make(struct cli *cli, const char *path, mode_t mode, const char *user)
{
    char name[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(name))
        return folder_error(cli, "cannot make", path, ENAMETOOLONG);
    memcpy(name, path, n + 1);
    for (size_t i = 1; i < n; i++) {
        if (name[i] != '/')
            continue;
        name[i] = '\0';
        if (mkdir(name, 0755) != 0 && errno != EEXIST)
            return folder_error(cli, "cannot make", name, errno);
        name[i] = '/';
    }
    if (mkdir(path, mode) != 0)
        return errno == EEXIST ? CLI_OK : folder_error(cli, "cannot make", path, errno);
    /* Whatever the umask. */
    if (chmod(path, mode) != 0)
        return folder_error(cli, "cannot set the mode of", path, errno);
    return folder_give(cli, path, user);
}

/* The folder that the first n bytes of path lie in or name, up to their last slash. */
static int make_above(struct cli *cli, slice path, mode_t mode, const char *user)
{
    char name[PATH_MAX];
    size_t n = slice_rfind(path, '/');
    if (n == 0 || n >= path.n || n >= sizeof(name))
        return CLI_OK; /* the root */
    memcpy(name, path.p, n);
    name[n] = '\0';
    return folder_make(cli, name, mode, user);
}

/* A mailbox is made by deliver; what it stands on must be deliver's. */
static int make_mail(struct cli *cli, const struct conf_deliver *deliver)
{
    slice fixed = slice_head(deliver->path, slice_find(deliver->path, '{'));
    if (deliver->kind == CONF_DELIVER_LMTP)
        return CLI_OK; /* whoever takes it has the mailboxes */
    return make_above(cli, fixed, 0700, "candor-deliver");
}

int folders_make(struct cli *cli, const struct conf *conf)
{
    int status = folder_make(cli, conf->server.spool.p, 0700, "candor-queue");
    if (status == CLI_OK)
        status = make_above(cli, conf->server.database, 0700, "candor-directory");
    if (status == CLI_OK)
        status = make_above(cli, conf->server.control, 0755, NULL);
    if (status == CLI_OK)
        status = make_mail(cli, &conf->server.deliver);
    for (size_t i = 0; i < conf->domain.n && status == CLI_OK; i++)
        status = make_mail(cli, &conf->domain.v[i].deliver);
    return status;
}
