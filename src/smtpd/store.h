/* store: where the body of one message gathers that is too large to travel in a datagram: a memfd,
 * and past what the queue copies into its log, a file that queue has opened in incoming/. */
#ifndef CANDOR_SMTPD_STORE_H
#define CANDOR_SMTPD_STORE_H

#include "lib/base/slice.h"

struct store {
    int fd;        /* memfd or file; -1: nothing stored yet. Owned here */
    uint64_t file; /* queue's number of the file; 0: memfd */
    uint64_t bytes;
};

void store_init(struct store *s);
/* Gives up what is stored. A file of queue's is only closed: queue drops it when no commit comes.
 */
void store_release(struct store *s);
/* Appends; 0 or -errno, then the message is lost and has to be refused. */
int store_append(struct store *s, slice bytes) __attribute__((warn_unused_result));
/* From memfd to the file that queue has opened; fd is taken in any case. 0 or -errno. */
int store_move(struct store *s, uint64_t file, int fd) __attribute__((warn_unused_result));
/* No more bytes. A memfd is sealed and stays open for the commit's message; a file is closed, since
 * queue takes it only when nobody can write it any more. 0 or -errno. */
int store_finish(struct store *s) __attribute__((warn_unused_result));

#endif
