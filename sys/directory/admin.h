/* directory administration: the requests of `candor domain|account|alias`, the same whether the
 * role carries them out for a running server or the command does on the file itself.
 *
 * A request is one JSON object {"do": WHAT, …}, an answer too:
 *   domain-add     domain [maildir]             domain-remove  domain
 *   domain-list                                 domain-show    domain
 *   account-add    address [name] [password or backend:true]
 *                                               account-remove address [force]
 *   account-list   [domain]                     account-show   address
 *   account-enable address                      account-disable address
 *   account-salts  address for: "password" or "app-password"
 *   account-password  address, and one of: password, backend:true, remove:true
 *   account-import address password:{hash}      account-app-passwords-only address only
 *   account-move   address, and to [refuse:true], or back:true
 *   account-quota  address quota_bytes          account-limits address [minute] [hour] [day]
 *   account-attacked
 *   app-password-add     address name digest [scram-sha-1] [scram-sha-256] [expires_at] [from:[…]]
 *   app-password-list    address                app-password-remove  address which
 *   sender-add     address who                  sender-remove, sender-list likewise
 *   certificate-add address value               certificate-remove, certificate-list likewise
 *   alias-add      address targets:[…]          alias-remove   address [targets:[…]]
 *   alias-list     [domain]                     alias-show     address
 * password is {"hash", "scram-sha-1", "scram-sha-256"}: a crypt(3) hash, and the text of
 * scram_print() made with what account-salts says; digest is app_password_digest() in hexadecimal.
 * A password itself is in no request, so that it is on no channel and in no log.
 * Answer: {"ok":true, …} or {"ok":false,"error":KEY,"message":TEXT,"hint":TEXT}, KEY one of
 * not-found exists in-use not-local bad-address bad-request bad-hash loop too-many unavailable.
 * Lists are the arrays "domains", "accounts", "aliases" of the objects that add and show give as
 * "domain", "account", "alias". An answer above 100 KiB is given in parts: the caller repeats a
 * list with "after": the last name it has, for as long as the answer says "more": true. */
#ifndef CANDOR_SYS_DIRECTORY_ADMIN_H
#define CANDOR_SYS_DIRECTORY_ADMIN_H

#include "sys/directory/lookup.h"

/* What the caller has to do after a request. */
struct directory_change {
    bool is_changed; /* the generation is to be raised */
    /* Who was signed in as account with this credential (0: with any) is to be signed out. */
    bool is_revoked;
    uint64_t credential;
    char account[1024];
    size_t account_n;
};

/* Appends the answer. now is in seconds since 1970. 0, or -ENOMEM when not even an answer could be
 * made; *ret holds in both cases. */
int directory_admin(struct directory_db *db, const struct directory_rules *rules, slice request,
                    int64_t now, struct buf *out, struct directory_change *ret)
    __attribute__((warn_unused_result));
/* What of a request may stand in a log: "account-password alice@example.org". Hashes and digests
 * do not. */
void directory_admin_summary(slice request, struct buf *out);

#endif
