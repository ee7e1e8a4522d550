#include "lib/smtp/line_reader.h"

#include "lib/base/secret.h"

void line_reader_init(struct line_reader *r, size_t max_bytes)
{
    *r = (struct line_reader){.max_bytes = max_bytes};
    buf_init(&r->partial, SIZE_MAX);
}

void line_reader_release(struct line_reader *r)
{
    secret_release(&r->partial);
    line_reader_init(r, r->max_bytes);
}

void line_reader_reset(struct line_reader *r)
{
    line_reader_release(r);
}

uint64_t line_reader_pending(const struct line_reader *r)
{
    return r->is_skipping ? r->skipped_bytes : r->is_handed_out ? 0 : r->partial.n;
}

static void skip(struct line_reader *r, size_t n, bool is_nomem)
{
    if (!r->is_skipping)
        r->skipped_bytes = r->partial.n;
    r->skipped_bytes += n;
    r->is_skipping = true;
    r->is_nomem |= is_nomem;
    secret_release(&r->partial);
}

/* Room for n bytes more, without leaving a copy of the line behind as realloc may. */
static bool make_room(struct line_reader *r, size_t n)
{
    struct buf bigger;
    if (r->partial.cap - r->partial.n >= n)
        return true;
    buf_init(&bigger, SIZE_MAX);
    if (buf_reserve(&bigger, r->partial.n + n) == NULL)
        return false;
    buf_add(&bigger, buf_slice(&r->partial));
    secret_release(&r->partial);
    r->partial = bigger;
    return true;
}

/* Keeps piece of an unfinished line, or begins to skip; false when it skips. */
static bool keep(struct line_reader *r, slice piece)
{
    if (make_room(r, piece.n)) {
        buf_add(&r->partial, piece);
        return true;
    }
    skip(r, piece.n, true);
    return false;
}

/* whole ends in LF. */
static struct line line_of(slice whole)
{
    slice text = slice_head(whole, whole.n - 1);
    struct line line = {.is_bare_lf = true};
    if (text.n > 0 && text.p[text.n - 1] == '\r') {
        line.is_bare_lf = false;
        text.n--;
    }
    line.text = text;
    line.has_bare_cr = slice_find(text, '\r') < text.n;
    line.has_nul = slice_find(text, '\0') < text.n;
    return line;
}

/* The line whose last piece (with LF) this is. */
static enum line_event end_line(struct line_reader *r, slice piece, struct line *ret)
{
    if (!r->is_skipping && r->partial.n + piece.n > r->max_bytes)
        skip(r, piece.n, false);
    if (!r->is_skipping && r->partial.n == 0) {
        *ret = line_of(piece);
        return LINE_READY;
    }
    if (!r->is_skipping && keep(r, piece)) {
        *ret = line_of(buf_slice(&r->partial));
        r->is_handed_out = true;
        return LINE_READY;
    }
    enum line_event event = r->is_nomem ? LINE_NOMEM : LINE_TOO_LONG;
    *ret = (struct line){0};
    line_reader_release(r);
    return event;
}

void line_reader_done(struct line_reader *r)
{
    if (r->is_handed_out)
        line_reader_release(r);
}

enum line_event line_reader_take(struct line_reader *r, slice *in, struct line *ret)
{
    line_reader_done(r);
    if (in->n == 0)
        return LINE_MORE;
    size_t at = slice_find(*in, '\n');
    slice piece = slice_head(*in, at + 1);
    *in = slice_tail(*in, piece.n);
    if (at < piece.n)
        return end_line(r, piece, ret);
    /* The LF is still to come, so a full buffer is over the limit already. */
    if (r->is_skipping || r->partial.n + piece.n >= r->max_bytes)
        skip(r, piece.n, false);
    else
        (void)keep(r, piece);
    return LINE_MORE;
}
