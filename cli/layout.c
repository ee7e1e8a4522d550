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

/* The next word; `a command` is one, with what touches it, if it fits into a line. */
static bool take_word(slice *text, size_t room, slice *ret)
{
    *text = slice_trim(*text);
    size_t end = slice_find(*text, ' ');
    size_t open = slice_find(slice_head(*text, end), '`');
    if (open < end) {
        slice behind = slice_tail(*text, open + 1);
        size_t shut = slice_find(behind, '`');
        size_t far = shut == behind.n ? end : open + 1 + shut + 1;
        far += slice_find(slice_tail(*text, far), ' ');
        if (far > end && columns_of(slice_head(*text, far)) <= room)
            end = far;
    }
    *ret = slice_head(*text, end);
    *text = slice_tail(*text, end);
    return ret->n > 0;
}

void layout_paragraph(struct buf *out, size_t width, slice lead, slice text)
{
    size_t margin = columns_of(lead);
    size_t column = margin;
    bool is_first = true;
    slice word;
    buf_add(out, lead);
    while (take_word(&text, width > margin ? width - margin : 0, &word)) {
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

void layout_measure(slice lines, size_t max, struct layout_extent *e)
{
    slice line;
    while (slice_split(&lines, '\n', &line)) {
        size_t width = utf8_width(line), widest = columns_of(line);
        if (widest > max)
            continue;
        if (width > e->columns)
            e->columns = width;
        if (widest - width > e->excess)
            e->excess = widest - width;
    }
}

void layout_beside(struct buf *out, size_t column, slice left, slice right)
{
    while (left.n > 0 || right.n > 0) {
        slice first = {0}, second = {0};
        if (left.n > 0)
            (void)slice_split(&left, '\n', &first);
        size_t width = utf8_width(first);
        buf_add(out, first);
        if (width < column && right.n > 0)
            (void)slice_split(&right, '\n', &second);
        if (second.n > 0) {
            indent(out, column - width);
            buf_add(out, second);
        }
        buf_addc(out, '\n');
    }
}
