/* authorities: whose certificates the clients of each listener may show. keys reads the files and
 * tells them by name, so that it does not matter who of the two hears of a new configuration first.
 */
#ifndef CANDOR_SMTPD_AUTHORITIES_H
#define CANDOR_SMTPD_AUTHORITIES_H

#include "lib/base/slice.h"

struct server;

struct authority_file {
    char *path, *certificates;
    size_t path_n, certificates_n;
};

/* What is in that file now. 0 or -errno. */
int authorities_take(struct server *s, slice path, slice certificates);
/* A new configuration: every listener gets what its file has, as far as it is known. */
void authorities_apply(struct server *s);
void authorities_release(struct server *s);

#endif
