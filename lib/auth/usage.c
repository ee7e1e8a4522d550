#include "lib/auth/usage.h"

#include <assert.h>

#include "lib/base/le.h"
#include "lib/base/secret.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };
enum { DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60 };
/* Each hour what is usual fades by a 512th: by half in 15 days. */
enum { FADE = 512, FADE_HOURS_MAX = FADE * 16, USUAL_ONE = 1024, USUAL_START = 25 };
/* Set back by more, the clock was wrong before. */
enum { CLOCK_BACK_HOURS = 24 };

/* WINDOW(name, steps, step_ms): the current step, those before it, and the one that is leaving. */
#define WINDOWS                                                                                    \
    WINDOW(minute, 6, 10 * SECOND_MS)                                                              \
    WINDOW(hour, 12, 5 * MINUTE_MS)                                                                \
    WINDOW(day, 24, HOUR_MS)                                                                       \
    WINDOW(recipients_hour, 12, 5 * MINUTE_MS)                                                     \
    WINDOW(recipients_day, 24, HOUR_MS)

enum window {
#define WINDOW(name, steps, step_ms) WINDOW_##name,
    WINDOWS
#undef WINDOW
        WINDOW_COUNT
};

struct window_row {
    size_t from; /* of its counts in account.counts */
    uint32_t steps;
    uint32_t step_ms;
};

struct counts {
#define WINDOW(name, steps, step_ms) uint32_t name[(steps) + 1];
    WINDOWS
#undef WINDOW
};
enum { COUNTS = sizeof(struct counts) / sizeof(uint32_t) };

