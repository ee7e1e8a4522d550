#include "lib/smtp/command.h"

#include "lib/base/ascii.h"
#include "lib/base/civil.h"
#include "lib/base/utf8.h"
#include "lib/smtp/address.h"

enum { ENVID_MAX_BYTES = 100, ORCPT_MAX_BYTES = 500, AUTH_MAX_BYTES = 500, HEX_MAX_DIGITS = 6 };

static bool take_char(slice *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    *in = slice_tail(*in, 1);
    return true;
}

static slice without_head_blanks(slice s)
{
    while (s.n > 0 && ascii_is_blank(s.p[0]))
        s = slice_tail(s, 1);
    return s;
}

struct command command_split(slice line)
{
    slice s = slice_trim(line);
    size_t n = 0;
    while (n < s.n && !ascii_is_blank(s.p[n]))
        n++;
    return (struct command){slice_head(s, n), without_head_blanks(slice_tail(s, n))};
}

bool take_path_lead(slice *args, const char *word, bool *ret_spaced)
{
    slice lead = slice_cstr(word);
    if (!slice_starts_ci(*args, lead))
        return false;
    slice s = slice_tail(*args, lead.n);
    slice at_colon = without_head_blanks(s);
    bool spaced = at_colon.n != s.n;
    if (!take_char(&at_colon, ':'))
        return false;
    slice rest = without_head_blanks(at_colon);
    *ret_spaced = spaced || rest.n != at_colon.n;
    *args = rest;
    return true;
}

enum param_err take_esmtp_param(slice *in, slice *keyword, slice *value)
{
    slice s = without_head_blanks(*in);
    if (s.n == 0)
        return PARAM_END;
    if (s.n == in->n)
        return PARAM_BAD_SYNTAX;
    size_t n = 0;
    while (n < s.n && (ascii_is_alnum(s.p[n]) || (n > 0 && s.p[n] == '-')))
        n++;
    slice word = slice_head(s, n), text = {0};
    s = slice_tail(s, n);
    if (n == 0)
        return PARAM_BAD_SYNTAX;
    if (take_char(&s, '=')) {
        for (n = 0;
             n < s.n && s.p[n] != '=' && (ascii_is_graphic(s.p[n]) || !ascii_is_ascii(s.p[n]));)
            n++;
        text = slice_head(s, n);
        s = slice_tail(s, n);
        if (n == 0 || !utf8_is_valid(text))
            return PARAM_BAD_SYNTAX;
    }
    if (s.n > 0 && !ascii_is_blank(s.p[0]))
        return PARAM_BAD_SYNTAX;
    *in = s;
    *keyword = word;
    *value = text;
    return PARAM_OK;
}

/* xtext. */

static bool is_xchar(char c)
{
    return ascii_is_graphic(c) && c != '+' && c != '=';
}

void xtext_encode(struct buf *out, slice in)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (is_xchar(in.p[i])) {
            buf_addc(out, in.p[i]);
        } else {
            buf_addc(out, '+');
            buf_addc(out, hex[c >> 4]);
            buf_addc(out, hex[c & 15]);
        }
    }
}

/* "+41": upper-case hexadecimal alone (RFC 3461 4). */
static bool take_hexchar(slice *in, char *ret)
{
    if (in->n < 3 || in->p[0] != '+' || ascii_is_lower(in->p[1]) || ascii_is_lower(in->p[2]))
        return false;
    int high = ascii_hex_value(in->p[1]), low = ascii_hex_value(in->p[2]);
    if (high < 0 || low < 0)
        return false;
    *ret = (char)(high << 4 | low);
    *in = slice_tail(*in, 3);
    return true;
}

