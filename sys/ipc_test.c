#include "sys/ipc.h"

#include <stdlib.h>

#include "lib/base/test.h"

/* Room for the longest message and its descriptors. */
struct wire {
    char *bytes;
    size_t n;
    int fds[IPC_FDS_MAX];
    size_t nfds;
};

/* Fills a message of any type by its row, as the decoder would: deterministic, every field
 * different, BYTES of n bytes at most. */
static struct ipc_message example(enum ipc_type type, const char *bytes, size_t n)
{
    struct ipc_message m = {.type = type, .call = ipc_kind(type) == IPC_KIND_SEND ? 0 : 7};
    uint64_t next = 0x1112131415161718;
    int fd = 100;
    (void)fd;
    (void)n;
    (void)bytes;
    switch (type) {
/* The macros open what END closes. */
/* clang-format off */
#define OPEN(name, NAME) case IPC_##NAME: { struct ipc_##name *fields = &m.name; (void)fields;
#define SEND(name, NAME, ...) OPEN(name, NAME)
#define CALL(name, NAME, ...) OPEN(name, NAME)
#define REPLY(name, NAME, ...) OPEN(name, NAME)
#define U8(field) fields->field = (uint8_t)next++;
#define U16(field) fields->field = (uint16_t)next++;
#define U32(field) fields->field = (uint32_t)next++;
#define U64(field) fields->field = next++;
#define BYTES(field, max) fields->field = slice_of(bytes, n < (max) ? n : (max));
#define FD(field) fields->field = fd++;
#define FD_OPT(field) fields->field = fd++;
#define END(name) break; }
#include "sys/ipc.def"
#undef OPEN
        /* clang-format on */
    case IPC_COUNT:
        fail();
    }
    return m;
}

static void encode(struct wire *w, const struct ipc_message *m)
{
    assert_int_equal(ipc_measure(m->type, &m->hello, &w->n, &w->nfds), IPC_OK);
    w->bytes = malloc(w->n);
    assert_non_null(w->bytes);
    ipc_write(m->type, m->call, m->more, &m->hello, w->bytes, w->fds);
}

static struct ipc_reader reader(struct wire *w)
{
    return (struct ipc_reader){slice_of(w->bytes, w->n), w->fds, w->nfds};
}

/* Two messages are the same when they are written the same. */
static void assert_same(const struct ipc_message *got, const struct ipc_message *want)
{
    struct wire a = {0}, b = {0};
    assert_int_equal(got->type, want->type);
    encode(&a, got);
    encode(&b, want);
    assert_slice(slice_of(a.bytes, a.n), slice_of(b.bytes, b.n));
    assert_int_equal(a.nfds, b.nfds);
    assert_memory_equal(a.fds, b.fds, a.nfds * sizeof a.fds[0]);
    free(a.bytes);
    free(b.bytes);
}

static void every_message_comes_back(void **state)
{
    (void)state;
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (uint32_t t = 0; t < IPC_COUNT; t++)
        for (size_t n = 0; n < sizeof text; n += 9) {
            struct ipc_message m = example((enum ipc_type)t, text, n), got;
            struct wire w = {0};
            m.more = ipc_is_run(m.type);
            encode(&w, &m);
            struct ipc_reader r = reader(&w);
            assert_int_equal(ipc_take(&r, &got), IPC_OK);
            assert_int_equal(r.rest.n, 0);
            assert_int_equal(r.nfds, 0);
            assert_same(&got, &m);
            assert_int_equal(got.more, m.more);
            free(w.bytes);
        }
}

/* Each prefix lies in memory of exactly its size, so that ASan sees any read behind it. */
static void every_prefix_is_refused(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < IPC_COUNT; t++) {
        struct ipc_message m = example((enum ipc_type)t, "some bytes", 10);
        struct wire w = {0};
        encode(&w, &m);
        for (size_t n = 0; n < w.n; n++) {
            char *cut = malloc(n > 0 ? n : 1);
            assert_non_null(cut);
            memcpy(cut, w.bytes, n);
            struct ipc_reader r = {slice_of(cut, n), w.fds, w.nfds};
            struct ipc_message got;
            assert_int_equal(ipc_take(&r, &got), IPC_SHORT);
            assert_int_equal(r.rest.n, n);
            if (n >= IPC_HEAD_BYTES) { /* and when the head says that this is all */
                uint32_t length = (uint32_t)n;
                memcpy(cut, &length, sizeof length);
                assert_int_not_equal(ipc_take(&r, &got), IPC_OK);
                assert_int_equal(r.nfds, w.nfds);
            }
            free(cut);
        }
        free(w.bytes);
    }
}

