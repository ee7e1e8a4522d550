/* store: the pairs of the configuration, each with the files that it came from.
 *
 * The files are opened by master, again and again: it has the rights, and follows links as they are
 * at the moment, so every way of renewing is seen. Here is no path that anything is opened by.
 *
 * Invariants:
 *  1. A pair is only ever replaced by one that was read and checked whole; what cannot be used is
 *     refused, logged once, and the old one goes on.
 *  2. Where there is a pair already, files that changed are read when they have been the same for
 *     one more look, so that a tool that writes certificate and key one after the other is not
 *     caught in between.
 *  3. The key before the present one still signs, and so do those that a reload took out: smtpd
 * uses their certificates until it has heard of the new ones. */
#ifndef CANDOR_SRC_KEYS_STORE_H
#define CANDOR_SRC_KEYS_STORE_H

#include "lib/conf/conf.h"
#include "src/keys/file.h"
#include "src/keys/pair.h"
#include "sys/log.h"

struct store_slot {
    char *certificate_path, *key_path; /* as configured: names, for the log */
    struct file_identity certificate, key;
    struct pair now, before; /* key NULL: none */
    bool is_settling;        /* was seen to change, is to be read at the next look */
    const char *refusal;     /* why what lies in the files now is not used; NULL: it is used */
    int error;               /* of opening or reading, to go with it */
};

struct store {
    struct log *log;
    struct store_slot *slot; /* in the order of the configuration */
    size_t n;
    struct pair *retired; /* what the last store_configure took out */
    size_t retired_n;
};

/* Slots for the pairs of conf; those that were there keep what they have. False: no memory, and the
 * store is as it was. */
bool store_configure(struct store *s, const struct conf *conf) __attribute__((warn_unused_result));
void store_release(struct store *s);
/* A look at the files of slot i, opened; they stay the caller's. error: -errno when they could not
 * be. True when the pair is another than before. */
bool store_look(struct store *s, size_t i, int error, int certificate_fd, int key_fd,
                uint64_t now_s);
/* Warns of what expires soon or has. */
void store_warn(struct store *s, uint64_t now_s);
/* NULL: unknown. */
const struct pair *store_find(const struct store *s, slice key_id);
/* How many slots have a pair. */
size_t store_count(const struct store *s);
/* An array of JSON objects, one a slot. */
void store_json(struct buf *out, const struct store *s);

#endif
