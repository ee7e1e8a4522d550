#include "lib/auth/grant.h"

#include "lib/base/test.h"

static const char secret[32] = "an installation's secret, 32 byt";
static struct grant_keys keys;

static slice pass_key(void)
{
    return slice_of(keys.pass, sizeof keys.pass);
}

static slice grant_key(void)
{
    return slice_of(keys.grant, sizeof keys.grant);
}

static int set_up(void **state)
{
    (void)state;
    return grant_keys_derive(slice_of(secret, sizeof secret), &keys) ? 0 : 1;
}

static const struct pass a_pass = {.account = {"alice@example.org", 17},
                                   .session = {"3kq7", 4},
                                   .credential = 42,
                                   .is_unlimited = true,
                                   .issued_at_ms = 1000,
                                   .expires_at_ms = 5000};
static const struct grant a_grant = {.account = {"alice@example.org", 17},
                                     .session = {"3kq7", 4},
                                     .sender = {"Alice+x@example.org", 19},
                                     .credential = 42,
                                     .recipients = 100,
                                     .serial = {1, 2, 3, 255},
                                     .issued_at_ms = 1000,
                                     .expires_at_ms = 5000};

static struct buf print_pass(const struct pass *p)
{
    struct buf b;
    buf_init(&b, PASS_MAX_BYTES);
    assert_true(pass_print(&b, p, pass_key()));
    return b;
}

static struct buf print_grant(const struct grant *g)
{
    struct buf b;
    buf_init(&b, GRANT_MAX_BYTES);
    assert_true(grant_print(&b, g, grant_key()));
    return b;
}

static void a_pass_comes_back(void **state)
{
    (void)state;
    struct pass got;
    struct buf b = print_pass(&a_pass);
    assert_int_equal(pass_read(buf_slice(&b), pass_key(), 4999, &got), GRANT_OK);
    assert_slice(got.account, a_pass.account);
    assert_slice(got.session, a_pass.session);
    assert_int_equal(got.credential, 42);
    assert_true(got.is_unlimited);
    assert_int_equal(got.issued_at_ms, 1000);
    assert_int_equal(got.expires_at_ms, 5000);
    assert_int_equal(pass_read(buf_slice(&b), pass_key(), 5000, &got), GRANT_EXPIRED);
    buf_release(&b);
}

static void a_grant_comes_back(void **state)
{
    (void)state;
    struct grant got;
    struct buf b = print_grant(&a_grant);
    assert_int_equal(grant_read(buf_slice(&b), grant_key(), 0, &got), GRANT_OK);
    assert_slice(got.account, a_grant.account);
    assert_slice(got.session, a_grant.session);
    assert_slice(got.sender, a_grant.sender);
    assert_int_equal(got.credential, 42);
    assert_int_equal(got.recipients, 100);
    assert_memory_equal(got.serial, a_grant.serial, sizeof got.serial);
    assert_int_equal(got.issued_at_ms, 1000);
    assert_int_equal(grant_read(buf_slice(&b), grant_key(), 5000, &got), GRANT_EXPIRED);
    buf_release(&b);
}

static void keys_differ(void **state)
{
    (void)state;
    struct grant_keys other;
    assert_true(grant_keys_derive(SLICE_LIT("another secret"), &other));
    assert_memory_not_equal(keys.pass, keys.grant, GRANT_KEY_BYTES);
    assert_memory_not_equal(keys.pass, keys.fake, GRANT_KEY_BYTES);
    assert_memory_not_equal(keys.grant, keys.fake, GRANT_KEY_BYTES);
    assert_memory_not_equal(keys.grant, other.grant, GRANT_KEY_BYTES);
}