static void set_head(struct wire *w, uint32_t length, uint16_t type, uint16_t flags, uint32_t call)
{
    memcpy(w->bytes, &length, 4);
    memcpy(w->bytes + 4, &type, 2);
    memcpy(w->bytes + 6, &flags, 2);
    memcpy(w->bytes + 8, &call, 4);
}

static void bad_heads_are_refused(void **state)
{
    (void)state;
    struct ipc_message m = {.type = IPC_COMMITTED, .call = 3, .committed = {.result = 1, .id = 2}};
    struct wire w = {0};
    encode(&w, &m);
    const uint32_t n = (uint32_t)w.n;
    const struct {
        const char *name;
        uint32_t length;
        uint16_t type, flags;
        uint32_t call;
        enum ipc_err want;
    } rows[] = {
        {"as it was", n, IPC_COMMITTED, 0, 3, IPC_OK},
        {"type unknown", n, IPC_COUNT, 0, 3, IPC_UNKNOWN},
        {"type unknown", n, 0xffff, 0, 3, IPC_UNKNOWN},
        {"longer than the datagram", n + 1, IPC_COMMITTED, 0, 3, IPC_SHORT},
        {"longer than any", IPC_DATAGRAM_MAX + 1, IPC_COMMITTED, 0, 3, IPC_TOO_LONG},
        {"longest number", UINT32_MAX, IPC_COMMITTED, 0, 3, IPC_TOO_LONG},
        {"shorter than a head", 11, IPC_COMMITTED, 0, 3, IPC_BAD_LENGTH},
        {"nothing", 0, IPC_COMMITTED, 0, 3, IPC_BAD_LENGTH},
        {"shorter than its fields", n - 1, IPC_COMMITTED, 0, 3, IPC_BAD_LENGTH},
        {"of a type with other fields", n, IPC_DRAIN, 0, 0, IPC_BAD_LENGTH},
        {"call without id", n, IPC_COMMITTED, 0, 0, IPC_BAD_FLAGS},
        {"id without call", n, IPC_DRAIN, 0, 3, IPC_BAD_FLAGS},
        {"unknown flag", n, IPC_COMMITTED, 0x200, 3, IPC_BAD_FLAGS},
        {"a run that is none", n, IPC_COMMITTED, 0x100, 3, IPC_BAD_FLAGS},
        {"descriptor that did not come", n, IPC_COMMITTED, 1, 3, IPC_BAD_FDS},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        set_head(&w, rows[i].length, rows[i].type, rows[i].flags, rows[i].call);
        struct ipc_reader r = reader(&w);
        struct ipc_message got;
        enum ipc_err err = ipc_take(&r, &got);
        if (err != rows[i].want)
            fail_msg("%s: %s", rows[i].name, ipc_err_name(err));
        if (err != IPC_OK)
            assert_int_equal(r.rest.n, w.n);
    }
    free(w.bytes);
}

static void descriptors_are_counted(void **state)
{
    (void)state;
    struct ipc_message m = {.type = IPC_WIRE, .wire = {.role = 1, .fd = 5}}, got;
    struct wire w = {0};
    encode(&w, &m);
    w.fds[1] = 6;
    struct ipc_reader r = {slice_of(w.bytes, w.n), w.fds, 0};
    assert_int_equal(ipc_take(&r, &got), IPC_BAD_FDS);
    set_head(&w, (uint32_t)w.n, IPC_WIRE, 0, 0);
    r = (struct ipc_reader){slice_of(w.bytes, w.n), w.fds, 1};
    assert_int_equal(ipc_take(&r, &got), IPC_BAD_FDS);
    set_head(&w, (uint32_t)w.n, IPC_WIRE, 2, 0);
    r.nfds = 2;
    assert_int_equal(ipc_take(&r, &got), IPC_BAD_FDS);
    assert_int_equal(r.nfds, 2);
    /* One of two goes with the message, the other stays for the next. */
    set_head(&w, (uint32_t)w.n, IPC_WIRE, 1, 0);
    assert_int_equal(ipc_take(&r, &got), IPC_OK);
    assert_int_equal(got.wire.fd, 5);
    assert_int_equal(r.nfds, 1);
    assert_int_equal(r.fds[0], 6);
    int *left[IPC_FDS_MAX];
    assert_int_equal(ipc_fds(&got, left), 1);
    assert_int_equal(ipc_take_fd(&got.wire.fd), 5);
    assert_int_equal(ipc_fds(&got, left), 0);
    free(w.bytes);
}

