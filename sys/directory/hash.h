/* directory hash: which texts are hashes that crypt(3) can verify. */
#ifndef CANDOR_SYS_DIRECTORY_HASH_H
#define CANDOR_SYS_DIRECTORY_HASH_H

#include "lib/base/slice.h"

enum { DIRECTORY_HASH_MAX_BYTES = 383 }; /* crypt.h: CRYPT_OUTPUT_SIZE with its NUL is 384 */

/* A whole hash of a kind that this system's crypt(3) knows, cut nowhere. A password of 13 letters
 * that somebody typed in place of one looks like a hash of 1979, and passes. */
bool directory_hash_is_known(slice hash);
/* Of today's kind: yescrypt. */
bool directory_hash_is_current(slice hash);
/* Takes a prefix such as {CRYPT} or {SHA512-CRYPT} off, as Dovecot and LDAP write it. False: it is
 * a scheme that is not crypt(3)'s; *ret_scheme is its name. */
bool directory_hash_strip(slice *hash, slice *ret_scheme) __attribute__((warn_unused_result));

#endif
