#include "cli/listing.h"

#include <stdio.h>
#include <time.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

#define LISTING_MAX_BYTES ((size_t)1 << 30)
#define GAP 2

void listing_init(struct listing *l, size_t columns, const char *const *headings)
{
    *l = (struct listing){.columns = columns};
    buf_init(&l->text, LISTING_MAX_BYTES);
    for (size_t i = 0; i < columns; i++)
        listing_add(l, slice_cstr(headings[i]));
}

void listing_release(struct listing *l)
{
    buf_release(&l->text);
}

void listing_add(struct listing *l, slice text)
{
    size_t column = l->cells++ % l->columns;
    size_t width = utf8_width(text);

    if (width > l->width[column])
        l->width[column] = width;
    for (size_t i = 0; i < text.n; i++)
        buf_addc(&l->text, ascii_is_control(text.p[i]) ? '?' : text.p[i]);
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
