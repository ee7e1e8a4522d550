/* directory account: what the administrator sets of an account besides its name. Errors as in db.h;
 * -ENOENT also for an account that is not there. */
#ifndef CANDOR_SYS_DIRECTORY_ACCOUNT_H
#define CANDOR_SYS_DIRECTORY_ACCOUNT_H

#include "sys/directory/credentials.h"
#include "sys/directory/sender.h"

/* Puts the password into the place of the old one, whatever that was; no text at all: there is none
 * any more. is_remote: a backend knows it. */
int directory_account_set_password(struct directory_db *db, struct directory_address at,
                                   const struct directory_password *password, bool is_remote)
    __attribute__((warn_unused_result));
/* The own password is for none of the programs any more. */
int directory_account_set_wants_app(struct directory_db *db, struct directory_address at,
                                    bool wants) __attribute__((warn_unused_result));
/* NULL: as it is. */
int directory_account_set_limits(struct directory_db *db, struct directory_address at,
                                 const uint32_t *minute, const uint32_t *hour, const uint32_t *day)
    __attribute__((warn_unused_result));

/* ---- app passwords ---- */

struct directory_app_password {
    uint64_t id; /* not in one that is to be added */
    slice name;
    slice digest; /* app_password_digest(): 32 bytes; not in a walk */
    slice scram[DIRECTORY_DIGESTS];
    slice networks; /* "192.0.2.0/24 2001:db8::/32"; empty: from everywhere */
    int64_t created_at;
    int64_t expires_at; /* 0: never */
    int64_t used_at;    /* 0: never; only in a walk, as the rest */
    slice used_from, used_client, used_mechanism;
};
/* -EEXIST: the account has one of this name. -EOVERFLOW: it has DIRECTORY_APP_PASSWORDS_MAX. Those
 * that expired a month ago are forgotten first. */
int directory_app_password_add(struct directory_db *db, struct directory_address at,
                               const struct directory_app_password *p, uint64_t *ret_id)
    __attribute__((warn_unused_result));
int directory_app_password_remove(struct directory_db *db, struct directory_address at, uint64_t id)
    __attribute__((warn_unused_result));
/* In the order in which they were made; as the walks in db.h. */
int directory_each_app_password(struct directory_db *db, struct directory_address at,
                                int (*each)(void *self, const struct directory_app_password *),
                                void *self);

/* ---- senders and certificates ---- */

/* who.local empty: any address of the domain. -EEXIST, -ENOENT. */
int directory_sender_add(struct directory_db *db, struct directory_address at,
                         struct directory_address who) __attribute__((warn_unused_result));
int directory_sender_remove(struct directory_db *db, struct directory_address at,
                            struct directory_address who) __attribute__((warn_unused_result));
int directory_each_sender(struct directory_db *db, struct directory_address at,
                          int (*each)(void *self, const struct directory_address *), void *self);

/* value: a fingerprint as 64 small hexadecimal digits, or an e-mail address as find_email() in
 * credentials.c makes it comparable. -EEXIST: it is somebody's already. */
int directory_certificate_add(struct directory_db *db, struct directory_address at, slice value,
                              int64_t now) __attribute__((warn_unused_result));
int directory_certificate_remove(struct directory_db *db, struct directory_address at, slice value)
    __attribute__((warn_unused_result));
int directory_each_certificate(struct directory_db *db, struct directory_address at,
                               int (*each)(void *self, slice value), void *self);

#endif
