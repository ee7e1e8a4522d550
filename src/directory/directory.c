#include "src/directory/directory.h"

#include <errno.h>

void directory_log_failure(const struct directory *d, const char *event, int err)
{
    struct log_line line;

    log_begin(&line, d->log, LOG_ERROR, event);
    log_error(&line, err);
    if (d->db != NULL)
        log_slice(&line, "database", directory_db_error(d->db));
    log_end(&line);
}

void directory_replied(struct directory *d, int err)
{
    /* -EPIPE: who asked is gone, `gone` follows. Anything else is our own fault. */
    if (err != 0 && err != -EPIPE)
        role_fail(d->role, "directory.reply", err);
}

bool directory_is_unlimited(const struct directory *d, const struct ip *ip)
{
    for (size_t i = 0; i < d->conf->limits.unlimited.n; i++) {
        if (ip_net_has(&d->conf->limits.unlimited.v[i], ip))
            return true;
    }
    return false;
}

bool directory_look_for_changes(struct directory *d)
{
    uint32_t version;
    int err = directory_db_version(d->db, &version);

    if (err != 0) {
        directory_log_failure(d, "directory.read", err);
        return false;
    }
    if (version != d->db_version) {
        d->db_version = version;
        genpage_raise(&d->page);
    }
    return true;
}
