/* RFC 7515 A.2, A.3; RFC 8037 A.4; and tokens made with the RSA key of A.2, whose private half is
 * printed there, and with a P-384 key of our own. */
#include "lib/auth/jwt.h"

#include "lib/base/base64.h"
#include "lib/base/test.h"

#define PAYLOAD                                                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

struct text_key {
    enum jwk_kind kind;
    const char *a, *b;
};

static const struct text_key rsa = {
    JWK_RSA,
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "AQAB"};
static const struct text_key p256 = {JWK_P256, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                                     "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"};
static const struct text_key p384 = {
    JWK_P384, "xYMVVpbb_cMorhzRWU8PxahEJpykVsm4KBTqDK8-9EllxAUbaJj6z6gljoS9QvlL",
    "DDT7gZuV3pbMuct0OvkyF0XB9GwChTYmkgWT-Oy3BqGdWDcv0LEOs7nLxowOOuYc"};
static const struct text_key ed25519 = {JWK_ED25519, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                                        ""};

static const struct {
    enum jwt_algorithm algorithm;
    const struct text_key *key;
    const char *token;
} good[] = {
    {JWT_RS256, &rsa,
     "eyJhbGciOiJSUzI1NiJ9." PAYLOAD
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
     "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHl"
     "b1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
     "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {JWT_ES256, &p256,
     "eyJhbGciOiJFUzI1NiJ9." PAYLOAD
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {JWT_EDDSA, &ed25519,
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
    {JWT_ED25519, &ed25519,
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
    {JWT_RS384, &rsa,
     "eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJqb2UifQ.P1q7bTneKArFa9fvkFTGu7Ukr3rtZBiO0Z7u-SQDF-Wv"
     "gbUdb7i3H8wtK6h38b7fWf80vZnQX1Ls-WZJ6gLlgpltyaDPgbIyGd5IjDEw9IdCESbUdqQzC1KM4X6aU40E"
     "s7yzRFaUPnxaq4cBnVt_ZFeE-v0UDdZX8WSGknlU6pXTqCnlFh2HFhpl7XH0hBKOaAEhwKA_20VGq3Qs0I5r"
     "ZJLAHcALfpx6H11ZL3iVrZuPLh7rzp0YFjSVvWkC47ivs1UC83nVE7NpPlfxf76onllZf7UI4siMpy2XkaeJ"
     "moqS9xlQRZZQ37SvDmRensX4CY39RliLvvQMfmKaHpI5KA"},
    {JWT_RS512, &rsa,
     "eyJhbGciOiJSUzUxMiJ9.eyJpc3MiOiJqb2UifQ.Ruv700gLd6NRaP1kXhebjRM0nCyGMM5bvr2JT9mFAMjX"
     "4wX8VtmUDksYm6RfeMfk-CVpGpWbkfBbDNWdMQWSq7YRIREJVOHWgsXMzWBfIFKR9hJROQSawYe6Y9DdMIqk"
     "iTHJwG7NA_rQ0dSj46Uc8iESFFvckBI96MYtKOKSXoNxM31NkerlMo8M9V16r1ZZtD5_iuP0inP7uhHWszxg"
     "UUa8j7mJRpvWtMVI_d42UegCYxxoHB_O0By6vMykFkrH_R88NqjFATHukUswz-Us0XOFcDCs2wZyQKro6Jnc"
     "NmgYn2nRjGdqIW_ytGuf6OI9AqAtGiHW-ThRgUnRc1q9lA"},
    {JWT_PS256, &rsa,
     "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJqb2UifQ.cJYpHIgIJuqgQHoqAOdgjbsmmJ6RRQCCmY53Po5qc0dE"
     "A9nSWzyY_PseNOoJwI-6EWGZYM8aLDHaNTFiFuc3KRIgqZClZbupfreDC6mfud9lmAUqzjKrAvAgv97CTzR7"
     "VvnhU0S8tPxAwRYSP8688AF69imwlzYdvKMUjuXfHCRnmUmgo7OYaSeixg_e4u1Xzy3So8R1Gj-QNFIiBrXd"
     "AypADxOzTf_ZaWcCLu-AzasOVEOZaAJ9VEz4WDFRs5iL0fWVizu7q_fZAdSvlwp6n5emH4JwW1SaVyTJPrbQ"
     "iYP1wIsB1Ju4jEVDvPzdiXV3pAKFNEY1NysAr-K8dSrFHQ"},
    {JWT_PS384, &rsa,
     "eyJhbGciOiJQUzM4NCJ9.eyJpc3MiOiJqb2UifQ.KrS2f3EEfvuM5c6_oCdyEXaS2BhA8LBWbPp8VDAr2WKp"
     "bU3EVvlmMmCkW1nkjck4BWS3blc4hcb1qx4a9eTH2YHJoYSQYfOkefmSXZQKUtEg3_wybaOx5kBrLUn-0H56"
     "ROxzsSwqeBfasotiUrcbLyt1_gouKJ3QDmdAboXLarp23NW2OdNy9KdVU3y_RDUgbevAuIiWwwZ2P0ld9Z4F"
     "n52Gkux43R7u8PrISwRoQCDVTCy3RxCFngYh45zY3nxj1wIPt6KJm_QUpfAIu_p2JAiRzl98hyb9Y7vWmjvJ"
     "7KhZvsBgKkFfFrefgVjTZ1_ixNhpuGTLN0_s9rrc5vdNKw"},
    {JWT_PS512, &rsa,
     "eyJhbGciOiJQUzUxMiJ9.eyJpc3MiOiJqb2UifQ.YgNYH0UZJ6RzO2Q4P6IbeXpIhb7EqB3AN9E9fGyxyCNe"
     "bV7yKVmndc7P8_8NKYWBNVDLtdPsGWAa_38CgauJuc5x9Eq2M1Saz3QxmdYW2zCXt9DfDJ6Zn1xymX8hK5-b"
     "QIh8wn6wUH6JDTXHYix6cclzhYokAjDy3PDZZKQ4QPbwfMD1SMgXQaMnznD6oXUkExJiLCzIrceEDP_eqD5_"
     "E1ZZnuxDIrOLtq7XH5ZyU5r3iKjzYHzBrSV6f0QflyjJA98j6IiobXsk_K9MkACOl1qRLKMMmaExBK7BBbiN"
     "k3k6fvtxXzHeAa212RgSj2kNUEiDXnQVkJQEqRRAvwDIKg"},
    {JWT_ES384, &p384,
     "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJqb2UifQ.V9dupWQ9OxAp3WnWdNorlOj44YR_y1ebuUERc2O3n-zf"
     "CZogGSNGzkndyJKnzk0smo9GJr2krgzbp-HxpIfDJJr57FOxJ5iHqXqqN39_ykLM8msLXGgvMJgc_1RWDF4c"},
};

static slice decode(struct arena *arena, const char *text)
{
    struct buf b;
    slice s;
    buf_init(&b, 4096);
    assert_int_equal(base64url_decode(&b, slice_cstr(text)), BASE64_OK);
    assert_true(arena_copy(arena, buf_slice(&b), &s));
    buf_release(&b);
    return s;
}

static struct jwk key_of(struct arena *arena, const struct text_key *k)
{
    return (struct jwk){.kind = k->kind,
                        .algorithm = JWT_ALGORITHM_COUNT,
                        .a = decode(arena, k->a),
                        .b = decode(arena, k->b)};
}

static void verifies(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT(good); i++) {
        struct jwk key = key_of(&arena, good[i].key);
        struct jwt jwt;
        assert_true(jwt_read(&arena, slice_cstr(good[i].token), &jwt));
        assert_true(jwk_is_sound(&key));
        assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &key), JWT_GOOD);
        /* Any bit of the text, and any of the signature. */
        slice text = jwt.text, signature = jwt.signature;
        char room[2048];
        for (size_t at = 0; at < text.n; at += 7) {
            memcpy(room, text.p, text.n);
            room[at] ^= 1;
            jwt.text = slice_of(room, text.n);
            assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &key), JWT_BAD);
        }
        jwt.text = text;
        for (size_t at = 0; at < signature.n; at += 5) {
            memcpy(room, signature.p, signature.n);
            room[at] ^= 0x40;
            jwt.signature = slice_of(room, signature.n);
            assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &key), JWT_BAD);
        }
        /* Any length. */
        memset(room, 0, sizeof room);
        memcpy(room, signature.p, signature.n);
        for (size_t n = 0; n < 2 * signature.n; n += n < 3 || n > signature.n - 3 ? 1 : 9) {
            jwt.signature = slice_of(room, n);
            if (n != signature.n)
                assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &key), JWT_BAD);
        }
        /* All zero: r = s = 0 once fooled many (CVE-2022-21449). */
        memset(room, 0, sizeof room);
        jwt.signature = slice_of(room, signature.n);
        assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &key), JWT_BAD);
    }
    arena_release(&arena);
}

