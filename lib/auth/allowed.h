/* allowed: the SASL mechanisms that a configuration leaves possible. smtpd announces by it and
 * directory checks by it, each from its own copy of the same text. */
#ifndef CANDOR_AUTH_ALLOWED_H
#define CANDOR_AUTH_ALLOWED_H

#include "lib/auth/mechanism.h"
#include "lib/conf/conf.h"

/* For sasl_ground.allowed, 1U << mechanism: those with tokens only where somebody's tokens are
 * believed (oauth). */
uint32_t sasl_allowed(const struct conf *conf);

#endif
