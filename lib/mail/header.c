#include "lib/mail/header.h"

#include "lib/base/ascii.h"

enum { LINE_MAX_BYTES = 998 };

enum state {
    LINE_START = 0,
    START_CR,   /* a CR came first: an empty line, if LF follows */
    NAME,       /* in a word that a colon would make a field name */
    NAME_BLANK, /* blanks behind it, before the colon */
    TEXT,       /* behind the colon, or in a line that is passed over */
    ENDED,
    TOO_BIG,
};

void header_walk_init(struct header_walk *w, uint64_t max_bytes, uint64_t max_fields)
{
    *w = (struct header_walk){.max_bytes = max_bytes,
                              .max_fields = max_fields,
                              .state = LINE_START,
                              .is_first = true};
}

static slice kept_name(const struct header_walk *w)
{
    return slice_of(w->name, w->name_n < sizeof w->name ? w->name_n : sizeof w->name);
}

static enum header_event end(struct header_walk *w, uint64_t body_at, unsigned seen)
{
    w->state = ENDED;
    w->body_at = body_at;
    w->seen |= seen;
    return HEADER_END;
}

/* The field under way ends where this line begins. */
static enum header_event hand_out(struct header_walk *w, uint64_t end_at, struct header_field *ret)
{
    w->is_in_field = false;
    if (w->fields == w->max_fields) {
        w->state = TOO_BIG;
        return HEADER_TOO_BIG;
    }
    w->fields++;
    if (slice_is_ci(kept_name(w), "Received"))
        w->received++;
    *ret = (struct header_field){kept_name(w), w->field_at, w->value_at, end_at};
    return HEADER_FIELD;
}

static void end_line(struct header_walk *w, size_t line_end_bytes)
{
    if (w->at - w->line_at > LINE_MAX_BYTES + line_end_bytes)
        w->seen |= HEADER_SEEN_LONG_LINE;
    if (line_end_bytes == 1)
        w->seen |= HEADER_SEEN_BARE_LF;
    w->state = LINE_START;
    w->is_first = false;
    if (!w->is_in_field && w->fields == 0)
        w->fields_at = w->at;
}

/* Up to the line's end; how many bytes. */
static size_t in_text(struct header_walk *w, const char *p, size_t n)
{
    size_t i = 0;
    for (; i < n && p[i] != '\n'; i++) {
        if (w->has_cr)
            w->seen |= HEADER_SEEN_BARE_CR;
        w->has_cr = p[i] == '\r';
        if (p[i] == '\0')
            w->seen |= HEADER_SEEN_NUL;
        if (!ascii_is_ascii(p[i]))
            w->seen |= HEADER_SEEN_8BIT;
    }
    if (i == n) {
        w->at += n;
        return n;
    }
    w->at += i + 1;
    end_line(w, w->has_cr ? 2 : 1);
    w->has_cr = false;
    return i + 1;
}

/* ftext of RFC 5322 3.6.8. */
static bool is_name_char(char c)
{
    return ascii_is_graphic(c) && c != ':';
}

/* The first byte of a line that does not continue a field. */
static void begin_line(struct header_walk *w, char c)
{
    w->name_n = 0;
    if (c == '\r')
        w->state = START_CR;
    else if (ascii_is_blank(c)) {
        /* Nothing to continue: before all fields. */
        w->seen |= HEADER_SEEN_LEAD_BLANK;
        w->state = TEXT;
    } else
        w->state = NAME;
}

/* Whether this byte behind a name still lets the line be a field, or an mbox line. */
static bool in_name(struct header_walk *w, char c)
{
    bool is_blank = ascii_is_blank(c);
    if (c == ':' && w->name_n > 0) {
        if (w->state == NAME_BLANK)
            w->seen |= HEADER_SEEN_BLANK_NAME;
        w->is_in_field = true;
        w->field_at = w->line_at;
        w->value_at = w->at + 1;
        w->state = TEXT;
    } else if (w->state == NAME && is_name_char(c) && w->name_n < HEADER_NAME_MAX_BYTES) {
        if (w->name_n < sizeof w->name)
            w->name[w->name_n] = c;
        w->name_n++;
    } else if (is_blank && w->name_n > 0) {
        w->state = NAME_BLANK;
    } else if (w->state == NAME_BLANK && w->is_first && c != '\r' && c != '\n' &&
               (slice_is(kept_name(w), "From") || slice_is(kept_name(w), ">From"))) {
        w->seen |= HEADER_SEEN_MBOX_FROM;
        w->state = TEXT;
        return true;
    } else {
        return false;
    }
    w->at++;
    return true;
}

