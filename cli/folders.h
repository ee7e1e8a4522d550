/* folders: the directories that a configuration names, made where they are missing. */
#ifndef CANDOR_CLI_FOLDERS_H
#define CANDOR_CLI_FOLDERS_H

#include <sys/types.h>

#include "cli/cli.h"
#include "lib/conf/conf.h"

/* With the folders above it, which get 0755. One that is there stays as it is. Made by root, it
 * becomes user's, if there is such a system user (roles run as users of their own); user may be
 * NULL. CLI_OK, or CLI_TEMPFAIL after having said why not. */
int folder_make(struct cli *cli, const char *path, mode_t mode, const char *user)
    __attribute__((warn_unused_result));
/* The same for a file that root made. */
int folder_give(struct cli *cli, const char *path, const char *user)
    __attribute__((warn_unused_result));
/* Those of the spool, the database, the control socket and the mailboxes. */
int folders_make(struct cli *cli, const struct conf *conf) __attribute__((warn_unused_result));
/* "WHAT PATH: ENOENT", with a hint where rights are missing; CLI_TEMPFAIL. */
int folder_error(const struct cli *cli, const char *what, const char *path, int err);

#endif
