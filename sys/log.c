#include "sys/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/civil.h"
#include "lib/base/utf8.h"
#include "sys/clock.h"

enum {
    RETRY_MS = 50,
    LINES_AT_ONCE = 32,
    TAIL_ROOM = 24, /* kept in a line for its closing quote and cut=1 */
    RECORD_MAX = LOG_LINE_MAX + 256,
    SYSLOG_MAIL = 2 << 3, /* the facility, RFC 5424 6.2.1 */
};

/* How bytes leave without waiting. */
enum writer {
    WRITE_PLAIN,    /* a regular file, or a description of our own that is non-blocking */
    WRITE_ASK,      /* others share the description: ask poll first */
    WRITE_SOCKET,   /* stream: MSG_DONTWAIT */
    WRITE_DATAGRAM, /* one line each */
};

struct log {
    struct loop *loop;
    enum log_sink sink;
    enum log_format format;
    enum log_level level;
    enum writer writer;
    int fd;
    char role[32];
    struct turn_hook hook;
    struct timer retry;
    uint64_t dropped, dropped_told;
    /* Records {uint16_t n, bytes} from `from` to `to`; the first `skip` bytes of the first are
     * out. */
    size_t from, to, skip;
    char ring[LOG_RING_BYTES];
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const unsigned level_severities[] = {3, 4, 6, 7};

/* ---- a line ---- */

static bool has_room(const struct log_line *line, size_t n)
{
    return n <= sizeof line->bytes - TAIL_ROOM - line->n;
}

static void put(struct log_line *line, const char *p, size_t n)
{
    if (has_room(line, n)) {
        memcpy(line->bytes + line->n, p, n);
        line->n += n;
    } else {
        line->is_cut = true;
    }
}

static void put_cstr(struct log_line *line, const char *s)
{
    put(line, s, strlen(s));
}

static void put_hex(struct log_line *line, const char *prefix, unsigned digits, uint32_t v)
{
    char room[8] = {0};
    for (unsigned i = 0; i < digits; i++)
        room[i] = "0123456789abcdef"[v >> (4 * (digits - 1 - i)) & 15];
    if (has_room(line, strlen(prefix) + digits)) {
        put_cstr(line, prefix);
        put(line, room, digits);
    } else {
        line->is_cut = true;
    }
}

/* Letters that change how a terminal or a reader shows what follows: controls of both sets, line
 * separators, and the bidirectional overrides. */
static bool is_tricky(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
           (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

/* One letter, or one byte that is none, inside quotes. */
static void put_letter(struct log_line *line, slice *s, bool is_json)
{
    uint32_t cp;
    slice before = *s;
    if (!utf8_take(s, &cp)) {
        if (is_json)
            put_cstr(line, "\xef\xbf\xbd");
        else
            put_hex(line, "\\x", 2, (unsigned char)s->p[0]);
        *s = slice_tail(*s, 1);
        return;
    }
    if (cp == '"')
        put_cstr(line, "\\\"");
    else if (cp == '\\')
        put_cstr(line, "\\\\");
    else if (cp == '\n')
        put_cstr(line, "\\n");
    else if (cp == '\r')
        put_cstr(line, "\\r");
    else if (cp == '\t')
        put_cstr(line, "\\t");
    else if (is_tricky(cp) && !is_json && cp < 0x80)
        put_hex(line, "\\x", 2, cp);
    else if (is_tricky(cp))
        put_hex(line, "\\u", 4, cp);
    else
        put(line, before.p, before.n - s->n);
}

static bool is_plain(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '=')
            return false;
    return s.n > 0;
}

static void put_text(struct log_line *line, slice value, bool is_json)
{
    if (!is_json && is_plain(value)) {
        size_t room = sizeof line->bytes - TAIL_ROOM - line->n;
        line->is_cut |= value.n > room;
        value = slice_head(value, room);
        put(line, value.p, value.n);
        return;
    }
    if (!has_room(line, 2)) {
        line->is_cut = true;
        return;
    }
    line->bytes[line->n++] = '"';
    while (value.n > 0 && !line->is_cut)
        put_letter(line, &value, is_json);
    line->bytes[line->n++] = '"'; /* TAIL_ROOM has its place */
}

/* False, and is_cut, when not even the key fits. */
static bool put_key(struct log_line *line, const char *key)
{
    size_t n = strlen(key);
    if (line->is_cut || !has_room(line, n + 8)) {
        line->is_cut = true;
        return false;
    }
    if (line->log->format == LOG_JSON) {
        put_cstr(line, line->n > 0 ? ",\"" : "\"");
        put(line, key, n);
        put_cstr(line, "\":");
    } else {
        put_cstr(line, line->n > 0 ? " " : "");
        put(line, key, n);
        put_cstr(line, "=");
    }
    return true;
}

void log_begin(struct log_line *line, struct log *log, enum log_level level, const char *event)
{
    bool is_on = log != NULL && level <= log->level;
    line->log = is_on ? log : NULL;
    line->level = level;
    line->n = 0;
    line->is_cut = false;
    log_cstr(line, "event", event);
}

void log_slice(struct log_line *line, const char *key, slice value)
{
    if (line->log != NULL && put_key(line, key))
        put_text(line, value, line->log->format == LOG_JSON);
}

void log_cstr(struct log_line *line, const char *key, const char *value)
{
    log_slice(line, key, slice_cstr(value));
}

static slice digits_of(char room[20], uint64_t v)
{
    char *from = room + 20;
    do
        *--from = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    return slice_of(from, (size_t)(room + 20 - from));
}

void log_u64(struct log_line *line, const char *key, uint64_t value)
{
    char room[20];
    slice digits = digits_of(room, value);
    if (line->log != NULL && put_key(line, key))
        put(line, digits.p, digits.n);
}

void log_error(struct log_line *line, int err)
{
    int number = err < 0 ? -err : err;
    const char *name = strerrorname_np(number);
    if (number == 0)
        return;
    if (name != NULL)
        log_cstr(line, "error", name);
    else
        log_u64(line, "error", (uint64_t)number);
}

/* ---- the record that a sink wants ---- */

static void add_time(struct buf *out)
{
    uint64_t ms = clock_wall_ms();
    struct civil c = civil_of((int64_t)(ms / 1000));
    buf_addf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)c.year, c.month, c.day, c.hour,
             c.minute, c.second, (unsigned)(ms % 1000));
}

