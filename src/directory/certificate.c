#include "src/directory/certificate.h"

#include <errno.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/auth/digest.h"

enum { EMAILS_MAX = 16 };

/* Those of the subject and of subjectAltName, copied. */
static size_t emails_of(struct arena *a, X509 *certificate, slice ret[EMAILS_MAX])
{
    STACK_OF(OPENSSL_STRING) *all = X509_get1_email(certificate);
    size_t n = 0;
    for (int i = 0; i < sk_OPENSSL_STRING_num(all) && n < EMAILS_MAX; i++)
        if (arena_copy(a, slice_cstr(sk_OPENSSL_STRING_value(all, i)), &ret[n]))
            n++;
    X509_email_free(all);
    return n;
}

int certificate_look_up(struct directory *d, slice der, struct sasl_answer *ret)
{
    const unsigned char *at = (const unsigned char *)der.p;
    struct digest_value fingerprint;
    slice emails[EMAILS_MAX];
    X509 *certificate = der.n > 0 ? d2i_X509(NULL, &at, (long)der.n) : NULL;
    int err = 0;
    *ret = (struct sasl_answer){.code = SASL_ANSWER_UNKNOWN};
    if (certificate != NULL && (const char *)at == der.p + der.n) {
        size_t n = emails_of(&d->scratch, certificate, emails);
        err = digest_hash(DIGEST_SHA256, der, &fingerprint)
                  ? directory_certificate(d->db, &d->rules, &d->scratch, digest_slice(&fingerprint),
                                          emails, n, ret)
                  : -ENOMEM;
        if (err != 0)
            ret->code = SASL_ANSWER_FAILED;
    }
    X509_free(certificate);
    return err;
}
