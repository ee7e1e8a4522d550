/* chan and rpc over a real socket pair, both ends in one loop. */
#include "sys/rpc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/test.h"
#include "sys/loop_int.h"

/* One end and what happened to it. */
struct end {
    struct rpc *rpc;
    unsigned opens, messages, answers, mores, timeouts, gones, writables;
    uint64_t last_token;
    enum ipc_err why;
    int error;
    struct ipc_message last; /* its slices are dead */
    char text[64];           /* of the last body */
    uint32_t calls[8192];
    size_t calls_n;
    bool replies; /* answers a commit at once with id = body_bytes + 1 */
    bool frees_in_message;
};

static struct {
    struct loop *loop;
    struct end smtpd, queue;
    struct timer limit;
    struct turn_hook hook;
    bool (*is_over)(void);
} f;

static void on_open(void *owner, struct rpc *r)
{
    (void)r;
    ((struct end *)owner)->opens++;
}

static void on_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    struct end *e = owner;
    e->messages++;
    e->last = *m;
    if (m->type == IPC_COMMIT) {
        slice body = slice_head(m->commit.body, sizeof e->text - 1);
        if (body.n > 0)
            memcpy(e->text, body.p, body.n);
        e->text[body.n] = '\0';
    }
    if (m->call != 0 && e->calls_n < COUNT(e->calls))
        e->calls[e->calls_n++] = m->call;
    if (e->replies && m->type == IPC_COMMIT) {
        const struct ipc_committed done = {.id = m->commit.body_bytes + 1};
        assert_int_equal(rpc_reply_committed(r, m->call, &done), 0);
    }
    if (e->frees_in_message) {
        rpc_free(r);
        e->rpc = NULL;
    }
}

static void on_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    struct end *e = owner;
    (void)r;
    (void)call;
    assert_int_equal(m != NULL, result == RPC_ANSWER || result == RPC_MORE);
    e->answers += result == RPC_ANSWER;
    e->mores += result == RPC_MORE;
    e->timeouts += result == RPC_TIMEOUT;
    e->gones += result == RPC_GONE;
    e->last_token = token;
    if (m != NULL)
        e->last = *m;
}

static void on_writable(void *owner, struct rpc *r)
{
    (void)r;
    ((struct end *)owner)->writables++;
}

static void on_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    struct end *e = owner;
    e->error = error;
    e->why = why;
    e->opens = 1000;
    rpc_free(r);
    e->rpc = NULL;
}

static const struct rpc_ops ops = {on_open, on_message, on_answer, on_writable, on_gone};

static void check_over(struct turn_hook *h)
{
    (void)h;
    if (f.is_over())
        loop_stop(f.loop);
}

static void poll_over(struct timer *t)
{
    turn_hook_queue(f.loop, &f.hook, check_over);
    timer_set(f.loop, t, 1, poll_over);
}

/* Runs until what the test waits for has come about (meson ends a test that never does). */
static void run_until(bool (*is_over)(void))
{
    f.is_over = is_over;
    timer_set(f.loop, &f.limit, 0, poll_over);
    assert_int_equal(loop_run(f.loop), 0);
    timer_stop(f.loop, &f.limit);
}

static struct rpc *make_end(struct end *e, int fd, enum role_id self, enum role_id peer,
                            uint32_t limit_ms)
{
    const struct rpc_options options = {.loop = f.loop,
                                        .fd = fd,
                                        .self = self,
                                        .peer = peer,
                                        .ops = &ops,
                                        .owner = e,
                                        .limit_ms = limit_ms};
    e->rpc = rpc_new(&options);
    assert_non_null(e->rpc);
    return e->rpc;
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.loop = loop_new();
    return f.loop != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rpc_free(f.smtpd.rpc);
    rpc_free(f.queue.rpc);
    timer_stop(f.loop, &f.limit);
    turn_hook_cancel(f.loop, &f.hook);
    loop_free(f.loop);
    return 0;
}

static void connect_ends(uint32_t limit_ms)
{
    int fds[2];
    assert_int_equal(chan_pair(fds), 0);
    make_end(&f.smtpd, fds[0], ROLE_MX, ROLE_QUEUE, limit_ms);
    make_end(&f.queue, fds[1], ROLE_QUEUE, ROLE_MX, limit_ms);
}

