/* listing: rows of text in aligned columns, for people. UTF-8 whatever the locale; what would steer
 * the terminal is shown as "?". Nothing is cut: a row may be longer than the
 * terminal is wide. */
#ifndef CANDOR_CLI_LISTING_H
#define CANDOR_CLI_LISTING_H

#include "lib/base/buf.h"

#define LISTING_COLUMNS_MAX 12

struct listing {
    size_t columns;
    size_t cells;
    size_t width[LISTING_COLUMNS_MAX];
    struct buf text; /* the cells, row after row, each with a line end */
};

/* Appends text that a stranger may have written, with "?" for what would steer a terminal: control
 * characters, those of U+0080 to U+009F too, what turns the direction of writing, and what is no
 * UTF-8. */
void listing_plain(struct buf *out, slice text);
/* headings has `columns` C strings: the first row. */
void listing_init(struct listing *l, size_t columns, const char *const *headings);
void listing_release(struct listing *l);
/* The next cell, left to right, row after row. */
void listing_add(struct listing *l, slice text);
void listing_add_u64(struct listing *l, uint64_t number);
/* The day, in UTC; empty for 0. */
void listing_add_day(struct listing *l, int64_t seconds_since_1970);
/* Appends day and minute, in UTC; nothing for 0. */
void listing_time(struct buf *out, int64_t seconds_since_1970);
/* On standard output. False: no memory. */
bool listing_print(const struct listing *l);

#endif