/* "\x{20AC}" (RFC 6533 3, EmbeddedUnicodeChar): no code point that could stand as itself. */
static bool take_embedded(slice *in, uint32_t *ret)
{
    slice s = *in;
    if (!slice_starts(s, SLICE_LIT("\\x{")))
        return false;
    s = slice_tail(s, 3);
    uint32_t v = 0;
    size_t n = 0;
    for (; n < s.n && n < HEX_MAX_DIGITS && ascii_is_hex(s.p[n]); n++) {
        if (ascii_is_lower(s.p[n]))
            return false;
        v = v * 16 + (uint32_t)ascii_hex_value(s.p[n]);
    }
    bool may_be_bare = v < 128 && is_xchar((char)v) && v != '\\';
    if (n < 2 || (n > 2 && s.p[0] == '0') || may_be_bare || v > 0x10ffff ||
        (v >= 0xd800 && v < 0xe000))
        return false;
    s = slice_tail(s, n);
    if (!take_char(&s, '}'))
        return false;
    *in = s;
    *ret = v;
    return true;
}

/* One character: a byte, or with unitext a code point. */
static bool take_xtext_char(slice *in, bool unitext, uint32_t *ret)
{
    char c;
    if (!unitext && take_hexchar(in, &c)) {
        *ret = (unsigned char)c;
        return true;
    }
    if (unitext &&
        (take_embedded(in, ret) || (in->n > 0 && !ascii_is_ascii(in->p[0]) && utf8_take(in, ret))))
        return true;
    if (in->n == 0 || !is_xchar(in->p[0]) || (unitext && in->p[0] == '\\'))
        return false;
    *ret = (unsigned char)in->p[0];
    *in = slice_tail(*in, 1);
    return true;
}

bool xtext_decode(struct buf *out, slice in, bool unitext)
{
    const size_t before = out->n;
    for (uint32_t c; in.n > 0;) {
        if (!take_xtext_char(&in, unitext, &c)) {
            out->n = before;
            return false;
        }
        if (unitext)
            utf8_add(out, c);
        else
            buf_addc(out, (char)c);
    }
    return true;
}

/* Values: one parser a row of params.def, false when it is none. */

/* 1*20DIGIT, and what 64 bits cannot hold is too large for us in any case. */
static bool parse_size(slice value, struct mail_params *p)
{
    if (value.n > 20)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_digit(value.p[i]))
            return false;
    if (!slice_to_u64(value, UINT64_MAX, &p->size_bytes))
        p->size_bytes = UINT64_MAX;
    return true;
}

static bool parse_body(slice value, struct mail_params *p)
{
    if (slice_is_ci(value, "7BIT"))
        p->body = BODY_7BIT;
    else if (slice_is_ci(value, "8BITMIME"))
        p->body = BODY_8BITMIME;
    else if (slice_is_ci(value, "BINARYMIME"))
        p->body = BODY_BINARYMIME;
    else
        return false;
    return true;
}

static bool parse_smtputf8(slice value, struct mail_params *p)
{
    p->smtputf8 = value.p == NULL;
    return p->smtputf8;
}

static bool parse_requiretls(slice value, struct mail_params *p)
{
    p->requiretls = value.p == NULL;
    return p->requiretls;
}

static bool parse_ret(slice value, struct mail_params *p)
{
    p->ret = slice_is_ci(value, "FULL")   ? DSN_RET_FULL
             : slice_is_ci(value, "HDRS") ? DSN_RET_HDRS
                                          : DSN_RET_UNSAID;
    return p->ret != DSN_RET_UNSAID;
}

/* Decodes into printable characters. */
static bool is_printable_xtext(slice value, bool unitext)
{
    for (uint32_t c; value.n > 0;)
        if (!take_xtext_char(&value, unitext, &c) || c < 32 || c == 127 || (c > 127 && !unitext))
            return false;
    return true;
}

static bool parse_envid(slice value, struct mail_params *p)
{
    p->envid = value;
    return value.n <= ENVID_MAX_BYTES && is_printable_xtext(value, false);
}

static bool parse_auth(slice value, struct mail_params *p)
{
    char text[AUTH_MAX_BYTES];
    size_t n = 0;
    p->auth = value;
    if (slice_is(value, "<>"))
        return true;
    for (uint32_t c; value.n > 0; text[n++] = (char)c)
        if (n == sizeof text || !take_xtext_char(&value, false, &c))
            return false;
    struct path path;
    return mailbox_parse(slice_of(text, n), true, &path) == PATH_OK;
}

