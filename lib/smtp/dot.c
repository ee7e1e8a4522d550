#include "lib/smtp/dot.h"

/* Both directions read the text with these; what is withheld (a dot at a line's start, and a CR
 * behind it) is in the state alone. */
enum state {
    AT_START = 0, /* of a line: behind a CRLF */
    IN_LINE,
    AFTER_CR,     /* the CR was handed out */
    AFTER_DOT,    /* at a line's start; withheld */
    AFTER_DOT_CR, /* withheld */
    ENDED,
};

#define EACH_BYTE(x) (0x0101010101010101U * (uint64_t)(x))

/* Not zero when a byte of w is 0. */
static inline uint64_t has_zero(uint64_t w)
{
    return (w - EACH_BYTE(1)) & ~w & EACH_BYTE(0x80);
}

/* The run of bytes that are neither CR nor LF nor NUL, eight at a time: this is where the time of a
 * large message goes. Sets DOT_SEEN_8BIT. */
static size_t plain_run(const char *p, size_t n, unsigned *seen)
{
    uint64_t all = 0;
    size_t i = 0;
    for (uint64_t w; i + sizeof w <= n; i += sizeof w) {
        memcpy(&w, p + i, sizeof w);
        if ((has_zero(w) | has_zero(w ^ EACH_BYTE('\r')) | has_zero(w ^ EACH_BYTE('\n'))) != 0)
            break;
        all |= w;
    }
    for (; i < n && p[i] != '\r' && p[i] != '\n' && p[i] != '\0'; i++)
        all |= (unsigned char)p[i];
    if ((all & EACH_BYTE(0x80)) != 0)
        *seen |= DOT_SEEN_8BIT;
    return i;
}

void dot_decoder_init(struct dot_decoder *d, size_t max_line_bytes)
{
    *d = (struct dot_decoder){.max_line_bytes = max_line_bytes, .state = AT_START};
}

static void add_to_line(struct dot_decoder *d, size_t n)
{
    d->line_bytes += n;
    if (d->line_bytes > d->max_line_bytes)
        d->seen |= DOT_SEEN_LONG_LINE;
}

static void see_bare(struct dot_decoder *d, unsigned which)
{
    d->seen |= which;
    if (d->bare_line == 0)
        d->bare_line = d->lines + 1;
    add_to_line(d, 1);
}

/* Takes some of a line, p[0] first; how much. */
static size_t in_line(struct dot_decoder *d, const char *p, size_t n)
{
    size_t i = plain_run(p, n, &d->seen);
    add_to_line(d, i);
    if (i == n)
        return i;
    if (p[i] == '\r') {
        d->state = AFTER_CR;
    } else if (p[i] == '\n') {
        see_bare(d, DOT_SEEN_BARE_LF);
    } else {
        d->seen |= DOT_SEEN_NUL;
        add_to_line(d, 1);
    }
    return i + 1;
}

static enum dot_event hand_out(struct dot_decoder *d, slice piece, slice *ret)
{
    d->size_bytes += piece.n;
    *ret = piece;
    return DOT_DATA;
}

enum dot_event dot_decode(struct dot_decoder *d, slice *in, slice *ret)
{
    const slice all = *in;
    size_t i = 0, from = 0; /* all.p[from..i) is to be handed out */
    while (i < all.n) {
        const char c = all.p[i];
        switch ((enum state)d->state) {
        case AT_START:
            if (c != '.') {
                d->state = IN_LINE;
                break;
            }
            if (i > from) {
                *in = slice_tail(all, i);
                return hand_out(d, slice_head(slice_tail(all, from), i - from), ret);
            }
            d->state = AFTER_DOT;
            from = ++i;
            break;
        case IN_LINE:
            i += in_line(d, all.p + i, all.n - i);
            break;
        case AFTER_CR:
            if (c == '\n') {
                d->state = AT_START;
                d->lines++;
                d->line_bytes = 0;
                i++;
            } else {
                see_bare(d, DOT_SEEN_BARE_CR);
                d->state = IN_LINE;
            }
            break;
        case AFTER_DOT:
            /* RFC 5321 4.5.2: with anything behind it, the dot goes and the rest is the line. */
            d->state = c == '\r' ? AFTER_DOT_CR : IN_LINE;
            if (c == '\r')
                from = ++i;
            break;
        case AFTER_DOT_CR:
            /* RFC 5321 4.1.1.4: only CRLF.CRLF ends the text. */
            if (c == '\n') {
                d->state = ENDED;
                *in = slice_tail(all, i + 1);
                return DOT_END;
            }
            see_bare(d, DOT_SEEN_BARE_CR);
            d->state = IN_LINE;
            *in = slice_tail(all, i);
            return hand_out(d, SLICE_LIT("\r"), ret);
        case ENDED:
            return DOT_END;
        }
    }
    *in = slice_tail(all, i);
    return i > from ? hand_out(d, slice_tail(all, from), ret) : DOT_MORE;
}

void dot_encoder_init(struct dot_encoder *e)
{
    *e = (struct dot_encoder){.state = AT_START};
}

bool dot_encode(struct dot_encoder *e, slice *in, slice *ret)
{
    const slice all = *in;
    if (all.n == 0)
        return false;
    if (e->state == AT_START && all.p[0] == '.') {
        e->state = IN_LINE;
        *ret = SLICE_LIT(".");
        return true;
    }
    size_t i = 0;
    while (i < all.n && !(e->state == AT_START && all.p[i] == '.')) {
        const char c = all.p[i];
        if (e->state == AFTER_CR && c == '\n') {
            e->state = AT_START;
            i++;
            continue;
        }
        if (e->state == AFTER_CR)
            e->seen |= DOT_SEEN_BARE_CR;
        e->state = IN_LINE;
        i += plain_run(all.p + i, all.n - i, &e->seen);
        if (i == all.n)
            break;
        if (all.p[i] == '\r')
            e->state = AFTER_CR;
        else
            e->seen |= all.p[i] == '\n' ? DOT_SEEN_BARE_LF : DOT_SEEN_NUL;
        i++;
    }
    *ret = slice_head(all, i);
    *in = slice_tail(all, i);
    return true;
}

slice dot_encode_end(const struct dot_encoder *e)
{
    return e->state == AT_START   ? SLICE_LIT(".\r\n")
           : e->state == AFTER_CR ? SLICE_LIT("\n.\r\n")
                                  : SLICE_LIT("\r\n.\r\n");
}
