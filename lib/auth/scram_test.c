#include "lib/auth/scram.h"

#include "lib/base/base64.h"
#include "lib/base/test.h"

static void assert_base64(slice bytes, const char *want)
{
    struct buf b;
    buf_init(&b, 200);
    base64_encode(&b, bytes);
    assert_slice(buf_slice(&b), slice_cstr(want));
    buf_release(&b);
}

/* The arithmetic of RFC 5802 5 and RFC 7677 3. */
static const struct {
    enum digest digest;
    const char *text; /* of the keys for "pencil" */
    const char *salt, *auth_message, *proof, *signature;
} rows[] = {
    {DIGEST_SHA1,
     "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
     "QSXCR+Q6sek8bf92",
     "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
     "s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
     "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {DIGEST_SHA256,
     "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
     "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
     "W22ZaJ0SNY7soEsUEjb6gQ==",
     "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,"
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

static void derives_and_proves(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf salt, proof, text;
        struct scram_keys k, again;
        struct digest_value signature;
        bool fits = false;
        slice message = slice_cstr(rows[i].auth_message);
        buf_init(&salt, 100);
        buf_init(&proof, 100);
        buf_init(&text, SCRAM_TEXT_MAX_BYTES);
        assert_int_equal(base64_decode(&salt, slice_cstr(rows[i].salt)), BASE64_OK);
        assert_int_equal(base64_decode(&proof, slice_cstr(rows[i].proof)), BASE64_OK);
        assert_true(scram_derive(rows[i].digest, SLICE_LIT("pencil"), buf_slice(&salt), 4096, &k));
        scram_print(&text, &k);
        assert_slice(buf_slice(&text), slice_cstr(rows[i].text));
        assert_true(scram_read(buf_slice(&text), &again));
        assert_memory_equal(&again, &k, sizeof k);

        assert_true(scram_check_proof(&k, message, buf_slice(&proof), &fits) && fits);
        assert_true(scram_server_signature(&k, message, &signature));
        assert_base64(digest_slice(&signature), rows[i].signature);
        /* Every byte of it counts. */
        for (size_t at = 0; at < proof.n; at++) {
            proof.p[at] ^= 1;
            assert_true(scram_check_proof(&k, message, buf_slice(&proof), &fits) && !fits);
            proof.p[at] ^= 1;
        }
        assert_true(scram_check_proof(&k, slice_tail(message, 1), buf_slice(&proof), &fits));
        assert_false(fits);
        assert_true(
            scram_check_proof(&k, message, slice_head(buf_slice(&proof), proof.n - 1), &fits));
        assert_false(fits);
        buf_release(&salt);
        buf_release(&proof);
        buf_release(&text);
    }
}

static void refuses_other_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "SCRAM-SHA-1",
        "SCRAM-SHA-1$4096",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:",
        "SCRAM-SHA-1$0:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$10000001:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
        "D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$x:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$4096:$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-256$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
        "D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y:D+CSWLOshSulAsxiupA+qs2/"
        "fTE=",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
        "D+CSWLOshSulAsxiupA+qs2/fTE=:",
        "$6$salt$hash",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct scram_keys k = {.iterations = 7};
        assert_false(scram_read(slice_cstr(bad[i]), &k));
        assert_int_equal(k.iterations, 7);
    }
}

static void fakes_are_stable(void **state)
{
    (void)state;
    struct scram_keys a, again, other_name, other_digest, other_secret, real;
    slice secret = SLICE_LIT("0123456789abcdef0123456789abcdef"),
          name = SLICE_LIT("nobody@x.example");
    assert_true(scram_fake(DIGEST_SHA256, secret, name, &a));
    assert_true(scram_fake(DIGEST_SHA256, secret, name, &again));
    assert_true(scram_fake(DIGEST_SHA256, secret, SLICE_LIT("nobodz@x.example"), &other_name));
    assert_true(scram_fake(DIGEST_SHA1, secret, name, &other_digest));
    assert_true(scram_fake(DIGEST_SHA256, slice_tail(secret, 1), name, &other_secret));
    assert_memory_equal(&a, &again, sizeof a);
    assert_false(slice_eq(scram_salt(&a), scram_salt(&other_name)));
    assert_false(slice_eq(scram_salt(&a), scram_salt(&other_digest)));
    assert_false(slice_eq(scram_salt(&a), scram_salt(&other_secret)));
    assert_int_equal(other_digest.stored_key.n, 20);
    /* Nothing in its form tells it from the keys that accounts get. */
    assert_true(
        scram_derive(DIGEST_SHA256, SLICE_LIT("x"), SLICE_LIT("0123456789abcdef"), 1, &real));
    assert_int_equal(a.salt_bytes, SCRAM_SALT_BYTES);
    assert_int_equal(a.iterations, SCRAM_ITERATIONS);
    assert_int_equal(a.stored_key.n, real.stored_key.n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(derives_and_proves),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(fakes_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