/* No other algorithm, no other key. */
static void keeps_to_one(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT(good); i++) {
        struct jwt jwt;
        assert_true(jwt_read(&arena, slice_cstr(good[i].token), &jwt));
        struct jwk key = key_of(&arena, good[i].key);
        for (unsigned a = 0; a <= JWT_ALGORITHM_COUNT; a++)
            if (a != good[i].algorithm && good[i].key != &ed25519)
                assert_int_not_equal(jwt_verify(&jwt, (enum jwt_algorithm)a, &key), JWT_GOOD);
        for (size_t k = 0; k < COUNT(good); k++) {
            struct jwk other = key_of(&arena, good[k].key);
            if (good[k].key != good[i].key)
                assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &other), JWT_FAILED);
        }
        key.algorithm = good[i].algorithm;
        assert_true(jwk_fits(&key, good[i].algorithm));
        key.algorithm = good[i].algorithm == JWT_RS256 ? JWT_PS256 : JWT_RS256;
        assert_int_equal(jwt_verify(&jwt, good[i].algorithm, &key), JWT_FAILED);
    }
    assert_int_equal(jwt_algorithm_find(SLICE_LIT("RS256")), JWT_RS256);
    static const char *const refused[] = {"none", "None", "HS256",  "HS512", "rs256",
                                          "",     "RS1",  "ES256K", "RS256 "};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_int_equal(jwt_algorithm_find(slice_cstr(refused[i])), JWT_ALGORITHM_COUNT);
    arena_release(&arena);
}

