#include "lib/auth/guess.h"

#include <assert.h>

#include "lib/auth/digest.h"
#include "lib/base/le.h"
#include "lib/base/secret.h"

enum { MARKS = 4, ONE = 1000, STRANGERS_BURST_S = 2 };

/* Of one account, address, network or pair. Failures in thousandths: they are forgiven steadily. */
struct counter {
    uint64_t at_ms;
    uint32_t milli;
    uint32_t pending; /* attempts under way */
    uint32_t marks[MARKS];
    uint32_t next_mark;
};

const char *guess_level_word(enum guess_level level)
{
    switch (level) {
    case GUESS_ACCOUNT:
        return "account";
    case GUESS_ADDRESS:
        return "address";
    case GUESS_NETWORK:
        return "network";
    case GUESS_PAIR:
        return "account-and-network";
    case GUESS_LEVELS:
        break;
    }
    return "";
}

bool guess_init(struct guess *g, const struct guess_limits *limits, uint32_t counters,
                uint32_t known, slice secret)
{
    *g = (struct guess){.limits = *limits};
    assert(secret.n == sizeof g->secret);
    memcpy(g->secret, secret.p, secret.n);
    g->strangers_milli = (uint64_t)limits->strangers_per_s * STRANGERS_BURST_S * ONE;
    if (recent_init(&g->counters, counters, sizeof(struct counter)) &&
        recent_init(&g->known, known, sizeof(struct counter)))
        return true;
    guess_release(g);
    return false;
}

void guess_release(struct guess *g)
{
    recent_release(&g->counters);
    recent_release(&g->known);
    secret_wipe(g->secret, sizeof g->secret);
}

/* ---- who is counted where ---- */

static slice secret_of(const struct guess *g)
{
    return slice_of(g->secret, sizeof g->secret);
}

/* The bytes that address and network are told apart by. */
static slice prefix_of(const struct ip *ip, enum guess_level level)
{
    bool is_v4 = ip->family == IP_V4;
    return slice_head(ip_bytes(ip), level == GUESS_ADDRESS ? (is_v4 ? 4 : 8) : (is_v4 ? 3 : 6));
}

static struct recent_key key_of(const struct guess *g, const struct guess_who *who,
                                enum guess_level level)
{
    static const char kinds[GUESS_LEVELS] = "anwp";
    slice name = level == GUESS_ACCOUNT || level == GUESS_PAIR ? who->account : (slice){0};
    slice behind = level == GUESS_ACCOUNT ? (slice){0} : prefix_of(&who->ip, level);
    return recent_key_of(secret_of(g), kinds[level], name, behind);
}

static struct recent *table_of(struct guess *g, enum guess_level level)
{
    return level == GUESS_PAIR ? &g->known : &g->counters;
}

static struct counter *find(const struct guess *g, const struct guess_who *who,
                            enum guess_level level)
{
    struct recent_key key = key_of(g, who, level);
    return recent_find(level == GUESS_PAIR ? &g->known : &g->counters, &key);
}

static struct counter *use(struct guess *g, const struct guess_who *who, enum guess_level level)
{
    struct recent_key key = key_of(g, who, level);
    return recent_use(table_of(g, level), &key);
}

bool guess_is_known(const struct guess *g, const struct guess_who *who)
{
    return who->account.n > 0 && find(g, who, GUESS_PAIR) != NULL;
}

/* The levels that judge an attempt: from first_level to before end_level. */
static enum guess_level first_level(const struct guess_who *who)
{
    return who->is_known ? GUESS_PAIR : who->account.n > 0 ? GUESS_ACCOUNT : GUESS_ADDRESS;
}

static enum guess_level end_level(const struct guess_who *who)
{
    return who->is_known ? GUESS_LEVELS : GUESS_PAIR;
}

/* ---- failures ---- */

