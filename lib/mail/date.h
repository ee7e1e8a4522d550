/* date: the date-time of RFC 5322 3.3. The clock and the zone are the caller's. */
#ifndef CANDOR_MAIL_DATE_H
#define CANDOR_MAIL_DATE_H

#include "lib/base/buf.h"

struct mail_date {
    int64_t at;         /* seconds since 1970 UTC */
    int offset_minutes; /* east of UTC; 0 for "-0000" and unknown zone names */
    bool has_zone;      /* false: none was given, or one that says nothing (RFC 5322 4.3) */
};

/* "Sun, 22 Nov 2026 01:12:27 +0000"; at lies in the years 0 to 9999, else the nearest end. */
void date_print(struct buf *out, int64_t at, int offset_minutes);
/* Tolerant: day name optional, one- or two-digit day, two- and three-digit years (RFC 5322 4.3), no
 * seconds, zone names, comments after it, asctime's order. False: no date, nothing taken. */
bool take_date(slice *in, struct mail_date *ret) __attribute__((warn_unused_result));

#endif
