/* sign: signatures for TLS handshakes, and for nothing else.
 *
 * Whoever asks hands over the whole text, not its digest, and it must have one of the two shapes
 * that a TLS server signs. So a taken-over smtpd can pretend to be this server while it lasts, but
 * gets no signature under a certificate request, a mail or a document. There is no decryption. */
#ifndef CANDOR_SRC_KEYS_SIGN_H
#define CANDOR_SRC_KEYS_SIGN_H

#include <openssl/evp.h>

#include "lib/base/slice.h"
#include "sys/answers.h"

enum { SIGNATURE_MAX_BYTES = 2048 };

/* Is this what a server signs under TLS 1.3 (RFC 8446 4.4.3, CertificateVerify), or under TLS 1.2
 * with ECDHE (RFC 8422 5.4, ServerKeyExchange)? */
bool sign_is_tls13_text(slice text);
bool sign_is_tls12_text(slice text);

/* scheme: RFC 8446 4.2.3. On SIGN_DONE ret has *ret_n bytes; it has room for SIGNATURE_MAX_BYTES.
 */
enum sign_result sign_tls(EVP_PKEY *key, uint32_t scheme, slice text, char *ret, size_t *ret_n)
    __attribute__((warn_unused_result));

#endif
