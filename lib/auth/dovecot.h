/* dovecot: the lines of Dovecot's authentication protocol 1.x, the client's side of both sockets.
 *
 *   auth-client   we say VERSION and CPID, it says VERSION, MECH…, SPID, CUID, COOKIE, DONE; then
 *                 AUTH is answered by OK, FAIL or CONT, in any order, known by our number
 *   auth-userdb   both say VERSION, it also SPID; then USER is answered by USER, NOTFOUND or FAIL
 *
 * A line is fields with tabs between them, the end of the line left out here. Values have TAB, LF,
 * CR, NUL and 0x01 as 0x01 and a letter. What is not known is left alone, as the protocol wants. */
#ifndef CANDOR_AUTH_DOVECOT_H
#define CANDOR_AUTH_DOVECOT_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"

/* Dovecot closes the connection, and with it all that others wait for, at a longer line. */
enum { DOVECOT_LINE_MAX = 8192 };

enum dovecot_kind {
    DOVECOT_OTHER, /* nothing that we need to know */
    DOVECOT_VERSION,
    DOVECOT_MECH, /* name: the mechanism */
    DOVECOT_DONE, /* the greeting is over */
    DOVECOT_OK,   /* id, name: the user as Dovecot calls him; may be empty */
    DOVECOT_FAIL, /* id, cause, reason */
    DOVECOT_CONT, /* id */
    DOVECOT_USER, /* id, name */
    DOVECOT_NOTFOUND,
};

/* Why it said FAIL. */
enum dovecot_cause {
    DOVECOT_WRONG, /* the password, or there is no such user: it does not say which */
    DOVECOT_TEMPORARY,
    DOVECOT_DISABLED,
    DOVECOT_EXPIRED,
    DOVECOT_NOT_ALLOWED, /* right, but he may not sign in (authz) */
};

/* name and reason are parts of the line, with their escapes. */
struct dovecot_line {
    enum dovecot_kind kind;
    uint32_t id;
    uint32_t major, minor; /* VERSION */
    slice name;
    enum dovecot_cause cause;
    slice reason;
};

enum dovecot_err { DOVECOT_READ = 0, DOVECOT_MALFORMED };

/* line: without its LF. */
enum dovecot_err dovecot_read(slice line, struct dovecot_line *ret)
    __attribute__((warn_unused_result));

/* Appends with the escapes taken out (put in). */
void dovecot_unescape(struct buf *out, slice value);
void dovecot_escape(struct buf *out, slice value);

/* pid: what tells our connections apart, from 1; two at the same time must differ. */
void dovecot_put_hello(struct buf *out, uint32_t pid);
void dovecot_put_users_hello(struct buf *out);

/* ip may be IP_NONE, session may be empty. */
struct dovecot_request {
    uint32_t id;
    slice name;
    slice secret;
    struct ip ip;
    slice session;
};

/* AUTH with PLAIN. False, and nothing appended, when the name or the secret is empty, has a NUL or
 * is too long for a line, or out is full: no user of Dovecot can have such. */
bool dovecot_put_plain(struct buf *out, const struct dovecot_request *request)
    __attribute__((warn_unused_result));
/* False as above. */
bool dovecot_put_user(struct buf *out, uint32_t id, slice name) __attribute__((warn_unused_result));
/* The answer is not waited for any more. */
void dovecot_put_cancel(struct buf *out, uint32_t id);

#endif
