/* buf: bytes that grow to a hard maximum.
 *
 * Invariants: n <= cap <= max; p is NULL exactly while cap is 0. The error is sticky: after the
 * first append that did not fit (BUF_FULL) or found no memory (BUF_NOMEM) nothing more is added,
 * so a run of appends needs one look at b->err, and what is there is a true prefix. */
#ifndef CANDOR_BASE_BUF_H
#define CANDOR_BASE_BUF_H

#include <stdarg.h>

#include "lib/base/slice.h"

enum buf_err { BUF_OK = 0, BUF_FULL, BUF_NOMEM };

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    enum buf_err err;
};

/* Takes no memory yet. max_bytes is the most that it will ever hold. */
void buf_init(struct buf *b, size_t max_bytes);
/* Gives the memory back; b is as after buf_init with the same maximum. */
void buf_release(struct buf *b);
/* Empty, error forgotten, memory kept. */
void buf_clear(struct buf *b);

static inline slice buf_slice(const struct buf *b)
{
    return (slice){b->p, b->n};
}

/* Room for n more bytes at b->p + b->n; NULL (and the sticky error) when there is none. The caller
 * fills it and adds to b->n. */
char *buf_reserve(struct buf *b, size_t n) __attribute__((warn_unused_result));
void buf_add(struct buf *b, slice s);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *cstr);
void buf_addu(struct buf *b, uint64_t decimal);
/* As printf, with %s %c %d %u %x %% , the lengths l ll z, a width with '0' or blanks, and %.*s
 * (SLICE_ARG). No floating point, no locale. An unknown conversion is our bug and aborts. */
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with a list, which the caller ends. */
void buf_addv(struct buf *b, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));
/* Takes the first n bytes (all, if there are fewer) away. */
void buf_drop(struct buf *b, size_t n);

#endif
