#include "sys/tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "sys/tls_int.h"

#define OURS "provider=" TLS_PROVIDER_NAME
#define KEY_ID_PARAM "candor-key-id"

enum kind { KIND_RSA, KIND_EC, KIND_ED25519 };

static const char *const kind_name[] = {"RSA", "EC", "ED25519"};

struct remote_key {
    OSSL_LIB_CTX *lib; /* whose default provider has `known` */
    enum kind kind;
    char key_id[TLS_KEY_ID_BYTES];
    EVP_PKEY *known; /* the public key, by OpenSSL's own code: it answers all questions */
};

struct signing {
    struct remote_key *key;
    unsigned hash; /* the number that a SignatureScheme begins or ends with: 4, 5, 6; 0: none */
    bool pss;
};

/* The provider's context is the library context that it was loaded into: keys reach the default
 * provider of the same by a child context of its own. */

/* ---- keys ---- */

static void *key_new(void *ctx, enum kind kind)
{
    struct remote_key *k = calloc(1, sizeof *k);
    if (k != NULL) {
        k->lib = ctx;
        k->kind = kind;
    }
    return k;
}

static void *key_new_rsa(void *ctx)
{
    return key_new(ctx, KIND_RSA);
}

static void *key_new_ec(void *ctx)
{
    return key_new(ctx, KIND_EC);
}

static void *key_new_ed25519(void *ctx)
{
    return key_new(ctx, KIND_ED25519);
}

static void key_free(void *key)
{
    struct remote_key *k = key;
    if (k == NULL)
        return;
    EVP_PKEY_free(k->known);
    free(k);
}

static int key_has(const void *key, int selection)
{
    (void)selection;
    return ((const struct remote_key *)key)->known != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
    (void)selection;
    const struct remote_key *x = a, *y = b;
    return EVP_PKEY_eq(x->known, y->known) == 1;
}

static int key_import(void *key, int selection, const OSSL_PARAM *params)
{
    (void)selection;
    struct remote_key *k = key;
    const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, KEY_ID_PARAM);
    if (id != NULL) {
        if (id->data_type != OSSL_PARAM_OCTET_STRING || id->data_size != sizeof k->key_id)
            return 0;
        memcpy(k->key_id, id->data, sizeof k->key_id);
    }
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(k->lib, kind_name[k->kind], "provider=default");
    EVP_PKEY *known = NULL;
    bool ok = c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
              EVP_PKEY_fromdata(c, &known, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) == 1;
    EVP_PKEY_CTX_free(c);
    if (!ok)
        return 0;
    EVP_PKEY_free(k->known);
    k->known = known;
    return 1;
}

static const OSSL_PARAM import_types[] = {
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
    OSSL_PARAM_octet_string(KEY_ID_PARAM, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *key_import_types(int selection)
{
    (void)selection;
    return import_types;
}

static int key_get_params(void *key, OSSL_PARAM *params)
{
    /* What it does not know stays as it was: that is no error (provider-keymgmt). */
    (void)EVP_PKEY_get_params(((struct remote_key *)key)->known, params);
    return 1;
}

static const OSSL_PARAM key_gettable[] = {
    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *key_gettable_params(void *ctx)
{
    (void)ctx;
    return key_gettable;
}

static const char *key_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- signatures ---- */

static void *signing_new(void *ctx, const char *properties)
{
    (void)ctx;
    (void)properties;
    return calloc(1, sizeof(struct signing));
}

static void signing_free(void *signing)
{
    free(signing);
}

static int signing_set_params(void *signing, const OSSL_PARAM *params)
{
    struct signing *s = signing;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p == NULL)
        return 1;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
        return 1;
    }
    int mode;
    if (OSSL_PARAM_get_int(p, &mode) != 1)
        return 0;
    s->pss = mode == RSA_PKCS1_PSS_PADDING;
    return 1;
}

static const OSSL_PARAM signing_settable[] = {
    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *signing_settable_params(void *signing, void *ctx)
{
    (void)signing;
    (void)ctx;
    return signing_settable;
}

static int signing_init(void *signing, const char *digest, void *key, const OSSL_PARAM *params)
{
    static const struct {
        const char *name;
        unsigned hash;
    } hashes[] = {
        {"SHA256", 4},   {"SHA384", 5},   {"SHA512", 6},
        {"SHA2-256", 4}, {"SHA2-384", 5}, {"SHA2-512", 6},
    };
    struct signing *s = signing;
    s->key = key;
    s->hash = 0;
    s->pss = false;
    if (digest != NULL && *digest != '\0') {
        for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
            if (slice_eq_ci(slice_cstr(digest), slice_cstr(hashes[i].name)))
                s->hash = hashes[i].hash;
        }
        if (s->hash == 0)
            return 0; /* SHA-1 and the like: keys would not sign it either */
    }
    return params == NULL ? 1 : signing_set_params(s, params);
}

/* RFC 8446 4.2.3; for TLS 1.2 the same numbers mean hash and kind of signature (RFC
 * 5246 7.4.1.4.1). 0: there is none. */
static uint16_t signing_scheme(const struct signing *s)
{
    switch (s->key->kind) {
    case KIND_RSA:
        if (s->hash == 0)
            return 0;
        return (uint16_t)(s->pss ? 0x0800 + s->hash : (s->hash << 8) + 1);
    case KIND_EC:
        return (uint16_t)(s->hash == 0 ? 0 : (s->hash << 8) + 3);
    case KIND_ED25519:
        return (uint16_t)(s->hash == 0 ? 0x0807 : 0);
    }
    return 0;
}

static int signing_sign(void *signing, unsigned char *ret_sig, size_t *ret_n, size_t max,
                        const unsigned char *text, size_t n)
{
    struct signing *s = signing;
    if (ret_sig == NULL) {
        *ret_n = (size_t)EVP_PKEY_get_size(s->key->known);
        return 1;
    }
    uint16_t scheme = signing_scheme(s);
    if (scheme == 0)
        return 0;
    size_t got = tls_session_sign(slice_of(s->key->key_id, sizeof s->key->key_id), scheme,
                                  slice_of(text, n), (char *)ret_sig, max);
    if (got == 0)
        return 0;
    *ret_n = got;
    return 1;
}

/* ---- tables ---- */

#define FN(f) ((void (*)(void))(f))

#define KEYMGMT_COMMON                                                                             \
    {OSSL_FUNC_KEYMGMT_FREE, FN(key_free)}, {OSSL_FUNC_KEYMGMT_HAS, FN(key_has)},                  \
        {OSSL_FUNC_KEYMGMT_MATCH, FN(key_match)}, {OSSL_FUNC_KEYMGMT_IMPORT, FN(key_import)},      \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FN(key_import_types)},                                    \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, FN(key_get_params)},                                        \
    {                                                                                              \
        OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FN(key_gettable_params)                                 \
    }