static void add_who(struct buf *out, const struct log *log, bool is_json)
{
    buf_addf(out, is_json ? "\"role\":\"%s\",\"pid\":%u," : "role=%s pid=%u ", log->role,
             (unsigned)getpid());
}

static void add_body(struct buf *out, const struct log_line *line, bool is_json)
{
    buf_add(out, slice_of(line->bytes, line->n));
    if (line->is_cut)
        buf_adds(out, is_json ? ",\"cut\":1" : " cut=1");
}

static void make_record(struct buf *out, const struct log_line *line)
{
    const struct log *log = line->log;
    bool is_json = log->format == LOG_JSON;
    switch (log->sink) {
    case LOG_STDERR:
        buf_adds(out, is_json ? "{\"time\":\"" : "time=");
        add_time(out);
        buf_addf(out, is_json ? "\",\"level\":\"%s\"," : " level=%s ", level_names[line->level]);
        break;
    case LOG_JOURNAL:
        buf_addf(out, "PRIORITY=%u\nSYSLOG_IDENTIFIER=candor-%s\nMESSAGE=%s",
                 level_severities[line->level], log->role, is_json ? "{" : "");
        break;
    case LOG_SYSLOG:
        buf_addf(out, "<%u>candor-%s[%u]: %s", SYSLOG_MAIL + level_severities[line->level],
                 log->role, (unsigned)getpid(), is_json ? "{" : "");
        break;
    }
    add_who(out, log, is_json);
    add_body(out, line, is_json);
    buf_adds(out, is_json ? "}" : "");
    buf_adds(out, log->sink == LOG_SYSLOG ? "" : "\n");
}

/* ---- the ring and the writer ---- */

static uint16_t record_bytes(const struct log *log, size_t at)
{
    uint16_t n;
    memcpy(&n, log->ring + at, sizeof n);
    return n;
}

static bool keep(struct log *log, slice record)
{
    size_t need = sizeof(uint16_t) + record.n;
    if (need > sizeof log->ring - log->to && log->from > 0) {
        memmove(log->ring, log->ring + log->from, log->to - log->from);
        log->to -= log->from;
        log->from = 0;
    }
    if (need > sizeof log->ring - log->to)
        return false;
    uint16_t n = (uint16_t)record.n;
    memcpy(log->ring + log->to, &n, sizeof n);
    memcpy(log->ring + log->to + sizeof n, record.p, record.n);
    log->to += need;
    return true;
}

/* As many lines as go out in one piece: others write to the same pipe, PIPE_BUF is atomic. */
static size_t gather(const struct log *log, struct iovec *iov)
{
    size_t count = 0, bytes = 0, at = log->from, skip = log->skip;
    size_t lines = log->writer == WRITE_DATAGRAM ? 1 : LINES_AT_ONCE;
    while (at < log->to && count < lines) {
        size_t n = record_bytes(log, at);
        if (count > 0 && bytes + n > PIPE_BUF)
            break;
        iov[count].iov_base = (char *)(uintptr_t)(log->ring + at + sizeof(uint16_t) + skip);
        iov[count++].iov_len = n - skip;
        bytes += n - skip;
        at += sizeof(uint16_t) + n;
        skip = 0;
    }
    return count;
}

static void consume(struct log *log, size_t n)
{
    while (n > 0) {
        size_t left = record_bytes(log, log->from) - log->skip;
        if (n < left) {
            log->skip += n;
            return;
        }
        n -= left;
        log->from += sizeof(uint16_t) + log->skip + left;
        log->skip = 0;
    }
    if (log->from == log->to)
        log->from = log->to = 0;
}

