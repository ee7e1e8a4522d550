#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/master/master.h"

static int read_file(const char *path, struct buf *out)
{
    int err = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    for (;;) {
        char *room = buf_reserve(out, 4096);
        ssize_t n = room != NULL ? read(fd, room, 4096) : -1;
        if (n <= 0) {
            err = room == NULL ? -EFBIG : n < 0 ? -errno : 0;
            break;
        }
        out->n += (size_t)n;
    }
    close(fd);
    return err;
}

/* What the roles get: nobody can change it any more. */
static int seal(slice text)
{
    int fd = memfd_create("candor.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int err = 0;
    while (text.n > 0 && err == 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0)
            err = -errno;
        else
            text = slice_tail(text, (size_t)n);
    }
    if (err == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        err = -errno;
    if (err != 0) {
        close(fd);
        return err;
    }
    return fd;
}

static int print_and_seal(const struct conf *conf)
{
    struct buf text;
    buf_init(&text, 8 * CONF_TEXT_MAX);
    conf_print(&text, conf);
    int fd = text.err == BUF_OK ? seal(buf_slice(&text)) : -ENOMEM;
    buf_release(&text);
    return fd;
}

int settings_read(const char *path, struct settings *ret, struct conf_errors *errors,
                  struct buf *text)
{
    struct buf file;
    struct conf *conf = NULL;
    slice name = slice_cstr(path);
    buf_init(&file, CONF_TEXT_MAX + 8192);
    int err = read_file(path, &file);
    if (err != 0) {
        buf_addf(text, "%s: %s\n", path, strerrorname_np(-err));
        goto out;
    }
    switch (conf_parse(buf_slice(&file), name, slice_head(name, slice_rfind(name, '/')), errors,
                       &conf)) {
    case CONF_OK:
        break;
    case CONF_INVALID:
        conf_errors_print(text, errors, name, buf_slice(&file));
        err = -EINVAL;
        goto out;
    case CONF_NO_MEMORY:
        err = -ENOMEM;
        goto out;
    }
    int fd = print_and_seal(conf);
    if (fd < 0) {
        err = fd;
        goto out;
    }
    *ret = (struct settings){.conf = conf_ref(conf), .fd = fd};
out:
    conf_unref(conf);
    buf_release(&file);
    return err;
}

void settings_release(struct settings *s)
{
    conf_unref(s->conf);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct settings){.fd = -1};
}

enum log_format settings_log_format(const struct settings *s)
{
    switch (s->conf->log.format) {
    case CONF_LOG_KEYVALUE:
        return LOG_KEYS;
    case CONF_LOG_JSON:
        return LOG_JSON;
    }
    return LOG_KEYS;
}

enum log_level settings_log_level(const struct settings *s)
{
    switch (s->conf->log.level) {
    case CONF_LOG_ERROR:
        return LOG_ERROR;
    case CONF_LOG_WARNING:
        return LOG_WARN;
    case CONF_LOG_INFO:
        return LOG_INFO;
    case CONF_LOG_DEBUG:
        return LOG_DEBUG;
    }
    return LOG_INFO;
}

enum log_sink settings_log_sink(const struct settings *s)
{
    switch (s->conf->log.target) {
    case CONF_LOG_STDERR:
        return LOG_STDERR;
    case CONF_LOG_JOURNAL:
        return LOG_JOURNAL;
    case CONF_LOG_SYSLOG:
        return LOG_SYSLOG;
    }
    return LOG_STDERR;
}
