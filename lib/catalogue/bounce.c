#include "lib/catalogue/bounce.h"

#include "lib/base/ascii.h"
#include "lib/catalogue/letter.h"

static size_t find_ci(slice s, slice needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++) {
        if (slice_starts_ci(slice_tail(s, i), needle))
            return i;
    }
    return s.n;
}

static slice trim_all(slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r'))
        s = slice_tail(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\n' ||
                       s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static slice line_trim(slice line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return slice_trim(line);
}

/* What stands behind "type;" in a field of a report: "rfc822; x@example.org". */
static slice behind_type(slice value)
{
    size_t semicolon = slice_find(value, ';');
    slice type = slice_trim(slice_head(value, semicolon));
    if (semicolon == value.n || type.n == 0 || type.n > 12)
        return slice_trim(value);
    for (size_t i = 0; i < type.n; i++) {
        if (!ascii_is_alnum(type.p[i]) && type.p[i] != '-')
            return slice_trim(value);
    }
    return slice_trim(slice_tail(value, semicolon + 1));
}

/* ---- A report (RFC 3464) ---- */

/* Takes a field with its folded lines off *s. False: the next line is no field, and was taken. */
static bool take_field(slice *s, slice *ret_name, slice *ret_value)
{
    slice start = *s, line;
    if (!slice_split(s, '\n', &line))
        return false;
    size_t colon = slice_find(line, ':');
    if (colon == line.n || colon == 0 || ascii_is_blank(line.p[0]))
        return false;
    *ret_name = slice_trim(slice_head(line, colon));
    while (s->n > 0 && ascii_is_blank(s->p[0]) &&
           line_trim(slice_head(*s, slice_find(*s, '\n'))).n > 0)
        (void)slice_split(s, '\n', &line);
    *ret_value = trim_all(slice_tail(slice_head(start, start.n - s->n), colon + 1));
    return true;
}

struct group {
    slice recipient;
    slice action;
    slice status;
    slice host;
    slice reply;
};

/* A group of fields about one recipient ends: it counts when it tells of a failure. */
static void group_end(struct group *g, struct bounce *b)
{
    bool is_failure = !slice_is_ci(g->action, "delivered") && !slice_is_ci(g->action, "relayed") &&
                      !slice_is_ci(g->action, "expanded");
    bool is_delay = slice_is_ci(g->action, "delayed");
    if (g->recipient.n + g->reply.n + g->action.n > 0 && is_failure &&
        (g->reply.n + g->status.n) > 0) {
        if (b->failed == 0) {
            b->form = FORM_REPORT;
            b->reply = g->reply;
            b->status = g->status;
            b->recipient = g->recipient;
            b->host = g->host;
            b->is_waiting = is_delay;
        }
        b->failed += !is_delay || b->failed == 0;
    }
    *g = (struct group){.reply = {0}};
}

static bool read_report(slice text, struct bounce *b)
{
    struct group g = {.reply = {0}};
    slice name, value;
    while (text.n > 0) {
        slice before = text;
        if (!take_field(&text, &name, &value)) {
            slice line = slice_head(before, slice_find(before, '\n'));
            if (line_trim(line).n == 0)
                group_end(&g, b);
            continue;
        }
        if (slice_is_ci(name, "Final-Recipient") ||
            (slice_is_ci(name, "Original-Recipient") && g.recipient.n == 0))
            g.recipient = behind_type(value);
        else if (slice_is_ci(name, "Action"))
            g.action = slice_head(value, slice_find(value, ' '));
        else if (slice_is_ci(name, "Status"))
            g.status = slice_head(value, slice_find(value, ' '));
        else if (slice_is_ci(name, "Remote-MTA"))
            g.host = behind_type(value);
        else if (slice_is_ci(name, "Diagnostic-Code"))
            g.reply = behind_type(value);
    }
    group_end(&g, b);
    return b->failed > 0;
}

/* ---- Free forms ---- */

/* The reply begins behind the first and ends before the second; "" is the end of the paragraph. */
static const struct {
    const char *begin, *end;
} marks[] = {
    {"Remote host said: ", "Giving up on"},
    {"Remote Server returned '", "'\n"},
    {"Remote Server returned \"", "\""},
    {"remote server returned '", "'"},
    {"The response from the remote server was:", ""},
    {"The error that the other server returned was:", ""},
    {"The response was:", ""},
    {"Technical details of permanent failure:", ""},
    {"Technical details of temporary failure:", ""},
    {" said: ", "(in reply to"},
    {"refused to talk to me: ", ""},
    {"(reason: ", ")\n"},
    {"<<< ", "\n"},
    {"Remote system: ", ""},
    {"does not like recipient.", "Giving up on"},
};

/* Behind a blank line that follows the mark the paragraph is the next one. */
static slice paragraph(slice s)
{
    s = trim_all(s);
    for (size_t i = 0; i + 1 < s.n; i++) {
        slice rest = slice_tail(s, i + 1);
        if (s.p[i] == '\n' && (rest.p[0] == '\n' || slice_starts(rest, SLICE_LIT("\r\n"))))
            return slice_head(s, i);
    }
    return s;
}

/* Exim: "SMTP error from remote mail server after RCPT TO:<x>: host mx [ip]: 550 ...". Behind the
 * mark the reply begins at the first code behind a colon or line end. */
static bool exim_reply(slice text, slice *ret)
{
    slice mark = SLICE_LIT("SMTP error from remote mail server after ");
    size_t at = find_ci(text, mark);
    if (at == text.n) {
        mark = SLICE_LIT("SMTP error from remote server ");
        at = find_ci(text, mark);
    }
    if (at == text.n)
        return false;
    slice rest = paragraph(slice_tail(text, at + mark.n));
    for (size_t i = 2; i + 3 < rest.n; i++) {
        bool is_code = rest.p[i] >= '2' && rest.p[i] <= '5' && ascii_is_digit(rest.p[i + 1]) &&
                       ascii_is_digit(rest.p[i + 2]) &&
                       (rest.p[i + 3] == ' ' || rest.p[i + 3] == '-');
        if (is_code && (rest.p[i - 1] == ' ' || rest.p[i - 1] == '\n') &&
            (rest.p[i - 2] == ':' || rest.p[i - 2] == '\n' || rest.p[i - 2] == ' ')) {
            *ret = slice_tail(rest, i);
            return true;
        }
    }
    return false;
}

/* qmail without another server: the paragraph of the recipient, "<x@y>:\nSorry, ...". */
static bool qmail_reply(slice text, struct bounce *b)
{
    if (find_ci(text, SLICE_LIT("qmail-send program")) == text.n)
        return false;
    size_t at = find_ci(text, SLICE_LIT("\n<"));
    slice rest = slice_tail(text, at + 2);
    size_t end = find_ci(rest, SLICE_LIT(">:"));
    if (at == text.n || end == rest.n)
        return false;
    b->recipient = slice_head(rest, end);
    b->reply = paragraph(slice_tail(rest, end + 2));
    return true;
}

static bool read_bounce(slice text, struct bounce *b)
{
    b->form = FORM_BOUNCE;
    if (exim_reply(text, &b->reply))
        return true;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        slice begin = slice_cstr(marks[i].begin), end = slice_cstr(marks[i].end);
        size_t at = find_ci(text, begin);
        if (at == text.n)
            continue;
        b->reply = paragraph(slice_tail(text, at + begin.n));
        if (end.n > 0)
            b->reply = trim_all(slice_head(b->reply, find_ci(b->reply, end)));
        if (end.n > 0 && b->reply.n > 0 && b->reply.p[b->reply.n - 1] == '\'' && end.p[0] == '\'')
            b->reply.n--;
        if (b->reply.n > 0)
            return true;
    }
    if (qmail_reply(text, b))
        return true;
    b->form = FORM_REPLY;
    return false;
}

/* ---- Lines of logs ---- */

/* The value behind key up to one of the octets of ends. */
static slice value_of(slice line, slice key, const char *ends)
{
    size_t at = find_ci(line, key);
    slice rest = slice_tail(line, at + key.n);
    size_t n = 0;
    while (n < rest.n && strchr(ends, rest.p[n]) == NULL)
        n++;
    return at == line.n ? (slice){0} : slice_head(rest, n);
}

/* "status=bounced (host mx[192.0.2.1] said: 550 ... (in reply to RCPT TO command))" */
static bool read_postfix(slice line, struct bounce *b)
{
    slice connect = SLICE_LIT("]: connect to ");
    size_t at = find_ci(line, connect);
    if (at < line.n) {
        b->reply = slice_tail(line, at + 3);
        return true;
    }
    at = find_ci(line, SLICE_LIT("status="));
    size_t open = at + slice_find(slice_tail(line, at), '(');
    if (at == line.n || open >= line.n) {
        slice mark = SLICE_LIT("reject: ");
        at = find_ci(line, mark);
        slice rest = slice_tail(line, at + mark.n);
        size_t colon = find_ci(rest, SLICE_LIT("]: "));
        if (at == line.n || colon == rest.n)
            return false;
        b->reply = slice_tail(rest, colon + 3);
        b->reply = slice_head(b->reply, find_ci(b->reply, SLICE_LIT("; from=<")));
        b->recipient = value_of(line, SLICE_LIT(" to=<"), ">");
        return true;
    }
    slice reply = slice_tail(line, open + 1);
    if (reply.n > 0 && reply.p[reply.n - 1] == ')')
        reply.n--;
    static const char *const says[] = {" said: ", "refused to talk to me: "};
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        slice mark = slice_cstr(says[i]);
        size_t said = find_ci(reply, mark);
        if (said < reply.n)
            reply = slice_tail(reply, said + mark.n);
    }
    b->reply = slice_trim(slice_head(reply, find_ci(reply, SLICE_LIT("(in reply to"))));
    b->recipient = value_of(line, SLICE_LIT("to=<"), ">");
    b->host = value_of(line, SLICE_LIT("relay="), "[,");
    b->status = value_of(line, SLICE_LIT("dsn="), ", ");
    return true;
}

