/* command: a command line's parts, and the parameters of MAIL and RCPT, typed.
 *
 * Which verbs exist is the session's table (lib/session/verbs.def); which parameters exist is
 * params.def here, and which of them are allowed now is the caller's (an extension that is not
 * announced is an unknown keyword). All slices point into the line. */
#ifndef CANDOR_SMTP_COMMAND_H
#define CANDOR_SMTP_COMMAND_H

#include "lib/base/buf.h"

struct command {
    slice verb; /* as given, never blank; empty only for an empty or blank line */
    slice args; /* without the blanks around them */
};

/* Splits at the first SP or HTAB; line has no line end. Leading blanks are passed over. */
struct command command_split(slice line);

enum param_err {
    PARAM_OK = 0,
    PARAM_END,           /* take_esmtp_param: nothing but blanks is left */
    PARAM_BAD_SYNTAX,    /* no keyword=value (RFC 5321 4.1.2 esmtp-param) */
    PARAM_UNKNOWN,       /* 555 5.5.4: no such keyword, or not allowed now */
    PARAM_DUPLICATE,     /* the keyword stood there before */
    PARAM_MISSING_VALUE, /* SIZE without =value */
    PARAM_BAD_VALUE,     /* 501 5.5.4 */
    PARAM_CONFLICT,      /* HOLDFOR with HOLDUNTIL (RFC 4865 4.2) */
};

/* "FROM:" or "TO:" at the head of MAIL's or RCPT's arguments, any case. Blanks around the colon are
 * tolerated and reported in *ret_spaced (RFC 5321 3.3 has none). False: something else stands
 * there; *args is untouched. */
bool take_path_lead(slice *args, const char *word, bool *ret_spaced)
    __attribute__((warn_unused_result));

/* One keyword[=value] with the blanks before it; value->p is NULL when there was no '='. Values may
 * hold UTF-8 (RFC 6531 3.3). On any error nothing is taken. */
enum param_err take_esmtp_param(slice *in, slice *keyword, slice *value)
    __attribute__((warn_unused_result));

/* One bit a parameter: MAIL_PARAM_SIZE, RCPT_PARAM_NOTIFY, … */
enum mail_param {
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc) MAIL_PARAM_##NAME##_AT,
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc)
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
    MAIL_PARAM_COUNT,
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc)                                         \
    MAIL_PARAM_##NAME = 1 << MAIL_PARAM_##NAME##_AT,
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc)
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
};

enum rcpt_param {
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc)
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc) RCPT_PARAM_##NAME##_AT,
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
    RCPT_PARAM_COUNT,
#define MAIL_PARAM(NAME, keyword, needs_value, parse, rfc)
#define RCPT_PARAM(NAME, keyword, needs_value, parse, rfc)                                         \
    RCPT_PARAM_##NAME = 1 << RCPT_PARAM_##NAME##_AT,
#include "lib/smtp/params.def"
#undef MAIL_PARAM
#undef RCPT_PARAM
};

enum body_kind { BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME };
enum dsn_ret { DSN_RET_UNSAID, DSN_RET_FULL, DSN_RET_HDRS };
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

/* All zero when nothing was given. */
struct mail_params {
    unsigned given;         /* MAIL_PARAM_… bits */
    uint64_t size_bytes;    /* RFC 1870 */
    enum body_kind body;    /* RFC 6152, RFC 3030 */
    enum dsn_ret ret;       /* RFC 3461 4.3 */
    bool smtputf8;          /* RFC 6531 */
    bool requiretls;        /* RFC 8689 */
    slice envid;            /* RFC 3461 4.4: xtext as given, checked, at most 100 octets */
    slice auth;             /* RFC 4954 5: xtext of a mailbox as given, or "<>" */
    int priority;           /* RFC 6710: -9 to 9 */
    uint64_t hold_for_s;    /* RFC 4865: 1 to 999999999 */
    uint64_t hold_until_at; /* RFC 4865: seconds since 1970 UTC */
    int64_t by_s;           /* RFC 2852: the deadline from now on, may be negative */
    bool by_return;         /* mode R (return when late), not N (notify) */
    bool by_trace;
};

struct rcpt_params {
    unsigned given;   /* RCPT_PARAM_… bits */
    unsigned notify;  /* NOTIFY_… bits, 0 when not given (RFC 3461 4.1) */
    slice orcpt_type; /* RFC 3461 4.2: "rfc822", "utf-8", … */
    slice orcpt;      /* what follows the ';' as given: xtext, or utf-8-addr (RFC 6533 3) */
};

/* The rest of the line after the path. `allowed` are the bits of what is announced now. On error
 * *ret is untouched, and *ret_bad (may be NULL) is the keyword at fault. */
enum param_err mail_params_parse(slice in, unsigned allowed, struct mail_params *ret,
                                 slice *ret_bad) __attribute__((warn_unused_result));
enum param_err rcpt_params_parse(slice in, unsigned allowed, struct rcpt_params *ret,
                                 slice *ret_bad) __attribute__((warn_unused_result));
/* As they would stand on a MAIL or RCPT line, each with a blank before it, in params.def's order.
 */
void mail_params_print(struct buf *out, const struct mail_params *params);
void rcpt_params_print(struct buf *out, const struct rcpt_params *params);

/* xtext of RFC 3461 4. */
void xtext_encode(struct buf *out, slice in);
/* Also the {XXXX} forms of utf-8-addr-xtext when `unitext` (RFC 6533 3). False (nothing added) when
 * it is none. */
bool xtext_decode(struct buf *out, slice in, bool unitext) __attribute__((warn_unused_result));

const char *param_err_name(enum param_err err);

#endif
