/* usage: how much each account sends, against its limits and against its own habits.
 *
 * Messages are counted when their grant is given, recipients when queue has taken the message. The
 * windows slide: the last minute, hour and day, in steps of a sixth, a twelfth and a twenty-fourth;
 * of the oldest step the part counts that the window still covers.
 *
 * Habits: the most recipients that the account had in one hour, and the most networks that it was
 * used from, lately: both fade by half in 15 days, and at most double in an hour. What is at least
 * USAGE_ALARM_TIMES as much now, and not little, is an alarm: a stolen password sends as nobody
 * ever did with this account.
 *
 * Fixed memory: the account that was quiet for the longest time is forgotten. Pure; now_ms is the
 * wall clock, since what is counted outlives the process. When it is set back, what was counted
 * stays counted where it is; by more than a window, it is forgotten (the clock was wrong before).
 */
#ifndef CANDOR_AUTH_USAGE_H
#define CANDOR_AUTH_USAGE_H

#include "lib/auth/recent.h"
#include "lib/base/ip.h"

enum {
    USAGE_ALARM_TIMES = 4,
    USAGE_ALARM_RECIPIENTS = 100, /* in an hour; fewer never alarm */
    USAGE_ALARM_NETWORKS = 8,     /* the same for networks */
    USAGE_TEXT_MAX_BYTES = 512,
};

/* 0: no limit. */
struct usage_limits {
    uint32_t per_minute, per_hour, per_day; /* messages */
    uint32_t recipients_per_day;
};

struct usage {
    struct recent accounts;
    unsigned char secret[32];
};

/* accounts: how many to remember, about 450 bytes each. secret: 32 bytes that survive a restart.
 * False: no memory. */
bool usage_init(struct usage *u, uint32_t accounts, slice secret)
    __attribute__((warn_unused_result));
void usage_release(struct usage *u);

struct usage_decision {
    bool is_limited;
    bool is_of_recipients; /* the limit is recipients_per_day */
    uint32_t limit;        /* with is_limited: so many in window_s seconds */
    uint32_t window_s;
    uint32_t recipients; /* not limited: how many the message may have; UINT32_MAX: any number */
};

/* May the account send one more message? If so it is counted. */
struct usage_decision usage_take(struct usage *u, slice account, const struct usage_limits *limits,
                                 uint64_t now_ms);
void usage_add_recipients(struct usage *u, slice account, uint32_t count, uint64_t now_ms);
/* Somebody has signed in from there. */
void usage_signed_in(struct usage *u, slice account, const struct ip *ip, uint64_t now_ms);

/* What was counted, for the administrator; all 0 for an account that nothing is known of. */
struct usage_counts {
    uint32_t minute, hour, day; /* messages */
    uint32_t recipients_hour, recipients_day;
    uint32_t networks_hour; /* different ones of sign-ins in this hour of the clock; at most 64 */
    uint32_t usual_recipients_hour, usual_networks_hour;
};
struct usage_counts usage_counts(const struct usage *u, slice account, uint64_t now_ms);

/* Is there something to be alarmed at? At most once an hour an account. For after
 * usage_add_recipients and usage_signed_in. */
bool usage_alarms(struct usage *u, slice account, uint64_t now_ms, struct usage_counts *ret);

/* ---- over a restart ---- */

/* Calls each once with what changed since the last walk: a key of RECENT_KEY_BYTES and a text, both
 * bytes. What it returns false for counts as changed still, and the walk ends. */
void usage_each_changed(struct usage *u, bool (*each)(void *owner, slice key, slice text),
                        void *owner);
/* What each was called with. False: it is no such text; nothing has changed. */
bool usage_read(struct usage *u, slice key, slice text) __attribute__((warn_unused_result));

#endif
