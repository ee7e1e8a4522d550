/* layout: paragraphs and lists on a terminal, wrapped by columns (not bytes) at blanks. UTF-8 goes
 * out as it is, whatever the locale. */
#ifndef CANDOR_CLI_LAYOUT_H
#define CANDOR_CLI_LAYOUT_H

#include "lib/base/buf.h"

/* text behind lead, which stands in the first line only; the others are indented to the end of
 * lead. A word wider than the line stands in a line of its own, unbroken (a link, a command). */
void layout_paragraph(struct buf *out, size_t width, slice lead, slice text);
/* Lines of text as a list, "  - " before each. */
void layout_list(struct buf *out, size_t width, slice lines);
/* One of numbered steps: "  1. " before it. */
void layout_step(struct buf *out, size_t width, unsigned number, slice text);
/* A line of its own. */
void layout_heading(struct buf *out, slice text);

/* What a column of lines needs so that another can stand beside it. */
struct layout_extent {
    size_t columns; /* of its widest line */
    size_t excess;  /* how many more some terminals give a line (marks of Devanagari) */
};

/* Widens *e (zero at first) by lines; those of more than max columns are left out. */
void layout_measure(slice lines, size_t max, struct layout_extent *e);
/* Both line by line, right beginning at that column. A line of left that reaches over it (a link)
 * stands alone. */
void layout_beside(struct buf *out, size_t column, slice left, slice right);

#endif
