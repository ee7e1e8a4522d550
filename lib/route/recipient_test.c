#include "lib/base/test.h"
#include "lib/route/recipient.h"

static const struct {
    const char *name, *address;
    enum recipient_err err;
    const char *local, *user, *tag, *domain;
    bool is_postmaster;
} rows[] = {
    {"plain", "alice@example.org", 0, "alice", "alice", "", "example.org", false},
    {"case", "ALICE@Example.ORG", 0, "alice", "alice", "", "example.org", false},
    {"tag", "alice+a+b@example.org", 0, "alice+a+b", "alice", "a+b", "example.org", false},
    {"empty tag", "alice+@example.org", 0, "alice+", "alice", "", "example.org", false},
    {"separator first", "+x@example.org", 0, "+x", "+x", "", "example.org", false},
    {"quoted without need", "\"alice\"@example.org", 0, "alice", "alice", "", "example.org", false},
    {"quoted pair", "\"al\\ice\"@example.org", 0, "alice", "alice", "", "example.org", false},
    {"quoted blank", "\"a b\"@example.org", 0, "a b", "a b", "", "example.org", false},
    {"quoted at", "\"a@b\"@example.org", 0, "a@b", "a@b", "", "example.org", false},
    {"quoted slash", "\"../x\"@example.org", 0, "../x", "../x", "", "example.org", false},
    {"tag inside quotes", "\"alice+x y\"@example.org", 0, "alice+x y", "alice", "x y",
     "example.org", false},
    {"utf-8, NFD and capital", "U\xcc\x88NAL@example.org", 0, "\xc3\xbcnal", "\xc3\xbcnal", "",
     "example.org", false},
    {"utf-8, NFC", "\xc3\xbcnal@example.org", 0, "\xc3\xbcnal", "\xc3\xbcnal", "", "example.org",
     false},
    {"sharp s is not ss", "wei\xc3\x9f@example.org", 0, "wei\xc3\x9f", "wei\xc3\x9f", "",
     "example.org", false},
    {"U-label",
     "a@B\xc3\x9c"
     "cher.example",
     0, "a", "a", "", "xn--bcher-kva.example", false},
    {"A-label", "a@XN--Bcher-KVA.example", 0, "a", "a", "", "xn--bcher-kva.example", false},
    {"literal", "a@[127.0.0.1]", 0, "a", "a", "", "[127.0.0.1]", false},
    {"postmaster", "PostMaster@example.org", 0, "postmaster", "postmaster", "", "example.org",
     true},
    {"postmaster, bare", "POSTMASTER", 0, "postmaster", "postmaster", "", "", true},
    {"postmaster, tag", "postmaster+x@example.org", 0, "postmaster+x", "postmaster", "x",
     "example.org", true},
    {"no at", "alice", RECIPIENT_DOMAIN, NULL, NULL, NULL, NULL, false},
    {"empty", "", RECIPIENT_SYNTAX, NULL, NULL, NULL, NULL, false},
    {"empty quotes", "\"\"@example.org", RECIPIENT_SYNTAX, NULL, NULL, NULL, NULL, false},
    {"catch-all where none may be", "@example.org", RECIPIENT_SYNTAX, NULL, NULL, NULL, NULL,
     false},
    {"not utf-8", "\xff@example.org", RECIPIENT_SYNTAX, NULL, NULL, NULL, NULL, false},
    {"bad domain", "a@exa_mple..org", RECIPIENT_DOMAIN, NULL, NULL, NULL, NULL, false},
    {"no IDNA", "a@\xe2\x86\x90.example", RECIPIENT_DOMAIN, NULL, NULL, NULL, NULL, false},
    {"long", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org",
     RECIPIENT_TOO_LONG, NULL, NULL, NULL, NULL, false},
};