static bool parse_priority(slice value, struct mail_params *p)
{
    bool minus = take_char(&value, '-');
    uint64_t v;
    if (value.n != 1 || !slice_to_u64(value, 9, &v) || (minus && v == 0))
        return false;
    p->priority = minus ? -(int)v : (int)v;
    return true;
}

static bool parse_holdfor(slice value, struct mail_params *p)
{
    return value.n <= 9 && value.p[0] != '0' && slice_to_u64(value, 999999999, &p->hold_for_s);
}

static bool take_digits(slice *in, size_t n, unsigned *ret)
{
    uint64_t v;
    if (in->n < n || !slice_to_u64(slice_head(*in, n), 9999, &v))
        return false;
    *in = slice_tail(*in, n);
    *ret = (unsigned)v;
    return true;
}

/* "2026-11-22T01:12:27Z", with a fraction that is dropped (RFC 3339 5.6; RFC 4865 5 wants UTC). */
static bool parse_holduntil(slice value, struct mail_params *p)
{
    struct civil c = {0};
    unsigned year, fraction;
    if (!take_digits(&value, 4, &year) || !take_char(&value, '-') ||
        !take_digits(&value, 2, &c.month) || !take_char(&value, '-') ||
        !take_digits(&value, 2, &c.day) || !(take_char(&value, 'T') || take_char(&value, 't')) ||
        !take_digits(&value, 2, &c.hour) || !take_char(&value, ':') ||
        !take_digits(&value, 2, &c.minute) || !take_char(&value, ':') ||
        !take_digits(&value, 2, &c.second))
        return false;
    c.year = year;
    if (take_char(&value, '.')) {
        if (!take_digits(&value, 1, &fraction))
            return false;
        while (take_digits(&value, 1, &fraction))
            ;
    }
    int64_t at;
    if (!(take_char(&value, 'Z') || take_char(&value, 'z')) || value.n > 0 || !civil_to(&c, &at) ||
        at < 0)
        return false;
    p->hold_until_at = (uint64_t)at;
    return true;
}

/* by-time ";" by-mode [by-trace] (RFC 2852 4). */
static bool parse_by(slice value, struct mail_params *p)
{
    bool minus = take_char(&value, '-');
    if (!minus)
        (void)take_char(&value, '+');
    slice time = slice_head(value, slice_find(value, ';'));
    slice mode = slice_tail(value, time.n + 1);
    uint64_t v;
    if (time.n > 9 || !slice_to_u64(time, 999999999, &v) || mode.n < 1 || mode.n > 2)
        return false;
    char letter = ascii_upper(mode.p[0]);
    if ((letter != 'N' && letter != 'R') || (mode.n == 2 && ascii_upper(mode.p[1]) != 'T'))
        return false;
    p->by_s = minus ? -(int64_t)v : (int64_t)v;
    p->by_return = letter == 'R';
    p->by_trace = mode.n == 2;
    /* RFC 2852 4: a deadline that has passed makes no sense with R. */
    return !(p->by_return && p->by_s <= 0);
}

static const struct {
    const char *word;
    unsigned bit;
} notify_words[] = {
    {"NEVER", NOTIFY_NEVER},
    {"SUCCESS", NOTIFY_SUCCESS},
    {"FAILURE", NOTIFY_FAILURE},
    {"DELAY", NOTIFY_DELAY},
};
enum { NOTIFY_WORDS = sizeof notify_words / sizeof notify_words[0] };

static bool parse_notify(slice value, struct rcpt_params *p)
{
    if (value.p[value.n - 1] == ',')
        return false;
    for (slice word; slice_split(&value, ',', &word);) {
        size_t i = 0;
        while (i < NOTIFY_WORDS && !slice_is_ci(word, notify_words[i].word))
            i++;
        if (i == NOTIFY_WORDS || (p->notify & notify_words[i].bit) != 0)
            return false;
        p->notify |= notify_words[i].bit;
    }
    /* RFC 3461 4.1: NEVER stands alone. */
    return (p->notify & NOTIFY_NEVER) == 0 || p->notify == NOTIFY_NEVER;
}

