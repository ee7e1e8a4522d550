#include "src/queue/grants.h"

#include "lib/base/test.h"

#define NOW UINT64_C(1800000000000)
#define HOUR UINT64_C(3600000)

static const char key[GRANT_KEY_BYTES] = "the key that directory has sent";
static const char other_key[GRANT_KEY_BYTES] = "a key that somebody made up";

static const struct grant good = {.account = {"alice@example.org", 17},
                                  .session = {"0123456789abcdef", 16},
                                  .sender = {"alice@example.org", 17},
                                  .credential = 7,
                                  .recipients = 2,
                                  .serial = {1, 2, 3},
                                  .issued_at_ms = NOW,
                                  .expires_at_ms = NOW + 3 * HOUR};

static slice key_of(const char *bytes)
{
    return slice_of(bytes, GRANT_KEY_BYTES);
}

/* An envelope with that grant, as smtpd would send it, decoded; it borrows from out. */
static struct envelope envelope_with(struct buf *out, const struct grant *g, const char *signed_by,
                                     const char *reverse_path, unsigned recipients)
{
    struct envelope e = {.reverse_path = slice_cstr(reverse_path),
                         .incident = SLICE_LIT("0123456789abcdef")};
    struct buf grant;
    buf_init(&grant, GRANT_MAX_BYTES);
    buf_init(out, ENVELOPE_MAX_BYTES);
    assert_true(grant_print(&grant, g, key_of(signed_by)));
    e.grant = buf_slice(&grant);
    envelope_add(out, &e);
    for (unsigned i = 0; i < recipients; i++)
        envelope_add_rcpt(out, &(struct envelope_rcpt){.forward_path = SLICE_LIT("b@example.net")});
    buf_release(&grant);
    assert_int_equal(envelope_decode(buf_slice(out), &e), ENVELOPE_OK);
    return e;
}

static void set_up(struct grants *g)
{
    grants_init(g, NOW);
    assert_true(grants_key(g, key_of(key)));
}

static enum grants_err take(struct grants *g, const struct grant *grant, uint64_t now_ms)
{
    struct buf b;
    struct grant got;
    const char *why;
    struct envelope e = envelope_with(&b, grant, key, "alice@example.org", 1);
    enum grants_err err = grants_take(g, &e, now_ms, &got, &why);
    assert_non_null(why);
    buf_release(&b);
    return err;
}

static void serves_once(void **state)
{
    (void)state;
    struct grants g;
    struct grant other = good;
    set_up(&g);
    assert_int_equal(take(&g, &good, NOW), GRANTS_OK);
    assert_int_equal(take(&g, &good, NOW + 1), GRANTS_USED);
    other.serial[0]++;
    assert_int_equal(take(&g, &other, NOW + 1), GRANTS_OK);
    assert_int_equal(g.used, 2);
    /* Not forgotten before it expires. */
    grants_tick(&g, NOW + 3 * HOUR - 1);
    assert_int_equal(take(&g, &good, NOW + 3 * HOUR - 1), GRANTS_USED);
    assert_int_equal(take(&g, &good, NOW + 3 * HOUR), GRANTS_BAD);
    grants_tick(&g, NOW + 4 * HOUR);
    assert_int_equal(g.used, 0);
    grants_release(&g);
}

static void covers_its_message_alone(void **state)
{
    (void)state;
    struct grant others_session = good;
    others_session.session = SLICE_LIT("fedcba9876543210");
    const struct {
        const char *name;
        const struct grant *grant;
        const char *signed_by, *reverse_path;
        unsigned recipients;
        const char *why;
    } rows[] = {
        {"as granted", &good, key, "alice@example.org", 2, "ok"},
        {"forged", &good, other_key, "alice@example.org", 1, grant_err_word(GRANT_FORGED)},
        {"another sender", &good, key, "bob@example.org", 1, grant_err_word(GRANT_OTHER_SENDER)},
        {"the null sender", &good, key, "", 1, grant_err_word(GRANT_OTHER_SENDER)},
        {"one too many", &good, key, "alice@example.org", 3,
         grant_err_word(GRANT_TOO_MANY_RECIPIENTS)},
        {"another session", &others_session, key, "alice@example.org", 1,
         grant_err_word(GRANT_OTHER_SESSION)},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct grants g;
        struct buf b;
        struct grant got;
        const char *why;
        set_up(&g);
        struct envelope e = envelope_with(&b, rows[i].grant, rows[i].signed_by,
                                          rows[i].reverse_path, rows[i].recipients);
        enum grants_err err = grants_take(&g, &e, NOW, &got, &why);
        if (strcmp(why, rows[i].why) != 0 || (err == GRANTS_OK) != (i == 0))
            fail_msg("%s: %s", rows[i].name, why);
        if (err == GRANTS_OK)
            assert_slice(got.account, good.account);
        buf_release(&b);
        grants_release(&g);
    }
}

