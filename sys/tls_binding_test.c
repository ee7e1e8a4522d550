/* What both sides of a connection must agree on, and the client's certificate. */
#include "sys/tls_world.h"

#include <errno.h>
#include <openssl/err.h>

/* The client's own idea of it. */
static void exporter_of(SSL *c, char room[static TLS_EXPORTER_BYTES])
{
    static const char label[] = "EXPORTER-Channel-Binding";
    assert_int_equal(SSL_export_keying_material(c, (unsigned char *)room, TLS_EXPORTER_BYTES, label,
                                                sizeof label - 1, (const unsigned char *)"", 0, 1),
                     1);
}

static slice end_point_of(SSL *c, char room[static TLS_END_POINT_MAX])
{
    unsigned n = 0;
    X509 *x = SSL_get0_peer_certificate(c);
    assert_non_null(x);
    assert_int_equal(X509_digest(x, EVP_sha256(), (unsigned char *)room, &n), 1);
    return slice_of(room, n);
}

/* Connects, hands the client its ticket, and looks. */
static void connect_and_compare(struct fixture *f, int version, bool resumes, bool has_exporter)
{
    struct pair p;
    struct tls_facts facts;
    char ours[TLS_END_POINT_MAX], theirs[TLS_END_POINT_MAX];
    pair_init(&p, f, version, NULL);
    pair_handshake(&p, SIZE_MAX);
    assert_int_equal(p.step, TLS_STEP_DONE);
    tls_session_facts(p.s, &facts);
    assert_int_equal(facts.resumed, resumes);
    assert_true(facts.has_binding);
    slice exporter = tls_exporter(p.s, ours);
    assert_int_equal(exporter.n, has_exporter ? TLS_EXPORTER_BYTES : 0);
    exporter_of(p.c, theirs);
    if (has_exporter)
        assert_slice(exporter, slice_of(theirs, TLS_EXPORTER_BYTES));
    assert_slice(tls_end_point(p.s, ours), end_point_of(p.c, theirs));
    pair_talk(&p);
    pair_release(&p);
}

static void both_sides_agree(void **state)
{
    struct fixture *f = *state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < COUNT(versions); i++)
        for (size_t key = 0; key < 3; key++) {
            /* The certificate's own hash is SHA-256 whatever its key. */
            assert_int_equal(world_send_certificate(f, 0, 1, key, "h", "h.example"), 0);
            connect_and_compare(f, versions[i], false, true);
            /* RFC 9266 2: a resumed session of TLS 1.2 has the master secret of the first one. */
            connect_and_compare(f, versions[i], true, versions[i] == TLS1_3_VERSION);
            SSL_SESSION_free(f->ticket);
            f->ticket = NULL;
        }
}

static void the_certificate_that_was_shown(void **state)
{
    struct fixture *f = *state;
    static const char *const algorithms[] = {"ECDSA+SHA256", "RSA-PSS+SHA256"};
    assert_int_equal(world_send_certificate(f, 0, 2, 0, "rsa", "h.example"), 0);
    assert_int_equal(world_send_certificate(f, 1, 2, 1, "ec", "h.example"), 0);
    for (size_t i = 0; i < COUNT(algorithms); i++) {
        assert_int_equal(SSL_CTX_set1_sigalgs_list(f->client, algorithms[i]), 1);
        connect_and_compare(f, TLS1_3_VERSION, false, true);
        SSL_SESSION_free(f->ticket);
        f->ticket = NULL;
    }
}

static void not_without_a_hash(void **state)
{
    struct fixture *f = *state;
    char room[TLS_END_POINT_MAX];
    struct pair p;
    assert_int_equal(world_send_certificate(f, 0, 1, 3, "ed25519", "h.example"), 0);
    pair_init(&p, f, TLS1_3_VERSION, NULL);
    pair_handshake(&p, SIZE_MAX);
    assert_int_equal(p.step, TLS_STEP_DONE);
    assert_int_equal(tls_end_point(p.s, room).n, 0);
    assert_int_equal(tls_exporter(p.s, room).n, TLS_EXPORTER_BYTES);
    pair_release(&p);
}