static uint32_t milli_now(const struct guess *g, const struct counter *c, enum guess_level level,
                          uint64_t now_ms)
{
    uint64_t forgive_ms = g->limits.rules[level].forgive_ms;
    uint64_t past_ms = now_ms > c->at_ms ? now_ms - c->at_ms : 0;
    if (forgive_ms == 0 || past_ms >= forgive_ms * (c->milli / ONE + 1))
        return 0;
    uint64_t forgiven = past_ms * ONE / forgive_ms;
    return forgiven >= c->milli ? 0 : c->milli - (uint32_t)forgiven;
}

static uint32_t failures_of(const struct guess *g, const struct counter *c, enum guess_level level,
                            uint64_t now_ms)
{
    return c == NULL ? 0 : (milli_now(g, c, level, now_ms) + ONE / 2) / ONE;
}

uint32_t guess_failures(const struct guess *g, const struct guess_who *who, enum guess_level level,
                        uint64_t now_ms)
{
    return failures_of(g, find(g, who, level), level, now_ms);
}

static void count_failure(const struct guess *g, struct counter *c, enum guess_level level,
                          uint32_t mark, uint64_t now_ms)
{
    uint32_t most = g->limits.rules[level].refuse * ONE;
    uint32_t milli = milli_now(g, c, level, now_ms) + ONE;
    c->milli = milli < most ? milli : most;
    c->at_ms = now_ms;
    if (mark != 0)
        c->marks[c->next_mark++ % MARKS] = mark;
}

/* ---- decisions ---- */

/* 0: none. */
static uint32_t delay_of(const struct guess *g, uint32_t failures, const struct guess_rule *rule)
{
    if (failures < rule->free || g->limits.delay_ms == 0)
        return 0;
    uint32_t doublings = failures - rule->free;
    uint64_t delay_ms = doublings > 30 ? UINT32_MAX : (uint64_t)g->limits.delay_ms << doublings;
    return delay_ms < g->limits.delay_max_ms ? (uint32_t)delay_ms : g->limits.delay_max_ms;
}

/* others: attempts under way beside this one. */
static void judge(const struct guess *g, const struct counter *c, enum guess_level level,
                  uint32_t others, uint64_t now_ms, struct guess_decision *d)
{
    const struct guess_rule *rule = &g->limits.rules[level];
    uint32_t failures = failures_of(g, c, level, now_ms);
    uint32_t delay_ms = delay_of(g, failures + others, rule);
    enum guess_verdict verdict = failures + others >= rule->refuse ? GUESS_REFUSE
                                 : delay_ms > 0                    ? GUESS_WAIT
                                                                   : GUESS_GO;
    if (verdict > d->verdict ||
        (verdict == GUESS_WAIT && d->verdict == GUESS_WAIT && delay_ms > d->delay_ms)) {
        d->verdict = verdict;
        d->delay_ms = verdict == GUESS_WAIT ? delay_ms : 0;
        d->level = level;
        d->failures = failures;
    }
}

static void add_pending(struct guess *g, const struct guess_who *who, int by)
{
    for (enum guess_level l = first_level(who); l < end_level(who); l++) {
        struct counter *c = by > 0 ? use(g, who, l) : find(g, who, l);
        if (c != NULL && (by > 0 || c->pending > 0))
            c->pending += (uint32_t)by;
    }
}

/* Names without a failure are there for the asking: they must not push out those with some. */
static void forget_idle(struct guess *g, const struct guess_who *who, uint64_t now_ms)
{
    for (enum guess_level l = first_level(who); l < end_level(who) && l != GUESS_PAIR; l++) {
        struct recent_key key = key_of(g, who, l);
        const struct counter *c = recent_find(&g->counters, &key);
        if (c != NULL && c->pending == 0 && milli_now(g, c, l, now_ms) == 0)
            recent_make_oldest(&g->counters, &key);
    }
}

