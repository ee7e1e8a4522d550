/* file: a file that master has opened for us, and whether it is still the one of before. */
#ifndef CANDOR_SRC_KEYS_FILE_H
#define CANDOR_SRC_KEYS_FILE_H

#include <sys/types.h>
#include <time.h>

#include "lib/base/buf.h"

enum { FILE_MAX_BYTES = 1024 * 1024 };

/* Which file, and which bytes in it; all zero: none. */
struct file_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

int file_identify(int fd, struct file_identity *ret) __attribute__((warn_unused_result));
bool file_is_same(const struct file_identity *a, const struct file_identity *b);
/* Appends the whole file. *ret_mode: its permissions. 0 or -errno (-EFBIG; -EINVAL: not a plain
 * file). fd stays the caller's. */
int file_read(int fd, struct buf *out, mode_t *ret_mode) __attribute__((warn_unused_result));

#endif
