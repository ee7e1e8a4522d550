/* spool_dir: the spool's directory before the role gives up its rights. */
#ifndef CANDOR_QUEUE_SPOOL_DIR_H
#define CANDOR_QUEUE_SPOOL_DIR_H

#include "sys/sandbox.h"

/* Makes path where it is missing, opens it, and makes it and what is in it the user's. 0 or -errno;
 * the descriptor is the caller's. */
int spool_dir_open(const char *path, const struct sandbox_user *user, int *ret_fd)
    __attribute__((warn_unused_result));

#endif
