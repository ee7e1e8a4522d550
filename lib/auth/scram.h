/* scram: what a server keeps of a password for SCRAM (RFC 5802 3), and the arithmetic with it.
 *
 * The keys are no password, but whoever has a StoredKey and sees one exchange can sign in, and a
 * ServerKey lets him play the server: they stay where the exchange runs. */
#ifndef CANDOR_AUTH_SCRAM_H
#define CANDOR_AUTH_SCRAM_H

#include "lib/auth/digest.h"
#include "lib/base/buf.h"

enum {
    SCRAM_SALT_BYTES = 16, /* of the keys that we make */
    SCRAM_SALT_MAX_BYTES = 64,
    /* RFC 7677 4 asks for 4096 at least. The weakest thing kept of a password decides what a stolen
     * database is worth, and the client pays for these once a connection: about 60 ms. */
    SCRAM_ITERATIONS = 100000,
    SCRAM_ITERATIONS_MAX = 10000000,
    SCRAM_TEXT_MAX_BYTES = 256, /* of the text form */
};

struct scram_keys {
    enum digest digest;
    uint32_t iterations; /* 1 to SCRAM_ITERATIONS_MAX */
    size_t salt_bytes;   /* 1 to SCRAM_SALT_MAX_BYTES */
    unsigned char salt[SCRAM_SALT_MAX_BYTES];
    struct digest_value stored_key;
    struct digest_value server_key;
};

static inline slice scram_salt(const struct scram_keys *k)
{
    return slice_of(k->salt, k->salt_bytes);
}

/* password: as prep_sasl(PREP_STORED) gave it. salt and iterations within the bounds above. Slow:
 * for a helper thread. False: libcrypto failed; *ret is untouched. */
bool scram_derive(enum digest d, slice password, slice salt, uint32_t iterations,
                  struct scram_keys *ret) __attribute__((warn_unused_result));
/* Keys that nobody has, for an account that does not exist or has none: always the same for the
 * same name, of the form that scram_derive gives real ones, and not to be told from those without
 * the secret. (Imported keys with another count or length of salt can be: make them anew.) */
bool scram_fake(enum digest d, slice secret, slice name, struct scram_keys *ret)
    __attribute__((warn_unused_result));

/* "SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey" (RFC 5803 3), base64 inside. */
void scram_print(struct buf *out, const struct scram_keys *k);
/* False: it is not that, or out of bounds; *ret is untouched. */
bool scram_read(slice text, struct scram_keys *ret) __attribute__((warn_unused_result));

/* ClientProof against StoredKey, in constant time. *ret_ok is whether it fits; the function's own
 * value is false when libcrypto failed. */
bool scram_check_proof(const struct scram_keys *k, slice auth_message, slice proof, bool *ret_ok)
    __attribute__((warn_unused_result));
bool scram_server_signature(const struct scram_keys *k, slice auth_message,
                            struct digest_value *ret) __attribute__((warn_unused_result));

#endif
