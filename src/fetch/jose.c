#include "src/fetch/jose.h"

#include <jansson.h>

#include "lib/base/ascii.h"
#include "lib/base/base64.h"
#include "lib/base/utf8.h"

enum { ACCOUNT_MAX_BYTES = 1024, KEY_ID_MAX_BYTES = 512 };

void jose_init(void)
{
    json_object_seed(0);
}

/* NULL: no object. Doubled names are refused: who signed it and who reads it might not mean the
 * same one (RFC 8725 2.4, RFC 7519 4). */
static json_t *load(slice json)
{
    json_t *root = json_loadb(json.p != NULL ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

/* False when it is there and no text; *ret is empty when it is not there. */
static bool take_text(struct arena *arena, const json_t *value, slice *ret)
{
    *ret = (slice){0};
    if (value == NULL || json_is_null(value))
        return true;
    return json_is_string(value) &&
           arena_copy(arena, slice_of(json_string_value(value), json_string_length(value)), ret);
}

static bool member(struct arena *arena, const json_t *object, const char *name, slice *ret)
{
    return take_text(arena, json_object_get(object, name), ret);
}

/* One text, or a list of them: aud (RFC 7519 4.1.3), and scp as some write it. */
static bool take_texts(struct arena *arena, const json_t *value, slice *ret, size_t max, size_t *n)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (value == NULL || json_is_null(value))
        return true;
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        if (*n == max || !json_is_string(one) || !take_text(arena, one, &ret[*n]))
            return false;
        ++*n;
    }
    return true;
}

/* RFC 7519 2, NumericDate: seconds, perhaps with a fraction, which is dropped. */
static bool take_time(const json_t *object, const char *name, bool *ret_has, int64_t *ret)
{
    const json_t *value = json_object_get(object, name);
    *ret_has = value != NULL && !json_is_null(value);
    if (!*ret_has)
        return true;
    if (json_is_integer(value))
        *ret = (int64_t)json_integer_value(value);
    else if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 1e15)
        *ret = (int64_t)json_real_value(value);
    else
        return false;
    return *ret >= 0 && *ret < INT64_C(1000000000000000);
}

