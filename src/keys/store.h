/* store: the pairs of the configuration, each with the files that it came from.
 *
 * Invariants:
 *  1. A pair is only ever replaced by one that was read and checked whole; what cannot be used is
 *     refused, logged once, and the old one goes on.
 *  2. Files that changed are read when they have been the same for one more look, so that a tool
 *     that writes certificate and key one after the other is not caught in between.
 *  3. The key before the present one still signs: handshakes that began with it end. */
#ifndef CANDOR_SRC_KEYS_STORE_H
#define CANDOR_SRC_KEYS_STORE_H

#include "lib/conf/conf.h"
#include "src/keys/pair.h"
#include "src/keys/place.h"
#include "sys/log.h"

struct store_slot {
    struct place certificate, key;
    struct pair now, before; /* key NULL: none */
    bool is_settling;        /* was seen to change, is to be read at the next look */
    bool is_refused;         /* what lies in the files now is not what we use */
    const char *why;         /* is_refused: static text */
};

struct store {
    struct log *log;
    struct store_slot *slot;
    size_t n;
};

/* Opens the directories and reads all pairs. What is wrong with a pair is logged and not an error;
 * a directory that cannot be opened is: -errno, and the store is as it was. Pairs whose files are
 * in the store already are kept. */
int store_configure(struct store *s, const struct conf *conf, uint64_t now_s)
    __attribute__((warn_unused_result));
void store_release(struct store *s);
/* One look at all files; true when a pair is another than before. */
bool store_look(struct store *s, uint64_t now_s);
/* Warns of what expires soon or has. */
void store_warn(struct store *s, uint64_t now_s);
/* NULL: unknown. */
const struct pair *store_find(const struct store *s, slice key_id);
/* How many slots have a pair. */
size_t store_count(const struct store *s);
/* An array of JSON objects, one a slot. */
void store_json(struct buf *out, const struct store *s);

#endif