static bool parse_orcpt(slice value, struct rcpt_params *p)
{
    size_t semicolon = slice_find(value, ';');
    p->orcpt_type = slice_head(value, semicolon);
    p->orcpt = slice_tail(value, semicolon + 1);
    if (value.n > ORCPT_MAX_BYTES || p->orcpt_type.n == 0 || p->orcpt.n == 0)
        return false;
    for (size_t i = 0; i < p->orcpt_type.n; i++)
        if (!ascii_is_alnum(p->orcpt_type.p[i]) && p->orcpt_type.p[i] != '-')
            return false;
    return is_printable_xtext(p->orcpt, slice_is_ci(p->orcpt_type, "utf-8"));
}

/* The table, once for each verb. */

struct param_row {
    const char *keyword;
    bool needs_value;
};

static const struct param_row mail_rows[] = {
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc) {keyword, needs_value},
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc)
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
};

static const struct param_row rcpt_rows[] = {
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc)
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc) {keyword, needs_value},
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
};

static bool parse_mail_value(size_t row, slice value, struct mail_params *p)
{
    switch (row) {
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc)                                         \
    case MAIL_PARAM_##NAME##_AT:                                                                   \
        return parse_##parse(value, p);
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc)
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
    }
    return false;
}

static bool parse_rcpt_value(size_t row, slice value, struct rcpt_params *p)
{
    switch (row) {
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc)
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc)                                         \
    case RCPT_PARAM_##NAME##_AT:                                                                   \
        return parse_##parse(value, p);
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
    }
    return false;
}

struct found {
    size_t row;
    slice keyword, value;
};

/* The next parameter, found in the table and allowed; *given gets its bit. */
static enum param_err take_known(slice *in, const struct param_row *rows, size_t n,
                                 unsigned allowed, unsigned *given, struct found *ret)
{
    enum param_err err = take_esmtp_param(in, &ret->keyword, &ret->value);
    if (err == PARAM_BAD_SYNTAX) {
        slice s = without_head_blanks(*in);
        size_t end = slice_find(s, ' '), equals = slice_find(s, '=');
        ret->keyword = slice_head(s, end < equals ? end : equals);
    }
    if (err != PARAM_OK)
        return err;
    size_t i = 0;
    while (i < n && !slice_is_ci(ret->keyword, rows[i].keyword))
        i++;
    if (i == n || (allowed & 1U << i) == 0)
        return PARAM_UNKNOWN;
    if ((*given & 1U << i) != 0)
        return PARAM_DUPLICATE;
    if (rows[i].needs_value && ret->value.p == NULL)
        return PARAM_MISSING_VALUE;
    *given |= 1U << i;
    ret->row = i;
    return PARAM_OK;
}

enum param_err mail_params_parse(slice in, unsigned allowed, struct mail_params *ret,
                                 slice *ret_bad)
{
    const unsigned both_holds = MAIL_PARAM_HOLDFOR | MAIL_PARAM_HOLDUNTIL;
    struct mail_params p = {0};
    struct found found = {0};
    enum param_err err;
    while ((err = take_known(&in, mail_rows, MAIL_PARAM_COUNT, allowed, &p.given, &found)) ==
           PARAM_OK) {
        if (!parse_mail_value(found.row, found.value, &p))
            err = PARAM_BAD_VALUE;
        else if ((p.given & both_holds) == both_holds)
            err = PARAM_CONFLICT;
        if (err != PARAM_OK)
            break;
    }
    if (err != PARAM_END) {
        if (ret_bad != NULL)
            *ret_bad = found.keyword;
        return err;
    }
    *ret = p;
    return PARAM_OK;
}

