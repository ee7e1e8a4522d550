/* status: enhanced mail system status codes (RFC 3463 2), "5.1.1". */
#ifndef CANDOR_SMTP_STATUS_H
#define CANDOR_SMTP_STATUS_H

#include "lib/base/buf.h"

struct status {
    uint8_t class;    /* 2, 4 or 5; 0: there is none */
    uint16_t subject; /* 0 to 999 */
    uint16_t detail;  /* 0 to 999 */
};

/* class "." subject "." detail, no leading zeroes. False: nothing taken. What follows it is the
 * caller's to check. */
bool take_status(slice *in, struct status *ret) __attribute__((warn_unused_result));
void status_print(struct buf *out, struct status status);
bool status_eq(struct status a, struct status b);

#endif
