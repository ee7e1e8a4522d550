#include "src/keys/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int file_identify(int fd, struct file_identity *ret)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    *ret = (struct file_identity){.device = st.st_dev,
                                  .inode = st.st_ino,
                                  .size = st.st_size,
                                  .modified = st.st_mtim};
    return 0;
}

bool file_is_same(const struct file_identity *a, const struct file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

int file_read(int fd, struct buf *out, mode_t *ret_mode)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > FILE_MAX_BYTES)
        return -EFBIG;
    size_t size = (size_t)st.st_size, n = 0;
    char *room = buf_reserve(out, size + 1);
    if (room == NULL)
        return -ENOMEM;
    while (n < size) {
        ssize_t r = pread(fd, room + n, size - n, (off_t)n);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0)
            break; /* it shrinks under us: its writer will be seen to change it again */
        n += r > 0 ? (size_t)r : 0;
    }
    out->n += n;
    *ret_mode = st.st_mode;
    return 0;
}
