/* SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, or what is kept of it.
 * An account that does not exist goes through all of it with keys that nobody has.
 *
 * DEVIATES: a failed exchange ends without a server-final-message of "e=" (RFC 5802 7): in SMTP the
 * 535 says it, and says the same for every cause. */
#include "lib/auth/gs2.h"
#include "lib/auth/sasl_int.h"
#include "lib/auth/scram.h"
#include "lib/base/ascii.h"
#include "lib/base/base64.h"
#include "lib/base/secret.h"
#include "lib/base/utf8.h"

enum { NONCE_MAX_BYTES = 1024, KEYS_MAX = 16 };

/* All keys have the same salt and count, for the client hears one of each before anybody knows
 * which password it will use. */
struct sasl_scram {
    slice gs2;          /* the header as it came */
    slice binding;      /* what the connection says; empty without -PLUS */
    slice identity;     /* decoded; empty when there is none */
    slice first_bare;   /* client-first-message-bare */
    slice server_first; /* server-first-message */
    slice nonce;        /* both halves */
    slice account;
    enum sasl_cause cause; /* NONE: the keys are real */
    size_t count;
    struct scram_keys keys[KEYS_MAX];
    uint64_t ids[KEYS_MAX];
    struct sasl_result proven;
};

/* Takes "name=value" up to the next comma or the end, and the comma. */
static bool take_attribute(slice *in, char *name, slice *value)
{
    size_t at = slice_find(*in, ',');
    slice one = slice_head(*in, at);
    /* A comma at the very end promises another one. */
    if (one.n < 3 || !ascii_is_alpha(one.p[0]) || one.p[1] != '=' || at + 1 == in->n)
        return false;
    *name = one.p[0];
    *value = slice_tail(one, 2);
    *in = slice_tail(*in, at + 1);
    return true;
}

static bool is_nonce(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_graphic(s.p[i]) || s.p[i] == ',')
            return false;
    return s.n > 0 && s.n <= NONCE_MAX_BYTES;
}

static bool is_text(slice s)
{
    return slice_find(s, '\0') == s.n && utf8_is_valid(s);
}

/* Nothing but well-formed attributes is left. An optional extension may be ignored (RFC 5802 5.1).
 */
static bool are_extensions(slice rest)
{
    char name;
    slice value;
    while (rest.n > 0)
        if (!take_attribute(&rest, &name, &value))
            return false;
    return true;
}

struct client_first {
    struct gs2_header gs2;
    slice bare, name, nonce;
};

static enum sasl_cause read_client_first(slice in, struct client_first *ret)
{
    char name;
    if (!is_text(in) || !take_gs2_header(&in, &ret->gs2))
        return SASL_CAUSE_SYNTAX;
    ret->bare = in;
    if (!take_attribute(&in, &name, &ret->name))
        return SASL_CAUSE_SYNTAX;
    if (name == 'm')
        return SASL_CAUSE_EXTENSION;
    if (name != 'n' || !take_attribute(&in, &name, &ret->nonce) || name != 'r' ||
        !is_nonce(ret->nonce) || !are_extensions(in))
        return SASL_CAUSE_SYNTAX;
    return SASL_CAUSE_NONE;
}

/* RFC 5802 6: what the client says of channel binding against what is so. */
static enum sasl_cause check_binding(const struct sasl *s, const struct gs2_header *h, slice *ret)
{
    const struct sasl_facts *f = s->facts;
    bool is_plus = (sasl_mechanism_get(s->mechanism)->flags & SASL_BINDS_FLAG) != 0;
    enum sasl_mechanism plus = sasl_mechanism_get(s->mechanism)->digest == DIGEST_SHA1
                                   ? SASL_SCRAM_SHA_1_PLUS
                                   : SASL_SCRAM_SHA_256_PLUS;
    if (is_plus != (h->binding == GS2_BINDS))
        return SASL_CAUSE_SYNTAX;
    if (h->binding == GS2_NOT_OFFERED && (f->offered & 1U << plus) != 0)
        return SASL_CAUSE_DOWNGRADED;
    if (is_plus) {
        if (slice_is(h->binding_name, "tls-exporter"))
            *ret = f->tls_exporter;
        else if (slice_is(h->binding_name, "tls-server-end-point"))
            *ret = f->tls_end_point;
        if (ret->n == 0)
            return SASL_CAUSE_BINDING_TYPE;
    }
    return SASL_CAUSE_NONE;
}

