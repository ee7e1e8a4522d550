#include "lib/mail/date.h"

#include "lib/base/ascii.h"
#include "lib/base/civil.h"

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* 0000-01-01 and the last second of 9999. */
static const int64_t first_at = -62167219200, last_at = 253402300799;

void date_print(struct buf *out, int64_t at, int offset_minutes)
{
    int64_t local = at > last_at ? last_at : at < first_at ? first_at : at;
    local += (int64_t)offset_minutes * 60;
    local = local > last_at ? last_at : local < first_at ? first_at : local;
    struct civil c = civil_of(local);
    unsigned offset = (unsigned)(offset_minutes < 0 ? -offset_minutes : offset_minutes);
    buf_addf(out, "%s, %u %s %04u %02u:%02u:%02u %c%02u%02u", days[c.weekday], c.day,
             months[c.month - 1], (unsigned)c.year, c.hour, c.minute, c.second,
             offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60);
}

/* Blanks, line ends, and comments, which nest (RFC 5322 3.2.2). */
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
    if (depth == 0)
        *in = slice_tail(*in, i);
}

static bool take_char(slice *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    *in = slice_tail(*in, 1);
    return true;
}

/* Between day, month and year stand blanks, or one hyphen. */
static void skip_separator(slice *in)
{
    skip_blank(in);
    if (take_char(in, '-'))
        skip_blank(in);
}

/* A number of min to max digits; how many it had, 0 for none. */
static size_t take_number(slice *in, size_t min, size_t max, unsigned *ret)
{
    size_t n = 0;
    unsigned v = 0;
    while (n < in->n && n <= max && ascii_is_digit(in->p[n]))
        v = v * 10 + (unsigned)(in->p[n++] - '0');
    if (n < min || n > max)
        return 0;
    *in = slice_tail(*in, n);
    *ret = v;
    return n;
}

static slice take_word(slice *in)
{
    size_t n = 0;
    while (n < in->n && ascii_is_alpha(in->p[n]))
        n++;
    slice word = slice_head(*in, n);
    *in = slice_tail(*in, n);
    return word;
}

/* By its first three letters, so that "Sept" and "November" are months too. */
static bool take_name(slice *in, const char (*names)[4], size_t n, unsigned *ret)
{
    slice s = *in, word = take_word(&s);
    for (size_t i = 0; i < n; i++)
        if (slice_starts_ci(word, slice_cstr(names[i]))) {
            *in = s;
            *ret = (unsigned)i;
            return true;
        }
    return false;
}

static bool take_year(slice *in, struct civil *c)
{
    unsigned year;
    size_t n = take_number(in, 2, 4, &year);
    /* RFC 5322 4.3. */
    c->year = n == 2 && year < 50 ? year + 2000 : n < 4 ? year + 1900 : year;
    return n > 0;
}

static bool take_time(slice *in, struct civil *c)
{
    if (take_number(in, 1, 2, &c->hour) == 0)
        return false;
    skip_blank(in);
    if (!take_char(in, ':') || take_number(in, 1, 2, &c->minute) == 0)
        return false;
    slice s = *in;
    skip_blank(&s);
    if (!take_char(&s, ':'))
        return true;
    *in = s;
    return take_number(in, 1, 2, &c->second) > 0;
}

/* "+hhmm", or a name of RFC 5322 4.3; anything else says nothing of the zone. */
static void take_zone(slice *in, struct mail_date *date)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = {{"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"Z", 0},    {"EDT", -4}, {"EST", -5},
                 {"CDT", -5}, {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8}};
    slice s = *in;
    unsigned v;
    bool minus = take_char(&s, '-');
    if (minus || take_char(&s, '+')) {
        if (take_number(&s, 4, 4, &v) == 0 || v % 100 > 59 || v > 2359)
            return;
        int minutes = (int)(v / 100 * 60 + v % 100);
        date->offset_minutes = minus ? -minutes : minutes;
        date->has_zone = !minus || v != 0;
        *in = s;
        return;
    }
    slice word = take_word(&s);
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
        if (slice_is_ci(word, zones[i].name)) {
            date->offset_minutes = zones[i].hours * 60;
            date->has_zone = true;
        }
    *in = s;
}

/* "22 Nov 2026 01:12:27", as in RFC 5322. */
static bool take_day_first(slice *in, struct civil *c)
{
    if (take_number(in, 1, 2, &c->day) == 0)
        return false;
    skip_separator(in);
    if (!take_name(in, months, 12, &c->month))
        return false;
    skip_separator(in);
    if (!take_year(in, c))
        return false;
    skip_blank(in);
    return take_time(in, c);
}

/* "Nov 22 01:12:27 2026", as asctime writes it. */
static bool take_month_first(slice *in, struct civil *c)
{
    if (!take_name(in, months, 12, &c->month))
        return false;
    skip_blank(in);
    if (take_number(in, 1, 2, &c->day) == 0)
        return false;
    skip_blank(in);
    if (!take_time(in, c))
        return false;
    skip_blank(in);
    return take_year(in, c);
}

bool take_date(slice *in, struct mail_date *ret)
{
    slice s = *in;
    struct civil c = {0};
    struct mail_date date = {0};
    unsigned weekday;
    skip_blank(&s);
    if (take_name(&s, days, 7, &weekday)) {
        skip_blank(&s);
        (void)take_char(&s, ',');
        skip_blank(&s);
    }
    bool is_day_first = s.n > 0 && ascii_is_digit(s.p[0]);
    if (!(is_day_first ? take_day_first(&s, &c) : take_month_first(&s, &c)))
        return false;
    c.month++;
    if (!civil_to(&c, &date.at))
        return false;
    slice rest = s;
    skip_blank(&rest);
    take_zone(&rest, &date);
    skip_blank(&rest);
    date.at -= (int64_t)date.offset_minutes * 60;
    *in = rest;
    *ret = date;
    return true;
}
