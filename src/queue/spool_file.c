/* Bodies in files of their own: written by others in incoming/, taken over into bodies/ when nobody
 * else can write them any more. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/crc32c.h"
#include "src/queue/spool_int.h"

int spool_file_open(struct spool *s, uint64_t *ret_file, int *ret_fd)
{
    char name[BODY_NAME_BYTES];
    body_name(s->next_file, name);
    int fd = VFS(s, open, s->incoming_dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return fd;
    *ret_file = s->next_file++;
    *ret_fd = fd;
    return 0;
}

void spool_file_drop(struct spool *s, uint64_t file)
{
    char name[BODY_NAME_BYTES];
    body_name(file, name);
    int rc = VFS(s, unlink, s->incoming_dir, name);
    if (rc < 0 && rc != -ENOENT)
        spool_say(s, SPOOL_UPKEEP_FAILED, TABLE_NONE, 0, rc);
}

void adopt_free(struct adopt *a)
{
    buf_release(&a->head);
    free(a);
}

bool adopt_take(struct spool *s)
{
    if (s->adopt_is_taken || s->adopt_first == NULL)
        return false;
    s->adopting = s->adopt_first;
    s->adopt_first = s->adopting->next;
    if (s->adopt_first == NULL)
        s->adopt_last = &s->adopt_first;
    s->adopt_is_taken = true;
    return true;
}

static int check_and_sync(struct spool *s, struct adopt *a, int fd)
{
    uint64_t bytes = 0;
    /* From here on it cannot change: nobody has it open for writing, and nobody can open it. */
    int rc = VFS(s, is_unwritten, fd);
    if (rc == 0)
        rc = VFS(s, size, fd, &bytes);
    if (rc == 0 && bytes != a->numbers.body_bytes)
        rc = -EINVAL;
    char *block = rc < 0 ? NULL : malloc(65536);
    if (rc == 0 && block == NULL)
        rc = -ENOMEM;
    uint32_t crc = 0;
    for (uint64_t at = 0; rc == 0 && at < bytes;) {
        size_t n = bytes - at < 65536 ? (size_t)(bytes - at) : 65536;
        rc = vfs_read_all(s->vfs, fd, block, n, at);
        crc = crc32c(crc, slice_of(block, rc < 0 ? 0 : n));
        at += n;
    }
    free(block);
    a->numbers.file_crc = crc;
    return rc < 0 ? rc : VFS(s, fsync, fd);
}

void adopt_run(struct spool *s)
{
    struct adopt *a = s->adopting;
    char from[BODY_NAME_BYTES], to[BODY_NAME_BYTES];
    body_name(a->file, from);
    body_name(a->id, to);
    int fd = VFS(s, open, s->incoming_dir, from, O_RDONLY, 0);
    a->result = fd < 0 ? fd : check_and_sync(s, a, fd);
    if (fd >= 0) {
        int closed = VFS(s, close, fd);
        if (a->result == 0)
            a->result = closed;
    }
    if (a->result == 0)
        a->result = VFS(s, rename, s->incoming_dir, from, s->bodies_dir, to);
    if (a->result == 0)
        a->result = VFS(s, fsync, s->bodies_dir);
}

void adopt_finish(struct spool *s)
{
    struct adopt *a = s->adopting;
    assert(s->adopt_is_taken);
    s->adopt_is_taken = false;
    s->adopting = NULL;
    s->reserved--;
    if (a->result == 0)
        a->result = gather_message(s, &a->numbers,
                                   (const slice[3]){buf_slice(&a->head), {NULL, 0}, {NULL, 0}},
                                   (slice){NULL, 0}, -1, a->id, a->cookie);
    if (a->result < 0) {
        spool_file_drop(s, a->file);
        if (!ids_add(&s->unlink, a->id))
            spool_say(s, SPOOL_UPKEEP_FAILED, TABLE_NONE, 0, -ENOMEM);
        s->options.listener.committed(s->options.listener.owner, a->cookie, a->result, 0);
    }
    adopt_free(a);
}