enum param_err rcpt_params_parse(slice in, unsigned allowed, struct rcpt_params *ret,
                                 slice *ret_bad)
{
    struct rcpt_params p = {0};
    struct found found = {0};
    enum param_err err;
    while ((err = take_known(&in, rcpt_rows, RCPT_PARAM_COUNT, allowed, &p.given, &found)) ==
           PARAM_OK)
        if (!parse_rcpt_value(found.row, found.value, &p)) {
            err = PARAM_BAD_VALUE;
            break;
        }
    if (err != PARAM_END) {
        if (ret_bad != NULL)
            *ret_bad = found.keyword;
        return err;
    }
    *ret = p;
    return PARAM_OK;
}

/* Printing. */

static void print_signed(struct buf *out, int64_t v)
{
    if (v < 0)
        buf_addc(out, '-');
    buf_addu(out, v < 0 ? (uint64_t)-v : (uint64_t)v);
}

static void print_holduntil(struct buf *out, uint64_t at)
{
    struct civil c = civil_of((int64_t)at);
    buf_addf(out, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)c.year, c.month, c.day, c.hour,
             c.minute, c.second);
}

static void print_mail_value(struct buf *out, enum mail_param param, const struct mail_params *p)
{
    static const char *const bodies[] = {"7BIT", "8BITMIME", "BINARYMIME"};
    if (param == MAIL_PARAM_SIZE)
        buf_addu(out, p->size_bytes);
    else if (param == MAIL_PARAM_BODY)
        buf_adds(out, bodies[p->body]);
    else if (param == MAIL_PARAM_RET)
        buf_adds(out, p->ret == DSN_RET_FULL ? "FULL" : "HDRS");
    else if (param == MAIL_PARAM_ENVID)
        buf_add(out, p->envid);
    else if (param == MAIL_PARAM_AUTH)
        buf_add(out, p->auth);
    else if (param == MAIL_PARAM_PRIORITY)
        print_signed(out, p->priority);
    else if (param == MAIL_PARAM_HOLDFOR)
        buf_addu(out, p->hold_for_s);
    else if (param == MAIL_PARAM_HOLDUNTIL)
        print_holduntil(out, p->hold_until_at);
    else if (param == MAIL_PARAM_BY) {
        print_signed(out, p->by_s);
        buf_addf(out, ";%s%s", p->by_return ? "R" : "N", p->by_trace ? "T" : "");
    }
}

void mail_params_print(struct buf *out, const struct mail_params *params)
{
    for (unsigned i = 0; i < MAIL_PARAM_COUNT; i++) {
        if ((params->given & 1U << i) == 0)
            continue;
        buf_addf(out, " %s%s", mail_rows[i].keyword, mail_rows[i].needs_value ? "=" : "");
        print_mail_value(out, (enum mail_param)(1U << i), params);
    }
}

void rcpt_params_print(struct buf *out, const struct rcpt_params *params)
{
    if ((params->given & RCPT_PARAM_NOTIFY) != 0) {
        buf_adds(out, " NOTIFY=");
        bool is_first = true;
        for (size_t i = 0; i < NOTIFY_WORDS; i++)
            if ((params->notify & notify_words[i].bit) != 0) {
                buf_addf(out, "%s%s", is_first ? "" : ",", notify_words[i].word);
                is_first = false;
            }
    }
    if ((params->given & RCPT_PARAM_ORCPT) != 0)
        buf_addf(out, " ORCPT=%.*s;%.*s", SLICE_ARG(params->orcpt_type), SLICE_ARG(params->orcpt));
}

const char *param_err_name(enum param_err err)
{
    static const char *const names[] = {
        [PARAM_OK] = "ok",
        [PARAM_END] = "end",
        [PARAM_BAD_SYNTAX] = "bad-syntax",
        [PARAM_UNKNOWN] = "unknown",
        [PARAM_DUPLICATE] = "duplicate",
        [PARAM_MISSING_VALUE] = "missing-value",
        [PARAM_BAD_VALUE] = "bad-value",
        [PARAM_CONFLICT] = "conflict",
    };
    return names[err];
}
