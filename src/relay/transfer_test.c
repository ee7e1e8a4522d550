#include "src/relay/transfer.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/test.h"
#include "lib/smtp/envelope.h"
#include "sys/answers.h"

static struct buf envelope;

static slice make_envelope(uint8_t smtputf8)
{
    buf_release(&envelope);
    buf_init(&envelope, 4096);
    envelope_add(&envelope, &(struct envelope){.reverse_path = SLICE_LIT("s@y"),
                                               .body = ENVELOPE_BODY_8BITMIME,
                                               .smtputf8 = smtputf8});
    return buf_slice(&envelope);
}

static struct ipc_transfer ask(void)
{
    return (struct ipc_transfer){.job = 7,
                                 .host = SLICE_LIT("unix:/x"),
                                 .rcpts = SLICE_LIT("\3\0a@x\3\0b@x"),
                                 .envelope = make_envelope(0),
                                 .head = SLICE_LIT("Subject: x\r\n\r\n"),
                                 .body = SLICE_LIT("hello\r\n"),
                                 .fd = -1};
}

static void read_all(struct transfer *t, size_t n, struct buf *out)
{
    bool is_last = false;
    char room[64];
    while (!is_last) {
        slice piece;
        assert_int_equal(transfer_read(t, room, n, &piece, &is_last), 0);
        assert_true(piece.n <= n);
        buf_add(out, piece);
    }
}

static void the_text_comes_in_any_pieces(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        struct ipc_transfer m = ask();
        struct transfer *t;
        struct buf got;
        buf_init(&got, 1000);
        assert_int_equal(transfer_new(&m, 1, 2, &t), 0);
        read_all(t, n, &got);
        transfer_rewind(t);
        read_all(t, n, &got);
        assert_slice(buf_slice(&got),
                     SLICE_LIT("Subject: x\r\n\r\nhello\r\nSubject: x\r\n\r\nhello\r\n"));
        assert_int_equal(t->message.size_bytes, 21);
        assert_int_equal(t->message.rcpt_count, 2);
        assert_slice(t->rcpts[1].path, SLICE_LIT("b@x"));
        buf_release(&got);
        transfer_free(t);
    }
}

static void a_body_in_a_file(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        struct ipc_transfer m = ask();
        struct transfer *t;
        struct buf got;
        buf_init(&got, 1000);
        m.body = (slice){NULL, 0};
        m.fd = memfd_create("body", MFD_CLOEXEC);
        m.body_bytes = 7;
        assert_int_equal(write(m.fd, "hello\r\n", 7), 7);
        assert_int_equal(transfer_new(&m, 1, 2, &t), 0);
        assert_int_equal(m.fd, -1);
        read_all(t, n, &got);
        assert_slice(buf_slice(&got), SLICE_LIT("Subject: x\r\n\r\nhello\r\n"));
        buf_release(&got);
        /* Shorter than was said. */
        assert_int_equal(ftruncate(t->fd, 3), 0);
        transfer_rewind(t);
        slice piece;
        bool is_last;
        char room[64];
        assert_int_equal(transfer_read(t, room, 64, &piece, &is_last), 0);
        assert_int_equal(transfer_read(t, room, 64, &piece, &is_last), 0);
        assert_int_equal(transfer_read(t, room, 64, &piece, &is_last), -ENODATA);
        transfer_free(t);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const slice rcpts[] = {{"", 0}, {"\3\0a@", 4}, {"\0\0", 2}, {"\3\0a@x\1", 6}};
    for (size_t i = 0; i < COUNT(rcpts); i++) {
        struct ipc_transfer m = ask();
        struct transfer *t;
        m.rcpts = rcpts[i];
        assert_int_equal(transfer_new(&m, 1, 2, &t), -EBADMSG);
    }
    struct ipc_transfer m = ask();
    struct transfer *t;
    m.envelope = SLICE_LIT("x");
    assert_int_equal(transfer_new(&m, 1, 2, &t), -EBADMSG);
}

static void utf8_only_where_it_is_needed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct ipc_transfer m = ask();
        struct transfer *t;
        m.envelope = make_envelope(i & 1);
        if (i & 2)
            m.rcpts = SLICE_LIT("\5\0\xc3\xa4@xy");
        if (i & 4)
            m.head = SLICE_LIT("Subject: \xc3\xa4\r\n\r\n");
        assert_int_equal(transfer_new(&m, 1, 2, &t), 0);
        assert_int_equal(t->message.needs_utf8, (i & 1) != 0 && (i & 6) != 0);
        transfer_free(t);
    }
}

static void outcomes_in_their_order(void **state)
{
    (void)state;
    struct ipc_transfer m = ask();
    struct transfer *t;
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(transfer_new(&m, 1, 2, &t), 0);
    t->rcpts[0].result = CLIENT_DONE;
    t->rcpts[0].code = 250;
    t->rcpts[0].text = SLICE_LIT("ok");
    t->rcpts[1].result = CLIENT_REFUSED;
    t->rcpts[1].code = 550;
    t->rcpts[1].text = SLICE_LIT("5.1.1 a\n5.1.1 b");
    assert_true(transfer_outcomes(t, &out));
    assert_slice(buf_slice(&out), SLICE_LIT("\0\6\0"
                                            "250 ok"
                                            "\2\27\0"
                                            "550-5.1.1 a\n550 5.1.1 b"));
    buf_clear(&out);
    transfer_put_off(t, SLICE_LIT("no"));
    assert_true(transfer_outcomes(t, &out));
    assert_slice(buf_slice(&out), SLICE_LIT("\1\2\0no\1\2\0no"));
    transfer_free(t);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_comes_in_any_pieces),
        cmocka_unit_test(a_body_in_a_file),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(utf8_only_where_it_is_needed),
        cmocka_unit_test(outcomes_in_their_order),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&envelope);
    return failed;
}
