#include "lib/base/civil.h"

enum { DAY_S = 86400, ERA_YEARS = 400, ERA_DAYS = 146097 };

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days from 1970-01-01 to the first of January of year. */
static int64_t year_start(int64_t year)
{
    int64_t y = year - 1;
    return y * 365 + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) - 719162;
}

struct civil civil_of(int64_t at)
{
    int64_t day = floor_div(at, DAY_S);
    int64_t second = at - day * DAY_S;
    /* Never early by more than one year, and never late. */
    int64_t year = 1970 + floor_div(day * ERA_YEARS, ERA_DAYS) - 1;
    while (year_start(year + 1) <= day)
        year++;
    unsigned left = (unsigned)(day - year_start(year)), month = 1;
    while (left >= month_days(year, month))
        left -= month_days(year, month++);
    return (struct civil){
        .year = year,
        .month = month,
        .day = left + 1,
        .hour = (unsigned)(second / 3600),
        .minute = (unsigned)(second / 60 % 60),
        .second = (unsigned)(second % 60),
        .weekday = (unsigned)(((day + 4) % 7 + 7) % 7),
    };
}

bool civil_to(const struct civil *c, int64_t *ret_at)
{
    if (c->year < -100000 || c->year > 100000 || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > month_days(c->year, c->month) || c->hour > 23 || c->minute > 59 || c->second > 60)
        return false;
    int64_t day = year_start(c->year) + c->day - 1;
    for (unsigned m = 1; m < c->month; m++)
        day += month_days(c->year, m);
    *ret_at = day * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
    return true;
}
