/* directory credentials: what is kept of passwords, as the SASL exchange asks for it, and what is
 * written down of who signed in and who tried.
 *
 * An account is named by its comparable form, "local@domain" as recipient_print writes it; what is
 * given out as one is taken back as one. Calls return 0 or -errno (db.h), -ENOENT for an account
 * that is not there. Each change is a transaction of its own, synced to the disk, unless the caller
 * is in one: notes (use, pair, guess) are many and cheap to lose, so gather them and write all of a
 * second between directory_db_begin and directory_db_commit. None of the notes raises the
 * generation: no look-up depends on them. */
#ifndef CANDOR_SYS_DIRECTORY_CREDENTIALS_H
#define CANDOR_SYS_DIRECTORY_CREDENTIALS_H

#include "lib/auth/sasl.h"
#include "lib/base/ip.h"
#include "sys/directory/lookup.h"

enum {
    /* The id of an account's own password, also of one that a backend knows. App passwords have
     * ids above, each used once for ever. */
    DIRECTORY_MAIN_PASSWORD = 1,
    /* So many keys of one digest are tried in a SCRAM exchange, the own password's included. */
    DIRECTORY_APP_PASSWORDS_MAX = 15,
    DIRECTORY_SECRET_BYTES = 32,
    DIRECTORY_PAIRS_MAX = 32,      /* of one account; the oldest make room */
    DIRECTORY_GUESSES_MAX = 10000, /* names guessed at; the unknown and the oldest make room */
    DIRECTORY_DIGESTS = 2,         /* enum digest */
};

/* ---- the installation's secrets ---- */

/* Made once, in the transaction that makes the database, and the same after every restart. */
enum directory_secret {
    DIRECTORY_SECRET_FAKE = 1,  /* facts.fake_secret of SASL */
    DIRECTORY_SECRET_GRANT = 2, /* the key of passes and grants */
};
int directory_secret(struct directory_db *db, enum directory_secret which,
                     unsigned char ret[DIRECTORY_SECRET_BYTES]) __attribute__((warn_unused_result));

/* ---- who signs in ---- */

/* The comparable form of a sign-in name: local@domain; or a local part alone where the server has
 * one domain only. A tag belongs to the name, so alice+shop is not alice; nor is an alias. What
 * cannot be an address comes back in lower case, so that it is one name to the counters at least.
 * Any name has such a form; *ret lives in scratch. */
int directory_sign_in_name(struct directory_db *db, const struct directory_rules *rules,
                           struct arena *scratch, slice name, slice *ret)
    __attribute__((warn_unused_result));

struct directory_credentials {
    /* code: YES, UNKNOWN or DISABLED (disabled or moved); account always; credentials with YES and
     * DISABLED: the own password's first, then the app passwords that have not expired and may be
     * used from ip. */
    struct sasl_answer answer;
    /* The database does not have it: an account only if the backend of its domain says so. */
    bool is_unseen;
    /* A right DIRECTORY_MAIN_PASSWORD is not enough: 534 5.7.9. */
    bool wants_app_password;
    /* The hash is not of today's kind (sys/directory/hash.h) or there are no SCRAM keys beside it:
     * after it was verified, make new ones of the password (directory_salts, directory_rehash). */
    bool is_old;
};
/* All that is kept of name; of one that is not here, in a domain that has a backend: that the
 * backend is to be asked. ip: the client's, NULL: wherever it is; now in seconds since 1970.
 * Everything lives in scratch: secrets, so wipe it (arena_wipe). */
int directory_credentials(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice name, const struct ip *ip, int64_t now,
                          struct directory_credentials *ret) __attribute__((warn_unused_result));
/* Whose certificate is it? fingerprint: SHA-256 of its DER, 32 bytes; it counts before the e-mail
 * addresses that stand in it. code: YES or DISABLED with the account, UNKNOWN. */
int directory_certificate(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice fingerprint, const slice *emails,
                          size_t email_count, struct sasl_answer *ret)
    __attribute__((warn_unused_result));

/* ---- passwords ---- */

/* What is kept of one: a crypt(3) hash (empty for app passwords) and scram_print()'s text by enum
 * digest, empty where there are none. */
struct directory_password {
    slice hash;
    slice scram[DIRECTORY_DIGESTS];
};
struct directory_salt {
    uint32_t iterations;
    size_t bytes;
    unsigned char salt[64];
};
/* The salt and count that new SCRAM keys of account are to be made with, by enum digest: those that
 * its app passwords have (and, unless is_main, its own password), for all keys of an account share
 * them; else what a client was told for this name before there was anything. */
int directory_salts(struct directory_db *db, slice account, bool is_main,
                    struct directory_salt ret[DIRECTORY_DIGESTS])
    __attribute__((warn_unused_result));
/* Puts new forms of the same password into the place of the old hash, if that still stands there:
 * -ESTALE when somebody has changed the password meanwhile. Nobody is to be signed out by it. */
int directory_rehash(struct directory_db *db, slice account, slice old_hash,
                     const struct directory_password *password) __attribute__((warn_unused_result));

/* ---- notes ---- */

struct directory_use {
    slice account;
    uint64_t credential; /* 0: a token or a certificate */
    int64_t at;          /* seconds since 1970 */
    struct ip ip;
    slice client;    /* what EHLO said */
    slice mechanism; /* "SCRAM-SHA-256" */
};
/* The last use of a credential and the last sign-in of its account. */
int directory_note_use(struct directory_db *db, const struct directory_use *use)
    __attribute__((warn_unused_result));

/* One that signed in from a network before. */
struct directory_pair {
    slice account;
    struct ip_net net;
    int64_t at; /* the last time */
};
int directory_note_pair(struct directory_db *db, const struct directory_pair *pair)
    __attribute__((warn_unused_result));
/* Calls each for those that were seen at `since` or later, the newest first; a non-zero answer ends
 * the walk and is returned. */
int directory_each_pair(struct directory_db *db, int64_t since,
                        int (*each)(void *self, const struct directory_pair *), void *self);

struct directory_guess {
    slice name;     /* as directory_sign_in_name has it */
    bool is_known;  /* there is such an account */
    uint64_t count; /* how many more wrong ones; in a walk: how many in all */
    int64_t at;     /* the last time */
    struct ip ip;   /* the last address */
};
int directory_note_guess(struct directory_db *db, const struct directory_guess *guess)
    __attribute__((warn_unused_result));
/* The most guessed at first. */
int directory_each_guess(struct directory_db *db, size_t max,
                         int (*each)(void *self, const struct directory_guess *), void *self);

/* What an account has sent: key (16 bytes) and text are lib/auth/usage.h's. */
int directory_note_usage(struct directory_db *db, slice key, slice text, int64_t at)
    __attribute__((warn_unused_result));
/* Those that were noted before. */
int directory_forget_usage(struct directory_db *db, int64_t before)
    __attribute__((warn_unused_result));
/* The oldest first. */
int directory_each_usage(struct directory_db *db, int (*each)(void *self, slice key, slice text),
                         void *self);

#endif
