#include "sys/tls.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "sys/tls_parts.h"
#include "sys/tls_provider.h"

enum { SESSION_SECONDS = 7200 }; /* a ticket's life; keys rotates its keys accordingly */

/* Mozilla's "intermediate" (5.7) without DHE, in its order; TLS 1.3's own are OpenSSL's default. */
static const char good_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";
static const char signature_algorithms[] =
    "ECDSA+SHA256:ed25519:RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA384:RSA+SHA384:"
    "ECDSA+SHA512:RSA-PSS+SHA512:RSA+SHA512";

static int on_ticket(SSL *ssl, unsigned char *key_name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypt)
{
    struct tls *t = ((struct tls_session *)SSL_get_app_data(ssl))->tls;
    size_t i = 0;
    if (encrypt) {
        if (RAND_bytes_ex(t->lib, iv, 16, 0) != 1)
            return -1;
        memcpy(key_name, t->ticket_key[0], 16);
    } else {
        while (i < t->ticket_keys && CRYPTO_memcmp(t->ticket_key[i], key_name, 16) != 0)
            i++;
        if (i == t->ticket_keys)
            return 0;
    }
    unsigned char *key = (unsigned char *)t->ticket_key[i];
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, key + 48, 32),
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_END,
    };
    if (EVP_CipherInit_ex2(cipher, t->ticket_cipher, key + 16, iv, encrypt, NULL) != 1 ||
        EVP_MAC_CTX_set_params(mac, params) != 1)
        return -1;
    /* 2: the client is given a new one, because its key is old or (RFC 8446 C.4) because it uses
     * each only once. */
    return encrypt || (i == 0 && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

static bool context_policy(const struct tls *t, SSL_CTX *ctx)
{
    return SSL_CTX_set_min_proto_version(ctx, t->only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, t->ciphers == NULL ? good_ciphers : t->ciphers) == 1;
}

SSL_CTX *tls_context_new(struct tls *t)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(t->lib, "?provider=default", TLS_server_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ASYNC);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    SSL_CTX_set_cert_cb(ctx, tls_on_certificate_wanted, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, tls_on_server_name);
    if (!context_policy(t, ctx) || SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
        SSL_CTX_set1_sigalgs_list(ctx, signature_algorithms) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"candor", 6) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1 ||
        SSL_CTX_set_session_ticket_cb(ctx, tls_on_ticket_made, tls_on_ticket_read, NULL) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

int tls_ticket_keys(struct tls *t, slice keys)
{
    size_t n = keys.n / TLS_TICKET_KEY_BYTES;
    if (n == 0 || n > TLS_TICKET_KEYS_MAX || keys.n % TLS_TICKET_KEY_BYTES != 0)
        return -EINVAL;
    memcpy(t->ticket_key, keys.p, keys.n);
    t->ticket_keys = n;
    return 0;
}

int tls_policy(struct tls *t, bool only_1_3, slice ciphers)
{
    char *list = NULL;
    if (ciphers.n > 0) {
        SSL_CTX *trial = SSL_CTX_new_ex(t->lib, "?provider=default", TLS_server_method());
        list = strndup(ciphers.p, ciphers.n);
        bool has_memory = trial != NULL && list != NULL;
        bool ok = has_memory && SSL_CTX_set_cipher_list(trial, list) == 1;
        SSL_CTX_free(trial);
        ERR_clear_error();
        if (!ok) {
            free(list);
            return has_memory ? -EINVAL : -ENOMEM;
        }
    }
    free(t->ciphers);
    t->ciphers = list;
    t->only_1_3 = only_1_3;
    /* What was tried before cannot fail but for memory; the old way is then kept there. */
    if ((t->now != NULL && !context_policy(t, t->now->ctx)) ||
        (t->building != NULL && !context_policy(t, t->building->ctx)))
        return -ENOMEM;
    return 0;
}

bool tls_is_ready(const struct tls *t)
{
    return t->now != NULL;
}

struct tls *tls_new(const struct tls_ops *ops, void *user)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->ops = ops;
    t->user = user;
    t->lib = OSSL_LIB_CTX_new();
    if (t->lib == NULL)
        goto fail;
    t->provider_default = OSSL_PROVIDER_load(t->lib, "default");
    if (t->provider_default == NULL ||
        OSSL_PROVIDER_add_builtin(t->lib, TLS_PROVIDER_NAME, tls_provider_init) != 1)
        goto fail;
    t->provider_ours = OSSL_PROVIDER_load(t->lib, TLS_PROVIDER_NAME);
    t->ticket_cipher = EVP_CIPHER_fetch(t->lib, "AES-256-CBC", "?provider=default");
    /* Until `keys` sends the shared ones, tickets are good in this process alone. */
    t->ticket_keys = 1;
    if (t->provider_ours == NULL || t->ticket_cipher == NULL || !tls_bio_init(t) ||
        RAND_bytes_ex(t->lib, (unsigned char *)t->ticket_key[0], TLS_TICKET_KEY_BYTES, 0) != 1)
        goto fail;
    return t;
fail:
    tls_free(t);
    return NULL;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    certificate_set_release(t->building);
    certificate_set_release(t->now);
    for (size_t i = 0; i < TLS_GROUPS_MAX; i++)
        tls_authorities_free(t->authorities[i]);
    BIO_meth_free(t->bio_method);
    free(t->ciphers);
    EVP_CIPHER_free(t->ticket_cipher);
    if (t->provider_ours != NULL)
        OSSL_PROVIDER_unload(t->provider_ours);
    if (t->provider_default != NULL)
        OSSL_PROVIDER_unload(t->provider_default);
    OSSL_LIB_CTX_free(t->lib);
    OPENSSL_cleanse(t->ticket_key, sizeof t->ticket_key);
    free(t);
}
