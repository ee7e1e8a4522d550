/* A spool on a file system in memory, and a model of what it must hold: what the spool's tests
 * share. Every message says in its own bytes which one it is, so that whatever comes back can be
 * held against what went in. */
#ifndef CANDOR_QUEUE_SPOOL_WORLD_H
#define CANDOR_QUEUE_SPOOL_WORLD_H

#include "src/queue/spool.h"
#include "sys/vfs_mem.h"

#define WORLD_MESSAGES 512

enum fate {
    FATE_NONE,       /* never given */
    FATE_GIVEN,      /* no answer yet, or 451: may be there or not */
    FATE_ACKED,      /* must be there */
    FATE_DONE_ASKED, /* may be there or not */
    FATE_DONE        /* must not be there */
};

struct expect {
    enum fate fate;
    uint64_t id;
    uint32_t body_bytes;
    bool has_file;
    uint16_t attempts_safe, attempts_asked;
};

struct world {
    struct vfs_mem *mem;
    struct spool *s;
    struct expect expect[WORLD_MESSAGES];
    uint32_t given;
    uint64_t random;
    uint64_t now_ms;
    uint64_t floor_bytes;
    size_t events[16]; /* by enum spool_event */
    size_t acked, refused;
    int last_refusal;
};

void world_init(struct world *w, uint64_t seed);
void world_release(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
/* 0 or spool_open's error. */
int world_open(struct world *w);
/* Closes and forgets what a crash of that kind forgets. */
void world_crash(struct world *w, enum vfs_mem_crash how, uint64_t seed);
/* Gives a message to the spool: as inline, by descriptor or by file. spool_commit's result. */
enum world_body { WORLD_INLINE, WORLD_FD, WORLD_FILE };
int world_give(struct world *w, enum world_body how, uint32_t body_bytes);
/* One job of each lane that has one. True when there was any. */
bool world_work(struct world *w);
/* Until there is none; what was asked is safe then. */
void world_drain(struct world *w);
/* n random steps of everything; stops at a crash. */
void world_live(struct world *w, uint32_t steps);
/* Everything that must be there is there, byte for byte, and nothing else. Aborts the test. */
void world_check(struct world *w, const char *what);

#endif