static const OSSL_DISPATCH keymgmt_rsa[] = {
    {OSSL_FUNC_KEYMGMT_NEW, FN(key_new_rsa)},
    KEYMGMT_COMMON,
    {0, NULL},
};

static const OSSL_DISPATCH keymgmt_ec[] = {
    {OSSL_FUNC_KEYMGMT_NEW, FN(key_new_ec)},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(key_operation_name)},
    KEYMGMT_COMMON,
    {0, NULL},
};

static const OSSL_DISPATCH keymgmt_ed25519[] = {
    {OSSL_FUNC_KEYMGMT_NEW, FN(key_new_ed25519)},
    KEYMGMT_COMMON,
    {0, NULL},
};

static const OSSL_DISPATCH signature[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, FN(signing_new)},
    {OSSL_FUNC_SIGNATURE_FREECTX, FN(signing_free)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FN(signing_init)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FN(signing_sign)},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FN(signing_set_params)},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FN(signing_settable_params)},
    {0, NULL},
};

static const OSSL_ALGORITHM keymgmts[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, keymgmt_rsa, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, keymgmt_ec, NULL},
    {"ED25519:1.3.101.112", OURS, keymgmt_ed25519, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, signature, NULL},
    {"ECDSA", OURS, signature, NULL},
    {"ED25519:1.3.101.112", OURS, signature, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *ret_no_cache)
{
    (void)ctx;
    *ret_no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return keymgmts;
    if (operation == OSSL_OP_SIGNATURE)
        return signatures;
    return NULL;
}

static void teardown(void *ctx)
{
    OSSL_LIB_CTX_free(ctx);
}

static const OSSL_DISPATCH provider[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FN(query)},
    {OSSL_FUNC_PROVIDER_TEARDOWN, FN(teardown)},
    {0, NULL},
};

int tls_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                      const OSSL_DISPATCH **ret_out, void **ret_ctx)
{
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new_child(handle, in);
    if (own == NULL)
        return 0;
    *ret_ctx = own;
    *ret_out = provider;
    return 1;
}

EVP_PKEY *tls_provider_key(OSSL_LIB_CTX *lib, EVP_PKEY *public_key, slice key_id)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *known = NULL, *all = NULL;
    EVP_PKEY_CTX *c = NULL;
    OSSL_PARAM id[] = {
        OSSL_PARAM_octet_string(KEY_ID_PARAM, (void *)key_id.p, key_id.n),
        OSSL_PARAM_END,
    };

    for (size_t i = 0; i < sizeof kind_name / sizeof *kind_name; i++) {
        if (EVP_PKEY_is_a(public_key, kind_name[i]))
            c = EVP_PKEY_CTX_new_from_name(lib, kind_name[i], OURS);
    }
    if (c == NULL || EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &known) != 1)
        goto out;
    all = OSSL_PARAM_merge(known, id);
    if (all == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, all) != 1)
        key = NULL;
out:
    OSSL_PARAM_free(all);
    OSSL_PARAM_free(known);
    EVP_PKEY_CTX_free(c);
    return key;
}
