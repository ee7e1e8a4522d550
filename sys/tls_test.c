#include "sys/tls_world.h"

#include <errno.h>
#include <openssl/err.h>

static const char *peer_name(struct pair *p)
{
    static char name[64];
    X509 *x = SSL_get0_peer_certificate(p->c);
    assert_non_null(x);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
    return name;
}

static void every_key_and_version(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int version;
        size_t key;
        uint16_t scheme;
        const char *cipher;
    } rows[] = {
        {TLS1_2_VERSION, 0, 0x0804, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
        {TLS1_2_VERSION, 1, 0x0403, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
        {TLS1_2_VERSION, 3, 0x0807, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
        {TLS1_3_VERSION, 0, 0x0804, "TLS_AES_256_GCM_SHA384"},
        {TLS1_3_VERSION, 1, 0x0403, "TLS_AES_256_GCM_SHA384"},
        {TLS1_3_VERSION, 2, 0x0503, "TLS_AES_256_GCM_SHA384"},
        {TLS1_3_VERSION, 3, 0x0807, "TLS_AES_256_GCM_SHA384"},
    };
    assert_false(tls_is_ready(f->tls));
    assert_null(tls_session_new(f->tls, 0, world_wake, &f->woken));
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t piece = 1; piece < 20000; piece += 3333) {
            assert_int_equal(world_send_certificate(f, 0, 1, rows[i].key, "h", "h.example"), 0);
            struct pair p;
            struct tls_facts facts;
            pair_init(&p, f, rows[i].version, "H.example");
            pair_handshake(&p, piece);
            assert_int_equal(p.step, TLS_STEP_DONE);
            assert_int_equal(f->request[f->requests - 1].scheme, rows[i].scheme);
            tls_session_facts(p.s, &facts);
            assert_slice(facts.cipher, slice_cstr(rows[i].cipher));
            assert_slice(facts.sni, SLICE_LIT("h.example"));
            assert_true(facts.bits == 256 && !facts.resumed);
            pair_talk(&p);
            pair_release(&p);
            SSL_SESSION_free(f->ticket);
            f->ticket = NULL;
        }
    }
}

static void name_chooses_certificate(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(world_send_certificate(f, 0, 4, 0, "first-rsa", "a.example mail.a.example"),
                     0);
    assert_false(tls_is_ready(f->tls));
    assert_int_equal(world_send_certificate(f, 1, 4, 1, "first-ec", "a.example"), 0);
    assert_int_equal(world_send_certificate(f, 2, 4, 1, "wild-ec", "*.b.example"), 0);
    assert_int_equal(world_send_certificate(f, 3, 4, 0, "c-rsa", "c.example"), 0);
    assert_true(tls_is_ready(f->tls));
    static const struct {
        const char *sni, *algorithms, *want;
    } rows[] = {
        {NULL, "ECDSA+SHA256:RSA-PSS+SHA256", "first-ec"},
        {NULL, "RSA-PSS+SHA256", "first-rsa"},
        {"unknown.example", "ECDSA+SHA256", "first-ec"},
        {"mail.a.example", "ECDSA+SHA256:RSA-PSS+SHA256", "first-rsa"},
        {"x.b.example", "ECDSA+SHA256:RSA-PSS+SHA256", "wild-ec"},
        {"b.example", "ECDSA+SHA256:RSA-PSS+SHA256", "first-ec"},
        {"y.x.b.example", "ECDSA+SHA256:RSA-PSS+SHA256", "first-ec"},
        {"C.EXAMPLE", "ECDSA+SHA256:RSA-PSS+SHA256", "c-rsa"},
        {"bad name", "RSA-PSS+SHA256", "first-rsa"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pair p;
        pair_init(&p, f, TLS1_3_VERSION, rows[i].sni);
        SSL_set1_sigalgs_list(p.c, rows[i].algorithms);
        pair_handshake(&p, 9999);
        assert_int_equal(p.step, TLS_STEP_DONE);
        assert_string_equal(peer_name(&p), rows[i].want);
        pair_talk(&p);
        pair_release(&p);
        SSL_SESSION_free(f->ticket);
        f->ticket = NULL;
    }
}

static bool resumed(struct fixture *f, int version, bool want_done)
{
    struct pair p;
    struct tls_facts facts = {0};
    pair_init(&p, f, version, "h.example");
    pair_handshake(&p, 9999);
    assert_int_equal(p.step == TLS_STEP_DONE, want_done);
    tls_session_facts(p.s, &facts);
    pair_talk(&p); /* a TLS 1.3 ticket comes behind the handshake */
    SSL_SESSION_free(f->ticket);
    f->ticket = SSL_get1_session(p.c); /* on_session is not told of a renewed one in TLS 1.2 */
    pair_release(&p);
    return facts.resumed;
}

static void tickets_under_shared_keys(void **state)
{
    struct fixture *f = *state;
    char keys[TLS_TICKET_KEYS_MAX * TLS_TICKET_KEY_BYTES + 1];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (char)(i / TLS_TICKET_KEY_BYTES * 7 + 1);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < COUNT(versions); i++) {
        assert_int_equal(world_send_certificate(f, 0, 1, 1, "h", "h.example"), 0);
        assert_int_equal(tls_ticket_keys(f->tls, slice_of(keys, TLS_TICKET_KEY_BYTES)), 0);
        assert_false(resumed(f, versions[i], true));
        size_t before = f->requests;
        assert_true(resumed(f, versions[i], true));
        assert_int_equal(f->requests, before); /* no signature for it */

        /* Another process with the same keys; then a newer key in front; then the old one gone. */
        struct tls *other = tls_new(&world_ops, f), *mine = f->tls;
        f->tls = other;
        assert_int_equal(world_send_certificate(f, 0, 1, 1, "h", "h.example"), 0);
        assert_int_equal(tls_ticket_keys(other, slice_of(keys, TLS_TICKET_KEY_BYTES)), 0);
        assert_true(resumed(f, versions[i], true));
        char newer[2 * TLS_TICKET_KEY_BYTES];
        memcpy(newer, keys + TLS_TICKET_KEY_BYTES, TLS_TICKET_KEY_BYTES);
        memcpy(newer + TLS_TICKET_KEY_BYTES, keys, TLS_TICKET_KEY_BYTES);
        assert_int_equal(tls_ticket_keys(other, slice_of(newer, sizeof newer)), 0);
        assert_true(resumed(f, versions[i], true));
        assert_int_equal(tls_ticket_keys(other, slice_of(newer, TLS_TICKET_KEY_BYTES)), 0);
        assert_true(resumed(f, versions[i], true)); /* it was given one under the newer key */
        assert_int_equal(tls_ticket_keys(other, slice_of(keys + 2 * TLS_TICKET_KEY_BYTES,
                                                         TLS_TICKET_KEY_BYTES)),
                         0);
        assert_false(resumed(f, versions[i], true));
        f->tls = mine;
        tls_free(other);
        SSL_SESSION_free(f->ticket);
        f->ticket = NULL;
    }
    assert_int_equal(tls_ticket_keys(f->tls, slice_of(keys, 0)), -EINVAL);
    assert_int_equal(tls_ticket_keys(f->tls, slice_of(keys, 79)), -EINVAL);
    assert_int_equal(tls_ticket_keys(f->tls, slice_of(keys, sizeof keys - 1 + 80)), -EINVAL);
}

