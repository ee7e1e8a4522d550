#include "src/fetch/jose.h"

#include "lib/base/test.h"

#define ROOM (1 << 18)

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool ok;
        enum jwt_algorithm algorithm;
        const char *kid;
        bool is_strange;
    } rows[] = {
        {"{\"alg\":\"RS256\"}", true, JWT_RS256, "", false},
        {"{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"kid\":\"a\"}", true, JWT_ES256, "a", false},
        {"{\"typ\":\"application/AT+JWT\",\"alg\":\"ES256\"}", true, JWT_ES256, "", false},
        {"{\"typ\":\"JWT\",\"alg\":\"none\"}", true, JWT_ALGORITHM_COUNT, "", false},
        {"{\"alg\":\"HS256\",\"x5u\":\"https://a.b\"}", true, JWT_ALGORITHM_COUNT, "", false},
        {"{\"alg\":\"RS256\",\"crit\":[]}", true, JWT_RS256, "", true},
        {"{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}", true, JWT_RS256, "", true},
        {"{\"typ\":\"JWT\"}", false, 0, NULL, false},
        {"{\"alg\":256}", false, 0, NULL, false},
        {"{\"alg\":\"RS256\",\"kid\":1}", false, 0, NULL, false},
        {"{\"alg\":\"RS256\",\"alg\":\"none\"}", false, 0, NULL, false},
        {"{\"alg\":\"RS256\"} x", false, 0, NULL, false},
        {"[\"alg\"]", false, 0, NULL, false},
        {"", false, 0, NULL, false},
    };
    struct arena arena;
    arena_init(&arena, ROOM);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct jose_header h;
        if (jose_header_read(&arena, slice_cstr(rows[i].json), &h) != rows[i].ok)
            fail_msg("%s", rows[i].json);
        if (!rows[i].ok)
            continue;
        assert_int_equal(h.algorithm, rows[i].algorithm);
        assert_slice(h.key_id, slice_cstr(rows[i].kid));
        assert_int_equal(h.is_strange, rows[i].is_strange);
    }
    arena_release(&arena);
}

static void claims(void **state)
{
    (void)state;
    struct arena arena;
    struct token_claims c;
    arena_init(&arena, ROOM);
    assert_true(jose_claims_read(
        &arena,
        SLICE_LIT("{\"iss\":\"i\",\"aud\":[\"a\",\"b\"],\"exp\":2e3,\"nbf\":1999.9,\"iat\":7,"
                  "\"scope\":\"x y\",\"scp\":[\"z\"],\"email\":\"m\",\"email_verified\":\"true\","
                  "\"nested\":{\"exp\":1}}"),
        SLICE_LIT("email"), &c));
    assert_slice(c.issuer, SLICE_LIT("i"));
    assert_int_equal(c.audiences, 2);
    assert_slice(c.audience[1], SLICE_LIT("b"));
    assert_int_equal(c.ends_at, 2000);
    assert_int_equal(c.begins_at, 1999);
    assert_int_equal(c.made_at, 7);
    assert_int_equal(c.scopes, 2);
    assert_slice(c.scope[1], SLICE_LIT("z"));
    assert_slice(c.account, SLICE_LIT("m"));
    assert_false(c.is_unverified);
    assert_true(jose_claims_read(&arena, SLICE_LIT("{\"sub\":\"s\",\"aud\":null,\"exp\":null}"),
                                 SLICE_LIT("sub"), &c));
    assert_false(c.has_end || c.has_begin || c.has_made);
    assert_int_equal(c.audiences, 0);
    assert_true(jose_claims_read(&arena, SLICE_LIT("{\"email\":\"m\",\"email_verified\":false}"),
                                 SLICE_LIT("email"), &c));
    assert_true(c.is_unverified);
    static const char *const bad[] = {
        "{\"iss\":1}",
        "{\"aud\":1}",
        "{\"aud\":[1]}",
        "{\"exp\":\"1\"}",
        "{\"exp\":-1}",
        "{\"exp\":1e300}",
        "{\"exp\":true}",
        "{\"nbf\":[]}",
        "{\"scope\":{}}",
        "{\"email\":7}",
        "{\"email\":\"a\\nb\"}",
        "{\"exp\":1,\"exp\":2}",
        "{\"exp\":99999999999999999999}",
        "null",
        "{\"email\":\"a\\u0000b\"}",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (jose_claims_read(&arena, slice_cstr(bad[i]), SLICE_LIT("email"), &c))
            fail_msg("%s", bad[i]);
    arena_release(&arena);
}

#define N2048                                                                                      \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4" \
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re" \
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX" \
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" N2048 "\""

static void key_sets(void **state)
{
    (void)state;
    struct arena arena;
    struct jose_keys keys;
    arena_init(&arena, ROOM);
    assert_true(
        jose_keys_read(&arena,
                       SLICE_LIT("{\"keys\":[{" RSA "},{" RSA
                                 ",\"alg\":\"PS256\",\"kid\":\"k\",\"use\":\"sig\"},"
                                 "{" RSA ",\"key_ops\":[\"sign\",\"verify\"]},"
                                 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                 "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"),
                       &keys));
    assert_int_equal(keys.n, 4);
    assert_int_equal(keys.v[0].kind, JWK_RSA);
    assert_int_equal(keys.v[0].a.n, 256);
    assert_int_equal(keys.v[0].algorithm, JWT_ALGORITHM_COUNT);
    assert_int_equal(keys.v[1].algorithm, JWT_PS256);
    assert_slice(keys.v[1].id, SLICE_LIT("k"));
    assert_int_equal(keys.v[3].kind, JWK_ED25519);
    /* Left out: for something else, of another kind, weak, or not what they say. */
    assert_true(jose_keys_read(
        &arena,
        SLICE_LIT("{\"keys\":[{" RSA ",\"use\":\"enc\"},{" RSA ",\"key_ops\":[\"sign\"]},"
                  "{" RSA ",\"alg\":\"RSA-OAEP\"},{" RSA
                  ",\"kid\":7},{\"kty\":\"oct\",\"k\":\"AA\"},"
                  "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AQAB\"},{\"kty\":\"RSA\",\"n\":\"" N2048
                  "\"},{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"},"
                  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA==\",\"y\":\"AA\"},7,null,[]]}"),
        &keys));
    assert_int_equal(keys.n, 0);
    static const char *const bad[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(jose_keys_read(&arena, slice_cstr(bad[i]), &keys));
    arena_release(&arena);
}

static void introspections(void **state)
{
    (void)state;
    struct arena arena;
    struct token_claims c = {0};
    bool is_active = true;
    slice claim = SLICE_LIT("username");
    arena_init(&arena, ROOM);
    assert_true(jose_introspection_read(&arena, SLICE_LIT("{\"active\":false,\"exp\":\"x\"}"),
                                        claim, &is_active, &c));
    assert_false(is_active);
    assert_true(jose_introspection_read(&arena, SLICE_LIT("{\"active\":true,\"username\":\"u\"}"),
                                        claim, &is_active, &c));
    assert_true(is_active);
    assert_slice(c.account, SLICE_LIT("u"));
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"active\":1}",
                                      "{\"active\":\"true\"}",
                                      "{\"active\":true,\"exp\":\"x\"}",
                                      "{\"active\":false,\"active\":true}"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(jose_introspection_read(&arena, slice_cstr(bad[i]), claim, &is_active, &c));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(headers), cmocka_unit_test(claims),
                                       cmocka_unit_test(key_sets),
                                       cmocka_unit_test(introspections)};
    jose_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