struct guess_decision guess_begin(struct guess *g, struct guess_who *who, uint64_t now_ms)
{
    struct guess_decision d = {.verdict = GUESS_GO};
    who->is_known = guess_is_known(g, who);
    for (enum guess_level l = first_level(who); l < end_level(who); l++) {
        const struct counter *c = find(g, who, l);
        judge(g, c, l, c == NULL ? 0 : c->pending, now_ms, &d);
    }
    if (d.verdict != GUESS_REFUSE)
        add_pending(g, who, 1);
    return d;
}

struct guess_decision guess_again(struct guess *g, const struct guess_who *who, uint64_t now_ms)
{
    struct guess_decision d = {.verdict = GUESS_GO};
    for (enum guess_level l = first_level(who); l < end_level(who); l++)
        judge(g, find(g, who, l), l, 0, now_ms, &d);
    if (d.verdict == GUESS_REFUSE) {
        add_pending(g, who, -1);
        forget_idle(g, who, now_ms);
    } else {
        d.verdict = GUESS_GO;
    }
    d.delay_ms = 0;
    return d;
}

void guess_end(struct guess *g, const struct guess_who *who, enum guess_outcome outcome,
               uint32_t mark, uint64_t now_ms)
{
    add_pending(g, who, -1);
    switch (outcome) {
    case GUESS_RIGHT:
        if (who->account.n > 0) {
            struct counter *pair = use(g, who, GUESS_PAIR);
            *pair = (struct counter){.pending = pair->pending};
        }
        forget_idle(g, who, now_ms);
        return;
    case GUESS_WRONG:
        for (enum guess_level l = first_level(who); l < end_level(who); l++)
            count_failure(g, use(g, who, l), l, l == GUESS_ACCOUNT || l == GUESS_PAIR ? mark : 0,
                          now_ms);
        return;
    case GUESS_NEITHER:
        forget_idle(g, who, now_ms);
        return;
    }
}

/* ---- the same again ---- */

uint32_t guess_mark(const struct guess *g, slice account, slice secret, uint64_t generation)
{
    struct digest_value of_secret = {0};
    uint32_t mark = 0;
    unsigned char behind[20];
    if (digest_hmac(DIGEST_SHA256, secret_of(g), secret, &of_secret)) {
        memcpy(behind, of_secret.bytes, 12);
        le_put(behind + 12, 8, generation);
        struct recent_key key =
            recent_key_of(secret_of(g), 'm', account, slice_of(behind, sizeof behind));
        mark = (uint32_t)le_get(key.bytes, 4);
    }
    secret_wipe(&of_secret, sizeof of_secret);
    secret_wipe(behind, sizeof behind);
    return mark != 0 ? mark : 1;
}

bool guess_is_repeat(const struct guess *g, const struct guess_who *who, uint32_t mark)
{
    const struct counter *c = find(g, who, who->is_known ? GUESS_PAIR : GUESS_ACCOUNT);
    for (size_t i = 0; c != NULL && mark != 0 && i < MARKS; i++)
        if (c->marks[i] == mark)
            return true;
    return false;
}

/* ---- names that are none ---- */

bool guess_may_hash_stranger(struct guess *g, uint64_t now_ms)
{
    uint64_t per_s = g->limits.strangers_per_s, most = per_s * STRANGERS_BURST_S * ONE;
    uint64_t past_ms = now_ms > g->strangers_at_ms ? now_ms - g->strangers_at_ms : 0;
    uint64_t gained = past_ms > STRANGERS_BURST_S * 1000 ? most : past_ms * per_s;
    g->strangers_at_ms = now_ms;
    g->strangers_milli = g->strangers_milli + gained < most ? g->strangers_milli + gained : most;
    if (g->strangers_milli < ONE)
        return false;
    g->strangers_milli -= ONE;
    return true;
}

/* ---- over a restart ---- */

void guess_remember(struct guess *g, const struct guess_who *who)
{
    if (g->known.count < g->known.max || guess_is_known(g, who))
        use(g, who, GUESS_PAIR);
}
