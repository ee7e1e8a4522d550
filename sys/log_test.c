#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/test.h"

static struct loop *loop;

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    return loop != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static struct log *make_log(int fd, enum log_format format)
{
    const struct log_options options = {
        .format = format, .level = LOG_INFO, .role = "queue", .instance = 0, .fd = fd};
    struct log *log = log_new(loop, &options);
    assert_non_null(log);
    return log;
}

/* What came out, from the event on (before it stand time and pid). */
static slice read_line(int fd, char *room, size_t size, const char *from)
{
    ssize_t n = read(fd, room, size);
    assert_true(n > 0);
    slice all = slice_of(room, (size_t)n);
    size_t at = slice_find_slice(all, slice_cstr(from));
    assert_true(at < all.n);
    return slice_tail(all, at);
}

static void values_are_escaped(void **state)
{
    (void)state;
    static const struct {
        slice value;
        const char *keys, *json;
    } rows[] = {
        {SLICE_LIT("192.0.2.1"), "192.0.2.1", "\"192.0.2.1\""},
        {SLICE_LIT(""), "\"\"", "\"\""},
        {SLICE_LIT("two words"), "\"two words\"", "\"two words\""},
        {SLICE_LIT("a=b"), "\"a=b\"", "\"a=b\""},
        {SLICE_LIT("say \"x\" \\"), "\"say \\\"x\\\" \\\\\"", "\"say \\\"x\\\" \\\\\""},
        {SLICE_LIT("a\r\n\tb"), "\"a\\r\\n\\tb\"", "\"a\\r\\n\\tb\""},
        {SLICE_LIT("\x1b[2J\0"), "\"\\x1b[2J\\x00\"", "\"\\u001b[2J\\u0000\""},
        {SLICE_LIT("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"", "\"gr\xc3\xbc\xc3\x9f\""},
        {SLICE_LIT("\xff"), "\"\\xff\"", "\"\xef\xbf\xbd\""},
        {SLICE_LIT("\xe2\x80\xae"), "\"\\u202e\"", "\"\\u202e\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int json = 0; json < 2; json++) {
            int fds[2];
            char room[4096], want[256];
            assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
            struct log *log = make_log(fds[1], json ? LOG_JSON : LOG_KEYS);
            struct log_line line;
            log_begin(&line, log, LOG_INFO, "x.y");
            log_slice(&line, "v", rows[i].value);
            log_u64(&line, "n", 18446744073709551615U);
            log_error(&line, -ENOSPC);
            log_end(&line);
            log_flush(log);
            snprintf(want, sizeof want,
                     json ? "\"event\":\"x.y\",\"v\":%s,\"n\":18446744073709551615,"
                            "\"error\":\"ENOSPC\"}\n"
                          : "event=x.y v=%s n=18446744073709551615 error=ENOSPC\n",
                     json ? rows[i].json : rows[i].keys);
            assert_slice(read_line(fds[0], room, sizeof room, json ? "\"event" : "event"),
                         slice_cstr(want));
            log_free(log);
            close(fds[0]);
            close(fds[1]);
        }
}

static void a_line_begins_with_who_and_when(void **state)
{
    (void)state;
    int fds[2];
    char room[4096];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct log *log = make_log(fds[1], LOG_KEYS);
    struct log_line line;
    log_begin(&line, log, LOG_DEBUG, "left.out");
    log_cstr(&line, "a", "b");
    log_end(&line);
    log_begin(&line, log, LOG_WARN, "said");
    log_end(&line);
    log_begin(&line, NULL, LOG_ERROR, "no.log");
    log_end(&line);
    log_flush(log);
    slice got = read_line(fds[0], room, sizeof room, "time=");
    assert_slice(slice_head(got, 7), SLICE_LIT("time=20"));
    assert_int_equal(got.p[28], 'Z');
    assert_true(slice_find_slice(got, SLICE_LIT(" level=warn role=queue pid=")) < got.n);
    assert_true(slice_ends(got, SLICE_LIT(" event=said\n")));
    assert_int_equal(log_dropped(log), 0);
    log_free(log);
    close(fds[0]);
    close(fds[1]);
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char big[10000];
    int fds[2];
    char room[8192];
    static const char fills[] = {'x', '"', '\x01', '\xff'};
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    for (size_t i = 0; i < COUNT(fills); i++)
        for (int json = 0; json < 2; json++) {
            struct log *log = make_log(fds[1], json ? LOG_JSON : LOG_KEYS);
            struct log_line line;
            memset(big, fills[i], sizeof big);
            log_begin(&line, log, LOG_INFO, "long");
            log_slice(&line, "v", slice_of(big, sizeof big));
            log_cstr(&line, "after", "it");
            log_end(&line);
            log_flush(log);
            slice got = read_line(fds[0], room, sizeof room, "long");
            assert_true(got.n > LOG_LINE_MAX - 100 && got.n < LOG_LINE_MAX + 100);
            assert_true(slice_ends(got, json ? SLICE_LIT(",\"cut\":1}\n") : SLICE_LIT(" cut=1\n")));
            log_free(log);
        }
    close(fds[0]);
    close(fds[1]);
}

/* Nobody reads: no call waits, what does not fit is counted, and once there is room it is said. */
static void a_full_pipe_drops_and_counts(void **state)
{
    (void)state;
    static char room[1 << 20];
    char text[1000];
    int fds[2];
    memset(text, 'x', sizeof text);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct log *log = make_log(fds[1], LOG_KEYS);
    struct log_line line;
    uint64_t lines = 0;
    while (log_dropped(log) < 10) {
        log_begin(&line, log, LOG_INFO, "much");
        log_slice(&line, "v", slice_of(text, sizeof text));
        log_end(&line);
        log_flush(log);
        lines++;
    }
    assert_true(lines * sizeof text > LOG_RING_BYTES);
    size_t got = 0;
    bool is_told = false;
    while (!is_told) {
        ssize_t n = read(fds[0], room + got, sizeof room - got);
        assert_true(n > 0);
        got += (size_t)n;
        log_flush(log);
        is_told =
            slice_find_slice(slice_of(room, got), SLICE_LIT("event=log.dropped lines=10\n")) < got;
    }
    assert_int_equal(log_dropped(log), 10);
    log_free(log);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_begins_with_who_and_when, setup, teardown),
        cmocka_unit_test_setup_teardown(long_values_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_pipe_drops_and_counts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