/* smtpd against a bare descriptor that says what the test wants. */
static int connect_raw(void)
{
    int fds[2];
    assert_int_equal(chan_pair(fds), 0);
    make_end(&f.smtpd, fds[0], ROLE_MX, ROLE_QUEUE, 0);
    return fds[1];
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int call_commit(uint64_t token, const char *body, uint64_t body_bytes, int fd)
{
    const struct ipc_commit c = {.body_bytes = body_bytes, .body = slice_cstr(body), .fd = fd};
    return rpc_call_commit(f.smtpd.rpc, token, &c);
}

static bool are_open(void)
{
    return f.smtpd.opens == 1 && f.queue.opens == 1;
}

static bool is_answered(void)
{
    return f.smtpd.answers + f.smtpd.timeouts + f.smtpd.gones > 0;
}

static bool has_message(void)
{
    return f.queue.messages > 0;
}

static bool is_smtpd_gone(void)
{
    return f.smtpd.rpc == NULL;
}

static bool is_queue_gone(void)
{
    return f.queue.rpc == NULL;
}

static void a_call_is_answered(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    connect_ends(0);
    f.queue.replies = true;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(call_commit(77, "hello", 41, fd), 0);
    assert_int_equal(rpc_open_calls(f.smtpd.rpc), 1);
    run_until(is_answered);
    assert_string_equal(f.queue.text, "hello");
    assert_int_equal(f.smtpd.last_token, 77);
    assert_int_equal(f.smtpd.last.committed.id, 42);
    assert_int_equal(rpc_open_calls(f.smtpd.rpc), 0);
    assert_int_equal(rpc_owed_replies(f.queue.rpc), 0);
    /* The descriptor was sent and closed here, and closed there since nobody took it. */
    assert_int_equal(open_descriptors(), before + 2);
}

static void a_turn_is_a_datagram(void **state)
{
    (void)state;
    int raw = connect_raw();
    char room[4096];
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(call_commit(i, "0123456789", 10, -1), 0);
    rpc_flush(f.smtpd.rpc);
    ssize_t n = recv(raw, room, sizeof room, 0);
    struct ipc_reader r = {slice_of(room, (size_t)n), NULL, 0};
    struct ipc_message m;
    size_t count = 0;
    while (r.rest.n > 0) {
        assert_int_equal(ipc_take(&r, &m), IPC_OK);
        count++;
    }
    assert_int_equal(count, 21); /* hello is the first */
    assert_int_equal(recv(raw, room, sizeof room, 0), -1);
    assert_int_equal(errno, EAGAIN);
    close(raw);
}

static void a_late_reply_gives_the_credit_back(void **state)
{
    (void)state;
    connect_ends(1);
    assert_int_equal(call_commit(5, "x", 1, -1), 0);
    run_until(is_answered);
    assert_int_equal(f.smtpd.timeouts, 1);
    assert_int_equal(f.smtpd.last_token, 5);
    run_until(has_message);
    assert_int_equal(rpc_open_calls(f.smtpd.rpc), 1);
    const struct ipc_committed done = {0};
    assert_int_equal(rpc_reply_committed(f.queue.rpc, f.queue.calls[0], &done), 0);
    f.smtpd.timeouts = 0;
    assert_int_equal(call_commit(6, "y", 1, -1), 0);
    f.queue.replies = true;
    run_until(is_answered);
    assert_int_equal(f.smtpd.timeouts + f.smtpd.answers, 1);
    assert_int_equal(f.smtpd.last_token, 6);
    assert_true(rpc_open_calls(f.smtpd.rpc) <= 1);
    assert_int_equal(f.smtpd.gones, 0);
}

static void every_open_call_ends_with_the_peer(void **state)
{
    (void)state;
    connect_ends(0);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(call_commit(i, "x", 1, -1), 0);
    run_until(has_message);
    rpc_free(f.queue.rpc);
    f.queue.rpc = NULL;
    assert_int_equal(f.smtpd.gones, 0);
    run_until(is_smtpd_gone);
    assert_int_equal(f.smtpd.gones, 100);
    assert_int_equal(f.smtpd.error, 0);
    assert_int_equal(f.smtpd.why, IPC_OK);
}

static void credits_run_out_and_come_back(void **state)
{
    (void)state;
    connect_ends(0);
    const struct ipc_file_open open = {};
    uint32_t credits = ipc_credits(IPC_FILE_OPEN);
    for (uint32_t i = 0; i < credits; i++)
        assert_int_equal(rpc_call_file_open(f.smtpd.rpc, i, &open), 0);
    assert_int_equal(rpc_call_file_open(f.smtpd.rpc, 1, &open), -EAGAIN);
    assert_int_equal(call_commit(1, "others go on", 1, -1), 0);
    run_until(has_message);
    const struct ipc_file_opened opened = {.result = 1, .fd = -1};
    assert_int_equal(rpc_reply_file_opened(f.queue.rpc, f.queue.calls[0], &opened), 0);
    run_until(is_answered);
    assert_int_equal(f.smtpd.writables, 1);
    assert_int_equal(rpc_call_file_open(f.smtpd.rpc, 1, &open), 0);
}

static void no_credit_condemns(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(chan_pair(fds), 0);
    make_end(&f.queue, fds[0], ROLE_QUEUE, ROLE_MX, 0);
    char room[64];
    int none[1];
    const struct ipc_hello hello = {ipc_table_hash(), ROLE_MX, 0};
    const struct ipc_file_open open = {};
    size_t n, nfds;
    assert_int_equal(ipc_measure(IPC_HELLO, &hello, &n, &nfds), IPC_OK);
    ipc_write(IPC_HELLO, 0, false, &hello, room, none);
    assert_int_equal(send(fds[1], room, n, 0), n);
    for (uint32_t i = 0; i <= ipc_credits(IPC_FILE_OPEN); i++) {
        assert_int_equal(ipc_measure(IPC_FILE_OPEN, &open, &n, &nfds), IPC_OK);
        ipc_write(IPC_FILE_OPEN, i + 1, false, &open, room, none);
        while (send(fds[1], room, n, MSG_DONTWAIT) < 0)
            run_until(has_message);
    }
    run_until(is_queue_gone);
    assert_int_equal(f.queue.why, IPC_NO_CREDIT);
    close(fds[1]);
}

static void a_run_ends_once(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(chan_pair(fds), 0);
    make_end(&f.smtpd, fds[0], ROLE_CONTROL, ROLE_QUEUE, 0);
    make_end(&f.queue, fds[1], ROLE_QUEUE, ROLE_CONTROL, 0);
    const struct ipc_admin ask = {.json = SLICE_LIT("{}")};
    const struct ipc_admin_answer row = {.json = SLICE_LIT("[]")};
    assert_int_equal(rpc_call_admin(f.smtpd.rpc, 9, &ask), 0);
    run_until(has_message);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rpc_reply_more_admin_answer(f.queue.rpc, f.queue.calls[0], &row), 0);
    assert_int_equal(rpc_reply_admin_answer(f.queue.rpc, f.queue.calls[0], &row), 0);
    run_until(is_answered);
    assert_int_equal(f.smtpd.mores, 3);
    assert_int_equal(f.smtpd.answers, 1);
}

