/* place: a file that a renewal tool may replace, found again after the rights are dropped.
 *
 * It is known by its directory, which is held open, and its name; symbolic links are followed each
 * time, so that both ways of renewing work: a new file in the place of the old, a link that is
 * turned to another one. */
#ifndef CANDOR_SRC_KEYS_PLACE_H
#define CANDOR_SRC_KEYS_PLACE_H

#include <sys/stat.h>

#include "lib/base/buf.h"

enum { PLACE_MAX_BYTES = 1024 * 1024 };

struct place {
    int directory; /* owned, O_PATH; -1: not open */
    char *path;    /* as configured, for the log */
    const char *name;
    struct stat seen; /* as of the last place_has_changed; all zero: there was none */
};

/* path is absolute. 0 or -errno. */
int place_open(struct place *p, slice path) __attribute__((warn_unused_result));
void place_close(struct place *p);
/* Is it another file, or other bytes, than at the last call (true for the first one)? */
bool place_has_changed(struct place *p);
/* The whole file. *ret_mode: its permissions. 0 or -errno (-EFBIG, -EINVAL: not a plain file); then
 * out is as it was. */
int place_read(const struct place *p, struct buf *out, mode_t *ret_mode)
    __attribute__((warn_unused_result));

#endif
