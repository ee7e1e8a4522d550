#include "lib/base/buf.h"

#include <stdlib.h>

#include "lib/base/ascii.h"

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_release(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->err = BUF_OK;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->err != BUF_OK)
        return NULL;
    if (n > b->max - b->n) {
        b->err = BUF_FULL;
        return NULL;
    }
    if (n > b->cap - b->n || b->p == NULL) {
        size_t cap = b->cap < 32 ? 32 : b->cap;
        while (cap < b->n + n)
            cap = cap > SIZE_MAX / 2 ? b->n + n : cap * 2;
        if (cap > b->max)
            cap = b->max > 0 ? b->max : 1;
        char *p = realloc(b->p, cap);
        if (p == NULL) {
            b->err = BUF_NOMEM;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, slice s)
{
    if (s.n == 0)
        return;
    char *to = buf_reserve(b, s.n);
    if (to != NULL) {
        memcpy(to, s.p, s.n);
        b->n += s.n;
    }
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, (slice){&c, 1});
}

void buf_adds(struct buf *b, const char *cstr)
{
    buf_add(b, slice_cstr(cstr));
}

/* Digits of v from the end of room; where they begin. */
static char *digits(char *end, uint64_t v, unsigned base)
{
    do
        *--end = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    return end;
}

void buf_addu(struct buf *b, uint64_t decimal)
{
    char room[20];
    char *from = digits(room + sizeof room, decimal, 10);
    buf_add(b, slice_of(from, (size_t)(room + sizeof room - from)));
}

static void add_padded(struct buf *b, slice s, size_t width, char pad)
{
    for (size_t i = s.n; i < width; i++)
        buf_addc(b, pad);
    buf_add(b, s);
}

static uint64_t take_unsigned(va_list *ap, int longs, bool is_size)
{
    if (is_size)
        return va_arg(*ap, size_t);
    if (longs == 0)
        return va_arg(*ap, unsigned);
    return longs == 1 ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned long long);
}

static int64_t take_signed(va_list *ap, int longs, bool is_size)
{
    if (is_size)
        return va_arg(*ap, ptrdiff_t);
    if (longs == 0)
        return va_arg(*ap, int);
    return longs == 1 ? va_arg(*ap, long) : va_arg(*ap, long long);
}

static void add_number(struct buf *b, uint64_t v, unsigned base, bool minus, size_t width, char pad)
{
    char room[21];
    char *from = digits(room + sizeof room, v, base);
    if (minus)
        *--from = '-';
    add_padded(b, slice_of(from, (size_t)(room + sizeof room - from)), width, pad);
}

/* One conversion after its '%'; where the format goes on. */
static const char *add_conversion(struct buf *b, const char *f, va_list *ap)
{
    char pad = ' ';
    size_t width = 0, precision = SIZE_MAX;
    int longs = 0;
    bool is_size = false;
    if (*f == '0') {
        pad = '0';
        f++;
    }
    for (; ascii_is_digit(*f); f++)
        width = width * 10 + (size_t)(*f - '0');
    if (f[0] == '.' && f[1] == '*') {
        int given = va_arg(*ap, int);
        precision = given < 0 ? SIZE_MAX : (size_t)given;
        f += 2;
    }
    for (; *f == 'l'; f++)
        longs++;
    if (*f == 'z') {
        is_size = true;
        f++;
    }
    switch (*f) {
    case 's': {
        const char *s = va_arg(*ap, const char *);
        add_padded(b, slice_of(s, precision != SIZE_MAX ? precision : strlen(s)), width, ' ');
        break;
    }
    case 'c':
        buf_addc(b, (char)va_arg(*ap, int));
        break;
    case 'd': {
        int64_t v = take_signed(ap, longs, is_size);
        add_number(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0, width, pad);
        break;
    }
    case 'u':
        add_number(b, take_unsigned(ap, longs, is_size), 10, false, width, pad);
        break;
    case 'x':
        add_number(b, take_unsigned(ap, longs, is_size), 16, false, width, pad);
        break;
    case '%':
        buf_addc(b, '%');
        break;
    default:
        abort();
    }
    return f + 1;
}

void buf_addv(struct buf *b, const char *format, va_list list)
{
    va_list ap;
    va_copy(ap, list);
    for (const char *f = format; *f != '\0';) {
        size_t plain = strcspn(f, "%");
        buf_add(b, slice_of(f, plain));
        f += plain;
        if (*f == '%')
            f = add_conversion(b, f + 1, &ap);
    }
    va_end(ap);
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    buf_addv(b, format, ap);
    va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
    } else if (n > 0) {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
}
