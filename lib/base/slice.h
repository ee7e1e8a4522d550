/* slice: a borrowed run of bytes. It may hold NUL, is never NUL-terminated, and owns nothing:
 * whoever made the bytes keeps them alive. The empty slice may have p == NULL. */
#ifndef CANDOR_BASE_SLICE_H
#define CANDOR_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct slice {
    const char *p;
    size_t n;
} slice;

/* A slice of a string literal, also in a static initializer. */
#define SLICE_LIT(s) ((slice){"" s, sizeof(s) - 1})
/* For buf_addf("%.*s", SLICE_ARG(s)); n must fit an int, which holds for all that we print. */
#define SLICE_ARG(s) ((int)(s).n), ((s).p != NULL ? (s).p : "")

static inline slice slice_of(const void *p, size_t n)
{
    return (slice){p, n};
}

/* s must be NUL-terminated; NULL gives the empty slice. */
static inline slice slice_cstr(const char *s)
{
    return (slice){s, s == NULL ? 0 : strlen(s)};
}

static inline bool slice_eq(slice a, slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(slice a, const char *s)
{
    return slice_eq(a, slice_cstr(s));
}

/* The first n bytes (all, if there are fewer) and what is left after them. */
static inline slice slice_head(slice s, size_t n)
{
    return (slice){s.p, n < s.n ? n : s.n};
}

static inline slice slice_tail(slice s, size_t n)
{
    return n < s.n ? (slice){s.p + n, s.n - n} : (slice){s.p == NULL ? NULL : s.p + s.n, 0};
}

/* ASCII case is ignored, other bytes must be equal (ascii.h's rules, not the locale's). */
bool slice_eq_ci(slice a, slice b);
bool slice_is_ci(slice a, const char *s);
bool slice_starts(slice s, slice prefix);
bool slice_starts_ci(slice s, slice prefix);
bool slice_ends(slice s, slice suffix);
/* <0, 0, >0 by unsigned bytes, the shorter first. */
int slice_cmp(slice a, slice b);
int slice_cmp_ci(slice a, slice b);
/* Offset of the first (last) c, of the first needle; s.n when there is none. An empty needle is at
 * 0. */
size_t slice_find(slice s, char c);
size_t slice_rfind(slice s, char c);
size_t slice_find_slice(slice s, slice needle);
/* Without SP and HTAB at both ends. */
slice slice_trim(slice s);
/* Takes what stands before the first sep off *s and the sep with it; false when *s was empty. */
bool slice_split(slice *s, char sep, slice *ret);
/* Decimal digits only, no sign, no blank; false when empty, not a number, or above max. *ret is
 * untouched on failure. */
bool slice_to_u64(slice s, uint64_t max, uint64_t *ret) __attribute__((warn_unused_result));

#endif
