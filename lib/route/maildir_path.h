/* maildir_path: a mailbox's folder from the template of `deliver maildir`, whatever the address.
 *
 * The template is an absolute path in which {domain} and {local} stand for the recipient's. Every
 * byte of them that is not a letter, a digit, one of "-_+=,~" or part of a well-formed UTF-8
 * letter, and a dot that begins the value, is written %XX: so the value is never "." or "..", holds
 * no slash and no NUL, begins no hidden file, and no two addresses share a folder. Pure. */
#ifndef CANDOR_ROUTE_MAILDIR_PATH_H
#define CANDOR_ROUTE_MAILDIR_PATH_H

#include "lib/base/buf.h"

enum maildir_path_err {
    MAILDIR_PATH_OK = 0,
    MAILDIR_PATH_TEMPLATE, /* not absolute, unknown {word}, unbalanced brace, "..", control byte */
    MAILDIR_PATH_SHARED,   /* no {local}: all accounts would share one folder */
    MAILDIR_PATH_TOO_LONG, /* a component above 255 bytes, or the path above 1024 */
    MAILDIR_PATH_NO_ROOM,
};

#define MAILDIR_PATH_MAX 1024

/* Appends the path, without a slash at its end; on failure out->n is as before. */
enum maildir_path_err maildir_path(struct buf *out, slice template, slice domain, slice local)
    __attribute__((warn_unused_result));
/* What can be known of a template before there is an address; for the configuration's check. */
enum maildir_path_err maildir_path_check(slice template) __attribute__((warn_unused_result));
slice maildir_path_err_text(enum maildir_path_err e);

#endif
