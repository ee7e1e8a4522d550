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
    bool is_partial;           /* conf knows only where the control socket is */
};

/* Takes -c FILE and --dir DIR (which stands for DIR/candor.conf) out of the command's arguments;
 * else CANDOR_CONF of the environment, else CONFIGURATION_DEFAULT. CLI_OK, or the exit status after
 * having said what is wrong. Warnings are not shown. Release it in any case. */
int configuration_load(struct cli *cli, struct configuration *ret)
    __attribute__((warn_unused_result));
/* The same for a file by name. is_quiet: the errors are in ret->errors, and not shown. */
int configuration_read(struct cli *cli, const char *path, bool is_quiet, struct configuration *ret)
    __attribute__((warn_unused_result));
/* The same for a command that asks the running server, of a file whose name is in ret->path: the
 * server goes on with what it read before, so what is wrong with the file since then is no reason
 * not to speak to it. Where the file has errors, ret->is_partial and conf->server.control can be
 * used, the rest is defaults; a line says so. */
int configuration_read_control(struct cli *cli, struct configuration *ret)
    __attribute__((warn_unused_result));
/* configuration_find and configuration_read_control. */
int configuration_load_control(struct cli *cli, struct configuration *ret)
    __attribute__((warn_unused_result));
/* c->errors for people; path is the file's name. */
void configuration_show_errors(const struct configuration *c, const char *path);
/* Only the name of the file, into ret->path. */
int configuration_find(struct cli *cli, struct configuration *ret)
    __attribute__((warn_unused_result));
void configuration_init(struct configuration *c);
void configuration_release(struct configuration *c);

#endif
