#include "lib/mail/mime.h"

#include "lib/base/ascii.h"

static bool take_char(slice *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    *in = slice_tail(*in, 1);
    return true;
}

/* Blanks, line ends and comments (RFC 5322 3.2.2). */
static void skip_blank(slice *in)
{
    size_t depth = 0, i = 0;
    for (; i < in->n; i++) {
        char c = in->p[i];
        if (c == '\\' && depth > 0 && i + 1 < in->n)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth == 0 && !ascii_is_blank(c) && c != '\r' && c != '\n')
            break;
    }
    *in = slice_tail(*in, i);
}

/* token of RFC 2045 5.1. */
static slice take_token(slice *in)
{
    size_t n = 0;
    while (n < in->n && ascii_is_graphic(in->p[n]) &&
           memchr("()<>@,;:\\\"/[]?=", in->p[n], 15) == NULL)
        n++;
    slice token = slice_head(*in, n);
    *in = slice_tail(*in, n);
    return token;
}

bool take_content_type(slice *in, slice *ret_type, slice *ret_subtype)
{
    slice s = *in;
    skip_blank(&s);
    slice type = take_token(&s);
    skip_blank(&s);
    if (type.n == 0 || !take_char(&s, '/'))
        return false;
    skip_blank(&s);
    slice subtype = take_token(&s);
    if (subtype.n == 0)
        return false;
    *in = s;
    *ret_type = type;
    *ret_subtype = subtype;
    return true;
}

/* A quoted string with its quotes, or what stands before the next blank or ';': mailers leave out
 * quotes where RFC 2045 5.1 wants them. */
static slice take_value(slice *in)
{
    size_t n = 0;
    if (in->n > 0 && in->p[0] == '"') {
        for (n = 1; n < in->n && in->p[n] != '"'; n++)
            if (in->p[n] == '\\')
                n++;
        n++;
    } else {
        while (n < in->n && in->p[n] != ';' &&
               (ascii_is_graphic(in->p[n]) || !ascii_is_ascii(in->p[n])))
            n++;
    }
    slice value = slice_head(*in, n);
    *in = slice_tail(*in, n);
    return value;
}

bool take_content_param(slice *in, slice *ret_name, slice *ret_value)
{
    slice s = *in;
    skip_blank(&s);
    bool any = false;
    for (; take_char(&s, ';'); any = true)
        skip_blank(&s);
    slice name = take_token(&s);
    skip_blank(&s);
    if (!any || name.n == 0 || !take_char(&s, '='))
        return false;
    skip_blank(&s);
    *ret_name = name;
    *ret_value = take_value(&s);
    *in = s;
    return true;
}

/* Opens a part whose header section begins at header_at. There is room. */
static void push(struct mime_walk *w, uint64_t header_at)
{
    const unsigned parent = w->depth == 0 ? 0 : w->level[w->depth - 1].part.index;
    struct mime_level *l = &w->level[w->depth];
    l->part = (struct mime_part){.index = w->parts++,
                                 .parent = parent,
                                 .depth = w->depth,
                                 .header_at = header_at};
    l->boundary_n = 0;
    l->is_digest = false;
    w->depth++;
    w->field_n = w->type_n = w->encoding_n = 0;
    w->is_type = w->is_encoding = w->has_type = w->has_encoding = false;
    w->is_in_header = true;
}

void mime_walk_init(struct mime_walk *w)
{
    *w = (struct mime_walk){0};
    push(w, 0);
    w->pop_to = w->depth;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Adds s to what is kept of something that has *n bytes so far. */
static void keep(char *kept, size_t max, size_t *n, slice s)
{
    if (*n < max && s.n > 0)
        memcpy(kept + *n, s.p, least(s.n, max - *n));
    *n += s.n;
}

/* The first field of a name counts. */
static void end_field(struct mime_walk *w)
{
    slice value = slice_of(w->field, least(w->field_n, sizeof w->field));
    if (w->is_type) {
        w->type_n = 0;
        keep(w->type, sizeof w->type, &w->type_n, value);
        w->has_type = true;
    } else if (w->is_encoding) {
        skip_blank(&value);
        w->encoding_n = 0;
        keep(w->encoding, sizeof w->encoding, &w->encoding_n, take_token(&value));
        w->has_encoding = true;
    }
    w->is_type = w->is_encoding = false;
    w->field_n = 0;
}

/* The first line of a field; false when this is none (RFC 5322 3.6.8). */
static bool begin_field(struct mime_walk *w, slice line)
{
    slice name = slice_head(line, slice_find(line, ':'));
    slice value = slice_tail(line, name.n + 1);
    if (name.n == line.n)
        return false;
    while (name.n > 0 && ascii_is_blank(name.p[name.n - 1]))
        name.n--;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_graphic(name.p[i]))
            return false;
    end_field(w);
    w->is_type = !w->has_type && slice_is_ci(name, "Content-Type");
    w->is_encoding = !w->has_encoding && slice_is_ci(name, "Content-Transfer-Encoding");
    if (w->is_type || w->is_encoding)
        keep(w->field, sizeof w->field, &w->field_n, value);
    return name.n > 0;
}

