#include "src/smtpd/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void store_init(struct store *s)
{
    *s = (struct store){.fd = -1};
}

void store_release(struct store *s)
{
    if (s->fd >= 0)
        (void)close(s->fd); /* nothing of it is wanted any more, nothing can be lost */
    store_init(s);
}

static int write_all(int fd, slice bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes = slice_tail(bytes, (size_t)n);
    }
    return 0;
}

int store_append(struct store *s, slice bytes)
{
    if (s->fd < 0) {
        s->fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (s->fd < 0)
            return -errno;
    }
    s->bytes += bytes.n;
    return write_all(s->fd, bytes);
}

int store_move(struct store *s, uint64_t file, int fd)
{
    int from = s->fd, err = 0;
    uint64_t left = s->bytes;
    if (from >= 0 && lseek(from, 0, SEEK_SET) < 0)
        err = -errno;
    char piece[65536];
    while (err == 0 && left > 0) {
        ssize_t n = read(from, piece, left < sizeof piece ? (size_t)left : sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        err = n < 0 ? -errno : n == 0 ? -EIO : write_all(fd, slice_of(piece, (size_t)n));
        left -= n > 0 ? (uint64_t)n : 0;
    }
    if (from >= 0)
        (void)close(from); /* a memfd that was read to its end */
    s->fd = fd;
    s->file = file;
    return err;
}

int store_finish(struct store *s)
{
    if (s->file == 0)
        return fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) <
                       0
                   ? -errno
                   : 0;
    int fd = s->fd;
    s->fd = -1;
    return close(fd) < 0 ? -errno : 0;
}
