/* hashing: crypt(3) on helper threads, so that the loop goes on while passwords are computed.
 *
 * 1. What waits is bounded: a sign-in that would wait for long is refused for the moment instead.
 * 2. Who is known (lib/auth/guess.h) goes first, then strangers, then what nobody waits for; of the
 *    known each eighth makes way for a stranger.
 * 3. A thread works on a copy and touches nothing else; the copy is wiped when it is done, also
 * when nobody wants the result any more.
 * 4. A result is known by the number that the caller gave: what it meant may be gone by then. */
#ifndef CANDOR_SRC_DIRECTORY_HASHING_H
#define CANDOR_SRC_DIRECTORY_HASHING_H

#include "sys/directory/credentials.h"
#include "sys/loop.h"

enum hash_lane { HASH_KNOWN, HASH_STRANGER, HASH_LATER, HASH_LANES };

enum hash_result {
    HASH_FITS,
    HASH_DIFFERS,
    HASH_FAILED, /* crypt(3) does not know such a hash, or has no memory */
};

/* New forms of a password that was verified. The slices live until the callback returns. */
struct hash_made {
    slice account;
    slice old_hash;
    struct directory_password password;
};

struct hashing_ops {
    void (*verified)(void *owner, uint64_t id, enum hash_result result);
    void (*made)(void *owner, const struct hash_made *made);
};

struct hashing;

/* threads: those that the loop was, or will be, given for this. NULL: no memory. */
struct hashing *hashing_new(struct loop *loop, unsigned threads, const struct hashing_ops *ops,
                            void *owner);
/* No callback comes any more; waits for what is being computed. NULL is ignored. */
void hashing_free(struct hashing *h);

/* A crypt(3) hash of today's kind of a password that nobody knows, made here and now, which also
 * measures what one costs. 0 or -errno. ret: DIRECTORY_HASH_ROOM bytes. */
enum { HASHING_TEXT_ROOM = 384 };
int hashing_fake(struct hashing *h, char ret[HASHING_TEXT_ROOM]);

/* What came now would wait for too long. */
bool hashing_is_full(const struct hashing *h, enum hash_lane lane);

/* Is secret the password of hash? as_sent: is tried too, when it is not empty. Copied. False: too
 * much waits already, or there is no memory. */
bool hashing_verify(struct hashing *h, enum hash_lane lane, uint64_t id, slice secret,
                    slice as_sent, slice hash) __attribute__((warn_unused_result));

/* New forms of password, when there is time. salts: by enum digest. Where it is not to be, nothing
 * happens: there will be another sign-in. */
void hashing_make(struct hashing *h, slice account, slice password, slice old_hash,
                  const struct directory_salt salts[DIRECTORY_DIGESTS]);

/* How long one of the last verifications took, waiting included; which one is up to pick: for those
 * that shall only seem to be computed. */
uint32_t hashing_typical_ms(const struct hashing *h, uint32_t pick);

/* For the administrator. */
struct hashing_figures {
    uint64_t done;
    uint32_t waiting[HASH_LANES];
    uint32_t running;
    uint32_t median_ms;
};
struct hashing_figures hashing_figures(const struct hashing *h);

#endif