/* The boundary parameter without its quotes; false when there is none that can be used. */
static bool find_boundary(slice params, struct mime_level *l)
{
    slice name, value;
    while (take_content_param(&params, &name, &value)) {
        if (!slice_is_ci(name, "boundary"))
            continue;
        const bool is_quoted = value.n > 1 && value.p[0] == '"';
        size_t n = 0;
        for (size_t i = is_quoted; i + is_quoted < value.n; i++) {
            if (is_quoted && value.p[i] == '\\' && i + 2 < value.n)
                i++;
            if (n == sizeof l->boundary)
                return false;
            l->boundary[n++] = value.p[i];
        }
        while (n > 0 && ascii_is_blank(l->boundary[n - 1]))
            n--;
        l->boundary_n = n;
        return n > 0;
    }
    return false;
}

static slice encoding_of(const struct mime_walk *w)
{
    return w->encoding_n > 0 ? slice_of(w->encoding, least(w->encoding_n, sizeof w->encoding))
                             : SLICE_LIT("7bit");
}

/* What the type makes of the part: something with parts inside, if that can be followed. */
static enum mime_kind kind_of(struct mime_walk *w, struct mime_level *l, slice params)
{
    const slice encoding = encoding_of(w);
    const bool is_multipart = slice_is_ci(l->part.type, "multipart");
    const bool is_message =
        slice_is_ci(l->part.type, "message") &&
        (slice_is_ci(l->part.subtype, "rfc822") || slice_is_ci(l->part.subtype, "global"));
    if (!is_multipart && !is_message)
        return MIME_LEAF;
    if (slice_is_ci(encoding, "base64") || slice_is_ci(encoding, "quoted-printable")) {
        w->seen |= MIME_SEEN_ENCODED_PARENT;
        return MIME_LEAF;
    }
    if (w->depth == MIME_DEPTH_MAX) {
        w->seen |= MIME_SEEN_TOO_DEEP;
        return MIME_LEAF;
    }
    if (is_message) {
        w->seen |= w->parts == MIME_PARTS_MAX ? MIME_SEEN_TOO_MANY : 0;
        return w->parts == MIME_PARTS_MAX ? MIME_LEAF : MIME_MESSAGE;
    }
    if (!find_boundary(params, l)) {
        w->seen |= MIME_SEEN_NO_BOUNDARY;
        return MIME_LEAF;
    }
    l->is_digest = slice_is_ci(l->part.subtype, "digest");
    return MIME_MULTIPART;
}

static void end_header(struct mime_walk *w, uint64_t body_at, bool has_body)
{
    struct mime_level *l = &w->level[w->depth - 1];
    slice params = {0};
    end_field(w);
    if (w->has_type)
        params = slice_of(w->type, least(w->type_n, sizeof w->type));
    if (!take_content_type(&params, &l->part.type, &l->part.subtype)) {
        /* RFC 2046 5.1.5: in a digest the default is a message. */
        const bool in_digest = w->depth > 1 && w->level[w->depth - 2].is_digest && !w->has_type;
        l->part.type = in_digest ? SLICE_LIT("message") : SLICE_LIT("text");
        l->part.subtype = in_digest ? SLICE_LIT("rfc822") : SLICE_LIT("plain");
        params = (slice){0};
    }
    l->part.body_at = body_at;
    l->part.kind = kind_of(w, l, params);
    w->is_in_header = false;
    w->is_begin_due = true;
    w->is_child_due = has_body && l->part.kind == MIME_MESSAGE;
    /* The line that is no field of the message is none of the one inside either. */
    w->is_child_headless = w->is_child_due && body_at != w->at;
}

/* "--boundary" or "--boundary--", then blanks at most (RFC 2046 5.1.1). */
static bool is_delimiter(const struct mime_level *l, slice line, bool *ret_is_last)
{
    const slice boundary = slice_of(l->boundary, l->boundary_n);
    line = slice_tail(line, 2);
    if (boundary.n == 0 || !slice_starts(line, boundary))
        return false;
    line = slice_tail(line, boundary.n);
    *ret_is_last = slice_starts(line, SLICE_LIT("--"));
    line = slice_trim(slice_tail(line, *ret_is_last ? 2 : 0));
    return line.n == 0;
}