static void many_wait_at_once(void **state)
{
    struct fixture *f = *state;
    enum { N = 5 * TLS_JOBS_MAX };
    static struct pair p[N];
    char bytes[16384];
    assert_int_equal(world_send_certificate(f, 0, 1, 0, "h", "h.example"), 0);
    for (size_t i = 0; i < N; i++)
        pair_init(&p[i], f, TLS1_3_VERSION, "h.example");
    /* All hellos first, no answer yet: the first TLS_JOBS_MAX wait for theirs, the others for a
     * place. */
    slice in[N];
    static char hello[N][2048];
    for (size_t i = 0; i < N; i++) {
        (void)SSL_do_handshake(p[i].c);
        int n = BIO_read(SSL_get_wbio(p[i].c), hello[i], sizeof hello[i]);
        in[i] = slice_of(hello[i], (size_t)n);
        p[i].step = tls_session_handshake(p[i].s, &in[i], &p[i].out);
        assert_int_equal(p[i].step, TLS_STEP_WAIT);
        assert_int_equal(tls_session_handshake(p[i].s, &in[i], &p[i].out), TLS_STEP_WAIT);
    }
    assert_int_equal(f->requests, TLS_JOBS_MAX);
    /* Some go away: two with a signature under way, one in the queue, its last one too. */
    tls_session_free(p[1].s);
    tls_session_free(p[2].s);
    tls_session_free(p[TLS_JOBS_MAX + 7].s);
    tls_session_free(p[N - 1].s);
    p[1].s = p[2].s = p[TLS_JOBS_MAX + 7].s = p[N - 1].s = NULL;
    size_t done = 0;
    for (int round = 0; round < 200 && done < N - 4; round++) {
        world_answer_all(f);
        for (size_t i = 0; i < N; i++) {
            if (p[i].s == NULL || p[i].step == TLS_STEP_DONE)
                continue;
            p[i].step = tls_session_handshake(p[i].s, &in[i], &p[i].out);
            pair_to_client(&p[i]);
            p[i].client_done = p[i].client_done || SSL_do_handshake(p[i].c) == 1;
            int n = BIO_read(SSL_get_wbio(p[i].c), bytes, sizeof bytes);
            if (n > 0) {
                in[i] = slice_of(bytes, (size_t)n);
                p[i].step = tls_session_handshake(p[i].s, &in[i], &p[i].out);
                pair_to_client(&p[i]);
            }
            done += p[i].step == TLS_STEP_DONE;
        }
    }
    assert_int_equal(done, N - 4);
    /* Answers that come late, twice, or for nobody, change nothing. */
    world_answer(f, &f->request[0]);
    tls_signed(f->tls, 0, SLICE_LIT("x"));
    tls_signed(f->tls, UINT64_MAX, SLICE_LIT("x"));
    for (size_t i = 0; i < N; i++) {
        if (p[i].s != NULL)
            pair_talk(&p[i]);
        pair_release(&p[i]);
    }
}

