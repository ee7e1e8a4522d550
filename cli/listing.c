#include "cli/listing.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/utf8.h"

#define LISTING_MAX_BYTES ((size_t)1 << 30)
#define GAP 2

void listing_init(struct listing *l, size_t columns, const char *const *headings)
{
    assert(columns > 0 && columns <= LISTING_COLUMNS_MAX);
    *l = (struct listing){.columns = columns};
    buf_init(&l->text, LISTING_MAX_BYTES);
    for (size_t i = 0; i < columns; i++)
        listing_add(l, slice_cstr(headings[i]));
}

void listing_release(struct listing *l)
{
    buf_release(&l->text);
}

static bool steers(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

void listing_plain(struct buf *out, slice text)
{
    while (text.n > 0) {
        uint32_t cp;
        slice before = text;
        if (!utf8_take(&text, &cp)) {
            text = slice_tail(text, 1);
            buf_addc(out, '?');
        } else if (steers(cp)) {
            buf_addc(out, '?');
        } else {
            buf_add(out, slice_head(before, before.n - text.n));
        }
    }
}

void listing_add(struct listing *l, slice text)
{
    size_t column = l->cells++ % l->columns;
    size_t begin = l->text.n;

    listing_plain(&l->text, text);
    size_t width = utf8_width(slice_tail(buf_slice(&l->text), begin));
    if (width > l->width[column])
        l->width[column] = width;
    buf_addc(&l->text, '\n');
}

void listing_add_u64(struct listing *l, uint64_t number)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);

    listing_add(l, slice_of(text, (size_t)n));
}

void listing_add_day(struct listing *l, int64_t seconds_since_1970)
{
    time_t when = (time_t)seconds_since_1970;
    struct tm day;
    char text[32];
    size_t n = 0;

    if (when != 0 && gmtime_r(&when, &day) != NULL)
        n = strftime(text, sizeof text, "%Y-%m-%d", &day);
    listing_add(l, slice_of(text, n));
}

void listing_time(struct buf *out, int64_t seconds_since_1970)
{
    time_t when = (time_t)seconds_since_1970;
    struct tm day;
    char text[32];

    if (when != 0 && gmtime_r(&when, &day) != NULL)
        buf_add(out, slice_of(text, strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &day)));
}

bool listing_print(const struct listing *l)
{
    slice rest = buf_slice(&l->text), cell;

    for (size_t i = 0; slice_split(&rest, '\n', &cell); i++) {
        size_t column = i % l->columns, width = utf8_width(cell);
        bool is_last = column + 1 == l->columns;

        fwrite(cell.p, 1, cell.n, stdout);
        for (size_t gap = width; !is_last && gap < l->width[column] + GAP; gap++)
            putchar(' ');
        if (is_last)
            putchar('\n');
    }
    return l->text.err == BUF_OK;
}
