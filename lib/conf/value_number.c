/* Counts, sizes and durations, with their units. */
#include "lib/base/ascii.h"
#include "lib/conf/value.h"

static const struct {
    const char *word;
    uint64_t factor;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}},
  size_units[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}};

/* Digits and what stands behind them. */
static bool split_number(slice s, uint64_t *ret_number, slice *ret_unit)
{
    size_t n = 0;
    while (n < s.n && ascii_is_digit(s.p[n]))
        n++;
    *ret_unit = slice_tail(s, n);
    return slice_to_u64(slice_head(s, n), UINT64_MAX, ret_number);
}

static bool scale(uint64_t *number, uint64_t factor)
{
    return !__builtin_mul_overflow(*number, factor, number);
}

static bool read_size(slice s, uint64_t *ret)
{
    slice unit;
    if (!split_number(s, ret, &unit))
        return false;
    if (unit.n == 0)
        return true;
    for (size_t i = 0; i < sizeof(size_units) / sizeof(size_units[0]); i++)
        if (slice_is_ci(unit, size_units[i].word))
            return scale(ret, size_units[i].factor);
    return false;
}

static bool read_duration(slice s, uint64_t *ret)
{
    slice unit;
    if (!split_number(s, ret, &unit))
        return false;
    for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++)
        if (slice_is(unit, duration_units[i].word))
            return scale(ret, duration_units[i].factor);
    return false;
}

static void print_size(struct buf *out, uint64_t v)
{
    for (size_t i = 0; v > 0 && i < sizeof(size_units) / sizeof(size_units[0]); i++)
        if (v % size_units[i].factor == 0) {
            buf_addu(out, v / size_units[i].factor);
            buf_adds(out, size_units[i].word);
            return;
        }
    buf_addu(out, v);
}

static void print_duration(struct buf *out, uint64_t v)
{
    if (v == 0) {
        buf_adds(out, "0s");
        return;
    }
    for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++)
        if (v % duration_units[i].factor == 0) {
            buf_addu(out, v / duration_units[i].factor);
            buf_adds(out, duration_units[i].word);
            return;
        }
}

void number_print(struct buf *out, enum kind kind, uint64_t v)
{
    if (kind == KIND_SIZE)
        print_size(out, v);
    else if (kind == KIND_DURATION)
        print_duration(out, v);
    else
        buf_addu(out, v);
}

bool number_read(struct reader *r, const struct key_row *key, const struct token *word,
                 uint64_t *ret)
{
    uint64_t v;
    bool ok = key->kind == KIND_SIZE       ? read_size(word->text, &v)
              : key->kind == KIND_DURATION ? read_duration(word->text, &v)
                                           : slice_to_u64(word->text, UINT64_MAX, &v);
    if (!ok) {
        const char *hint = key->kind == KIND_SIZE ? "a number of bytes, or one with K, M or G: 50M"
                           : key->kind == KIND_DURATION
                               ? "a number with its unit, ms, s, m, h or d: 5m"
                               : "digits only";
        const char *what = key->kind == KIND_SIZE       ? "size"
                           : key->kind == KIND_DURATION ? "duration"
                                                        : "number";
        conf_error(r->errors, word->at, hint, "\"%.*s\" is no %s", SLICE_ARG(word->text), what);
        return false;
    }
    if (v < key->min || (key->max > 0 && v > key->max)) {
        struct buf range;
        buf_init(&range, 128);
        buf_adds(&range, "from ");
        number_print(&range, key->kind, key->min);
        buf_adds(&range, " to ");
        number_print(&range, key->kind, key->max);
        conf_error(r->errors, word->at, NULL, "%s may be %.*s", key->word,
                   SLICE_ARG(buf_slice(&range)));
        buf_release(&range);
        return false;
    }
    *ret = v;
    return true;
}