static ssize_t write_some(const struct log *log, struct iovec *iov, size_t count)
{
    ssize_t n;
    if (log->writer == WRITE_ASK) {
        struct pollfd p = {.fd = log->fd, .events = POLLOUT};
        if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
            return -EAGAIN;
    }
    do {
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
        n = log->writer == WRITE_SOCKET || log->writer == WRITE_DATAGRAM
                ? sendmsg(log->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)
                : writev(log->fd, iov, (int)count);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void on_retry(struct timer *t)
{
    log_flush(CONTAINER_OF(t, struct log, retry));
}

/* Lines were lost, and there is room again. */
static void tell_dropped(struct log *log)
{
    uint64_t dropped = log->dropped;
    struct log_line line;
    if (dropped == log->dropped_told || log->to - log->from > sizeof log->ring / 2)
        return;
    log_begin(&line, log, LOG_WARN, "log.dropped");
    log_u64(&line, "lines", dropped - log->dropped_told);
    log->dropped_told = dropped;
    log_end(&line);
}

void log_flush(struct log *log)
{
    struct iovec iov[LINES_AT_ONCE];
    while (log->from < log->to) {
        size_t count = gather(log, iov), want = 0;
        for (size_t i = 0; i < count; i++)
            want += iov[i].iov_len;
        ssize_t n = write_some(log, iov, count);
        if (n == -EAGAIN || n == -ENOBUFS) {
            timer_set(log->loop, &log->retry, RETRY_MS, on_retry);
            break;
        }
        if (n < 0) { /* nobody reads any more, or the line is too long for him */
            log->dropped += count;
            n = (ssize_t)want;
        }
        consume(log, (size_t)n);
    }
    tell_dropped(log);
}

static void on_hook(struct turn_hook *h)
{
    struct log *log = CONTAINER_OF(h, struct log, hook);
    if (!timer_is_set(&log->retry)) /* else the other side is full */
        log_flush(log);
}

void log_end(struct log_line *line)
{
    struct log *log = line->log;
    if (log == NULL)
        return;
    struct buf record;
    buf_init(&record, RECORD_MAX);
    if (buf_reserve(&record, line->n + 256) != NULL) /* at once */
        make_record(&record, line);
    if (record.err != BUF_OK || !keep(log, buf_slice(&record)))
        log->dropped++;
    buf_release(&record);
    turn_hook_queue(log->loop, &log->hook, on_hook);
}

/* ---- life ---- */

static int open_socket(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    assert(strlen(path) < sizeof to.sun_path);
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Non-blocking is a property of the description, which we share with whoever started us: a pipe or
 * a terminal is opened anew, a socket is asked with every call, a file never waits. */
static void open_stderr(struct log *log, int fd)
{
    struct stat st;
    log->sink = LOG_STDERR;
    log->writer = WRITE_PLAIN;
    if (fstat(fd, &st) != 0)
        return;
    if (S_ISSOCK(st.st_mode)) {
        log->writer = WRITE_SOCKET;
    } else if (!S_ISREG(st.st_mode)) {
        struct buf path;
        buf_init(&path, 64);
        buf_addf(&path, "/proc/self/fd/%d", fd);
        buf_addc(&path, '\0');
        if (path.err == BUF_OK)
            log->fd = open(path.p, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        buf_release(&path);
        if (log->fd >= 0)
            return;
        log->writer = WRITE_ASK;
    }
    log->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

struct log *log_new(struct loop *l, const struct log_options *options)
{
    /* The ring is not cleared: pages that are never used are never taken. */
    struct log *log = malloc(sizeof *log);
    if (log == NULL)
        return NULL;
    memset(log, 0, offsetof(struct log, ring));
    log->loop = l;
    log->format = options->format;
    log->level = options->level;
    log->sink = options->sink;
    log->writer = WRITE_DATAGRAM;
    log->fd = -1;
    snprintf(log->role, sizeof log->role, options->instance > 0 ? "%s.%u" : "%s", options->role,
             options->instance);
    if (options->sink == LOG_JOURNAL)
        log->fd = open_socket("/run/systemd/journal/socket");
    else if (options->sink == LOG_SYSLOG)
        log->fd = open_socket("/dev/log");
    if (log->fd < 0)
        open_stderr(log, options->fd);
    return log;
}

void log_free(struct log *log)
{
    if (log == NULL)
        return;
    log_flush(log);
    timer_stop(log->loop, &log->retry);
    turn_hook_cancel(log->loop, &log->hook);
    if (log->fd >= 0)
        close(log->fd);
    free(log);
}

void log_set(struct log *log, enum log_format format, enum log_level level)
{
    log->format = format;
    log->level = level;
}

uint64_t log_dropped(const struct log *log)
{
    return log->dropped;
}
