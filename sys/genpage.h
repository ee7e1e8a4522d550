/* genpage: one number on a page of memory that one process writes and others only read.
 *
 * directory raises it after every change and before the change is acknowledged; smtpd and queue
 * compare it with the number that came with a cached answer, without asking anybody. The descriptor
 * that is handed out is sealed: whoever holds it can neither map it for writing nor resize it. */
#ifndef CANDOR_SYS_GENPAGE_H
#define CANDOR_SYS_GENPAGE_H

#include <stdint.h>

struct genpage {
    _Atomic uint64_t *number; /* NULL while closed */
    int fd;                   /* the writer's: owned here, -1 in a reader */
};

/* The writer's: a new page that begins with first. 0 or -errno. */
int genpage_create(struct genpage *g, uint64_t first) __attribute__((warn_unused_result));
/* The reader's: fd stays the caller's (it may close it at once). -EINVAL when fd is not a page of
 * the right size with its seals. A page that g held before is let go only on success. */
int genpage_open(struct genpage *g, int fd) __attribute__((warn_unused_result));
void genpage_close(struct genpage *g);
/* 0 while there is no page: nothing cached may be believed then, since no answer carries 0. */
uint64_t genpage_read(const struct genpage *g);
/* The writer's alone. */
void genpage_raise(struct genpage *g);

#endif
