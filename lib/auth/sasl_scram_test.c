/* SCRAM against its RFCs' examples, and against a client of our own that can be told to be wrong.
 */
#include "lib/auth/scram.h"
#include "lib/base/base64.h"
#include "lib/base/test.h"
#include "tests/support/sasl_host.h"

#define N1 "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
#define N256 "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

/* What is said, line by line; NULL when it is over. */
struct example {
    const char *mechanism, *first, *server_first, *final, *server_final;
};

static const struct example examples[] = {
    /* RFC 5802 5. */
    {"SCRAM-SHA-1", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "r=" N1 ",s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=" N1 ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    /* RFC 7677 3. */
    {"SCRAM-SHA-256", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=" N256 ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=" N256 ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

static void follows_the_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        const struct example *x = &examples[i];
        struct sasl_host h;
        slice first = slice_cstr(x->first);
        sasl_host_init(&h);
        assert_int_equal(sasl_host_start(&h, slice_cstr(x->mechanism), &first), SASL_CHALLENGE);
        assert_slice(h.s.challenge, slice_cstr(x->server_first));
        assert_slice(h.s.name, SLICE_LIT("user"));
        assert_int_equal(sasl_host_feed(&h, slice_cstr(x->final)), SASL_CHALLENGE);
        assert_slice(h.s.challenge, slice_cstr(x->server_final));
        assert_int_equal(sasl_host_feed(&h, (slice){0}), SASL_OK);
        assert_slice(h.s.result.account, SLICE_LIT("user"));
        assert_slice(buf_slice(&h.asked), SLICE_LIT("credentials user;"));
        sasl_host_release(&h);
    }
}

/* --- a client --- */

struct client {
    const char *mechanism, *gs2, *bare; /* bare ends in the nonce "abc" */
    const char *password;               /* as prepared; NULL: pencil */
    slice binding;
    const char *extension; /* in the final message, with its comma */
};

static void add_base64(struct buf *out, slice a, slice b)
{
    struct buf both;
    buf_init(&both, 1000);
    buf_add(&both, a);
    buf_add(&both, b);
    base64_encode(out, buf_slice(&both));
    buf_release(&both);
}

/* The proof for what stands in message, with the salt and count of server_first. */
static void add_proof(struct buf *out, enum digest d, slice password, slice server_first,
                      slice message)
{
    struct digest_value salted, key, stored, signature;
    struct buf salt;
    uint64_t count = 0;
    slice part;
    buf_init(&salt, 100);
    assert_true(slice_split(&server_first, ',', &part) && slice_split(&server_first, ',', &part));
    assert_int_equal(base64_decode(&salt, slice_tail(part, 2)), BASE64_OK);
    assert_true(slice_to_u64(slice_tail(server_first, 2), 1 << 30, &count));
    assert_true(digest_pbkdf2(d, password, buf_slice(&salt), (uint32_t)count, &salted) &&
                digest_hmac(d, digest_slice(&salted), SLICE_LIT("Client Key"), &key) &&
                digest_hash(d, digest_slice(&key), &stored) &&
                digest_hmac(d, digest_slice(&stored), message, &signature));
    for (size_t i = 0; i < key.n; i++)
        key.bytes[i] ^= signature.bytes[i];
    base64_encode(out, digest_slice(&key));
    buf_release(&salt);
}

static void make_final(const struct client *c, enum digest d, slice server_first, struct buf *out)
{
    struct buf message;
    slice nonce = slice_tail(server_first, 2);
    nonce = slice_head(nonce, slice_find(nonce, ','));
    buf_init(&message, 4000);
    buf_adds(out, "c=");
    add_base64(out, slice_cstr(c->gs2), c->binding);
    buf_adds(out, ",r=");
    buf_add(out, nonce);
    buf_adds(out, c->extension != NULL ? c->extension : "");
    buf_addf(&message, "%s,%.*s,%.*s", c->bare, SLICE_ARG(server_first), SLICE_ARG(buf_slice(out)));
    buf_adds(out, ",p=");
    add_proof(out, d, slice_cstr(c->password != NULL ? c->password : "pencil"), server_first,
              buf_slice(&message));
    buf_release(&message);
}

static enum sasl_step sign_in(struct sasl_host *h, const struct client *c)
{
    struct buf first, final;
    slice mechanism = slice_cstr(c->mechanism);
    buf_init(&first, 4000);
    buf_init(&final, 4000);
    buf_addf(&first, "%s%s", c->gs2, c->bare);
    slice initial = buf_slice(&first);
    enum sasl_step step = sasl_host_start(h, mechanism, &initial);
    if (step == SASL_CHALLENGE) {
        make_final(c, sasl_mechanism_get(sasl_mechanism_find(mechanism))->digest, h->s.challenge,
                   &final);
        step = sasl_host_feed(h, buf_slice(&final));
    }
    if (step == SASL_CHALLENGE)
        step = sasl_host_feed(h, (slice){0});
    buf_release(&first);
    buf_release(&final);
    return step;
}

/* The last line that it said. */
static slice last_line(const struct sasl_host *h)
{
    slice all = slice_head(buf_slice(&h->said), h->said.n - 1);
    size_t at = slice_rfind(all, '\n');
    return at == all.n ? all : slice_tail(all, at + 1);
}

#define E32 SLICE_LIT("EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE")
#define P32 SLICE_LIT("PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP")

static void signs_in(void **state)
{
    (void)state;
    const struct {
        struct client client;
        const char *end;
    } rows[] = {
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc"}, "OK user as user id=1 bound=0"},
        {{"scram-sha-1", "n,,", "n=USER,r=abc"}, "OK user as user id=1 bound=0"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc", "crayon"}, "OK user as user id=8 bound=0"},
        {{"SCRAM-SHA-1", "n,,", "n=user,r=abc", "crayon"}, "OK user as user id=8 bound=0"},
        {{"SCRAM-SHA-256", "n,a=user,", "n=user,r=abc"}, "OK user as user id=1 bound=0"},
        {{"SCRAM-SHA-256", "n,a=list@x.example,", "n=user,r=abc"},
         "OK user as list@x.example id=1 bound=0"},
        {{"SCRAM-SHA-256", "n,a=x=2Cy,", "n=user,r=abc"}, "FAIL 1 not-allowed-as"},
        {{"SCRAM-SHA-256", "n,,",
          "n=us\xc2\xad"
          "er,r=abc"},
         "OK user as user id=1 bound=0"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc,x=ignored,y=a=b", .extension = ",z=ignored"},
         "OK user as user id=1 bound=0"},
        /* RFC 9266, RFC 5929 4. */
        {{"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=user,r=abc", .binding = E32},
         "OK user as user id=1 bound=1"},
        {{"SCRAM-SHA-1-PLUS", "p=tls-exporter,,", "n=user,r=abc", .binding = E32},
         "OK user as user id=1 bound=1"},
        {{"SCRAM-SHA-256-PLUS", "p=tls-server-end-point,a=user,", "n=user,r=abc", .binding = P32},
         "OK user as user id=1 bound=1"},
        /* Somebody stands between, or the client thinks so. */
        {{"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=user,r=abc", .binding = P32},
         "FAIL 1 binding-differs"},
        {{"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=user,r=abc"}, "FAIL 1 binding-differs"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc", .binding = E32}, "FAIL 1 binding-differs"},
        {{"SCRAM-SHA-256", "y,,", "n=user,r=abc"}, "FAIL 1 downgraded"},
        {{"SCRAM-SHA-1", "y,,", "n=user,r=abc"}, "FAIL 1 downgraded"},
        {{"SCRAM-SHA-256-PLUS", "p=tls-unique,,", "n=user,r=abc"}, "FAIL 5 binding-type"},
        {{"SCRAM-SHA-256-PLUS", "n,,", "n=user,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256-PLUS", "y,,", "n=user,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "p=tls-exporter,,", "n=user,r=abc", .binding = E32}, "FAIL 2 syntax"},
        /* Not he. */
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc", "Pencil"}, "FAIL 1 wrong-secret"},
        {{"SCRAM-SHA-256", "n,,", "n=off,r=abc"}, "FAIL 1 disabled"},
        {{"SCRAM-SHA-256", "n,,", "n=off,r=abc", "wrong"}, "FAIL 1 disabled"},
        {{"SCRAM-SHA-256", "n,,", "n=nobody,r=abc"}, "FAIL 1 unknown-user"},
        {{"SCRAM-SHA-1", "n,,", "n=weak,r=abc"}, "FAIL 1 no-secret"},
        {{"SCRAM-SHA-256", "n,,", "n=us\x07r,r=abc"}, "FAIL 1 bad-name"},
        /* No message of SCRAM. */
        {{"SCRAM-SHA-256", "n,,", "m=x,n=user,r=abc"}, "FAIL 2 extension"},
        {{"SCRAM-SHA-256", "", "n=user,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", ""}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=user"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r="}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=a b"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc,"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc,x"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=user,r=abc,1=x"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "r=abc,n=user"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=us=er,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=us=2cer,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,a==,", "n=user,r=abc"}, "FAIL 2 syntax"},
        {{"SCRAM-SHA-256", "n,,", "n=us\xff,r=abc"}, "FAIL 2 syntax"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sasl_host late, prompt;
        sasl_host_init(&late);
        sign_in(&late, &rows[i].client);
        assert_slice(last_line(&late), slice_cstr(rows[i].end));
        sasl_host_init(&prompt);
        prompt.knows = &late;
        sign_in(&prompt, &rows[i].client);
        assert_slice(buf_slice(&prompt.said), buf_slice(&late.said));
        sasl_host_release(&prompt);
        sasl_host_release(&late);
    }
}

/* 'y' is honest where -PLUS was not announced; a connection without a value has no binding. */
static void knows_what_it_offered(void **state)
{
    (void)state;
    struct sasl_host h;
    sasl_host_init(&h);
    h.facts.offered = 1U << SASL_SCRAM_SHA_256 | 1U << SASL_SCRAM_SHA_1_PLUS;
    assert_int_equal(sign_in(&h, &(struct client){"SCRAM-SHA-256", "y,,", "n=user,r=abc"}),
                     SASL_OK);
    sasl_host_release(&h);
    sasl_host_init(&h);
    h.facts.tls_exporter = (slice){0};
    sign_in(&h, &(struct client){"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=user,r=abc"});
    assert_slice(last_line(&h), SLICE_LIT("FAIL 5 binding-type"));
    sasl_host_release(&h);
}

static void refuses_other_finals(void **state)
{
    (void)state;
    static const struct {
        slice final;
        const char *end;
    } rows[] = {
        {SLICE_LIT(""), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",x=y"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",p="), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",p=AAA"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",p=!AAA"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biw,r=" N256 ",p=AAAA"), "FAIL 2 syntax"},
        {SLICE_LIT("r=" N256 ",c=biws,p=AAAA"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",p=AAAA,x=y"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",p=AAAA\0"), "FAIL 2 syntax"},
        {SLICE_LIT("c=biws,r=" N256 ",p=AAAA"), "FAIL 1 wrong-secret"},
        {SLICE_LIT("c=biws,r=" N256 "x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
         "FAIL 1 nonce-differs"},
        {SLICE_LIT("c=biws,r=rOprNGfwEbeRWgbNEkqO,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
         "FAIL 1 nonce-differs"},
        {SLICE_LIT("c=eSws,r=" N256 ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
         "FAIL 1 binding-differs"},
        {SLICE_LIT("c=biws,r=" N256 ",x=y,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
         "FAIL 1 wrong-secret"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sasl_host h;
        slice first = slice_cstr(examples[1].first);
        sasl_host_init(&h);
        assert_int_equal(sasl_host_start(&h, SLICE_LIT("SCRAM-SHA-256"), &first), SASL_CHALLENGE);
        assert_int_equal(sasl_host_feed(&h, rows[i].final), SASL_FAIL);
        assert_slice(last_line(&h), slice_cstr(rows[i].end));
        sasl_host_release(&h);
    }
}

static void wants_an_empty_last_line(void **state)
{
    (void)state;
    struct sasl_host h;
    slice first = slice_cstr(examples[0].first);
    sasl_host_init(&h);
    assert_int_equal(sasl_host_start(&h, SLICE_LIT("SCRAM-SHA-1"), &first), SASL_CHALLENGE);
    assert_int_equal(sasl_host_feed(&h, slice_cstr(examples[0].final)), SASL_CHALLENGE);
    assert_int_equal(sasl_host_feed(&h, SLICE_LIT("x")), SASL_FAIL);
    assert_int_equal(h.s.reason, SASL_MALFORMED);
    sasl_host_release(&h);
}

/* Whoever asks for somebody who is not there gets a salt that is always the same, however the name
 * is spelled, and of the form of a real one. */
static void hides_who_is_there(void **state)
{
    (void)state;
    static const char *const names[] = {"n,,n=nobody,r=abc", "n,,n=nobody,r=abc",
                                        "n,,n=NoBody,r=abc", "n,,n=weak,r=abc",
                                        "n,,n=nobodz,r=abc"};
    struct sasl_host h[COUNT(names)];
    for (size_t i = 0; i < COUNT(names); i++) {
        slice first = slice_cstr(names[i]);
        sasl_host_init(&h[i]);
        assert_int_equal(sasl_host_start(&h[i], SLICE_LIT("SCRAM-SHA-256"), &first),
                         SASL_CHALLENGE);
        assert_int_equal(h[i].s.challenge.n, h[0].s.challenge.n);
        assert_true(slice_ends(h[i].s.challenge, SLICE_LIT("==,i=100000")));
        assert_int_equal(slice_eq(h[i].s.challenge, h[0].s.challenge), i < 3);
    }
    for (size_t i = 0; i < COUNT(names); i++)
        sasl_host_release(&h[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_examples),     cmocka_unit_test(signs_in),
        cmocka_unit_test(knows_what_it_offered),    cmocka_unit_test(refuses_other_finals),
        cmocka_unit_test(wants_an_empty_last_line), cmocka_unit_test(hides_who_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
