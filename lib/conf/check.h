/* check: what the rows cannot say: defaults that depend on other values, and which values do not go
 * together. For lib/conf alone. */
#ifndef CANDOR_CONF_CHECK_H
#define CANDOR_CONF_CHECK_H

#include "lib/conf/value.h"

/* Fills what keys.def leaves to be worked out. False: no memory. */
bool conf_derive(struct reader *r, struct conf *c) __attribute__((warn_unused_result));
/* Reports every reason not to use it. */
void conf_check(const struct conf *c, struct conf_errors *errors);

#endif
