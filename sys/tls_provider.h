/* tls_provider: the part of OpenSSL that signs, with the key somewhere else.
 *
 * Its keys are made of public keys alone and claim to be private ones; they cannot be exported, so
 * that OpenSSL's own code never takes them over. A signature over the text is asked for by the hook
 * that the running ASYNC job leads to (tls_int.h: tls_session_sign), which pauses the job until it
 * has come. */
#ifndef CANDOR_SYS_TLS_PROVIDER_H
#define CANDOR_SYS_TLS_PROVIDER_H

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/base/slice.h"

/* For OSSL_PROVIDER_add_builtin under this name. */
#define TLS_PROVIDER_NAME "candor"
int tls_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                      const OSSL_DISPATCH **ret_out, void **ret_ctx);

/* A "private" key of the provider for a certificate's public one; NULL: neither RSA, EC nor
 * Ed25519, or no memory. key_id has TLS_KEY_ID_BYTES. */
EVP_PKEY *tls_provider_key(OSSL_LIB_CTX *lib, EVP_PKEY *public_key, slice key_id);

#endif