static bool read_sendmail(slice line, struct bounce *b)
{
    static const char *const keys[] = {"reject=", "stat="};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        slice key = slice_cstr(keys[i]);
        size_t at = find_ci(line, key);
        if (at == line.n)
            continue;
        b->reply = slice_tail(line, at + key.n);
        if (slice_starts_ci(b->reply, SLICE_LIT("Deferred: ")))
            b->reply = slice_tail(b->reply, 10);
        b->recipient = value_of(line, SLICE_LIT("to=<"), ">");
        b->host = value_of(line, SLICE_LIT("relay="), " [,");
        b->status = value_of(line, SLICE_LIT("dsn="), ", ");
        return true;
    }
    return false;
}

/* OpenSMTPD: result="PermFail" stat="550 5.1.1 ..." */
static bool read_opensmtpd(slice line, struct bounce *b)
{
    slice reply = value_of(line, SLICE_LIT(" stat=\""), "\"");
    if (reply.n == 0 && find_ci(line, SLICE_LIT("failed-command")) < line.n)
        reply = value_of(line, SLICE_LIT(" result=\""), "\"");
    if (reply.n == 0)
        return false;
    b->reply = reply;
    b->recipient = value_of(line, SLICE_LIT(" to=<"), ">");
    b->host = value_of(line, SLICE_LIT(" relay=\""), "\" ");
    return true;
}

