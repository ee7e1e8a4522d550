#include "cli/layout.h"

#include <stdio.h>

#include "lib/base/utf8.h"

/* Terminals disagree about the marks of Devanagari and others: some give each a column. Counted at
 * their widest, no line runs over on any. */
static size_t columns_of(slice text)
{
    size_t width = utf8_width(text), count = utf8_count(text);
    return width > count ? width : count;
}

static void indent(struct buf *out, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        buf_addc(out, ' ');
}

void layout_paragraph(struct buf *out, size_t width, slice lead, slice text)
{
    size_t margin = columns_of(lead);
    size_t column = margin;
    bool is_first = true;
    slice word;
    buf_add(out, lead);
    while (slice_split(&text, ' ', &word)) {
        if (word.n == 0)
            continue;
        size_t word_width = columns_of(word);
        if (!is_first && column + 1 + word_width > width) {
            buf_addc(out, '\n');
            indent(out, margin);
            column = margin;
        } else if (!is_first) {
            buf_addc(out, ' ');
            column++;
        }
        buf_add(out, word);
        column += word_width;
        is_first = false;
    }
    buf_addc(out, '\n');
}

void layout_list(struct buf *out, size_t width, slice lines)
{
    slice line;
    while (slice_split(&lines, '\n', &line))
        layout_paragraph(out, width, SLICE_LIT("  - "), line);
}

void layout_step(struct buf *out, size_t width, unsigned number, slice text)
{
    char lead[16];
    int n = snprintf(lead, sizeof lead, "  %u. ", number);
    layout_paragraph(out, width, slice_of(lead, (size_t)n), text);
}

void layout_heading(struct buf *out, slice text)
{
    buf_addc(out, '\n');
    buf_add(out, text);
    buf_addc(out, '\n');
}