static void too_much_is_refused_on_both_sides(void **state)
{
    (void)state;
    char *big = calloc(1, IPC_DATAGRAM_MAX);
    assert_non_null(big);
    size_t bytes, fds;
    struct ipc_session_open open = {.ip = slice_of(big, 17)};
    assert_int_equal(ipc_measure(IPC_SESSION_OPEN, &open, &bytes, &fds), IPC_TOO_LONG);
    struct ipc_commit commit = {.header = slice_of(big, IPC_BYTES_MAX),
                                .body = slice_of(big, 67000),
                                .fd = -1};
    assert_int_equal(ipc_measure(IPC_COMMIT, &commit, &bytes, &fds), IPC_TOO_LONG);
    struct ipc_wire wire = {.fd = -1};
    assert_int_equal(ipc_measure(IPC_WIRE, &wire, &bytes, &fds), IPC_BAD_FDS);
    /* A field above its maximum in a message that is otherwise right. */
    struct ipc_message m = {.type = IPC_SESSION_CLOSE}, got;
    struct wire w = {0};
    m.session_close.ip = slice_of(big, 16);
    encode(&w, &m);
    char *grown = calloc(1, w.n + 1);
    assert_non_null(grown);
    memcpy(grown, w.bytes, w.n);
    uint32_t length = (uint32_t)w.n + 1, n = 17;
    memcpy(grown, &length, 4);
    memcpy(grown + IPC_HEAD_BYTES, &n, 4);
    struct ipc_reader r = {slice_of(grown, w.n + 1), NULL, 0};
    assert_int_equal(ipc_take(&r, &got), IPC_TOO_LONG);
    free(grown);
    free(w.bytes);
    free(big);
}

static void rows_fit_together(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < IPC_COUNT; t++) {
        enum ipc_type type = (enum ipc_type)t;
        if (ipc_kind(type) == IPC_KIND_CALL) {
            enum ipc_type reply = ipc_reply_of(type);
            assert_int_equal(ipc_kind(reply), IPC_KIND_REPLY);
            assert_int_equal(ipc_call_of(reply), type);
            assert_true(ipc_limit_ms(type) > 0 && ipc_credits(type) > 0);
            for (uint32_t a = 0; a < ROLE_COUNT; a++)
                for (uint32_t b = 0; b < ROLE_COUNT; b++)
                    assert_int_equal(ipc_may_send(t, a, b), ipc_may_send(reply, b, a));
        }
        /* Master takes fixed sizes only. */
        for (uint32_t a = 0; a < ROLE_COUNT; a++)
            if (ipc_may_send(t, a, ROLE_MASTER))
                assert_true(ipc_is_fixed(type));
    }
    assert_false(ipc_may_send(IPC_COUNT, ROLE_MX, ROLE_QUEUE));
    assert_false(ipc_may_send(IPC_COMMIT, ROLE_MX, 99));
    assert_true(ipc_may_send(IPC_COMMIT, ROLE_SUBMIT, ROLE_QUEUE));
    assert_false(ipc_may_send(IPC_COMMIT, ROLE_RESOLVER, ROLE_QUEUE));
    assert_true(ipc_are_peers(ROLE_MX, ROLE_QUEUE));
    assert_true(ipc_are_peers(ROLE_QUEUE, ROLE_MX));
    assert_false(ipc_are_peers(ROLE_MX, ROLE_DELIVER));
    assert_true(ipc_table_hash() == ipc_table_hash());
    for (uint32_t i = 0; i < IPC_ERR_COUNT; i++)
        assert_string_not_equal(ipc_err_name(i), "?");
    enum role_id role = ROLE_MASTER;
    assert_true(role_by_name(SLICE_LIT("queue"), &role));
    assert_int_equal(role, ROLE_QUEUE);
    assert_false(role_by_name(SLICE_LIT("que"), &role));
    assert_string_equal(role_executable(ROLE_SUBMIT), "smtpd");
}

static void prints_lengths_not_contents(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    struct ipc_message m = {.type = IPC_COMMIT,
                            .call = 7,
                            .commit = {.file = 0,
                                       .body_bytes = 4096,
                                       .envelope = SLICE_LIT("from"),
                                       .body = SLICE_LIT("secret"),
                                       .fd = -1}};
    ipc_print(&out, &m);
    assert_slice(buf_slice(&out),
                 SLICE_LIT("commit call=7 file=0 body_bytes=4096 envelope=[4] added=[0] "
                           "header=[0] body=[6] fd=none"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(bad_heads_are_refused),
        cmocka_unit_test(descriptors_are_counted),
        cmocka_unit_test(too_much_is_refused_on_both_sides),
        cmocka_unit_test(rows_fit_together),
        cmocka_unit_test(prints_lengths_not_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