/* Exim: "** x@y R=r T=t H=mx [ip]: SMTP error from remote mail server after RCPT TO:<>: 550 ..." */
static bool read_exim(slice line, struct bounce *b)
{
    if (exim_reply(line, &b->reply)) {
        b->host = value_of(line, SLICE_LIT(" H="), " ");
        b->recipient = value_of(line, SLICE_LIT(" ** "), " ");
        if (b->recipient.n == 0)
            b->recipient = value_of(line, SLICE_LIT(" == "), " ");
        return true;
    }
    slice mark = SLICE_LIT(" rejected ");
    size_t at = find_ci(line, mark);
    if (at == line.n || find_ci(line, SLICE_LIT(" H=")) == line.n)
        return false;
    slice rest = slice_tail(line, at + mark.n);
    size_t colon = find_ci(rest, SLICE_LIT(": "));
    if (colon == rest.n)
        return false;
    b->reply = slice_tail(rest, colon + 2);
    return true;
}

/* qmail writes blanks as '_' and line ends as '/'. */
static bool read_qmail(struct arena *a, slice line, struct bounce *b, bool *ret_is_full)
{
    slice mark = SLICE_LIT(" failure: ");
    size_t at = find_ci(line, SLICE_LIT("delivery "));
    size_t from = find_ci(line, mark);
    if (from == line.n) {
        mark = SLICE_LIT(" deferral: ");
        from = find_ci(line, mark);
    }
    if (at == line.n || from == line.n)
        return false;
    slice coded = slice_trim(slice_tail(line, from + mark.n));
    char *copy = arena_take(a, coded.n + 1);
    *ret_is_full = copy == NULL;
    if (copy == NULL)
        return true;
    for (size_t i = 0; i < coded.n; i++) {
        bool is_end = coded.p[i] == '/' && (i + 1 == coded.n || ascii_is_upper(coded.p[i + 1]));
        copy[i] = coded.p[i] == '_' ? ' ' : is_end ? '\n' : coded.p[i];
    }
    slice reply = slice_of(copy, coded.n), said = SLICE_LIT("Remote host said: ");
    size_t begin = find_ci(reply, said);
    b->reply = trim_all(begin < reply.n ? slice_tail(reply, begin + said.n) : reply);
    return true;
}