static enum sasl_cause decode_name(struct sasl *s, slice encoded, slice *ret)
{
    switch (gs2_name_decode(&s->arena, encoded, ret)) {
    case GS2_NAME_OK:
        return SASL_CAUSE_NONE;
    case GS2_NAME_BAD:
        return SASL_CAUSE_SYNTAX;
    case GS2_NAME_NOMEM:
        break;
    }
    return SASL_CAUSE_NO_MEMORY;
}

/* The account's keys for this digest that share the first one's salt. */
static void collect_keys(const struct sasl_answer *kept, enum digest d, struct sasl_scram *x)
{
    for (size_t i = 0; i < kept->count && x->count < KEYS_MAX; i++) {
        struct scram_keys *k = &x->keys[x->count];
        if (kept->credentials[i].kind != SASL_CREDENTIAL_SCRAM ||
            !scram_read(kept->credentials[i].text, k) || k->digest != d)
            continue;
        if (k->iterations == x->keys[0].iterations &&
            slice_eq(scram_salt(k), scram_salt(&x->keys[0])))
            x->ids[x->count++] = kept->credentials[i].id;
    }
}

static bool choose_keys(const struct sasl *s, const struct sasl_answer *kept, struct sasl_scram *x)
{
    enum digest d = sasl_mechanism_get(s->mechanism)->digest;
    x->account = kept->account;
    x->cause = SASL_CAUSE_UNKNOWN_USER;
    if (kept->code == SASL_ANSWER_YES || kept->code == SASL_ANSWER_DISABLED) {
        collect_keys(kept, d, x);
        x->cause = kept->code == SASL_ANSWER_DISABLED ? SASL_CAUSE_DISABLED
                   : x->count == 0                    ? SASL_CAUSE_NO_SECRET
                                                      : SASL_CAUSE_NONE;
    }
    if (x->count > 0)
        return true;
    x->count = 1;
    return scram_fake(d, s->facts->fake_secret, kept->account.n > 0 ? kept->account : s->name,
                      &x->keys[0]);
}

static sasl_turn scram_final;

static enum sasl_step say_server_first(struct sasl *s, struct sasl_scram *x, slice client_nonce)
{
    struct buf out =
        sasl_buf(s, client_nonce.n + s->facts->nonce.n + SCRAM_SALT_MAX_BYTES * 2 + 32);
    if (out.p == NULL)
        return s->step;
    buf_adds(&out, "r=");
    buf_add(&out, client_nonce);
    buf_add(&out, s->facts->nonce);
    x->nonce = slice_tail(buf_slice(&out), 2);
    buf_adds(&out, ",s=");
    base64_encode(&out, scram_salt(&x->keys[0]));
    buf_addf(&out, ",i=%u", (unsigned)x->keys[0].iterations);
    x->server_first = buf_slice(&out);
    s->scram = x;
    return sasl_say(s, x->server_first, scram_final);
}

enum sasl_step sasl_scram_first(struct sasl *s)
{
    struct client_first m = {0};
    slice name, binding = {0}, identity = {0};
    enum sasl_cause cause = read_client_first(s->response, &m);
    if (cause == SASL_CAUSE_NONE)
        cause = check_binding(s, &m.gs2, &binding);
    if (cause == SASL_CAUSE_NONE)
        cause = decode_name(s, m.name, &name);
    if (cause == SASL_CAUSE_NONE && m.gs2.identity.n > 0)
        cause = decode_name(s, m.gs2.identity, &identity);
    if (cause != SASL_CAUSE_NONE)
        return sasl_fail(s, cause);
    if (!sasl_prep(s, name, &s->name))
        return s->step;
    const struct sasl_answer *kept =
        sasl_ask(s, &(struct sasl_question){.kind = SASL_ASK_CREDENTIALS, .name = s->name});
    if (kept == NULL)
        return s->step;
    struct sasl_scram *x = ARENA_NEW(&s->arena, struct sasl_scram);
    if (x == NULL || !choose_keys(s, kept, x))
        return sasl_fail(s, SASL_CAUSE_NO_MEMORY);
    x->gs2 = m.gs2.text;
    x->binding = binding;
    x->identity = identity;
    x->first_bare = m.bare;
    return say_server_first(s, x, m.nonce);
}

struct client_final {
    slice without_proof, binding, nonce, proof; /* binding and proof in base64 */
};

