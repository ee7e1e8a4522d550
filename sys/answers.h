/* answers: what the u8 in an answer of counters, resolver, keys, queue and deliver means (ipc.def).
 */
#ifndef CANDOR_SYS_ANSWERS_H
#define CANDOR_SYS_ANSWERS_H

/* session_admit.verdict. Only ADMIT_IS_YES was counted, and wants a session_close for it; count is
 * the number of sessions from there (in all, for ADMIT_IS_TOO_MANY), this one included if admitted.
 */
enum admit_verdict {
    ADMIT_IS_YES,
    ADMIT_IS_TOO_MANY_HERE, /* sessions-per-address: the IPv4 address or the IPv6 /64 */
    ADMIT_IS_TOO_MANY,      /* sessions */
};

/* auth.flags */
enum auth_flag {
    AUTH_FLAG_START = 1, /* a new exchange */
    AUTH_FLAG_TLS = 2,
    AUTH_FLAG_INITIAL = 4, /* there was an initial response, though it may be empty */
};

/* auth_step.result */
enum auth_result {
    AUTH_IS_DONE,        /* 235 */
    AUTH_IS_CHALLENGE,   /* 334 */
    AUTH_IS_WRONG,       /* 535 5.7.8, whatever was wrong */
    AUTH_IS_MALFORMED,   /* 501 5.5.2 */
    AUTH_IS_CANCELLED,   /* 501 5.7.0 */
    AUTH_IS_UNKNOWN,     /* 504 5.5.4: a mechanism that is none */
    AUTH_IS_UNSUPPORTED, /* 504 5.5.4: one that is not offered here */
    AUTH_IS_IN_CLEAR,    /* 538 5.7.11 */
    AUTH_IS_UNAVAILABLE, /* 454 4.7.0: who knows could not be asked, or too much is to be done */
    AUTH_IS_TOO_WEAK,    /* 534 5.7.9: right, but this account wants an app password */
    AUTH_IS_TOO_MANY,    /* 421 4.7.0: too many wrong ones from there, and the end */
};

/* sender_verdict.verdict */
enum sender_verdict {
    SENDER_IS_OK,
    SENDER_IS_NOT_OWN,  /* 553 5.7.1 */
    SENDER_IS_LIMITED,  /* 450 4.7.1: limit messages in window_s seconds */
    SENDER_IS_OVER,     /* 530 5.7.0: the pass has expired or was revoked */
    SENDER_IS_TEMPFAIL, /* 451 */
};

/* dns_name.result and dns_answer.result */
enum dns_result {
    DNS_FOUND,
    DNS_NONE,        /* there is surely none: no such name, or no such record at it */
    DNS_UNCONFIRMED, /* dns_name only: there is a name, but it does not lead back to the address */
    DNS_TEMPFAIL,    /* could not be found out: time-out, SERVFAIL, or forged by DNSSEC's measure */
    DNS_REFUSED,     /* a question that is none: not a name, not an address, too many at a time */
};

/* sign_answer.result */
enum sign_result {
    SIGN_DONE,
    SIGN_NO_KEY,  /* nobody has a key of this id: an old certificate */
    SIGN_REFUSED, /* the text is not one that TLS signs, or the scheme is not the key's */
    SIGN_FAILED,
};

/* file_opened.result and committed.result */
enum spool_result {
    SPOOL_RESULT_DONE,
    SPOOL_RESULT_NO_ROOM, /* 452 */
    SPOOL_RESULT_FAILED,  /* 451 */
};

/* unix_open.place: where in the configuration the socket stands. */
enum unix_place {
    UNIX_DOVECOT,       /* dovecot.socket */
    UNIX_DOVECOT_USERS, /* dovecot.users */
    UNIX_LDAP,          /* ldap.urls.v[index], an ldapi:// */
    UNIX_LMTP,          /* conf_lmtp_at(index) */
};

/* delivered.result */
enum delivery_result {
    DELIVERY_DONE,   /* the file is in new/, synced with its directory */
    DELIVERY_LATER,  /* no room, over quota, a failing disk: try again */
    DELIVERY_REFUSED /* will not work by trying again: the path is no Maildir and cannot be made one
                      */
};

#endif
