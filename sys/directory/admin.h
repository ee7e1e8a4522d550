/* directory administration: the requests of `candor domain|account|alias`, the same whether the
 * role carries them out for a running server or the command does on the file itself.
 *
 * A request is one JSON object {"do": WHAT, …}, an answer too:
 *   domain-add     domain [maildir]             domain-remove  domain
 *   domain-list                                 domain-show    domain
 *   account-add    address [name]               account-remove address [force]
 *   account-list   [domain]                     account-show   address
 *   account-enable address                      account-disable address
 *   alias-add      address targets:[…]          alias-remove   address [targets:[…]]
 *   alias-list     [domain]                     alias-show     address
 * Answer: {"ok":true, …} or {"ok":false,"error":KEY,"message":TEXT,"hint":TEXT}, KEY one of
 * not-found exists in-use not-local bad-address bad-request loop unavailable. Lists are the arrays
 * "domains", "accounts", "aliases" of the objects that add and show give as "domain", "account",
 * "alias". An answer above 100 KiB is given in parts: the caller repeats a list with "after": the
 * last name it has, for as long as the answer says "more": true. */
#ifndef CANDOR_SYS_DIRECTORY_ADMIN_H
#define CANDOR_SYS_DIRECTORY_ADMIN_H

#include "sys/directory/lookup.h"

/* Appends the answer. *ret_changed says whether the generation is to be raised. now is in seconds
 * since 1970. 0, or -ENOMEM when not even an answer could be made. */
int directory_admin(struct directory_db *db, const struct directory_rules *rules, slice request,
                    int64_t now, struct buf *out, bool *ret_changed)
    __attribute__((warn_unused_result));

#endif
