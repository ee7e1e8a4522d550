/* prep: SASLprep (RFC 4013), so that a password is the same bytes whatever keyboard it was typed
 * on. The only file that knows libidn. */
#ifndef CANDOR_AUTH_PREP_H
#define CANDOR_AUTH_PREP_H

#include "lib/base/arena.h"

enum prep_err {
    PREP_OK = 0,
    PREP_EMPTY,      /* nothing, or nothing is left of it */
    PREP_NOT_UTF8,   /* RFC 3629 */
    PREP_PROHIBITED, /* a control character, private use, ... (RFC 4013 2.3) */
    PREP_UNASSIGNED, /* PREP_STORED: a code point that Unicode 3.2 does not have */
    PREP_BIDI,       /* both directions in one string (RFC 3454 6) */
    PREP_TOO_LONG,
    PREP_NOMEM,
};

/* RFC 3454 7: what is kept must be made of assigned code points, what is compared with it need not
 * be, so that an older server does not refuse a newer client. */
enum prep_use { PREP_STORED, PREP_QUERY };

enum { PREP_MAX_BYTES = 1024 };

/* *ret lives in a, and is untouched on failure. in: at most PREP_MAX_BYTES. Wipe a afterwards when
 * it was a password; what is not ASCII passes through libidn's own memory, which it frees as it is.
 */
enum prep_err prep_sasl(struct arena *a, slice in, enum prep_use use, slice *ret)
    __attribute__((warn_unused_result));
/* A phrase for a person: what is wrong with the password or the name. */
slice prep_err_text(enum prep_err e);

#endif