static bool is_writable(void)
{
    return f.smtpd.writables > 0;
}

static void a_full_channel_is_bounded(void **state)
{
    (void)state;
    static char body[16 * 1024 + 1];
    memset(body, 'x', sizeof body - 1);
    connect_ends(0);
    run_until(are_open);
    uint64_t sent = 0;
    int err;
    while ((err = call_commit(sent, body, 1, -1)) == 0)
        sent++;
    assert_int_equal(err, -EAGAIN);
    assert_true(rpc_is_full(f.smtpd.rpc));
    assert_true(sent * 16 * 1024 <= (uint64_t)CHAN_SOFT_BLOCKS * IPC_DATAGRAM_MAX);
    rpc_flush(f.smtpd.rpc); /* some goes into the socket, no more than it takes */
    f.queue.replies = true;
    run_until(is_writable);
    assert_false(rpc_is_full(f.smtpd.rpc));
    assert_int_equal(f.smtpd.writables, 1);
}

static void who_does_not_read_is_not_served(void **state)
{
    (void)state;
    /* A peer that asks and asks and reads no answer: the queue stops reading him. */
    static char json[100 * 1024];
    int fds[2];
    assert_int_equal(chan_pair(fds), 0);
    make_end(&f.queue, fds[0], ROLE_QUEUE, ROLE_CONTROL, 0);
    make_end(&f.smtpd, fds[1], ROLE_CONTROL, ROLE_QUEUE, 0);
    const struct ipc_admin ask = {.json = SLICE_LIT("{}")};
    const struct ipc_admin_answer big = {.json = {json, sizeof json}};
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(rpc_call_admin(f.smtpd.rpc, i, &ask), 0);
    run_until(has_message);
    assert_int_equal(f.queue.messages, 40);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(rpc_reply_admin_answer(f.queue.rpc, f.queue.calls[i], &big), 0);
    assert_true(rpc_is_full(f.queue.rpc));
    /* Further calls wait in the socket until answers have left. */
    assert_int_equal(rpc_call_admin(f.smtpd.rpc, 40, &ask), 0);
    rpc_flush(f.smtpd.rpc);
    f.queue.messages = 0;
    run_until(has_message);
    assert_true(f.smtpd.answers > 30);
    assert_int_equal(f.queue.messages, 1);
}