static void unsound_keys(void **state)
{
    (void)state;
    static char big[JWK_RSA_MAX_BYTES + 1];
    memset(big, 0xff, sizeof big);
    struct {
        enum jwk_kind kind;
        slice a, b;
        bool want;
    } rows[] = {
        {JWK_NONE, slice_of(big, 256), slice_of(big, 1), false},
        {JWK_RSA, slice_of(big, 256), slice_of(big, 3), true},
        {JWK_RSA, slice_of(big, JWK_RSA_MAX_BYTES), slice_of(big, 8), true},
        {JWK_RSA, slice_of(big, 255), slice_of(big, 3), false}, /* RFC 7518 3.3 */
        {JWK_RSA, slice_of(big, JWK_RSA_MAX_BYTES + 1), slice_of(big, 3), false},
        {JWK_RSA, slice_of(big, 256), slice_of(big, 9), false},
        {JWK_RSA, slice_of(big, 256), SLICE_LIT("\1"), false},
        {JWK_RSA, slice_of(big, 256), SLICE_LIT("\2"), false},
        {JWK_RSA, slice_of(big, 256), (slice){0}, false},
        {JWK_RSA, (slice){0}, SLICE_LIT("\3"), false},
        {JWK_P256, slice_of(big, 32), slice_of(big, 32), true},
        {JWK_P256, slice_of(big, 32), slice_of(big, 31), false},
        {JWK_P256, slice_of(big, 48), slice_of(big, 48), false},
        {JWK_P384, slice_of(big, 48), slice_of(big, 48), true},
        {JWK_ED25519, slice_of(big, 32), (slice){0}, true},
        {JWK_ED25519, slice_of(big, 32), slice_of(big, 32), false},
        {JWK_ED25519, slice_of(big, 31), (slice){0}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct jwk key = {.kind = rows[i].kind,
                          .algorithm = JWT_ALGORITHM_COUNT,
                          .a = rows[i].a,
                          .b = rows[i].b};
        assert_int_equal(jwk_is_sound(&key), rows[i].want);
    }
    /* The right size, but no point of the curve. */
    struct jwt jwt = {.text = SLICE_LIT("x"), .signature = slice_of(big, 64)};
    struct jwk key = {.kind = JWK_P256,
                      .algorithm = JWT_ALGORITHM_COUNT,
                      .a = slice_of(big, 32),
                      .b = slice_of(big, 32)};
    assert_int_equal(jwt_verify(&jwt, JWT_ES256, &key), JWT_FAILED);
}

static void compact_form(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "e30",
                                      "e30.e30",
                                      "e30..e30",
                                      ".e30.e30",
                                      "e30.e30=.e30",
                                      "e30.e30.e30.",
                                      "e30.e30.e30.e30.e30",
                                      "e30.e3 0.e30",
                                      "e31.e30.e30",
                                      "e30.e30.e+0",
                                      "e30.e30.e30\n"};
    struct arena arena;
    struct jwt jwt = {.text = SLICE_LIT("as before")};
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (jwt_read(&arena, slice_cstr(bad[i]), &jwt))
            fail_msg("%s", bad[i]);
        assert_slice(jwt.text, SLICE_LIT("as before"));
    }
    assert_true(jwt_read(&arena, SLICE_LIT("e30.e30."), &jwt));
    assert_slice(jwt.header, SLICE_LIT("{}"));
    assert_slice(jwt.claims, SLICE_LIT("{}"));
    assert_slice(jwt.text, SLICE_LIT("e30.e30"));
    assert_int_equal(jwt.signature.n, 0);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verifies), cmocka_unit_test(keeps_to_one),
                                       cmocka_unit_test(unsound_keys),
                                       cmocka_unit_test(compact_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