static void not_without_a_unique_secret(void **state)
{
    struct fixture *f = *state;
    char room[TLS_END_POINT_MAX];
    struct pair p;
    assert_int_equal(world_send_certificate(f, 0, 1, 1, "h", "h.example"), 0);
    SSL_CTX_set_options(f->client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    pair_init(&p, f, TLS1_2_VERSION, NULL);
    pair_handshake(&p, SIZE_MAX);
    assert_int_equal(p.step, TLS_STEP_DONE);
    assert_int_equal(tls_exporter(p.s, room).n, 0);
    assert_int_equal(tls_end_point(p.s, room).n, 32);
    pair_release(&p);
}

/* ---- the client's certificate ---- */

enum { NO_CERTIFICATE = KEYS };

/* The client shows a certificate of that key, or none; is it one that counts? */
static bool shows(struct fixture *f, int version, uint32_t group, size_t key, slice der)
{
    struct pair p;
    struct tls_facts facts;
    struct buf got;
    buf_init(&got, 16384);
    pair_init(&p, f, version, NULL);
    if (key != NO_CERTIFICATE) {
        assert_int_equal(SSL_use_certificate_ASN1(p.c, (const unsigned char *)der.p, (int)der.n),
                         1);
        assert_int_equal(SSL_use_PrivateKey(p.c, f->key[key]), 1);
    }
    tls_session_free(p.s);
    p.s = tls_session_new(f->tls, group, world_wake, &f->woken);
    assert_non_null(p.s);
    pair_handshake(&p, SIZE_MAX);
    assert_int_equal(p.step, TLS_STEP_DONE);
    tls_session_facts(p.s, &facts);
    assert_int_equal(tls_certificate_of_client(p.s, &got), facts.has_certificate);
    if (facts.has_certificate)
        assert_slice(buf_slice(&got), der);
    pair_talk(&p);
    pair_release(&p);
    buf_release(&got);
    return facts.has_certificate;
}

static void forget_ticket(struct fixture *f)
{
    SSL_SESSION_free(f->ticket);
    f->ticket = NULL;
}

static void clients_may_show_one(void **state)
{
    struct fixture *f = *state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    unsigned char *known_der, *unknown_der;
    slice known = world_certificate(f->key[1], "alice", &known_der);
    slice unknown = world_certificate(f->key[2], "mallory", &unknown_der);
    assert_int_equal(world_send_certificate(f, 0, 1, 0, "h", "h.example"), 0);
    assert_int_equal(tls_authorities(f->tls, TLS_GROUPS_MAX, known), -EINVAL);
    assert_int_equal(tls_authorities(f->tls, 5, SLICE_LIT("no certificate")), -EINVAL);
    assert_int_equal(tls_authorities(f->tls, 5, known), 0);
    for (size_t i = 0; i < COUNT(versions); i++) {
        assert_true(shows(f, versions[i], 5, 1, known));
        /* It is in the ticket, too; but not in a group that has other authorities, or none. */
        assert_non_null(f->ticket);
        assert_true(shows(f, versions[i], 5, 1, known));
        assert_false(shows(f, versions[i], 4, 1, known));
        forget_ticket(f);
        assert_false(shows(f, versions[i], 5, 2, unknown));
        forget_ticket(f);
        assert_false(shows(f, versions[i], 5, NO_CERTIFICATE, (slice){0}));
        forget_ticket(f);
        assert_false(shows(f, versions[i], 0, 1, known));
        forget_ticket(f);
    }
    assert_int_equal(tls_authorities(f->tls, 5, (slice){0}), 0);
    assert_false(shows(f, TLS1_3_VERSION, 5, 1, known));
    OPENSSL_free(known_der);
    OPENSSL_free(unknown_der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_sides_agree, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_certificate_that_was_shown, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(not_without_a_hash, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(not_without_a_unique_secret, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(clients_may_show_one, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
