/* configuration: the file that a command works with, read and checked. */
#ifndef CANDOR_CLI_CONFIGURATION_H
#define CANDOR_CLI_CONFIGURATION_H

#include "cli/cli.h"
#include "lib/conf/conf.h"

#define CONFIGURATION_DEFAULT "/etc/candor/candor.conf"

struct configuration {
    struct buf path;      /* as it was named, NUL behind it */
    struct buf directory; /* absolute, NUL behind it */
    struct buf text;
    struct conf_errors errors; /* or warnings */
    struct conf *conf;         /* NULL when it is not usable */
};

/* Takes -c FILE and --dir DIR (which stands for DIR/candor.conf) out of the command's arguments;
 * else CANDOR_CONF of the environment, else CONFIGURATION_DEFAULT. CLI_OK, or the exit status after
 * having said what is wrong. Warnings are not shown. Release it in any case. */
int configuration_load(struct cli *cli, struct configuration *ret)
    __attribute__((warn_unused_result));
/* The same for a file by name. is_quiet: the errors are in ret->errors, and not shown. */
int configuration_read(struct cli *cli, const char *path, bool is_quiet, struct configuration *ret)
    __attribute__((warn_unused_result));
/* Only the name of the file, into ret->path. */
int configuration_find(struct cli *cli, struct configuration *ret)
    __attribute__((warn_unused_result));
void configuration_init(struct configuration *c);
void configuration_release(struct configuration *c);

#endif
