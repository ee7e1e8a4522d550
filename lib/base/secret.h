/* secret: bytes that nobody else may learn: compared in constant time, and wiped when done with.
 *
 * A buf that grows leaves copies behind: reserve all of it first, or keep the secret in an arena,
 * which never moves what is in it, and arena_wipe() that. */
#ifndef CANDOR_BASE_SECRET_H
#define CANDOR_BASE_SECRET_H

#include "lib/base/buf.h"

/* Overwrites n bytes; the compiler cannot leave it out. p may be NULL when n is 0. */
void secret_wipe(void *p, size_t n);
/* The time depends on the lengths alone. */
bool secret_eq(slice a, slice b) __attribute__((warn_unused_result));
/* buf_release, everything that it held overwritten first. */
void secret_release(struct buf *b);

#endif
