/* maildirsize: how much is in a mailbox, as Maildir++ keeps it, so that nobody has to count.
 *
 * The file `maildirsize` in the mailbox: first a line with the quota ("1048576S", perhaps also
 * "1000C"), then lines "BYTES MESSAGES", one for each change, to be added up; negative ones are
 * what was taken away. Whoever delivers or removes appends a line in one write, without a lock.
 * Dovecot and Courier read and write the same file. It is counted anew, and written whole under
 * another name that is then moved, when it is missing, no such file, longer than
 * MAILDIRSIZE_MAX_BYTES, or when it says "full" and is older than MAILDIRSIZE_OLD_S: whoever
 * removed mail without a word is found out then.
 *
 * What is counted: all files in new/ and cur/ of the mailbox and of the folders in it (.NAME), by
 * the ",S=size" in their names, else by asking the file system. Every call here blocks. */
#ifndef CANDOR_DELIVER_MAILDIRSIZE_H
#define CANDOR_DELIVER_MAILDIRSIZE_H

#include "sys/vfs.h"

enum { MAILDIRSIZE_MAX_BYTES = 5120, MAILDIRSIZE_OLD_S = 15 * 60 };

struct maildirsize {
    uint64_t bytes, messages;
    bool is_old; /* the file was, when it was read */
};

/* dir: the mailbox; tmp_dir: its tmp/. limit_bytes: the mailbox's quota, not 0. now_s: since the
 * epoch. Reads the file, or counts and writes it anew. 0 or -errno. */
int maildirsize_load(struct vfs *v, int dir, int tmp_dir, uint64_t limit_bytes, uint64_t now_s,
                     struct maildirsize *ret) __attribute__((warn_unused_result));
/* Counts and writes it anew whatever it says. */
int maildirsize_renew(struct vfs *v, int dir, int tmp_dir, uint64_t limit_bytes,
                      struct maildirsize *ret) __attribute__((warn_unused_result));
/* So much has come; where there is no file there is nothing to keep right. When it cannot be
 * written it is removed, to be counted anew. */
void maildirsize_add(struct vfs *v, int dir, uint64_t bytes, uint64_t messages);
/* For who only asks: from the file, else by counting; nothing is written. */
int maildirsize_look(struct vfs *v, int dir, struct maildirsize *ret)
    __attribute__((warn_unused_result));

#endif