static void test_rows(void **state)
{
    struct recipient_rules rules = {.separators = SLICE_LIT("+")};
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct recipient r = {0};
        enum recipient_err e = recipient_read(&a, slice_cstr(rows[i].address), rules, false, &r);

        if (e != rows[i].err)
            fail_msg("%s: %d, want %d", rows[i].name, (int)e, (int)rows[i].err);
        if (e != RECIPIENT_OK)
            continue;
        assert_slice(r.local, slice_cstr(rows[i].local));
        assert_slice(r.user, slice_cstr(rows[i].user));
        assert_slice(r.tag, slice_cstr(rows[i].tag));
        assert_slice(r.domain, slice_cstr(rows[i].domain));
        assert_int_equal(r.is_postmaster, rows[i].is_postmaster);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* What is printed is read back as the same recipient. */
static void test_print(void **state)
{
    struct recipient_rules rules = {.separators = SLICE_LIT("+")};
    struct arena a;
    struct buf text;

    (void)state;
    arena_init(&a, 1 << 16);
    buf_init(&text, 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct recipient r, again;

        if (recipient_read(&a, slice_cstr(rows[i].address), rules, false, &r) != RECIPIENT_OK)
            continue;
        buf_clear(&text);
        recipient_print(&text, r.local, r.domain);
        assert_int_equal(recipient_read(&a, buf_slice(&text), rules, false, &again), 0);
        assert_slice(again.local, r.local);
        assert_slice(again.domain, r.domain);
    }
    buf_release(&text);
    arena_release(&a);
}

static void test_rules(void **state)
{
    struct recipient_rules keep = {.separators = SLICE_LIT("-_"), .keep_case = true};
    struct recipient r;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    assert_int_equal(recipient_read(&a, SLICE_LIT("Alice_x@e.org"), keep, false, &r), 0);
    assert_slice(r.user, SLICE_LIT("Alice"));
    assert_slice(r.tag, SLICE_LIT("x"));
    assert_int_equal(recipient_read(&a, SLICE_LIT("PostMaster@e.org"), keep, false, &r), 0);
    assert_slice(r.local, SLICE_LIT("postmaster"));
    keep.separators = SLICE_LIT("");
    assert_int_equal(recipient_read(&a, SLICE_LIT("a-b@e.org"), keep, false, &r), 0);
    assert_slice(r.user, SLICE_LIT("a-b"));
    assert_int_equal(recipient_read(&a, SLICE_LIT("@E.org"), keep, true, &r), 0);
    assert_slice(r.local, SLICE_LIT(""));
    assert_slice(r.domain, SLICE_LIT("e.org"));
    assert_int_equal(recipient_read(&a, SLICE_LIT("@[127.0.0.1]"), keep, true, &r),
                     RECIPIENT_DOMAIN);
    assert_int_equal(recipient_read(&a, SLICE_LIT("@"), keep, true, &r), RECIPIENT_SYNTAX);
    arena_release(&a);
}

static void test_domain_shown(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    assert_slice(recipient_domain_shown(&a, SLICE_LIT("xn--bcher-kva.example")),
                 SLICE_LIT("b\xc3\xbc"
                           "cher.example"));
    assert_slice(recipient_domain_shown(&a, SLICE_LIT("example.org")), SLICE_LIT("example.org"));
    assert_slice(recipient_domain_shown(&a, SLICE_LIT("xn--a.example")),
                 SLICE_LIT("xn--a.example"));
    arena_release(&a);
}

static void test_no_memory(void **state)
{
    struct recipient_rules rules = {.separators = SLICE_LIT("+")};
    struct recipient r;
    struct arena a;

    (void)state;
    for (size_t max = 0; max < 4096; max += 8) {
        enum recipient_err e;

        arena_init(&a, max);
        e = recipient_read(&a,
                           SLICE_LIT("\xc3\x9cnal+x@b\xc3\xbc"
                                     "cher.example"),
                           rules, false, &r);
        assert_true(e == RECIPIENT_OK || e == RECIPIENT_NOMEM);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_print),
        cmocka_unit_test(test_rules),     cmocka_unit_test(test_domain_shown),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