static void believes_nothing_it_cannot_know(void **state)
{
    (void)state;
    struct grants g;
    struct grant old = good, eternal = good;
    grants_init(&g, NOW);
    assert_int_equal(take(&g, &good, NOW), GRANTS_NO_KEY);
    assert_false(grants_key(&g, SLICE_LIT("short")));
    assert_true(grants_key(&g, key_of(key)));
    old.issued_at_ms = NOW - 1;
    assert_int_equal(take(&g, &old, NOW), GRANTS_BEFORE_START);
    eternal.expires_at_ms = NOW + GRANTS_HOURS * HOUR;
    assert_int_equal(take(&g, &eternal, NOW), GRANTS_TOO_LONG);
    assert_int_equal(take(&g, &good, NOW), GRANTS_OK);
    /* The clock is set back: what is issued then is not from before the start. */
    grants_shift(&g, -(int64_t)HOUR);
    old.issued_at_ms = NOW - HOUR;
    assert_int_equal(take(&g, &old, NOW - HOUR), GRANTS_USED); /* the same serial */
    old.serial[0]++;
    assert_int_equal(take(&g, &old, NOW - HOUR), GRANTS_OK);
    grants_release(&g);
}

static void revoked_ones_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *account;
        uint64_t credential, before_ms;
        enum grants_err want;
    } rows[] = {
        {"alice@example.org", 7, NOW + 1, GRANTS_REVOKED},
        {"alice@example.org", 0, NOW + 1, GRANTS_REVOKED},
        {"alice@example.org", 8, NOW + 1, GRANTS_OK},
        {"bob@example.org", 0, NOW + 1, GRANTS_OK},
        {"alice@example.org", 7, NOW, GRANTS_REVOKED},
        {"alice@example.org", 7, NOW - 1, GRANTS_OK}, /* issued after it */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct grants g;
        set_up(&g);
        grants_revoke(&g, slice_cstr(rows[i].account), rows[i].credential, rows[i].before_ms);
        assert_int_equal(take(&g, &good, NOW), rows[i].want);
        grants_release(&g);
    }
}

static void many_revocations_revoke_all(void **state)
{
    (void)state;
    struct grants g;
    struct grant later = good;
    char name[32];
    set_up(&g);
    for (unsigned i = 0; i <= GRANTS_REVOKED_MAX; i++) {
        int n = snprintf(name, sizeof name, "u%u@example.org", i);
        grants_revoke(&g, slice_of(name, (size_t)n), 0, NOW + 5);
        grants_revoke(&g, slice_of(name, (size_t)n), 0, NOW + 10); /* the same again is no more */
    }
    assert_int_equal(g.revoked_n, GRANTS_REVOKED_MAX);
    assert_int_equal(take(&g, &good, NOW), GRANTS_BEFORE_START);
    later.issued_at_ms = NOW + 10;
    assert_int_equal(take(&g, &later, NOW + 10), GRANTS_OK);
    grants_tick(&g, NOW + (GRANTS_HOURS + 1) * HOUR);
    assert_int_equal(g.revoked_n, 0);
    grants_release(&g);
}

static void many_are_remembered(void **state)
{
    (void)state;
    struct grants g;
    struct grant one = good;
    set_up(&g);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 1; i <= 2000; i++) {
            memcpy(one.serial, &i, sizeof i);
            one.expires_at_ms = NOW + (1 + i % 5) * HOUR;
            assert_int_equal(take(&g, &one, NOW), round == 0 ? GRANTS_OK : GRANTS_USED);
        }
    assert_int_equal(g.used, 2000);
    g.used = GRANTS_USED_MAX;
    memset(one.serial, 0xff, sizeof one.serial);
    assert_int_equal(take(&g, &one, NOW), GRANTS_FULL);
    g.used = 2000;
    grants_release(&g);
}

static void what_is_kept_has_a_name_and_no_grant(void **state)
{
    (void)state;
    struct buf b, sealed;
    struct envelope kept, e = envelope_with(&b, &good, key, "alice@example.org", 2);
    struct envelope_rcpt rcpt;
    buf_init(&sealed, ENVELOPE_MAX_BYTES);
    grants_seal(&sealed, &e, good.account);
    assert_int_equal(envelope_decode(buf_slice(&sealed), &kept), ENVELOPE_OK);
    assert_slice(kept.account, good.account);
    assert_slice(kept.reverse_path, e.reverse_path);
    assert_slice(kept.incident, e.incident);
    assert_int_equal(kept.grant.n, 0);
    assert_int_equal(kept.rcpt_count, 2);
    slice rest = kept.tlvs;
    assert_true(envelope_next(&rest, &rcpt));
    assert_slice(rcpt.forward_path, SLICE_LIT("b@example.net"));
    buf_release(&sealed);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_once),
        cmocka_unit_test(covers_its_message_alone),
        cmocka_unit_test(believes_nothing_it_cannot_know),
        cmocka_unit_test(revoked_ones_are_refused),
        cmocka_unit_test(many_revocations_revoke_all),
        cmocka_unit_test(many_are_remembered),
        cmocka_unit_test(what_is_kept_has_a_name_and_no_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
