#include "src/queue/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/slice.h"

static int give_all(int fd, const struct sandbox_user *user, unsigned depth);

static int give_one(int dir, const char *name, const struct sandbox_user *user, unsigned depth)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if ((st.st_uid != user->uid || st.st_gid != user->gid) &&
        fchownat(dir, name, user->uid, user->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode) || depth == 0)
        return 0;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : give_all(fd, user, depth - 1);
}

/* Takes fd. */
static int give_all(int fd, const struct sandbox_user *user, unsigned depth)
{
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int err = -errno;
        close(fd);
        return err;
    }
    int err = 0;
    for (const struct dirent *e; err == 0 && (e = readdir(stream)) != NULL;)
        if (!slice_is(slice_cstr(e->d_name), ".") && !slice_is(slice_cstr(e->d_name), ".."))
            err = give_one(fd, e->d_name, user, depth);
    closedir(stream);
    return err;
}

int spool_dir_open(const char *path, const struct sandbox_user *user, int *ret_fd)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = 0;
    if (user->is_own) {
        int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = again < 0 ? -errno : give_all(again, user, 1);
        if (err == 0 && fchown(fd, user->uid, user->gid) < 0)
            err = -errno;
    }
    if (err != 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}
