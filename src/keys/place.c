#include "src/keys/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int place_open(struct place *p, slice path)
{
    size_t slash = slice_rfind(path, '/');
    *p = (struct place){.directory = -1};
    if (slash == path.n || slash + 1 == path.n)
        return -EINVAL;
    char *copy = strndup(path.p, path.n);
    char *directory = strndup(path.p, slash == 0 ? 1 : slash);
    int fd = -1, err = -ENOMEM;
    if (copy != NULL && directory != NULL) {
        fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        err = fd < 0 ? -errno : 0;
    }
    free(directory);
    if (err != 0) {
        free(copy);
        return err;
    }
    p->directory = fd;
    p->path = copy;
    p->name = copy + slash + 1;
    return 0;
}

void place_close(struct place *p)
{
    if (p->directory >= 0)
        (void)close(p->directory); /* O_PATH: there is nothing to lose */
    free(p->path);
    *p = (struct place){.directory = -1};
}

bool place_has_changed(struct place *p)
{
    struct stat now = {0}, was = p->seen;
    if (fstatat(p->directory, p->name, &now, 0) != 0)
        now = (struct stat){0};
    p->seen = now;
    return now.st_dev != was.st_dev || now.st_ino != was.st_ino || now.st_size != was.st_size ||
           now.st_mtim.tv_sec != was.st_mtim.tv_sec || now.st_mtim.tv_nsec != was.st_mtim.tv_nsec;
}

static int read_all(int fd, struct buf *out, mode_t *ret_mode)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > PLACE_MAX_BYTES)
        return -EFBIG;
    size_t size = (size_t)st.st_size, n = 0;
    char *room = buf_reserve(out, size + 1);
    while (room != NULL && n < size) {
        ssize_t r = pread(fd, room + n, size - n, (off_t)n);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0)
            break; /* it shrinks under us: its writer will be seen to change it again */
        n += r > 0 ? (size_t)r : 0;
    }
    if (room == NULL)
        return -ENOMEM;
    out->n += n;
    *ret_mode = st.st_mode;
    return 0;
}

int place_read(const struct place *p, struct buf *out, mode_t *ret_mode)
{
    /* O_NONBLOCK: a FIFO must not hold us. */
    int fd = openat(p->directory, p->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int err = read_all(fd, out, ret_mode);
    (void)close(fd); /* only read */
    return err;
}
