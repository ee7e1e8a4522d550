#include "lib/smtp/envelope.h"

#include "lib/base/le.h"
#include "lib/base/test.h"

static const struct envelope full = {
    .reverse_path = {"a@example.org", 13},
    .body = ENVELOPE_BODY_8BITMIME,
    .smtputf8 = 1,
    .requiretls = 1,
    .envid = {"QQ314159", 8},
    .ret = ENVELOPE_RET_HDRS,
    .auth = {"<>", 2},
    .by_at_ms = 1750000000123,
    .by_mode = ENVELOPE_BY_RETURN,
    .by_trace = 1,
    .mt_priority = 13,
    .hold_until_ms = 1760000000000,
    .grant = {"\0\1\2", 3},
    .client_ip = {"\177\0\0\1", 4},
    .helo = {"[127.0.0.1]", 11},
    .client_name = {"localhost", 9},
    .tls = {"TLSv1.3 TLS_AES_256_GCM_SHA384", 30},
    .incident = {"0123456789abcdef", 16},
    .received_at_ms = 1740000000000,
    .account = {"alice@example.org", 17},
};

static void assert_same(const struct envelope *a, const struct envelope *b)
{
#define TEXT(tag, name, must, max) assert_slice(a->name, b->name);
#define BYTES(tag, name, must, max) assert_slice(a->name, b->name);
#define NUMBER(tag, name, must, type, max) assert_true(a->name == b->name);
#include "lib/smtp/envelope.def"
#undef TEXT
#undef BYTES
#undef NUMBER
}

static void comes_back(void **state)
{
    (void)state;
    static const struct envelope_rcpt rcpts[] = {
        {{"b@example.org", 13}, {NULL, 0}, 0},
        {{"c d@example.org", 15}, {"rfc822;c+20d@example.org", 24}, ENVELOPE_NOTIFY_NEVER},
        {{"b@example.org", 13}, {NULL, 0}, ENVELOPE_NOTIFY_FAILURE | ENVELOPE_NOTIFY_DELAY},
    };
    static const struct envelope none;
    const struct envelope *const rows[] = {&full, &none};
    for (size_t row = 0; row < COUNT(rows); row++)
        for (size_t early = 0; early <= COUNT(rcpts); early++) {
            struct buf out;
            struct envelope got;
            struct envelope_rcpt rcpt;
            buf_init(&out, ENVELOPE_MAX_BYTES);
            for (size_t i = 0; i < COUNT(rcpts); i++) {
                if (i == early)
                    envelope_add(&out, rows[row]);
                size_t before = out.n;
                envelope_add_rcpt(&out, &rcpts[i]);
                assert_int_equal(out.n - before, envelope_rcpt_bytes(&rcpts[i]));
            }
            if (early == COUNT(rcpts))
                envelope_add(&out, rows[row]);
            assert_int_equal(out.err, BUF_OK);
            assert_int_equal(envelope_decode(buf_slice(&out), &got), ENVELOPE_OK);
            assert_same(&got, rows[row]);
            assert_int_equal(got.rcpt_count, COUNT(rcpts));
            slice rest = got.tlvs;
            for (size_t i = 0; i < COUNT(rcpts); i++) {
                assert_true(envelope_next(&rest, &rcpt));
                assert_slice(rcpt.forward_path, rcpts[i].forward_path);
                assert_slice(rcpt.orcpt, rcpts[i].orcpt);
                assert_int_equal(rcpt.notify, rcpts[i].notify);
            }
            assert_false(envelope_next(&rest, &rcpt));
            buf_release(&out);
        }
}

static void refuses_every_cut(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, ENVELOPE_MAX_BYTES);
    envelope_add(&out, &full);
    size_t fields = out.n;
    envelope_add_rcpt(&out, &(struct envelope_rcpt){.forward_path = SLICE_LIT("b@example.org")});
    for (size_t n = 0; n < out.n; n++) {
        struct envelope got = {.rcpt_count = 77};
        enum envelope_err err = envelope_decode(slice_head(buf_slice(&out), n), &got);
        if (err != ENVELOPE_OK)
            assert_int_equal(got.rcpt_count, 77);
        else
            assert_true(n <= fields && got.rcpt_count == 0);
    }
    buf_release(&out);
}

