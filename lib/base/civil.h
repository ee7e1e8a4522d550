/* civil: days and seconds since 1970 UTC as a calendar date (proleptic Gregorian) and back, without
 * the C library's hidden state. Leap seconds do not exist here. */
#ifndef CANDOR_BASE_CIVIL_H
#define CANDOR_BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

struct civil {
    int64_t year;
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
    unsigned hour, minute, second;
    unsigned weekday; /* 0 is Sunday */
};

/* at in the years -100000 to 100000. */
struct civil civil_of(int64_t at);
/* weekday is not looked at. False (nothing set) when it is no date or no time of day; a second of
 * 60 is taken as the next minute's first. */
bool civil_to(const struct civil *c, int64_t *ret_at) __attribute__((warn_unused_result));

#endif
