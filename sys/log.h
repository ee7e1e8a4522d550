/* log: one line an event, as key=value or JSON, to stderr, the journal or syslog, by a writer that
 * never waits: lines gather in a ring and leave at the end of the turn; when the other side does
 * not take them the ring fills, further lines are dropped and counted, and a line log.dropped says
 * how many once there is room again.
 *
 *   struct log_line line;
 *   log_begin(&line, log, LOG_INFO, "session.end");
 *   log_slice(&line, "client", ip);
 *   log_u64(&line, "bytes", n);
 *   log_end(&line);
 *
 * Keys and events are literals of ours (a-z, 0-9, '.', '-', '_'). Values may be anything: in
 * key=value form what is not plain is quoted, with \" \\ \n \r \t \xHH; in JSON what is not UTF-8
 * becomes U+FFFD. Every line has time, level, role (with the instance when there is more than one),
 * pid and event; the journal and syslog know time and level by themselves. */
#ifndef CANDOR_SYS_LOG_H
#define CANDOR_SYS_LOG_H

#include "lib/base/slice.h"
#include "sys/loop.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_sink { LOG_STDERR, LOG_JOURNAL, LOG_SYSLOG };
enum log_format { LOG_KEYS, LOG_JSON };

enum { LOG_LINE_MAX = 2048, LOG_RING_BYTES = 256 * 1024 };

struct log;

struct log_options {
    enum log_sink sink;
    enum log_format format;
    enum log_level level; /* lines above it are left out */
    const char *role;
    uint32_t instance;
    int fd; /* for LOG_STDERR; not taken. 2, but for tests */
};

/* Opens the sink; call it before the sandbox. The journal's or syslog's socket missing: stderr
 * instead. NULL: no memory. */
struct log *log_new(struct loop *l, const struct log_options *options);
/* Writes what still goes without waiting. NULL is ignored. */
void log_free(struct log *log);
/* From a reload: the sink stays. */
void log_set(struct log *log, enum log_format format, enum log_level level);
/* Now instead of at the end of the turn: before an exit. */
void log_flush(struct log *log);
/* Lines lost since the start. */
uint64_t log_dropped(const struct log *log);

struct log_line {
    struct log *log; /* NULL: the level is off */
    enum log_level level;
    size_t n;
    bool is_cut; /* a value did not fit: cut=1 is in the line */
    char bytes[LOG_LINE_MAX];
};

/* log may be NULL: nothing is logged. */
void log_begin(struct log_line *line, struct log *log, enum log_level level, const char *event);
void log_slice(struct log_line *line, const char *key, slice value);
void log_cstr(struct log_line *line, const char *key, const char *value);
void log_u64(struct log_line *line, const char *key, uint64_t value);
/* error=ENOENT; err is an errno, negative or not; 0 adds nothing. */
void log_error(struct log_line *line, int err);
void log_end(struct log_line *line);

#endif
