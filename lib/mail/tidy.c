#include "lib/mail/tidy.h"

#include "lib/base/ascii.h"
#include "lib/mail/date.h"
#include "lib/mail/header.h"

enum { ADDRESS_MAX_BYTES = 512 };

/* A From field's value, read as far as it must be: how many mailboxes, and which, if it is one. */
struct mailboxes {
    unsigned count;
    /* The one under way: what stands in angle brackets, else all but comments and blanks. */
    char address[ADDRESS_MAX_BYTES];
    size_t n;
    bool is_long, has_angle;
    unsigned comments;
    char shut; /* what ends the quoted string, domain literal or angle bracket; 0: in none */
};

static void add_char(struct mailboxes *m, char c)
{
    if (m->n == sizeof m->address)
        m->is_long = true;
    else
        m->address[m->n++] = c;
}

/* address keeps the last one's: with a count of 1 that is the only one. */
static void end_mailbox(struct mailboxes *m, bool *is_fresh)
{
    m->count += m->n > 0 || m->is_long;
    *is_fresh = true;
}

/* Comments, quoted strings and literals in RFC 5322 3.2; true: c was one's. */
static bool in_comment(struct mailboxes *m, slice *in)
{
    char c = in->p[0];
    if (m->shut == '"' || m->shut == ']' || (m->comments == 0 && c != '('))
        return false;
    if (c == '\\' && in->n > 1)
        *in = slice_tail(*in, 1);
    else if (c == '(')
        m->comments++;
    else if (c == ')')
        m->comments--;
    *in = slice_tail(*in, 1);
    return true;
}

static struct mailboxes read_from(slice value)
{
    struct mailboxes m = {0};
    bool is_fresh = false; /* the next byte begins another one */
    while (value.n > 0) {
        if (in_comment(&m, &value))
            continue;
        char c = value.p[0];
        bool is_quoted = m.shut == '"' || m.shut == ']';
        value = slice_tail(value, 1);
        if (!is_quoted && (ascii_is_blank(c) || c == '\r' || c == '\n'))
            continue;
        if (m.shut == 0 && (c == ',' || c == ';')) {
            if (!is_fresh)
                end_mailbox(&m, &is_fresh);
            continue;
        }
        if (is_fresh) {
            m.n = 0;
            m.is_long = m.has_angle = is_fresh = false;
        }
        if (m.shut == 0 && c == ':') {
            m.n = 0; /* that was a group's name */
        } else if (m.shut == 0 && c == '<') {
            m.n = 0; /* that was a display name */
            m.has_angle = true;
            m.shut = '>';
        } else if (m.shut == '>' && c == '>') {
            m.shut = 0;
        } else if (m.shut == 0 && m.has_angle) {
            continue; /* behind the angle bracket nothing belongs to the address */
        } else {
            if (is_quoted && c == m.shut)
                m.shut = 0;
            else if (!is_quoted && m.shut == 0 && (c == '"' || c == '['))
                m.shut = c == '"' ? '"' : ']';
            add_char(&m, c);
            if (is_quoted && c == '\\' && value.n > 0) {
                add_char(&m, value.p[0]);
                value = slice_tail(value, 1);
            }
        }
    }
    if (!is_fresh)
        end_mailbox(&m, &is_fresh);
    return m;
}

/* Somebody else than who sends it is named, or several are. */
static bool wants_sender(slice from, const struct tidy_facts *facts)
{
    struct mailboxes m = read_from(from);
    slice only = slice_of(m.address, m.n);
    return m.count > 1 || (m.count == 1 && (m.is_long || (!slice_eq_ci(only, facts->account) &&
                                                          !slice_eq_ci(only, facts->sender))));
}

/* May stand in a field as it is. */
static bool is_fit(slice address, bool is_utf8)
{
    for (size_t i = 0; i < address.n; i++)
        if (ascii_is_control(address.p[i]) || (!is_utf8 && !ascii_is_ascii(address.p[i])))
            return false;
    return address.n > 0;
}

/* What the section has. */
struct has {
    bool date, message_id, from, sender, resent, other_from;
};

