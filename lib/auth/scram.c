#include "lib/auth/scram.h"

#include <assert.h>

#include "lib/base/base64.h"
#include "lib/base/secret.h"

static slice digest_name(enum digest d)
{
    return d == DIGEST_SHA1 ? SLICE_LIT("SCRAM-SHA-1") : SLICE_LIT("SCRAM-SHA-256");
}

bool scram_derive(enum digest d, slice password, slice salt, uint32_t iterations,
                  struct scram_keys *ret)
{
    assert(salt.n > 0 && salt.n <= SCRAM_SALT_MAX_BYTES);
    assert(iterations > 0 && iterations <= SCRAM_ITERATIONS_MAX);
    struct scram_keys k = {.digest = d, .iterations = iterations, .salt_bytes = salt.n};
    struct digest_value salted = {0}, client_key = {0};
    memcpy(k.salt, salt.p, salt.n);
    bool ok = digest_pbkdf2(d, password, salt, iterations, &salted) &&
              digest_hmac(d, digest_slice(&salted), SLICE_LIT("Client Key"), &client_key) &&
              digest_hash(d, digest_slice(&client_key), &k.stored_key) &&
              digest_hmac(d, digest_slice(&salted), SLICE_LIT("Server Key"), &k.server_key);
    if (ok)
        *ret = k;
    secret_wipe(&salted, sizeof salted);
    secret_wipe(&client_key, sizeof client_key);
    secret_wipe(&k, sizeof k);
    return ok;
}

/* What is under this label for this name; the digest is part of the label, as real accounts have
 * another salt for each. */
static bool fake_value(enum digest d, const char *label, slice secret, slice name,
                       struct digest_value *ret)
{
    struct digest_value key;
    bool ok = digest_hmac(DIGEST_SHA256, secret, digest_name(d), &key) &&
              digest_hmac(DIGEST_SHA256, digest_slice(&key), slice_cstr(label), &key) &&
              digest_hmac(DIGEST_SHA256, digest_slice(&key), name, ret);
    secret_wipe(&key, sizeof key);
    return ok;
}

bool scram_fake(enum digest d, slice secret, slice name, struct scram_keys *ret)
{
    struct scram_keys k = {.digest = d,
                           .iterations = SCRAM_ITERATIONS,
                           .salt_bytes = SCRAM_SALT_BYTES};
    struct digest_value salt;
    if (!fake_value(d, "salt", secret, name, &salt) ||
        !fake_value(d, "StoredKey", secret, name, &k.stored_key) ||
        !fake_value(d, "ServerKey", secret, name, &k.server_key))
        return false;
    memcpy(k.salt, salt.bytes, SCRAM_SALT_BYTES);
    k.stored_key.n = k.server_key.n = digest_bytes(d);
    *ret = k;
    return true;
}

void scram_print(struct buf *out, const struct scram_keys *k)
{
    buf_add(out, digest_name(k->digest));
    buf_addf(out, "$%u:", (unsigned)k->iterations);
    base64_encode(out, scram_salt(k));
    buf_addc(out, '$');
    base64_encode(out, digest_slice(&k->stored_key));
    buf_addc(out, ':');
    base64_encode(out, digest_slice(&k->server_key));
}

/* Decodes base64 of min to max bytes. */
static bool read_bytes(slice text, unsigned char *ret, size_t min, size_t max, size_t *ret_n)
{
    struct buf b;
    buf_init(&b, max + 3);
    bool ok = base64_decode(&b, text) == BASE64_OK && b.n >= min && b.n <= max;
    if (ok) {
        memcpy(ret, b.p, b.n);
        *ret_n = b.n;
    }
    secret_release(&b);
    return ok;
}

/* Takes what stands before sep; unlike slice_split, sep must be there. */
static bool take_until(slice *in, char sep, slice *ret)
{
    size_t at = slice_find(*in, sep);
    if (at == in->n)
        return false;
    *ret = slice_head(*in, at);
    *in = slice_tail(*in, at + 1);
    return true;
}

bool scram_read(slice text, struct scram_keys *ret)
{
    struct scram_keys k = {0};
    slice name, iterations, salt, stored;
    uint64_t number;
    if (!take_until(&text, '$', &name) || !take_until(&text, ':', &iterations) ||
        !take_until(&text, '$', &salt) || !take_until(&text, ':', &stored))
        return false;
    if (slice_eq(name, digest_name(DIGEST_SHA256)))
        k.digest = DIGEST_SHA256;
    else if (slice_eq(name, digest_name(DIGEST_SHA1)))
        k.digest = DIGEST_SHA1;
    else
        return false;
    if (!slice_to_u64(iterations, SCRAM_ITERATIONS_MAX, &number) || number == 0)
        return false;
    k.iterations = (uint32_t)number;
    size_t n = digest_bytes(k.digest);
    bool ok = read_bytes(salt, k.salt, 1, SCRAM_SALT_MAX_BYTES, &k.salt_bytes) &&
              read_bytes(stored, k.stored_key.bytes, n, n, &k.stored_key.n) &&
              read_bytes(text, k.server_key.bytes, n, n, &k.server_key.n);
    if (ok)
        *ret = k;
    secret_wipe(&k, sizeof k);
    return ok;
}

bool scram_check_proof(const struct scram_keys *k, slice auth_message, slice proof, bool *ret_ok)
{
    struct digest_value key, got;
    size_t n = digest_bytes(k->digest);
    if (proof.n != n) {
        *ret_ok = false;
        return true;
    }
    /* RFC 5802 3: ClientKey is ClientProof XOR HMAC(StoredKey, AuthMessage). */
    bool ok = digest_hmac(k->digest, digest_slice(&k->stored_key), auth_message, &key);
    if (ok) {
        for (size_t i = 0; i < n; i++)
            key.bytes[i] = (unsigned char)(key.bytes[i] ^ (unsigned char)proof.p[i]);
        ok = digest_hash(k->digest, digest_slice(&key), &got);
    }
    if (ok)
        *ret_ok = secret_eq(digest_slice(&got), digest_slice(&k->stored_key));
    secret_wipe(&key, sizeof key);
    return ok;
}

bool scram_server_signature(const struct scram_keys *k, slice auth_message,
                            struct digest_value *ret)
{
    return digest_hmac(k->digest, digest_slice(&k->server_key), auth_message, ret);
}
