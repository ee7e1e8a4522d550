/* candor serve: looks whether the configuration is good, makes what folders are missing (those in
 * /run are so at every start), and becomes master. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/configuration.h"
#include "cli/folders.h"

/* Beside this program in a build folder, beside it installed, else where the build said. */
static const char *const places[] = {"/../src/master/master", "/../libexec/candor/master"};

static bool find_master(struct buf *ret)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    slice folder = slice_of(self, n < 0 ? 0 : (size_t)n);
    folder = slice_head(folder, slice_rfind(folder, '/'));
    for (size_t i = 0; n > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
        buf_clear(ret);
        buf_add(ret, folder);
        buf_adds(ret, places[i]);
        buf_addc(ret, '\0');
        if (ret->err == BUF_OK && access(ret->p, X_OK) == 0)
            return true;
    }
    buf_clear(ret);
    buf_adds(ret, CANDOR_LIBEXECDIR "/candor/master");
    buf_addc(ret, '\0');
    return ret->err == BUF_OK && access(ret->p, X_OK) == 0;
}

int cmd_serve(struct cli *cli)
{
    struct configuration c;
    struct buf master;
    configuration_init(&c);
    buf_init(&master, 2 * PATH_MAX);
    int status = configuration_load(cli, &c);
    if (status == CLI_OK && !cli_check_args(cli, 0, 0))
        status = CLI_USAGE;
    if (status == CLI_OK && !find_master(&master))
        status = cli_error(cli, CLI_TEMPFAIL,
                           "the server's programs are missing: there is no %s\n  Build or install "
                           "all of Candor, not this command alone.",
                           master.p);
    if (status == CLI_OK)
        status = folders_make(cli, c.conf);
    if (status == CLI_OK) {
        execl(master.p, "master", "-c", c.path.p, (char *)NULL);
        status = cli_error(cli, CLI_TEMPFAIL, "%s cannot be started: %s", master.p,
                           strerrorname_np(errno));
    }
    buf_release(&master);
    configuration_release(&c);
    return status;
}