static bool read_client_final(slice in, struct client_final *ret)
{
    char name;
    slice whole = in;
    if (!is_text(in) || !take_attribute(&in, &name, &ret->binding) || name != 'c' ||
        !take_attribute(&in, &name, &ret->nonce) || name != 'r')
        return false;
    /* The proof is the last, and what is before it is what it proves. */
    do {
        ret->without_proof = slice_head(whole, whole.n - in.n - 1);
        if (in.n == 0 || !take_attribute(&in, &name, &ret->proof))
            return false;
    } while (in.n > 0);
    return name == 'p';
}

static bool decode(struct sasl *s, slice text, slice *ret)
{
    struct buf b = sasl_buf(s, text.n);
    if (b.p == NULL)
        return false;
    if (base64_decode(&b, text) != BASE64_OK) {
        sasl_fail(s, SASL_CAUSE_SYNTAX);
        return false;
    }
    *ret = buf_slice(&b);
    return true;
}

/* RFC 5802 7: cbind-input is the header and the connection's data. */
static bool is_bound_right(const struct sasl_scram *x, slice got)
{
    return got.n == x->gs2.n + x->binding.n && slice_eq(slice_head(got, x->gs2.n), x->gs2) &&
           secret_eq(slice_tail(got, x->gs2.n), x->binding);
}

static bool make_auth_message(struct sasl *s, slice without_proof, slice *ret)
{
    const struct sasl_scram *x = s->scram;
    struct buf b = sasl_buf(s, x->first_bare.n + x->server_first.n + without_proof.n + 2);
    if (b.p == NULL)
        return false;
    buf_add(&b, x->first_bare);
    buf_addc(&b, ',');
    buf_add(&b, x->server_first);
    buf_addc(&b, ',');
    buf_add(&b, without_proof);
    *ret = buf_slice(&b);
    return true;
}

/* The keys that the proof fits; all are tried, and fake ones too. NULL: none. */
static const struct scram_keys *find_keys(struct sasl_scram *x, slice auth_message, slice proof)
{
    const struct scram_keys *found = NULL;
    for (size_t i = 0; i < x->count; i++) {
        bool fits = false;
        if (scram_check_proof(&x->keys[i], auth_message, proof, &fits) && fits) {
            found = &x->keys[i];
            x->proven.credential = x->ids[i];
        }
    }
    return found;
}

/* RFC 4954 4: SMTP's 235 carries nothing, so the server's signature was a challenge, and the client
 * answers it with an empty line. */
static enum sasl_step scram_last(struct sasl *s)
{
    if (s->response.n > 0)
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    return sasl_settle(s, &s->scram->proven, s->name, s->scram->identity);
}

static enum sasl_step say_server_final(struct sasl *s, const struct scram_keys *keys,
                                       slice auth_message)
{
    struct digest_value signature;
    struct buf out = sasl_buf(s, 2 + DIGEST_MAX_BYTES * 2);
    if (out.p == NULL)
        return s->step;
    if (!scram_server_signature(keys, auth_message, &signature))
        return sasl_fail(s, SASL_CAUSE_NO_MEMORY);
    buf_adds(&out, "v=");
    base64_encode(&out, digest_slice(&signature));
    return sasl_say(s, buf_slice(&out), scram_last);
}

static enum sasl_step scram_final(struct sasl *s)
{
    struct sasl_scram *x = s->scram;
    struct client_final m = {0};
    slice binding, proof, auth_message;
    if (!read_client_final(s->response, &m))
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    if (!decode(s, m.binding, &binding) || !decode(s, m.proof, &proof) ||
        !make_auth_message(s, m.without_proof, &auth_message))
        return s->step;
    if (!slice_eq(m.nonce, x->nonce))
        return sasl_fail(s, SASL_CAUSE_NONCE_DIFFERS);
    if (!is_bound_right(x, binding))
        return sasl_fail(s, SASL_CAUSE_BINDING_DIFFERS);
    const struct scram_keys *keys = find_keys(x, auth_message, proof);
    if (x->cause != SASL_CAUSE_NONE)
        return sasl_fail(s, x->cause);
    if (keys == NULL)
        return sasl_fail(s, SASL_CAUSE_WRONG_SECRET);
    x->proven.account = x->account;
    x->proven.is_bound = x->binding.n > 0;
    return say_server_final(s, keys, auth_message);
}
