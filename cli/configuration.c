#include "cli/configuration.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_OF_FILE "candor.conf"

void configuration_init(struct configuration *c)
{
    *c = (struct configuration){.conf = NULL};
    buf_init(&c->path, PATH_MAX);
    buf_init(&c->directory, PATH_MAX);
    buf_init(&c->text, CONF_TEXT_MAX + 1);
    conf_errors_init(&c->errors);
}

void configuration_release(struct configuration *c)
{
    buf_release(&c->path);
    buf_release(&c->directory);
    buf_release(&c->text);
    conf_errors_release(&c->errors);
    conf_unref(c->conf);
    c->conf = NULL;
}

int configuration_find(struct cli *cli, struct configuration *ret)
{
    const char *file = NULL, *directory = NULL;
    if (!cli_take_option(cli, "-c", &file) || !cli_take_option(cli, "--dir", &directory))
        return CLI_USAGE;
    if (file != NULL && directory != NULL)
        return cli_usage(cli, "-c and --dir exclude each other");
    if (file == NULL && directory == NULL)
        file = getenv("CANDOR_CONF");
    buf_clear(&ret->path);
    if (directory != NULL)
        buf_addf(&ret->path, "%s/" NAME_OF_FILE, directory);
    else
        buf_adds(&ret->path, file != NULL && file[0] != '\0' ? file : CONFIGURATION_DEFAULT);
    buf_addc(&ret->path, '\0');
    if (ret->path.err != BUF_OK)
        return cli_error(cli, CLI_USAGE, "the name of the file is too long");
    return CLI_OK;
}

/* All of the file, at most one byte more than conf_parse takes. 0 or -errno. */
static int read_text(const char *path, struct buf *text)
{
    int err = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    buf_clear(text);
    for (;;) {
        size_t room = text->max - text->n < 65536 ? text->max - text->n : 65536;
        char *to = room == 0 ? NULL : buf_reserve(text, room);
        if (to == NULL)
            break;
        ssize_t n = read(fd, to, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = -errno;
        if (n <= 0)
            break;
        text->n += (size_t)n;
    }
    close(fd);
    return text->err == BUF_NOMEM ? -ENOMEM : err;
}

/* Where relative paths in it begin. */
static int find_directory(const char *path, struct buf *directory)
{
    char *real = realpath(path, NULL);
    if (real == NULL)
        return -errno;
    slice whole = slice_cstr(real);
    size_t slash = slice_rfind(whole, '/');
    buf_clear(directory);
    buf_add(directory, slice_head(whole, slash == 0 ? 1 : slash));
    buf_addc(directory, '\0');
    free(real);
    return directory->err == BUF_OK ? 0 : -ENAMETOOLONG;
}

static int cannot_read(struct cli *cli, const char *path, int err)
{
    if (err == -ENOENT)
        return cli_error(cli, CLI_NO,
                         "there is no %s\n  Name the file with -c FILE or its directory with --dir "
                         "DIR; `candor setup DOMAIN` makes one.",
                         path);
    if (err == -EACCES)
        return cli_error(cli, CLI_TEMPFAIL, "you may not read %s\n  Try it as root: sudo candor …",
                         path);
    return cli_error(cli, CLI_TEMPFAIL, "%s cannot be read: %s", path, strerrorname_np(-err));
}

void configuration_show_errors(const struct configuration *c, const char *path)
{
    struct buf shown;
    buf_init(&shown, CONF_TEXT_MAX);
    conf_errors_print(&shown, &c->errors, slice_cstr(path), buf_slice(&c->text));
    fwrite(shown.p, 1, shown.n, stderr);
    buf_release(&shown);
}

int configuration_read(struct cli *cli, const char *path, bool is_quiet, struct configuration *ret)
{
    int err = read_text(path, &ret->text);
    if (err == 0)
        err = find_directory(path, &ret->directory);
    if (err != 0)
        return cannot_read(cli, path, err);
    slice text = buf_slice(&ret->text), file = slice_cstr(path);
    switch (conf_parse(text, file, slice_cstr(ret->directory.p), &ret->errors, &ret->conf)) {
    case CONF_OK:
        return CLI_OK;
    case CONF_NO_MEMORY:
        return cli_error(cli, CLI_TEMPFAIL, "out of memory");
    case CONF_INVALID:
        break;
    }
    if (!is_quiet)
        configuration_show_errors(ret, path);
    return CLI_NO;
}

int configuration_load(struct cli *cli, struct configuration *ret)
{
    int status = configuration_find(cli, ret);
    return status != CLI_OK ? status : configuration_read(cli, ret->path.p, false, ret);
}

/* A configuration of nothing but the lines that begin with `control`. */
static enum conf_err parse_control(const struct configuration *c, struct conf **ret)
{
    struct buf kept;
    struct conf_errors errors;
    slice rest = buf_slice(&c->text);
    buf_init(&kept, CONF_TEXT_MAX);
    conf_errors_init(&errors);
    buf_adds(&kept, "host localhost\n");
    while (rest.n > 0) {
        size_t end = slice_find(rest, '\n');
        slice line = slice_trim(slice_head(rest, end));
        rest = slice_tail(rest, end < rest.n ? end + 1 : end);
        if (slice_starts(line, SLICE_LIT("control ")) ||
            slice_starts(line, SLICE_LIT("control\t"))) {
            buf_add(&kept, line);
            buf_addc(&kept, '\n');
        }
    }
    enum conf_err err = kept.err != BUF_OK ? CONF_NO_MEMORY
                                           : conf_parse(buf_slice(&kept), slice_cstr(c->path.p),
                                                        slice_cstr(c->directory.p), &errors, ret);
    conf_errors_release(&errors);
    buf_release(&kept);
    return err;
}

int configuration_read_control(struct cli *cli, struct configuration *ret)
{
    int status = configuration_read(cli, ret->path.p, true, ret);
    if (status == CLI_OK || ret->errors.n == 0)
        return status;
    if (parse_control(ret, &ret->conf) != CONF_OK) {
        configuration_show_errors(ret, ret->path.p);
        return CLI_NO;
    }
    ret->is_partial = true;
    return cli_error(cli, CLI_OK,
                     "%s has errors (see `candor config check`)\n  The server at %s goes on with "
                     "what it read before, and is asked.",
                     ret->path.p, ret->conf->server.control.p);
}

int configuration_load_control(struct cli *cli, struct configuration *ret)
{
    int status = configuration_find(cli, ret);
    return status != CLI_OK ? status : configuration_read_control(cli, ret);
}