static void judges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        slice in;
        enum envelope_err want;
    } rows[] = {
        {"nothing", {"", 0}, ENVELOPE_OK},
        {"one reverse-path", {"\1\200\3\0a@b", 7}, ENVELOPE_OK},
        {"the must bit of a known field does not matter", {"\1\0\3\0a@b", 7}, ENVELOPE_OK},
        {"the same field twice", {"\1\200\1\0a\1\200\1\0a", 10}, ENVELOPE_BAD},
        {"control character", {"\1\200\2\0a\n", 6}, ENVELOPE_BAD},
        {"empty value", {"\1\200\0\0", 4}, ENVELOPE_BAD},
        {"length beyond the end", {"\1\200\4\0a@b", 7}, ENVELOPE_BAD},
        {"number with a needless byte", {"\3\200\2\0\1\0", 6}, ENVELOPE_BAD},
        {"number out of range", {"\3\200\1\0\2", 5}, ENVELOPE_BAD},
        {"number of nine bytes", {"\14\200\11\0\1\1\1\1\1\1\1\1\1", 13}, ENVELOPE_BAD},
        {"address of five bytes", {"\16\0\5\0\1\2\3\4\5", 9}, ENVELOPE_BAD},
        {"unknown, may be skipped", {"\143\0\1\0x", 5}, ENVELOPE_OK},
        {"unknown, must be understood", {"\143\200\1\0x", 5}, ENVELOPE_UNKNOWN},
        {"tag 0", {"\0\0\0\0", 4}, ENVELOPE_OK},
        {"a high tag twice", {"\377\177\0\0\377\177\0\0", 8}, ENVELOPE_OK},
        {"recipient without a path", {"\144\200\0\0", 4}, ENVELOPE_BAD},
        {"recipient", {"\144\200\5\0\1\200\1\0x", 9}, ENVELOPE_OK},
        {"recipient with a new must",
         {"\144\200\12\0\1\200\1\0x\11\200\1\0x", 14},
         ENVELOPE_UNKNOWN},
        {"recipient with a new may", {"\144\200\12\0\1\200\1\0x\11\0\1\0x", 14}, ENVELOPE_OK},
        {"recipient with two paths", {"\144\200\12\0\1\200\1\0x\1\200\1\0x", 14}, ENVELOPE_BAD},
        {"notify out of range", {"\144\200\12\0\1\200\1\0x\3\200\1\0\20", 14}, ENVELOPE_BAD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct envelope got;
        enum envelope_err err = envelope_decode(rows[i].in, &got);
        if (err != rows[i].want)
            fail_msg("%s: got %d, want %d", rows[i].name, (int)err, (int)rows[i].want);
    }
}

static void holds_its_limits(void **state)
{
    (void)state;
    struct buf out;
    struct envelope got;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < ENVELOPE_MAX_RCPTS; i++)
        envelope_add_rcpt(&out, &(struct envelope_rcpt){.forward_path = SLICE_LIT("x")});
    assert_int_equal(envelope_decode(buf_slice(&out), &got), ENVELOPE_OK);
    assert_int_equal(got.rcpt_count, ENVELOPE_MAX_RCPTS);
    envelope_add_rcpt(&out, &(struct envelope_rcpt){.forward_path = SLICE_LIT("x")});
    assert_int_equal(envelope_decode(buf_slice(&out), &got), ENVELOPE_TOO_BIG);

    buf_clear(&out);
    while (out.n < ENVELOPE_MAX_BYTES)
        buf_add(&out, SLICE_LIT("\1\1\0\0"));
    assert_int_equal(envelope_decode(buf_slice(&out), &got), ENVELOPE_OK);
    buf_addc(&out, 0);
    assert_int_equal(envelope_decode(buf_slice(&out), &got), ENVELOPE_TOO_BIG);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(judges),
        cmocka_unit_test(holds_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
