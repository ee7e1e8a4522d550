#include "sys/genpage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096
/* FUTURE_WRITE leaves the writer the mapping that it has and refuses every other one. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

int genpage_create(struct genpage *g, uint64_t first)
{
    void *page;
    int err = 0;
    int fd = memfd_create("generation", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, PAGE_BYTES) < 0) {
        err = -errno;
        goto out;
    }
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        err = -errno;
        goto out;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        err = -errno;
        munmap(page, PAGE_BYTES);
        goto out;
    }
    *g = (struct genpage){.number = page, .fd = fd};
    atomic_store_explicit(g->number, first, memory_order_release);
    fd = -1;
out:
    if (fd >= 0)
        close(fd);
    return err;
}

int genpage_open(struct genpage *g, int fd)
{
    struct stat st;
    void *page;
    int seals;

    if (fstat(fd, &st) < 0)
        return -errno;
    if ((seals = fcntl(fd, F_GET_SEALS)) < 0)
        return -errno;
    /* Without the seals whoever holds the page could shrink it under us: SIGBUS. */
    if (st.st_size != PAGE_BYTES || (seals & SEALS) != SEALS)
        return -EINVAL;
    page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    genpage_close(g);
    *g = (struct genpage){.number = page, .fd = -1};
    return 0;
}

void genpage_close(struct genpage *g)
{
    if (g->number != NULL) {
        munmap((void *)(uintptr_t)g->number, PAGE_BYTES);
        if (g->fd >= 0)
            close(g->fd);
    }
    *g = (struct genpage){.fd = -1};
}

uint64_t genpage_read(const struct genpage *g)
{
    return g->number == NULL ? 0 : atomic_load_explicit(g->number, memory_order_acquire);
}

void genpage_raise(struct genpage *g)
{
    atomic_fetch_add_explicit(g->number, 1, memory_order_acq_rel);
}
