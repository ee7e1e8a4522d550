#include "lib/auth/dovecot.h"

#include "lib/base/base64.h"
#include "lib/base/secret.h"

/* The letter behind 0x01 for each byte that may not stand by itself. */
static const struct {
    char byte, letter;
} escapes[] = {{'\0', '0'}, {'\001', '1'}, {'\t', 't'}, {'\r', 'r'}, {'\n', 'n'}};
enum { ESCAPES = sizeof escapes / sizeof escapes[0] };

void dovecot_escape(struct buf *out, slice value)
{
    for (size_t i = 0; i < value.n; i++) {
        size_t at = 0;
        while (at < ESCAPES && escapes[at].byte != value.p[i])
            at++;
        if (at < ESCAPES)
            buf_addc(out, '\001');
        buf_addc(out, at < ESCAPES ? escapes[at].letter : value.p[i]);
    }
}

void dovecot_unescape(struct buf *out, slice value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\001' && i + 1 < value.n) {
            c = value.p[++i]; /* an unknown letter stands for itself */
            for (size_t at = 0; at < ESCAPES; at++)
                if (escapes[at].letter == value.p[i])
                    c = escapes[at].byte;
        }
        buf_addc(out, c);
    }
}

/* ---- reading ---- */

static bool take_number(slice *rest, uint32_t *ret)
{
    slice field;
    uint64_t number;
    if (!slice_split(rest, '\t', &field) || !slice_to_u64(field, UINT32_MAX, &number))
        return false;
    *ret = (uint32_t)number;
    return true;
}

static enum dovecot_kind kind_of(slice word)
{
    static const struct {
        const char *word;
        enum dovecot_kind kind;
    } words[] = {{"VERSION", DOVECOT_VERSION}, {"MECH", DOVECOT_MECH},
                 {"DONE", DOVECOT_DONE},       {"OK", DOVECOT_OK},
                 {"FAIL", DOVECOT_FAIL},       {"CONT", DOVECOT_CONT},
                 {"USER", DOVECOT_USER},       {"NOTFOUND", DOVECOT_NOTFOUND}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is(word, words[i].word))
            return words[i].kind;
    return DOVECOT_OTHER;
}

static bool take_value(slice field, const char *key, slice *ret)
{
    slice name = slice_cstr(key);
    if (!slice_starts(field, name) || field.n == name.n || field.p[name.n] != '=')
        return false;
    *ret = slice_tail(field, name.n + 1);
    return true;
}

/* Older ones say `temp`, newer ones `code=temp_fail` beside it. */
static void take_fail_field(slice field, struct dovecot_line *line)
{
    if (slice_is(field, "temp") || slice_is(field, "code=temp_fail"))
        line->cause = DOVECOT_TEMPORARY;
    else if (slice_is(field, "user_disabled") || slice_is(field, "code=user_disabled"))
        line->cause = DOVECOT_DISABLED;
    else if (slice_is(field, "pass_expired") || slice_is(field, "code=pass_expired"))
        line->cause = DOVECOT_EXPIRED;
    else if (slice_is(field, "authz") && line->cause == DOVECOT_WRONG)
        line->cause = DOVECOT_NOT_ALLOWED;
}

static void take_fields(slice rest, struct dovecot_line *line)
{
    slice field;
    while (slice_split(&rest, '\t', &field)) {
        if (take_value(field, "user", &line->name) || take_value(field, "reason", &line->reason))
            continue;
        if (line->kind == DOVECOT_FAIL)
            take_fail_field(field, line);
    }
}

enum dovecot_err dovecot_read(slice text, struct dovecot_line *ret)
{
    struct dovecot_line line = {.kind = DOVECOT_OTHER};
    slice word;
    if (slice_split(&text, '\t', &word))
        line.kind = kind_of(word);
    bool ok = true;
    switch (line.kind) {
    case DOVECOT_OTHER:
    case DOVECOT_DONE:
        break;
    case DOVECOT_VERSION:
        ok = take_number(&text, &line.major) && take_number(&text, &line.minor);
        break;
    case DOVECOT_MECH:
        ok = slice_split(&text, '\t', &line.name);
        break;
    case DOVECOT_USER:
        ok = take_number(&text, &line.id) && slice_split(&text, '\t', &line.name);
        break;
    case DOVECOT_OK:
    case DOVECOT_FAIL:
    case DOVECOT_CONT:
    case DOVECOT_NOTFOUND:
        ok = take_number(&text, &line.id);
        take_fields(text, &line);
        break;
    }
    if (!ok)
        return DOVECOT_MALFORMED;
    *ret = line;
    return DOVECOT_READ;
}

/* ---- writing ---- */

void dovecot_put_hello(struct buf *out, uint32_t pid)
{
    buf_addf(out, "VERSION\t1\t1\nCPID\t%u\n", (unsigned)pid);
}

void dovecot_put_users_hello(struct buf *out)
{
    buf_adds(out, "VERSION\t1\t0\n");
}

static bool is_possible(slice s)
{
    return s.n > 0 && slice_find(s, '\0') == s.n;
}

/* What out has of a line that did not fit goes again. */
static bool end_line(struct buf *out, size_t before)
{
    bool ok = out->err == BUF_OK && out->n - before < DOVECOT_LINE_MAX;
    if (ok) {
        buf_addc(out, '\n');
        ok = out->err == BUF_OK;
    }
    if (!ok) {
        secret_wipe(out->p + before, out->n - before);
        out->n = before;
        out->err = BUF_OK;
    }
    return ok;
}

/* RFC 4616 2, with nobody else's identity. */
static void put_response(struct buf *out, slice name, slice secret)
{
    char room[DOVECOT_LINE_MAX];
    size_t n = name.n + secret.n + 2;
    if (n > sizeof room) {
        out->err = BUF_FULL;
        return;
    }
    room[0] = '\0';
    memcpy(room + 1, name.p, name.n);
    room[name.n + 1] = '\0';
    memcpy(room + name.n + 2, secret.p, secret.n);
    base64_encode(out, slice_of(room, n));
    secret_wipe(room, n);
}

bool dovecot_put_plain(struct buf *out, const struct dovecot_request *request)
{
    size_t before = out->n;
    /* A buf that grows leaves copies behind. */
    if (!is_possible(request->name) || !is_possible(request->secret))
        return false;
    if (buf_reserve(out, DOVECOT_LINE_MAX * 2) == NULL) {
        out->err = BUF_OK;
        return false;
    }
    /* Dovecot's penalty would make everybody behind the same address wait for up to 15 seconds; how
     * often one may guess is decided before Dovecot is asked (lib/auth/guess.h). */
    buf_addf(out, "AUTH\t%u\tPLAIN\tservice=smtp\tsecured\tnologin\tno-penalty",
             (unsigned)request->id);
    if (request->session.n > 0) {
        buf_adds(out, "\tsession=");
        dovecot_escape(out, request->session);
    }
    if (request->ip.family != IP_NONE) {
        buf_adds(out, "\trip=");
        ip_print(out, &request->ip);
    }
    buf_adds(out, "\tresp=");
    put_response(out, request->name, request->secret);
    return end_line(out, before);
}

bool dovecot_put_user(struct buf *out, uint32_t id, slice name)
{
    size_t before = out->n;
    if (!is_possible(name))
        return false;
    buf_addf(out, "USER\t%u\t", (unsigned)id);
    dovecot_escape(out, name);
    buf_adds(out, "\tservice=smtp");
    return end_line(out, before);
}

void dovecot_put_cancel(struct buf *out, uint32_t id)
{
    buf_addf(out, "CANCEL\t%u\n", (unsigned)id);
}
