#include "lib/base/test.h"
#include "lib/route/targets.h"

static void test_round_trip(void **state)
{
    struct target in[] = {
        {TARGET_MAILBOX, SLICE_LIT("alice"), SLICE_LIT("example.org"), SLICE_LIT("/m/alice"),
         UINT64_C(0xfedcba9876543210)},
        {TARGET_REMOTE, SLICE_LIT("Bob"), SLICE_LIT("example.net"), SLICE_LIT(""), 0},
        {TARGET_LMTP, SLICE_LIT("c"), SLICE_LIT("example.org"), SLICE_LIT("unix:/l"), 0},
        {TARGET_MAILBOX, SLICE_LIT("d"), SLICE_LIT("example.org"), SLICE_LIT("/"), 0},
    };
    struct target t;
    struct buf out;
    slice rest;

    (void)state;
    buf_init(&out, 1024);
    for (size_t i = 0; i < COUNT(in); i++)
        target_add(&out, &in[i]);
    rest = buf_slice(&out);
    for (size_t i = 0; i < COUNT(in); i++) {
        assert_true(target_take(&rest, &t));
        assert_int_equal(t.kind, in[i].kind);
        assert_slice(t.local, in[i].local);
        assert_slice(t.domain, in[i].domain);
        assert_slice(t.path, in[i].path);
        assert_int_equal(t.quota_bytes, in[i].quota_bytes);
    }
    assert_int_equal(rest.n, 0);
    assert_false(target_take(&rest, &t));
    /* Cut anywhere, it is refused and nothing is taken. */
    for (size_t n = 0; n < 39; n++) {
        slice cut = slice_head(buf_slice(&out), n), before = cut;
        assert_false(target_take(&cut, &t));
        assert_slice(cut, before);
    }
    buf_release(&out);
}

static void test_nonsense(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
        {"\0\1\0a\1\0b\0\0", 9},                  /* no such kind */
        {"\4\1\0a\1\0b\0\0", 9},                  /* nor this */
        {"\3\1\0a\1\0b\0\0", 9},                  /* LMTP, to nobody */
        {"\1\1\0a\1\0b\2\0/y\0\0\0\0\0\0\0", 18}, /* half a quota */
        {"\1\1\0a\1\0b\0\0", 9},                  /* a mailbox without a folder */
        {"\1\1\0a\1\0b\2\0xy", 11},               /* a folder that is not absolute */
        {"\2\1\0a\1\0b\2\0/y", 11},               /* remote with a folder */
        {"\2\0\0\1\0b\0\0", 8},                   /* no local part */
        {"\2\1\0a\0\0\0\0", 8},                   /* no domain */
        {"\2\xff\xff"
         "a\1\0b\0\0",
         9} /* longer than it is */
    };
    struct target t;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        slice in = slice_of(bad[i].p, bad[i].n);
        assert_false(target_take(&in, &t));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