/* A date or a program with its process number stands in front. */
static bool looks_like_log(slice line)
{
    static const char *const signs[] = {
        "status=", "mta delivery evpid=", "dsn=", "reject: ",       " stat=",
        "reject=", "delivery ",           " H=",  "failed-command", " == ",
        " ** ",    "]: connect to "};
    bool has_time = false;
    for (size_t i = 2; i + 5 < line.n && i < 80; i++)
        has_time |= line.p[i] == ':' && line.p[i + 3] == ':' && ascii_is_digit(line.p[i - 1]) &&
                    ascii_is_digit(line.p[i + 1]) && ascii_is_digit(line.p[i + 4]);
    bool has_process = find_ci(line, SLICE_LIT("]: ")) < 100;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (find_ci(line, slice_cstr(signs[i])) < line.n)
            return has_time || has_process || i < 3;
    }
    return false;
}

static bool read_log(struct arena *a, slice text, struct bounce *b, bool *ret_is_full)
{
    slice line = trim_all(text);
    *ret_is_full = false;
    if (slice_find(line, '\n') < line.n || !looks_like_log(line))
        return false;
    b->form = FORM_LOG;
    if (read_qmail(a, line, b, ret_is_full) || read_postfix(line, b) || read_opensmtpd(line, b) ||
        read_exim(line, b) || read_sendmail(line, b))
        return true;
    b->form = FORM_REPLY;
    return false;
}

/* A number says it better where there is one; without, words of the sending side do. */
static bool says_waiting(slice text, const struct bounce *b)
{
    static const char *const logs[] = {
        "]: connect to ", "status=deferred", "dsn=4.",      "stat=Deferred", "result=\"TempFail\"",
        " == ",           " defer (",        " deferral: ",
    };
    static const char *const letters[] = {
        "There was a temporary problem",
        "will retry for",
        "will keep trying",
        "is still in the queue",
        "THIS IS A WARNING MESSAGE",
        "has not yet been delivered",
    };
    bool is_log = b->form == FORM_LOG;
    const char *const *words = is_log ? logs : letters;
    size_t n = is_log ? sizeof logs / sizeof logs[0] : sizeof letters / sizeof letters[0];
    for (size_t i = 0; i < n; i++) {
        if (find_ci(text, slice_cstr(words[i])) < text.n)
            return true;
    }
    return b->status.n > 0 && b->status.p[0] == '4';
}

/* "550 5.1.1 ..." or "550-...": what it quotes is not the reply that decided. */
static bool begins_with_code(slice text)
{
    text = trim_all(text);
    return text.n > 3 && text.p[0] >= '2' && text.p[0] <= '5' && ascii_is_digit(text.p[1]) &&
           ascii_is_digit(text.p[2]) && (text.p[3] == ' ' || text.p[3] == '-');
}

bool bounce_read(struct arena *a, slice text, struct bounce *ret)
{
    struct bounce b = {.form = FORM_REPLY, .reply = text};
    bool is_full = false;
    if (begins_with_code(text)) {
        *ret = b;
        return true;
    }
    if (!letter_plain(a, text, &text))
        return false;
    b.reply = text;
    if (!read_log(a, text, &b, &is_full) && !read_report(text, &b) && !read_bounce(text, &b))
        b = (struct bounce){.form = FORM_REPLY, .reply = text};
    if (is_full)
        return false;
    /* A report without words may stand under a text that has them. */
    if (b.form == FORM_REPORT && b.reply.n == 0) {
        struct bounce words = b;
        if (read_bounce(text, &words))
            b.reply = words.reply;
    }
    b.is_waiting |= b.form != FORM_REPLY && b.form != FORM_REPORT && says_waiting(text, &b);
    *ret = b;
    return true;
}
