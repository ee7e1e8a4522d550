#include "lib/smtp/reply.h"

#include "lib/base/ascii.h"

void reply_reader_init(struct reply_reader *r, size_t max_bytes)
{
    *r = (struct reply_reader){0};
    line_reader_init(&r->lines, REPLY_READ_LINE_MAX_BYTES);
    buf_init(&r->text, max_bytes);
}

void reply_reader_release(struct reply_reader *r)
{
    line_reader_release(&r->lines);
    buf_release(&r->text);
    reply_reader_init(r, r->text.max);
}

/* "250-text", "250 text" or "250". */
static bool take_code(slice *line, unsigned *ret_code, bool *ret_is_last)
{
    uint64_t code;
    if (line->n < 3 || !slice_to_u64(slice_head(*line, 3), 599, &code) || code < 200)
        return false;
    slice rest = slice_tail(*line, 3);
    if (rest.n > 0 && rest.p[0] != ' ' && rest.p[0] != '-')
        return false;
    *ret_code = (unsigned)code;
    *ret_is_last = rest.n == 0 || rest.p[0] == ' ';
    *line = slice_tail(rest, 1);
    return true;
}

/* As much as fits: what is there is a true prefix. */
static void add_text(struct reply_reader *r, slice s)
{
    slice fits = slice_head(s, r->text.max - r->text.n);
    r->is_cut |= fits.n < s.n;
    buf_add(&r->text, fits);
}

static void start_reply(struct reply_reader *r)
{
    buf_release(&r->text);
    r->code = 0;
    r->count = 0;
    r->is_done = r->is_cut = false;
}

static void hand_out(struct reply_reader *r, struct reply *ret)
{
    struct reply reply = {.code = r->code,
                          .text = buf_slice(&r->text),
                          .lines = r->count,
                          .is_cut = r->is_cut};
    slice s = reply.text;
    struct status status;
    if (take_status(&s, &status) && status.class == r->code / 100 &&
        (s.n == 0 || ascii_is_blank(s.p[0]) || s.p[0] == '\n'))
        reply.status = status;
    r->is_done = true;
    *ret = reply;
}

enum reply_event reply_reader_take(struct reply_reader *r, slice *in, struct reply *ret)
{
    struct line line;
    enum line_event event;
    if (r->is_done)
        start_reply(r);
    while ((event = line_reader_take(&r->lines, in, &line)) == LINE_READY) {
        unsigned code;
        bool is_last;
        if (!take_code(&line.text, &code, &is_last) || (r->count > 0 && code != r->code) ||
            line.has_nul)
            return REPLY_BAD;
        if (r->count++ > 0)
            add_text(r, SLICE_LIT("\n"));
        r->code = code;
        add_text(r, line.text);
        if (r->text.err != BUF_OK)
            return REPLY_NOMEM;
        if (is_last) {
            hand_out(r, ret);
            return REPLY_READY;
        }
    }
    return event == LINE_MORE ? REPLY_MORE : event == LINE_NOMEM ? REPLY_NOMEM : REPLY_BAD;
}

void reply_print(struct buf *out, unsigned code, struct status status, slice text)
{
    slice line = {0};
    bool is_last;
    do {
        size_t end = slice_find(text, '\n');
        line = slice_head(text, end);
        is_last = end == text.n;
        text = slice_tail(text, end + 1);
        buf_addf(out, "%03u%s", code, is_last ? " " : "-");
        if (status.class != 0) {
            status_print(out, status);
            buf_addc(out, ' ');
        }
        for (size_t i = 0; i < line.n; i++)
            buf_addc(out, ascii_is_control(line.p[i]) && line.p[i] != '\t' ? '?' : line.p[i]);
        buf_adds(out, "\r\n");
    } while (!is_last);
}