static bool is_control_answered(void)
{
    return f.smtpd.answers == 41;
}

static void pausing_loses_nothing(void **state)
{
    who_does_not_read_is_not_served(state);
    const struct ipc_admin_answer end = {.json = SLICE_LIT("{}")};
    assert_int_equal(rpc_reply_admin_answer(f.queue.rpc, f.queue.calls[40], &end), 0);
    run_until(is_control_answered);
    assert_int_equal(rpc_open_calls(f.smtpd.rpc), 0);
}

static void freeing_in_a_handler_is_fine(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    connect_ends(0);
    f.queue.frees_in_message = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(call_commit((uint64_t)i, "x", 1, open("/dev/null", O_RDONLY | O_CLOEXEC)),
                         0);
    run_until(is_smtpd_gone);
    assert_int_equal(f.queue.messages, 1);
    assert_int_equal(f.smtpd.gones, 3);
    assert_int_equal(open_descriptors(), before);
}

static size_t write_message(char *room, enum ipc_type type, uint32_t call, const void *fields)
{
    size_t n, nfds;
    int fds[IPC_FDS_MAX];
    assert_int_equal(ipc_measure(type, fields, &n, &nfds), IPC_OK);
    ipc_write(type, call, false, fields, room, fds);
    return n;
}

static void the_sender_of_nonsense_is_condemned(void **state)
{
    (void)state;
    static char big[IPC_DATAGRAM_MAX + 100];
    char good[256], room[512];
    const struct ipc_hello hello = {ipc_table_hash(), ROLE_QUEUE, 0};
    const struct ipc_hello alien = {ipc_table_hash() + 1, ROLE_QUEUE, 0};
    const struct ipc_hello other = {ipc_table_hash(), ROLE_DELIVER, 0};
    const struct ipc_hello second = {ipc_table_hash(), ROLE_QUEUE, 1};
    const struct ipc_committed reply = {0};
    const struct ipc_drain nothing = {};
    size_t hello_n = write_message(good, IPC_HELLO, 0, &hello);
    const struct {
        const char *name;
        enum ipc_err want;
        enum ipc_type type;
        uint32_t call;
        const void *fields;
        bool is_first;
    } rows[] = {
        {"a reply before hello", IPC_BAD_HELLO, IPC_COMMITTED, 1, &reply, true},
        {"hello from another table", IPC_BAD_HELLO, IPC_HELLO, 0, &alien, true},
        {"hello from another role", IPC_BAD_HELLO, IPC_HELLO, 0, &other, true},
        {"hello from another instance", IPC_BAD_HELLO, IPC_HELLO, 0, &second, true},
        {"hello again", IPC_BAD_HELLO, IPC_HELLO, 0, &hello, false},
        {"a reply to nothing", IPC_NO_CALL, IPC_COMMITTED, 0x10000, &reply, false},
        {"what a queue may not send", IPC_NOT_ALLOWED, IPC_DRAIN, 0, &nothing, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int raw = connect_raw();
        size_t n = 0;
        if (!rows[i].is_first) {
            memcpy(room, good, hello_n);
            n = hello_n;
        }
        n += write_message(room + n, rows[i].type, rows[i].call, rows[i].fields);
        assert_int_equal(send(raw, room, n, 0), n);
        run_until(is_smtpd_gone);
        if (f.smtpd.why != rows[i].want)
            fail_msg("%s: %s", rows[i].name, ipc_err_name(f.smtpd.why));
        close(raw);
    }
    /* A datagram that does not fit, and rubbish. */
    int raw = connect_raw();
    assert_int_equal(send(raw, big, sizeof big, 0), sizeof big);
    run_until(is_smtpd_gone);
    assert_int_equal(f.smtpd.why, IPC_TRUNCATED);
    close(raw);
    raw = connect_raw();
    assert_int_equal(send(raw, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, 0), 12);
    run_until(is_smtpd_gone);
    assert_int_equal(f.smtpd.why, IPC_UNKNOWN);
    close(raw);
}

/* One datagram with count descriptors beside it. */
static void send_with_fds(int to, const char *bytes, size_t n, size_t count)
{
    int fds[IPC_FDS_MAX + 8];
    union {
        char room[CMSG_SPACE(sizeof fds)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = CMSG_SPACE(count * sizeof fds[0])};
    for (size_t i = 0; i < count; i++)
        fds[i] = to;
    struct cmsghdr *m = CMSG_FIRSTHDR(&msg);
    m->cmsg_level = SOL_SOCKET;
    m->cmsg_type = SCM_RIGHTS;
    m->cmsg_len = CMSG_LEN(count * sizeof fds[0]);
    memcpy(CMSG_DATA(m), fds, count * sizeof fds[0]);
    assert_int_equal(sendmsg(to, &msg, 0), (ssize_t)n);
}

static void descriptors_nobody_asked_for_are_closed(void **state)
{
    (void)state;
    static const size_t counts[] = {1, IPC_FDS_MAX, IPC_FDS_MAX + 5};
    char room[256];
    const struct ipc_hello hello = {ipc_table_hash(), ROLE_QUEUE, 0};
    size_t n = write_message(room, IPC_HELLO, 0, &hello);
    for (size_t i = 0; i < COUNT(counts); i++) {
        size_t before = open_descriptors();
        int raw = connect_raw();
        send_with_fds(raw, room, n, counts[i]);
        run_until(is_smtpd_gone);
        assert_int_equal(f.smtpd.why, counts[i] <= IPC_FDS_MAX ? IPC_BAD_FDS : IPC_TRUNCATED);
        close(raw);
        assert_int_equal(open_descriptors(), before);
    }
}

static void his_last_words_are_read(void **state)
{
    (void)state;
    connect_ends(0);
    run_until(are_open);
    f.queue.replies = true;
    assert_int_equal(call_commit(1, "x", 41, -1), 0);
    rpc_flush(f.smtpd.rpc);
    run_until(has_message);
    /* The reply is in the socket; now the queue goes, with a call of ours unread in its socket. */
    rpc_flush(f.queue.rpc);
    assert_int_equal(call_commit(2, "y", 1, -1), 0);
    rpc_flush(f.smtpd.rpc);
    rpc_free(f.queue.rpc);
    f.queue.rpc = NULL;
    run_until(is_smtpd_gone);
    assert_int_equal(f.smtpd.answers, 1);
    assert_int_equal(f.smtpd.gones, 1);
    assert_int_equal(f.smtpd.last_token, 2);
}

static void a_secret_leaves_no_trace(void **state)
{
    (void)state;
    int fds[2];
    static const char secret[] = "a key that is secret to all else";
    char *room = loop_datagram_room(f.loop);
    assert_non_null(room);
    memset(room, 0, IPC_DATAGRAM_MAX);
    assert_int_equal(chan_pair(fds), 0);
    make_end(&f.smtpd, fds[0], ROLE_DIRECTORY, ROLE_QUEUE, 0);
    make_end(&f.queue, fds[1], ROLE_QUEUE, ROLE_DIRECTORY, 0);
    run_until(are_open);
    assert_int_equal(rpc_send_grant_key(f.smtpd.rpc, &(struct ipc_grant_key){slice_of(secret, 32)}),
                     0);
    run_until(has_message);
    assert_int_equal(f.queue.last.type, IPC_GRANT_KEY);
    assert_null(memmem(room, IPC_DATAGRAM_MAX, secret, 32));
    assert_true(ipc_is_secret(IPC_AUTH) && ipc_is_secret(IPC_AUTH_STEP));
    assert_false(ipc_is_secret(IPC_COMMIT));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered),
        TEST(a_turn_is_a_datagram),
        TEST(a_late_reply_gives_the_credit_back),
        TEST(every_open_call_ends_with_the_peer),
        TEST(credits_run_out_and_come_back),
        TEST(no_credit_condemns),
        TEST(a_run_ends_once),
        TEST(a_full_channel_is_bounded),
        TEST(pausing_loses_nothing),
        TEST(freeing_in_a_handler_is_fine),
        TEST(the_sender_of_nonsense_is_condemned),
        TEST(descriptors_nobody_asked_for_are_closed),
        TEST(his_last_words_are_read),
        TEST(a_secret_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