/* Neither with its own key nor with the other's. */
static void one_is_not_the_other(void **state)
{
    (void)state;
    struct pass p;
    struct grant g;
    struct buf b = print_pass(&a_pass);
    assert_int_equal(grant_read(buf_slice(&b), grant_key(), 0, &g), GRANT_MALFORMED);
    assert_int_equal(grant_read(buf_slice(&b), pass_key(), 0, &g), GRANT_MALFORMED);
    assert_int_equal(pass_read(buf_slice(&b), grant_key(), 0, &p), GRANT_FORGED);
    buf_release(&b);
    b = print_grant(&a_grant);
    assert_int_equal(pass_read(buf_slice(&b), pass_key(), 0, &p), GRANT_MALFORMED);
    assert_int_equal(pass_read(buf_slice(&b), grant_key(), 0, &p), GRANT_MALFORMED);
    assert_int_equal(grant_read(buf_slice(&b), pass_key(), 0, &g), GRANT_FORGED);
    buf_release(&b);
}

static void every_bit_counts(void **state)
{
    (void)state;
    struct grant g;
    struct buf b = print_grant(&a_grant);
    for (size_t i = 0; i < b.n * 8; i++) {
        b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
        assert_int_not_equal(grant_read(buf_slice(&b), grant_key(), 0, &g), GRANT_OK);
        b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
    }
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(grant_read(slice_head(buf_slice(&b), n), grant_key(), 0, &g),
                             GRANT_OK);
    buf_addc(&b, 0);
    assert_int_not_equal(grant_read(buf_slice(&b), grant_key(), 0, &g), GRANT_OK);
    buf_release(&b);
}

static void bounds(void **state)
{
    (void)state;
    static char long_name[GRANT_NAME_MAX_BYTES + 1];
    slice longest = slice_of(long_name, GRANT_NAME_MAX_BYTES);
    struct grant g = a_grant, got;
    struct pass p = a_pass;
    struct buf b;
    g.account = g.sender = longest;
    g.session = slice_of(long_name, GRANT_SESSION_MAX_BYTES);
    b = print_grant(&g);
    assert_int_equal(grant_read(buf_slice(&b), grant_key(), 0, &got), GRANT_OK);
    assert_slice(got.sender, longest);
    buf_clear(&b);
    g.sender = slice_of(long_name, sizeof long_name);
    assert_false(grant_print(&b, &g, grant_key()));
    buf_release(&b);
    p.account = longest;
    p.session = slice_of(long_name, GRANT_SESSION_MAX_BYTES);
    b = print_pass(&p);
    buf_clear(&b);
    p.session = slice_of(long_name, GRANT_SESSION_MAX_BYTES + 1);
    assert_false(pass_print(&b, &p, pass_key()));
    p.session = (slice){0};
    assert_false(pass_print(&b, &p, pass_key()));
    p.session = SLICE_LIT("x");
    p.account = (slice){0};
    assert_false(pass_print(&b, &p, pass_key()));
    buf_release(&b);
}

static void it_covers_what_was_granted(void **state)
{
    (void)state;
    static const struct {
        const char *session, *reverse_path;
        uint64_t recipients;
        enum grant_err want;
    } rows[] = {
        {"3kq7", "Alice+x@example.org", 100, GRANT_OK},
        {"3kq7", "Alice+x@example.org", 101, GRANT_TOO_MANY_RECIPIENTS},
        {"3kq7", "alice+x@example.org", 1, GRANT_OTHER_SENDER},
        {"3kq7", "", 1, GRANT_OTHER_SENDER},
        {"3kq8", "Alice+x@example.org", 1, GRANT_OTHER_SESSION},
        {"", "Alice+x@example.org", 1, GRANT_OTHER_SESSION},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(grant_covers(&a_grant, slice_cstr(rows[i].session),
                                      slice_cstr(rows[i].reverse_path), rows[i].recipients),
                         rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_comes_back),
        cmocka_unit_test(a_grant_comes_back),
        cmocka_unit_test(keys_differ),
        cmocka_unit_test(one_is_not_the_other),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(bounds),
        cmocka_unit_test(it_covers_what_was_granted),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
