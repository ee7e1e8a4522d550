#include "src/queue/files.h"

#include <stdlib.h>

#define FILES_MAX 4096

bool files_add(struct files *f, uint64_t file, const struct rpc *peer)
{
    if (f->n == f->room) {
        size_t room = f->room == 0 ? 64 : f->room * 2;
        struct file_of *p = room > FILES_MAX ? NULL : realloc(f->p, room * sizeof *p);
        if (p == NULL)
            return false;
        f->p = p;
        f->room = room;
    }
    f->p[f->n++] = (struct file_of){file, peer};
    return true;
}

bool files_take(struct files *f, uint64_t file, const struct rpc *peer)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->p[i].file == file && f->p[i].peer == peer) {
            f->p[i] = f->p[--f->n];
            return true;
        }
    return false;
}

void files_forget(struct files *f, const struct rpc *peer, void (*each)(void *owner, uint64_t file),
                  void *owner)
{
    for (size_t i = 0; i < f->n;)
        if (f->p[i].peer == peer) {
            uint64_t file = f->p[i].file;
            f->p[i] = f->p[--f->n];
            each(owner, file);
        } else {
            i++;
        }
}

void files_release(struct files *f)
{
    free(f->p);
    *f = (struct files){0};
}
