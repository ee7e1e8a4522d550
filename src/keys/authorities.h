/* authorities: the files of `listen { client-certificates }`: whose certificates clients may show.
 * No secret is in them; they are here because here is who is given files by master and looks at
 * them again and again.
 *
 * What cannot be used is refused, logged once, and what was read before goes on. */
#ifndef CANDOR_SRC_KEYS_AUTHORITIES_H
#define CANDOR_SRC_KEYS_AUTHORITIES_H

#include "lib/conf/conf.h"
#include "src/keys/file.h"
#include "sys/log.h"

enum { AUTHORITIES_MAX_BYTES = 65536 }; /* of a file's certificates as DER */

struct authority_file {
    char *path; /* as configured; NULL: this listener has none, or an earlier one has the same */
    struct file_identity seen;
    bool is_settling;
    struct buf certificates; /* DER, one behind the other; empty: not read yet */
    const char *refusal;
    int error;
};

struct authorities {
    struct log *log;
    struct authority_file *file; /* in the order of the configuration's listeners */
    size_t n;
};

/* Those that were there keep what they have. False: no memory, and all is as it was. */
bool authorities_configure(struct authorities *a, const struct conf *conf)
    __attribute__((warn_unused_result));
void authorities_release(struct authorities *a);
/* A look at the file of listener i, opened; it stays the caller's. error: -errno when it could not
 * be. True when its certificates are others than before. */
bool authorities_look(struct authorities *a, size_t i, int error, int fd);
/* Appends every certificate of a PEM file. NULL, or why it cannot be used. */
const char *authorities_read(slice pem, struct buf *out) __attribute__((warn_unused_result));

#endif