/* A name that can be shown and looked up. */
static bool is_account(slice s)
{
    if (s.n > ACCOUNT_MAX_BYTES || !utf8_is_valid(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_control(s.p[i]))
            return false;
    return true;
}

static bool take_claims(struct arena *arena, const json_t *object, slice account_claim,
                        struct token_claims *ret)
{
    struct token_claims c = {0};
    const json_t *verified = json_object_get(object, "email_verified");
    bool ok =
        member(arena, object, "iss", &c.issuer) &&
        take_texts(arena, json_object_get(object, "aud"), c.audience, TOKEN_AUDIENCES_MAX,
                   &c.audiences) &&
        take_texts(arena, json_object_get(object, "scope"), c.scope, TOKEN_SCOPES_MAX, &c.scopes) &&
        take_texts(arena, json_object_get(object, "scp"), c.scope, TOKEN_SCOPES_MAX, &c.scopes) &&
        take_time(object, "exp", &c.has_end, &c.ends_at) &&
        take_time(object, "nbf", &c.has_begin, &c.begins_at) &&
        take_time(object, "iat", &c.has_made, &c.made_at) &&
        take_text(arena, json_object_getn(object, account_claim.p, account_claim.n), &c.account) &&
        is_account(c.account);
    /* OpenID Connect Core 5.1. Some write the word as a text. */
    c.is_unverified =
        slice_is(account_claim, "email") && verified != NULL && !json_is_true(verified) &&
        !(json_is_string(verified) && slice_is(slice_cstr(json_string_value(verified)), "true"));
    if (ok)
        *ret = c;
    return ok;
}

bool jose_claims_read(struct arena *arena, slice json, slice account_claim,
                      struct token_claims *ret)
{
    json_t *root = load(json);
    bool ok = root != NULL && take_claims(arena, root, account_claim, ret);
    json_decref(root);
    return ok;
}

slice jose_issuer(struct arena *arena, slice json)
{
    slice issuer = {0};
    json_t *root = load(json);
    if (root == NULL || !member(arena, root, "iss", &issuer))
        issuer = (slice){0};
    json_decref(root);
    return issuer;
}

bool jose_introspection_read(struct arena *arena, slice json, slice account_claim, bool *ret_active,
                             struct token_claims *ret)
{
    json_t *root = load(json);
    const json_t *active = json_object_get(root, "active");
    bool ok = json_is_boolean(active) &&
              (json_is_false(active) || take_claims(arena, root, account_claim, ret));
    if (ok)
        *ret_active = json_is_true(active);
    json_decref(root);
    return ok;
}

/* RFC 9068 2.1, RFC 7519 5.1: a token for access, or one that does not say. Others of the same
 * issuer (logout+jwt, secevent+jwt, dpop+jwt …) are signed with the same keys (RFC 8725 3.11). */
static bool is_access_type(slice type)
{
    slice prefix = SLICE_LIT("application/");
    if (slice_starts_ci(type, prefix))
        type = slice_tail(type, prefix.n);
    return type.n == 0 || slice_is_ci(type, "at+jwt") || slice_is_ci(type, "JWT");
}

bool jose_header_read(struct arena *arena, slice json, struct jose_header *ret)
{
    json_t *root = load(json);
    struct jose_header h = {0};
    slice algorithm, type;
    bool ok = root != NULL && member(arena, root, "alg", &algorithm) && algorithm.n > 0 &&
              member(arena, root, "kid", &h.key_id) && h.key_id.n <= KEY_ID_MAX_BYTES &&
              member(arena, root, "typ", &type);
    if (ok) {
        h.algorithm = jwt_algorithm_find(algorithm);
        /* RFC 7515 4.1.11: what must be understood and is not. */
        h.is_strange = json_object_get(root, "crit") != NULL || !is_access_type(type);
        *ret = h;
    }
    json_decref(root);
    return ok;
}

/* ---- keys ---- */

static bool take_bytes(struct arena *arena, const json_t *object, const char *name, slice *ret)
{
    const json_t *value = json_object_get(object, name);
    struct buf bytes;
    bool ok = false;
    if (!json_is_string(value))
        return false;
    buf_init(&bytes, JWK_RSA_MAX_BYTES);
    ok = base64url_decode(&bytes, slice_of(json_string_value(value), json_string_length(value))) ==
             BASE64_OK &&
         arena_copy(arena, buf_slice(&bytes), ret);
    buf_release(&bytes);
    return ok;
}

/* RFC 7517 4.2, 4.3: is it there to verify signatures with? */
static bool is_for_signatures(const json_t *object)
{
    const json_t *use = json_object_get(object, "use"), *ops = json_object_get(object, "key_ops");
    if (use != NULL &&
        !(json_is_string(use) && slice_is(slice_cstr(json_string_value(use)), "sig")))
        return false;
    if (ops == NULL)
        return true;
    for (size_t i = 0; i < json_array_size(ops); i++)
        if (slice_is(slice_cstr(json_string_value(json_array_get(ops, i))), "verify"))
            return true;
    return false;
}

static enum jwk_kind kind_of(slice type, slice curve)
{
    if (slice_is(type, "RSA"))
        return JWK_RSA;
    if (slice_is(type, "EC"))
        return slice_is(curve, "P-256") ? JWK_P256 : slice_is(curve, "P-384") ? JWK_P384 : JWK_NONE;
    return slice_is(type, "OKP") && slice_is(curve, "Ed25519") ? JWK_ED25519 : JWK_NONE;
}

static bool take_key(struct arena *arena, const json_t *object, struct jwk *ret)
{
    struct jwk key = {.algorithm = JWT_ALGORITHM_COUNT};
    slice type, curve, algorithm;
    if (!json_is_object(object) || !is_for_signatures(object) ||
        !member(arena, object, "kty", &type) || !member(arena, object, "crv", &curve) ||
        !member(arena, object, "alg", &algorithm) || !member(arena, object, "kid", &key.id) ||
        key.id.n > KEY_ID_MAX_BYTES)
        return false;
    key.kind = kind_of(type, curve);
    key.algorithm = algorithm.n > 0 ? jwt_algorithm_find(algorithm) : JWT_ALGORITHM_COUNT;
    if (key.kind == JWK_NONE || (algorithm.n > 0 && key.algorithm == JWT_ALGORITHM_COUNT) ||
        !take_bytes(arena, object, key.kind == JWK_RSA ? "n" : "x", &key.a) ||
        (key.kind != JWK_ED25519 &&
         !take_bytes(arena, object, key.kind == JWK_RSA ? "e" : "y", &key.b)) ||
        !jwk_is_sound(&key))
        return false;
    *ret = key;
    return true;
}

bool jose_keys_read(struct arena *arena, slice json, struct jose_keys *ret)
{
    json_t *root = load(json);
    const json_t *list = json_object_get(root, "keys");
    bool ok = json_is_array(list);
    ret->n = 0;
    for (size_t i = 0; ok && i < json_array_size(list) && ret->n < JOSE_KEYS_MAX; i++)
        if (take_key(arena, json_array_get(list, i), &ret->v[ret->n]))
            ret->n++;
    json_decref(root);
    return ok;
}