static const struct window_row rows[WINDOW_COUNT] = {
#define WINDOW(name, steps, step_ms)                                                               \
    [WINDOW_##name] = {offsetof(struct counts, name) / sizeof(uint32_t), steps, step_ms},
    WINDOWS
#undef WINDOW
};

/* What one account has done. All zero: nothing. */
struct account {
    uint64_t steps[WINDOW_COUNT]; /* the number of each window's current step since 1970 */
    uint32_t counts[COUNTS];      /* of step s: at s modulo the number of them */
    uint64_t hour;                /* of the clock: what the next three are of */
    uint64_t networks;            /* a bit for each, by its hash */
    uint32_t recipients;
    uint32_t usual_recipients, usual_networks; /* times USUAL_ONE */
    uint64_t alarmed_at_ms;
    bool is_changed;
};

bool usage_init(struct usage *u, uint32_t accounts, slice secret)
{
    assert(secret.n == sizeof u->secret);
    memcpy(u->secret, secret.p, secret.n);
    return recent_init(&u->accounts, accounts, sizeof(struct account));
}

void usage_release(struct usage *u)
{
    recent_release(&u->accounts);
    secret_wipe(u->secret, sizeof u->secret);
}

static struct recent_key key_of(const struct usage *u, slice account)
{
    return recent_key_of(slice_of(u->secret, sizeof u->secret), 'u', account, (slice){0});
}

/* ---- windows ---- */

static uint32_t *count_at(struct account *a, enum window w, uint64_t step)
{
    return &a->counts[rows[w].from + step % (rows[w].steps + 1)];
}

/* What has left the window is zero afterwards. A clock that was set back a little changes nothing;
 * by more than the window, and what was counted is of no time that will come. */
static void roll(struct account *a, enum window w, uint64_t now_ms)
{
    uint64_t step = now_ms / rows[w].step_ms;
    if (a->steps[w] > step + rows[w].steps)
        a->steps[w] = 0;
    uint64_t past = step > a->steps[w] ? step - a->steps[w] : 0;
    for (uint64_t i = 0; i < past && i <= rows[w].steps; i++)
        *count_at(a, w, step - i) = 0;
    if (past > 0)
        a->steps[w] = step;
}

static void add(uint32_t *to, uint32_t n)
{
    *to = *to > UINT32_MAX - n ? UINT32_MAX : *to + n;
}

static void window_add(struct account *a, enum window w, uint32_t n, uint64_t now_ms)
{
    roll(a, w, now_ms);
    add(count_at(a, w, a->steps[w]), n);
}

static uint32_t window_sum(struct account *a, enum window w, uint64_t now_ms)
{
    const struct window_row *row = &rows[w];
    uint64_t sum = 0;
    roll(a, w, now_ms);
    for (uint32_t i = 0; i < row->steps; i++)
        sum += *count_at(a, w, a->steps[w] + row->steps + 1 - i);
    uint64_t into_ms = now_ms / row->step_ms == a->steps[w] ? now_ms % row->step_ms : 0;
    uint64_t leaving = *count_at(a, w, a->steps[w] + 1);
    sum += (leaving * (row->step_ms - into_ms) + row->step_ms / 2) / row->step_ms;
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

/* ---- habits ---- */

static uint32_t bits_of(uint64_t v)
{
    uint32_t n = 0;
    for (; v != 0; v &= v - 1)
        n++;
    return n;
}

/* was: in the hour that is over. One hour does not make a habit: what is usual is at most doubled
 * by it, and START more. */
static void fade(uint32_t *usual, uint64_t hours, uint32_t was)
{
    uint64_t seen = (uint64_t)was * USUAL_ONE;
    uint64_t most = (uint64_t)*usual * 2 + USUAL_START * USUAL_ONE;
    if (seen > most)
        seen = most;
    if (seen > *usual)
        *usual = seen > UINT32_MAX ? UINT32_MAX : (uint32_t)seen;
    if (hours > FADE_HOURS_MAX)
        hours = FADE_HOURS_MAX;
    for (uint64_t i = 0; i < hours && *usual >= FADE; i++)
        *usual -= *usual / FADE;
}

/* An hour that is over becomes part of what is usual. */
static void turn_hour(struct account *a, uint64_t now_ms)
{
    uint64_t hour = now_ms / HOUR_MS;
    if (hour <= a->hour && a->hour <= hour + CLOCK_BACK_HOURS)
        return;
    uint64_t past = a->hour == 0 || a->hour > hour ? 0 : hour - a->hour;
    fade(&a->usual_recipients, past, a->recipients);
    fade(&a->usual_networks, past, bits_of(a->networks));
    a->hour = hour;
    a->recipients = 0;
    a->networks = 0;
}

static struct account *use(struct usage *u, slice name, uint64_t now_ms)
{
    struct recent_key key = key_of(u, name);
    struct account *a = recent_use(&u->accounts, &key);
    turn_hour(a, now_ms);
    a->is_changed = true;
    return a;
}

/* ---- counting ---- */

struct usage_decision usage_take(struct usage *u, slice account, const struct usage_limits *limits,
                                 uint64_t now_ms)
{
    struct usage_decision d = {.recipients = UINT32_MAX};
    struct account *a = use(u, account, now_ms);
    const struct {
        enum window window;
        uint32_t limit, window_s;
    } all[] = {{WINDOW_minute, limits->per_minute, MINUTE_S},
               {WINDOW_hour, limits->per_hour, HOUR_S},
               {WINDOW_day, limits->per_day, DAY_S},
               {WINDOW_recipients_day, limits->recipients_per_day, DAY_S}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint32_t sum = window_sum(a, all[i].window, now_ms);
        bool is_of_recipients = all[i].window == WINDOW_recipients_day;
        if (all[i].limit == 0)
            continue;
        if (sum >= all[i].limit)
            return (struct usage_decision){.is_limited = true,
                                           .is_of_recipients = is_of_recipients,
                                           .limit = all[i].limit,
                                           .window_s = all[i].window_s};
        if (is_of_recipients)
            d.recipients = all[i].limit - sum;
    }
    window_add(a, WINDOW_minute, 1, now_ms);
    window_add(a, WINDOW_hour, 1, now_ms);
    window_add(a, WINDOW_day, 1, now_ms);
    return d;
}

void usage_add_recipients(struct usage *u, slice account, uint32_t count, uint64_t now_ms)
{
    struct account *a = use(u, account, now_ms);
    window_add(a, WINDOW_recipients_hour, count, now_ms);
    window_add(a, WINDOW_recipients_day, count, now_ms);
    add(&a->recipients, count);
}

void usage_signed_in(struct usage *u, slice account, const struct ip *ip, uint64_t now_ms)
{
    struct account *a = use(u, account, now_ms);
    slice network = slice_head(ip_bytes(ip), ip->family == IP_V4 ? 3 : 6);
    struct recent_key key =
        recent_key_of(slice_of(u->secret, sizeof u->secret), 'v', (slice){0}, network);
    a->networks |= UINT64_C(1) << key.bytes[0] % 64;
}

static struct usage_counts counts_of(struct account *a, uint64_t now_ms)
{
    return (struct usage_counts){
        .minute = window_sum(a, WINDOW_minute, now_ms),
        .hour = window_sum(a, WINDOW_hour, now_ms),
        .day = window_sum(a, WINDOW_day, now_ms),
        .recipients_hour = window_sum(a, WINDOW_recipients_hour, now_ms),
        .recipients_day = window_sum(a, WINDOW_recipients_day, now_ms),
        .networks_hour = bits_of(a->networks),
        .usual_recipients_hour = a->usual_recipients / USUAL_ONE,
        .usual_networks_hour = a->usual_networks / USUAL_ONE,
    };
}

struct usage_counts usage_counts(const struct usage *u, slice account, uint64_t now_ms)
{
    struct recent_key key = key_of(u, account);
    const struct account *kept = recent_find(&u->accounts, &key);
    struct account a = {0};
    if (kept != NULL)
        a = *kept;
    turn_hour(&a, now_ms);
    return counts_of(&a, now_ms);
}

bool usage_alarms(struct usage *u, slice account, uint64_t now_ms, struct usage_counts *ret)
{
    struct account *a = use(u, account, now_ms);
    struct usage_counts c = counts_of(a, now_ms);
    bool is_alarming = (c.recipients_hour >= USAGE_ALARM_RECIPIENTS &&
                        c.recipients_hour / USAGE_ALARM_TIMES >= c.usual_recipients_hour) ||
                       (c.networks_hour >= USAGE_ALARM_NETWORKS &&
                        c.networks_hour / USAGE_ALARM_TIMES >= c.usual_networks_hour);
    bool is_told = a->alarmed_at_ms != 0 && now_ms < a->alarmed_at_ms + HOUR_MS &&
                   a->alarmed_at_ms < now_ms + HOUR_MS;
    if (!is_alarming || is_told)
        return false;
    a->alarmed_at_ms = now_ms;
    *ret = c;
    return true;
}

/* ---- over a restart ---- */

enum { TEXT_VERSION = 1, TEXT_BYTES = 1 + 8 * WINDOW_COUNT + 4 * COUNTS + 8 + 8 + 4 + 4 + 4 + 8 };
_Static_assert((int)TEXT_BYTES <= (int)USAGE_TEXT_MAX_BYTES, "there is room");

static char *put(char *to, unsigned n, uint64_t value)
{
    le_put(to, n, value);
    return to + n;
}

static void print(const struct account *a, char to[TEXT_BYTES])
{
    to = put(to, 1, TEXT_VERSION);
    for (size_t i = 0; i < WINDOW_COUNT; i++)
        to = put(to, 8, a->steps[i]);
    for (size_t i = 0; i < COUNTS; i++)
        to = put(to, 4, a->counts[i]);
    to = put(to, 8, a->hour);
    to = put(to, 8, a->networks);
    to = put(to, 4, a->recipients);
    to = put(to, 4, a->usual_recipients);
    to = put(to, 4, a->usual_networks);
    put(to, 8, a->alarmed_at_ms);
}

static uint64_t take(slice *in, unsigned n)
{
    uint64_t v = le_get(in->p, n);
    *in = slice_tail(*in, n);
    return v;
}

bool usage_read(struct usage *u, slice key, slice text)
{
    struct recent_key k;
    if (key.n != sizeof k.bytes || text.n != TEXT_BYTES || text.p[0] != TEXT_VERSION)
        return false;
    memcpy(k.bytes, key.p, sizeof k.bytes);
    struct account *a = recent_use(&u->accounts, &k);
    text = slice_tail(text, 1);
    for (size_t i = 0; i < WINDOW_COUNT; i++)
        a->steps[i] = take(&text, 8);
    for (size_t i = 0; i < COUNTS; i++)
        a->counts[i] = (uint32_t)take(&text, 4);
    a->hour = take(&text, 8);
    a->networks = take(&text, 8);
    a->recipients = (uint32_t)take(&text, 4);
    a->usual_recipients = (uint32_t)take(&text, 4);
    a->usual_networks = (uint32_t)take(&text, 4);
    a->alarmed_at_ms = take(&text, 8);
    a->is_changed = false;
    return true;
}

void usage_each_changed(struct usage *u, bool (*each)(void *owner, slice key, slice text),
                        void *owner)
{
    struct recent_key key;
    char text[TEXT_BYTES];
    for (struct account *a = NULL; (a = recent_next(&u->accounts, a, &key)) != NULL;) {
        if (!a->is_changed)
            continue;
        print(a, text);
        if (!each(owner, slice_of(key.bytes, sizeof key.bytes), slice_of(text, sizeof text)))
            return;
        a->is_changed = false;
    }
}
