#include "src/deliver/line_ends.h"

void line_ends_add(struct line_ends *l, struct buf *out, slice piece)
{
    if (piece.n > 0 && l->has_cr) {
        if (piece.p[0] != '\n')
            buf_addc(out, '\r');
        l->has_cr = false;
    }
    while (piece.n > 0) {
        size_t at = slice_find(piece, '\r');

        buf_add(out, slice_head(piece, at));
        if (at == piece.n)
            return;
        piece = slice_tail(piece, at + 1);
        if (piece.n == 0)
            l->has_cr = true;
        else if (piece.p[0] != '\n')
            buf_addc(out, '\r');
    }
}

void line_ends_end(struct line_ends *l, struct buf *out)
{
    if (l->has_cr)
        buf_addc(out, '\r');
    l->has_cr = false;
}