enum header_event header_walk_feed(struct header_walk *w, slice *in, struct header_field *ret)
{
    const slice all = *in;
    const uint64_t room = w->max_bytes - w->at;
    const size_t n = room < all.n ? (size_t)room : all.n;
    size_t i = 0;
    while (i < n && w->state < ENDED) {
        const char c = all.p[i];
        const uint64_t before = w->at;
        enum header_event event = HEADER_MORE;
        switch ((enum state)w->state) {
        case LINE_START:
            w->line_at = w->at;
            if (w->is_in_field && ascii_is_blank(c)) {
                w->state = TEXT;
            } else if (w->is_in_field) {
                event = hand_out(w, w->at, ret);
            } else if (c == '\n') {
                w->at++;
                event = end(w, w->at, HEADER_SEEN_BARE_LF);
            } else {
                begin_line(w, c);
                w->at += w->state == START_CR;
            }
            break;
        case START_CR:
            w->at += c == '\n';
            event = c == '\n' ? end(w, w->at, 0) : end(w, w->line_at, HEADER_SEEN_NO_BLANK);
            break;
        case NAME:
        case NAME_BLANK:
            if (!in_name(w, c))
                event = end(w, w->line_at, HEADER_SEEN_NO_BLANK);
            break;
        case TEXT:
            in_text(w, all.p + i, n - i);
            break;
        case ENDED:
        case TOO_BIG:
            break;
        }
        i += (size_t)(w->at - before);
        if (event != HEADER_MORE) {
            *in = slice_tail(all, i);
            return event;
        }
    }
    *in = slice_tail(all, i);
    if (w->state < ENDED && in->n > 0)
        w->state = TOO_BIG;
    return w->state == ENDED ? HEADER_END : w->state == TOO_BIG ? HEADER_TOO_BIG : HEADER_MORE;
}

enum header_event header_walk_finish(struct header_walk *w, struct header_field *ret)
{
    if (w->state == ENDED)
        return HEADER_END;
    if (w->state == TOO_BIG)
        return HEADER_TOO_BIG;
    if (w->has_cr)
        w->seen |= HEADER_SEEN_BARE_CR;
    w->has_cr = false;
    if (w->state == TEXT)
        end_line(w, 0);
    const bool is_between = w->state == LINE_START;
    if (w->is_in_field)
        return hand_out(w, w->at, ret);
    return end(w, is_between ? w->at : w->line_at, HEADER_SEEN_NO_BLANK);
}

/* The next field of a section in one piece. */
static bool next_field(struct header_walk *w, slice *rest, struct header_field *ret)
{
    enum header_event event = header_walk_feed(w, rest, ret);
    if (event == HEADER_MORE)
        event = header_walk_finish(w, ret);
    return event == HEADER_FIELD;
}

static slice between(slice s, uint64_t from, uint64_t to)
{
    return slice_head(slice_tail(s, (size_t)from), (size_t)(to - from));
}

static struct header_text text_of(slice section, const struct header_field *field)
{
    slice name = between(section, field->at, field->value_at - 1);
    slice value = between(section, field->value_at, field->end_at);
    if (slice_ends(value, SLICE_LIT("\n")))
        value.n--;
    if (slice_ends(value, SLICE_LIT("\r")))
        value.n--;
    while (value.n > 0 && ascii_is_blank(value.p[0]))
        value = slice_tail(value, 1);
    return (struct header_text){between(section, field->at, field->end_at), slice_trim(name),
                                value};
}

bool take_header_field(slice *section, struct header_text *ret)
{
    struct header_walk w;
    struct header_field field;
    slice rest = *section;
    header_walk_init(&w, UINT64_MAX, UINT64_MAX);
    w.is_first = false;
    if (rest.n == 0 || ascii_is_blank(rest.p[0]) || !next_field(&w, &rest, &field))
        return false;
    *ret = text_of(*section, &field);
    *section = slice_tail(*section, (size_t)field.end_at);
    return true;
}

bool header_find(slice section, const char *name, struct header_text *ret)
{
    struct header_walk w;
    struct header_field field;
    slice rest = section;
    header_walk_init(&w, UINT64_MAX, UINT64_MAX);
    while (next_field(&w, &rest, &field)) {
        struct header_text text = text_of(section, &field);
        if (slice_is_ci(text.name, name)) {
            *ret = text;
            return true;
        }
    }
    return false;
}

void header_unfold(struct buf *out, slice value)
{
    while (value.n > 0 && (ascii_is_blank(value.p[0]) || value.p[0] == '\r' || value.p[0] == '\n'))
        value = slice_tail(value, 1);
    while (value.n > 0) {
        size_t at = slice_find(value, '\n');
        slice line = slice_head(value, at);
        value = slice_tail(value, at + 1);
        buf_add(out, slice_ends(line, SLICE_LIT("\r")) ? slice_head(line, line.n - 1) : line);
    }
}
