/* files: which peer has which incoming file open, so that nobody commits another's, and what a dead
 * peer leaves is removed. */
#ifndef CANDOR_QUEUE_FILES_H
#define CANDOR_QUEUE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rpc;

struct files {
    struct file_of {
        uint64_t file;
        const struct rpc *peer;
    } * p;
    size_t n, room;
};

/* False without memory, or when there are far too many. */
bool files_add(struct files *f, uint64_t file, const struct rpc *peer);
/* It is this peer's, and from now on nobody's. */
bool files_take(struct files *f, uint64_t file, const struct rpc *peer);
/* Takes all of this peer, and calls each for them. */
void files_forget(struct files *f, const struct rpc *peer, void (*each)(void *owner, uint64_t file),
                  void *owner);
void files_release(struct files *f);

#endif