/* Whether the line was one; what it ends and begins is then due. */
static bool delimit(struct mime_walk *w, slice line)
{
    if (!slice_starts(line, SLICE_LIT("--")) || w->line_n > sizeof w->line)
        return false;
    for (unsigned i = w->depth; i-- > 0;) {
        struct mime_level *l = &w->level[i];
        bool is_last;
        if (!is_delimiter(l, line, &is_last))
            continue;
        if (w->is_in_header)
            end_header(w, w->line_at, false);
        w->pop_to = i + 1;
        w->pop_end_at = w->line_at - w->line_end_bytes;
        if (is_last)
            l->boundary_n = 0;
        else if (w->parts < MIME_PARTS_MAX)
            w->is_part_due = true;
        else
            w->seen |= MIME_SEEN_TOO_MANY;
        return true;
    }
    return false;
}

static void in_header(struct mime_walk *w, slice line)
{
    if (w->line_n == 0) {
        end_header(w, w->at, true);
    } else if (ascii_is_blank(line.p[0])) {
        if (w->is_type || w->is_encoding)
            keep(w->field, sizeof w->field, &w->field_n, line);
    } else if (!begin_field(w, line) &&
               !(w->line_at == 0 && (slice_starts(line, SLICE_LIT("From ")) ||
                                     slice_starts(line, SLICE_LIT(">From "))))) {
        end_header(w, w->line_at, true);
    }
}

/* w->line is complete, and w->at behind it. */
static void end_line(struct mime_walk *w, uint8_t line_end_bytes)
{
    w->line_n -= line_end_bytes;
    const slice line = slice_of(w->line, least(w->line_n, sizeof w->line));
    bool is_body = !w->is_in_header;
    if (delimit(w, line)) {
        is_body = !w->is_part_due;
    } else if (w->is_in_header) {
        in_header(w, line);
        is_body = !w->is_in_header && w->line_n > 0;
    }
    /* The line end of a header section or of the delimiter before is no part of the next one. */
    w->line_end_bytes = is_body ? line_end_bytes : 0;
    w->line_at = w->at;
    w->line_n = 0;
    w->last = '\0';
}

/* Bytes up to the end of a line, or all; true when a line is complete and looked at. */
static void take_line(struct mime_walk *w, slice *in)
{
    const size_t lf = slice_find(*in, '\n');
    const slice piece = slice_head(*in, lf + 1);
    const bool is_whole = lf < in->n;
    *in = slice_tail(*in, piece.n);
    w->at += piece.n;
    keep(w->line, sizeof w->line, &w->line_n, piece);
    if (!is_whole) {
        w->last = piece.p[piece.n - 1];
        return;
    }
    const char before = piece.n > 1 ? piece.p[piece.n - 2] : w->last;
    end_line(w, before == '\r' ? 2 : 1);
}

/* One event that a line made due, in order: the part's begin, ends, the next part. */
static enum mime_event next_due(struct mime_walk *w, struct mime_part *ret)
{
    if (w->is_begin_due) {
        w->is_begin_due = false;
        *ret = w->level[w->depth - 1].part;
        ret->encoding = encoding_of(w);
        if (w->is_child_due) {
            w->is_child_due = false;
            /* The slices in *ret stay: push() forgets lengths, not bytes. */
            push(w, ret->body_at);
            w->pop_to = w->depth;
            if (w->is_child_headless)
                end_header(w, ret->body_at, false);
        }
        return MIME_PART_BEGIN;
    }
    if (w->depth > w->pop_to) {
        struct mime_level *l = &w->level[--w->depth];
        w->seen |= l->boundary_n > 0 ? MIME_SEEN_UNCLOSED : 0;
        *ret = l->part;
        ret->type = ret->subtype = (slice){0};
        ret->end_at = w->pop_end_at > ret->body_at ? w->pop_end_at : ret->body_at;
        return MIME_PART_END;
    }
    if (w->is_part_due) {
        w->is_part_due = false;
        push(w, w->line_at);
        w->pop_to = w->depth;
    }
    return MIME_MORE;
}

enum mime_event mime_walk_feed(struct mime_walk *w, slice *in, struct mime_part *ret)
{
    for (;;) {
        const enum mime_event event = next_due(w, ret);
        if (event != MIME_MORE || in->n == 0)
            return event;
        take_line(w, in);
    }
}

enum mime_event mime_walk_finish(struct mime_walk *w, struct mime_part *ret)
{
    for (;;) {
        const enum mime_event event = next_due(w, ret);
        if (event != MIME_MORE)
            return event;
        if (w->depth == 0)
            return MIME_DONE;
        if (w->line_n > 0) {
            end_line(w, 0);
        } else {
            if (w->is_in_header)
                end_header(w, w->at, false);
            w->pop_to = 0;
            w->pop_end_at = w->at;
        }
    }
}