static void look_at(struct has *has, slice name, slice value, const struct tidy_facts *facts)
{
    if (slice_is_ci(name, "Date")) {
        has->date = true;
    } else if (slice_is_ci(name, "Message-ID")) {
        has->message_id = true;
    } else if (slice_is_ci(name, "Sender")) {
        has->sender = true;
    } else if (slice_is_ci(name, "Resent-From")) {
        has->resent = true;
    } else if (slice_is_ci(name, "From")) {
        /* A second From is one mailbox more (RFC 5322 3.6 has one field). */
        has->other_from = has->from || wants_sender(value, facts);
        has->from = true;
    }
}

static void add_field(struct buf *out, const char *name, slice value)
{
    buf_addf(out, "%s: ", name);
    buf_add(out, value);
    buf_adds(out, "\r\n");
}

static unsigned add_missing(struct buf *added, const struct has *has,
                            const struct tidy_facts *facts)
{
    unsigned did = 0;
    slice from = facts->sender.n > 0 ? facts->sender : facts->account;
    if (!has->date) {
        buf_adds(added, "Date: ");
        date_print(added, facts->at, 0);
        buf_adds(added, "\r\n");
        did |= TIDY_DATE;
    }
    if (!has->message_id) {
        buf_addf(added, "Message-ID: <%llu.%llu.%.*s@%.*s>\r\n",
                 (unsigned long long)(facts->at > 0 ? facts->at : 0),
                 (unsigned long long)facts->number, SLICE_ARG(facts->session),
                 SLICE_ARG(facts->host));
        did |= TIDY_MESSAGE_ID;
    }
    if (!has->from && is_fit(from, facts->is_utf8)) {
        add_field(added, "From", from);
        did |= TIDY_FROM;
    }
    if (has->other_from && !has->sender && !has->resent && is_fit(facts->account, facts->is_utf8)) {
        add_field(added, "Sender", facts->account);
        did |= TIDY_SENDER;
    }
    return did;
}

/* A section is shortened in one pass: what stays moves down behind what stayed. */
struct cutter {
    struct buf *header;
    size_t kept;    /* bytes at the head that are final */
    size_t done_at; /* up to here the old section was looked at */
};

static void cut_out(struct cutter *c, size_t at, size_t end_at)
{
    memmove(c->header->p + c->kept, c->header->p + c->done_at, at - c->done_at);
    c->kept += at - c->done_at;
    c->done_at = end_at;
}

static bool next_field(struct header_walk *w, slice *rest, struct header_field *ret)
{
    enum header_event event = header_walk_feed(w, rest, ret);
    if (event == HEADER_MORE)
        event = header_walk_finish(w, ret);
    return event == HEADER_FIELD;
}

static unsigned add_end(struct buf *header, const struct header_walk *w)
{
    if ((w->seen & HEADER_SEEN_NO_BLANK) == 0)
        return 0;
    if (header->n > 0 && header->p[header->n - 1] != '\n')
        buf_adds(header, "\r\n");
    buf_adds(header, "\r\n");
    return TIDY_END;
}

unsigned header_tidy(struct buf *header, struct buf *added, const struct tidy_facts *facts)
{
    struct header_walk w;
    struct header_field field;
    struct has has = {0};
    struct cutter cutter = {.header = header};
    slice rest = buf_slice(header);
    unsigned did = 0;
    header_walk_init(&w, UINT64_MAX, UINT64_MAX);
    while (next_field(&w, &rest, &field)) {
        size_t at = (size_t)field.at, end_at = (size_t)field.end_at;
        slice value = slice_head(buf_slice(header), end_at);
        look_at(&has, field.name, slice_tail(value, (size_t)field.value_at), facts);
        if (w.fields == 1 && at > 0)
            cut_out(&cutter, 0, at);
        if (slice_is_ci(field.name, "Bcc") || slice_is_ci(field.name, "Resent-Bcc")) {
            cut_out(&cutter, at, end_at);
            did |= TIDY_BCC;
        }
    }
    if (w.fields_at > 0) {
        if (w.fields == 0)
            cut_out(&cutter, 0, (size_t)w.fields_at);
        did |= TIDY_LEAD;
    }
    if (cutter.done_at > 0) {
        cut_out(&cutter, header->n, header->n);
        header->n = cutter.kept;
    }
    did |= add_end(header, &w);
    return did | add_missing(added, &has, facts);
}