static void no_signature_no_session(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    assert_int_equal(world_send_certificate(f, 0, 1, 0, "h", "h.example"), 0);

    f->refuse = -EAGAIN;
    pair_init(&p, f, TLS1_2_VERSION, NULL);
    pair_handshake(&p, 9999);
    assert_int_equal(p.step, TLS_STEP_FAILED);
    pair_release(&p);

    f->refuse = 0;
    static const char too_long[5000];
    for (int i = 0; i < 2; i++) {
        char bytes[4096];
        pair_init(&p, f, TLS1_3_VERSION, NULL);
        (void)SSL_do_handshake(p.c);
        slice in = slice_of(bytes, (size_t)BIO_read(SSL_get_wbio(p.c), bytes, sizeof bytes));
        assert_int_equal(tls_session_handshake(p.s, &in, &p.out), TLS_STEP_WAIT);
        f->answered = f->requests;
        tls_signed(f->tls, f->request[f->requests - 1].id,
                   slice_of(too_long, i == 0 ? 0 : sizeof too_long));
        assert_int_equal(tls_session_handshake(p.s, &in, &p.out), TLS_STEP_FAILED);
        assert_true(tls_session_why(p.s).n > 0);
        pair_release(&p);
    }
}

static void not_tls_at_all(void **state)
{
    struct fixture *f = *state;
    static const struct {
        slice in;
        const char *why;
    } rows[] = {
        {SLICE_LIT("GET / HTTP/1.0\r\n\r\n"), "http request"},
        {SLICE_LIT("EHLO client.example\r\n"), "wrong version number"},
    };
    assert_int_equal(world_send_certificate(f, 0, 1, 0, "h", "h.example"), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pair p;
        pair_init(&p, f, TLS1_3_VERSION, NULL);
        slice in = rows[i].in;
        assert_int_equal(tls_session_handshake(p.s, &in, &p.out), TLS_STEP_FAILED);
        assert_slice(tls_session_why(p.s), slice_cstr(rows[i].why));
        pair_release(&p);
    }
}

static void bad_sets_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(world_send_certificate(f, 0, 1, 0, "good", "h.example"), 0);
    slice id = slice_of(f->key_id[1], TLS_KEY_ID_BYTES), names = SLICE_LIT("h.example");
    unsigned char *der;
    slice good = world_certificate(f->key[1], "x", &der);
    assert_int_equal(tls_certificate(f->tls, 0, 0, id, names, good), -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 0, 100000, id, names, good), -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 1, 2, id, names, good), -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 0, 1, slice_head(id, 31), names, good), -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 0, 1, slice_of(f->key_id[0], 32), names, good),
                     -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 0, 1, id, names, slice_head(good, good.n - 1)),
                     -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 0, 1, id, names, (slice){0}), -EINVAL);
    assert_int_equal(tls_certificate(f->tls, 0, 2, id, names, good), 0);
    assert_int_equal(tls_certificate(f->tls, 0, 2, id, names, good), 0); /* begins anew */
    struct pair p;
    pair_init(&p, f, TLS1_3_VERSION, NULL); /* begun under the old set ... */
    assert_int_equal(tls_certificate(f->tls, 1, 2, id, names, good), 0);
    pair_handshake(&p, 9999);
    assert_string_equal(peer_name(&p), "good"); /* ... it ends with it */
    pair_release(&p);
    pair_init(&p, f, TLS1_3_VERSION, NULL);
    pair_handshake(&p, 9999);
    assert_string_equal(peer_name(&p), "x");
    pair_talk(&p);
    pair_release(&p);
    OPENSSL_free(der);
}

static void policy_holds_at_once(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    struct tls_facts facts;
    assert_int_equal(tls_policy(f->tls, false, SLICE_LIT("no such cipher")), -EINVAL);
    assert_int_equal(tls_policy(f->tls, false, SLICE_LIT("ECDHE-RSA-AES128-GCM-SHA256")), 0);
    assert_int_equal(world_send_certificate(f, 0, 1, 0, "h", "h.example"), 0);
    pair_init(&p, f, TLS1_2_VERSION, NULL);
    pair_handshake(&p, 9999);
    tls_session_facts(p.s, &facts);
    assert_slice(facts.cipher, SLICE_LIT("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    pair_release(&p);
    assert_int_equal(tls_policy(f->tls, true, (slice){0}), 0);
    SSL_SESSION_free(f->ticket);
    f->ticket = NULL;
    pair_init(&p, f, TLS1_2_VERSION, NULL);
    pair_handshake(&p, 9999);
    assert_int_equal(p.step, TLS_STEP_FAILED);
    assert_slice(tls_session_why(p.s), SLICE_LIT("unsupported protocol"));
    pair_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_key_and_version, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(name_chooses_certificate, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(tickets_under_shared_keys, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(many_wait_at_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(no_signature_no_session, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(not_tls_at_all, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(policy_holds_at_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(bad_sets_are_refused, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
