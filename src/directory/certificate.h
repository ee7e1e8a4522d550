/* certificate: whose is the one that a client has shown? smtpd has verified it; here it is read
 * again, for its fingerprint and the e-mail addresses in it. */
#ifndef CANDOR_SRC_DIRECTORY_CERTIFICATE_H
#define CANDOR_SRC_DIRECTORY_CERTIFICATE_H

#include "src/directory/directory.h"

/* der: one whole certificate; else the answer is UNKNOWN. The account lives in d->scratch. 0 or
 * -errno. */
int certificate_look_up(struct directory *d, slice der, struct sasl_answer *ret)
    __attribute__((warn_unused_result));

#endif
