/* directory sender: what an account that has signed in may do. An account is named as in
 * credentials.h. */
#ifndef CANDOR_SYS_DIRECTORY_SENDER_H
#define CANDOR_SYS_DIRECTORY_SENDER_H

#include "sys/directory/lookup.h"

/* May account send as address (a reverse-path without angle brackets)? 1, 0 or -errno. It may as:
 * nobody (the empty address of <>, RFC 5321 4.5.5); itself, with or without a tag; an alias that
 * has it for a target, or that leads to it alone; with a catch-all that has it for a target,
 * whatever nobody else has (not in a domain of a backend's, whose accounts are not known here); an
 * address that was granted to it, with or without a tag; any address of a domain that was granted
 * to it. An account that a backend knows need not be in the database.
 */
int directory_may_send_as(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice account, slice address);

/* Messages that an account may send in a minute, an hour and a day; 0: as the configuration says.
 */
struct directory_limits {
    uint32_t minute;
    uint32_t hour;
    uint32_t day;
};
int directory_limits(struct directory_db *db, slice account, struct directory_limits *ret)
    __attribute__((warn_unused_result));

/* Where an alias leads, one step: appends for each target u16 length (little-endian) and
 * local@domain (the lines of ipc's expn_list); for an account its own address, for one that has
 * moved the new one. OK, UNKNOWN, REMOTE, DISABLED, MALFORMED, or TEMPFAIL with *ret_error. */
enum recipient_verdict directory_expn(struct directory_db *db, const struct directory_rules *rules,
                                      struct arena *scratch, slice address, struct buf *out,
                                      int *ret_error);

#endif
