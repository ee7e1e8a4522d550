/* What an issuer's server and a client's token may be: a token in its compact form, its header and
 * claims, key sets, answers to introspection. A signature is tried with whatever keys the input
 * itself has. Whatever comes: one who has proven nothing is nobody.
 *
 * The input is a key set, a newline, and a token; each is also read as all the others. */
#include "fuzz/fuzz.h"
#include "src/fetch/jose.h"

static void read_claims(struct arena *arena, slice json)
{
    struct token_claims c;
    const struct token_policy policy = {.issuer = SLICE_LIT("https://id.example"),
                                        .audience = SLICE_LIT("smtp"),
                                        .scope = SLICE_LIT("mail"),
                                        .is_signed = true,
                                        .now = 1700000000};
    bool is_active;
    if (jose_claims_read(arena, json, SLICE_LIT("email"), &c)) {
        enum token_verdict v = token_judge(&c, &policy);
        FUZZ_CHECK(token_verdict_word(v) != NULL);
        FUZZ_CHECK(v != TOKEN_GOOD || (slice_eq(c.issuer, policy.issuer) && c.account.n > 0 &&
                                       c.has_end && c.ends_at > policy.now - TOKEN_LEEWAY_S));
        FUZZ_CHECK(slice_eq(jose_issuer(arena, json), c.issuer));
    }
    (void)!jose_introspection_read(arena, json, SLICE_LIT("sub"), &is_active, &c);
}

static void read_token(struct arena *arena, slice token, const struct jose_keys *keys)
{
    struct jwt jwt;
    struct jose_header header;
    if (!jwt_read(arena, token, &jwt))
        return;
    FUZZ_CHECK(slice_starts(token, jwt.text) && token.p[jwt.text.n] == '.');
    read_claims(arena, jwt.claims);
    if (!jose_header_read(arena, jwt.header, &header))
        return;
    for (size_t i = 0; i < keys->n; i++) {
        FUZZ_CHECK(jwk_is_sound(&keys->v[i]));
        FUZZ_CHECK(jwt_verify(&jwt, header.algorithm, &keys->v[i]) != JWT_GOOD ||
                   jwk_fits(&keys->v[i], header.algorithm));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena;
    struct jose_keys keys = {0};
    struct jose_header header;
    slice in = slice_of(data, n), first;
    if (n > 40000)
        return 0;
    arena_init(&arena, 1 << 20);
    (void)!jose_header_read(&arena, in, &header);
    read_claims(&arena, in);
    if (slice_split(&in, '\n', &first) && jose_keys_read(&arena, first, &keys))
        FUZZ_CHECK(keys.n <= JOSE_KEYS_MAX);
    else
        keys.n = 0;
    read_token(&arena, in, &keys);
    arena_release(&arena);
    return 0;
}
