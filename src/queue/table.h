/* table: the messages that wait, by id. About 90 bytes each, whatever their size.
 *
 * Entries stand in chunks that never move, so a pointer is good until table_remove, and each has
 * an index of 32 bits, which is what heaps and lists should keep. */
#ifndef CANDOR_QUEUE_TABLE_H
#define CANDOR_QUEUE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

/* Where a record lies. */
struct place {
    uint32_t segment; /* TABLE_NONE: nowhere */
    uint32_t offset;
    uint32_t bytes;
};

struct entry {
    uint64_t id;          /* 0: free */
    uint64_t next_try_ms; /* since the epoch */
    struct place message;
    struct place state;
    uint16_t attempts;
    bool has_file;            /* the body is in a file of its own */
    uint16_t states_gathered; /* states on their way to the disk */
    bool is_checked;          /* that file has been read and agreed, in this run */
    /* The scheduler's, not stored; 0 and TABLE_NONE in a new entry. */
    uint8_t mark;
    uint32_t heap_at;
    uint32_t job;
    uint32_t index; /* the table's own */
};

struct table;

struct table *table_new(void);
void table_free(struct table *t);
size_t table_count(const struct table *t);
size_t table_memory_bytes(const struct table *t);
/* After true the next n table_add cannot fail. */
bool table_reserve(struct table *t, size_t n);
/* A new entry with this id, which is not 0 and must not be there; NULL without memory. */
struct entry *table_add(struct table *t, uint64_t id);
struct entry *table_find(const struct table *t, uint64_t id);
void table_remove(struct table *t, struct entry *e);
uint32_t table_index(const struct table *t, const struct entry *e);
/* NULL when that index is free. */
struct entry *table_at(const struct table *t, uint32_t index);
/* Indexes are below this. */
uint32_t table_limit(const struct table *t);

#endif
