/* answers: what the u8 in an answer of counters, resolver, keys, queue and deliver means (ipc.def).
 */
#ifndef CANDOR_SYS_ANSWERS_H
#define CANDOR_SYS_ANSWERS_H

/* session_admit.verdict. Only ADMIT_YES was counted, and wants a session_close for it; count is the
 * number of sessions from there (in all, for ADMIT_TOO_MANY), this one included if admitted. */
enum admit_verdict {
    ADMIT_YES,
    ADMIT_TOO_MANY_FROM_ADDRESS, /* sessions-per-address: the IPv4 address or the IPv6 /64 */
    ADMIT_TOO_MANY,              /* sessions */
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

/* delivered.result */
enum delivery_result {
    DELIVERY_DONE,   /* the file is in new/, synced with its directory */
    DELIVERY_LATER,  /* no room, over quota, a failing disk: try again */
    DELIVERY_REFUSED /* will not work by trying again: the path is no Maildir and cannot be made one
                      */
};

#endif
