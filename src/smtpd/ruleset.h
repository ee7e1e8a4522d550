/* ruleset: one configuration as sessions see it. A session keeps the one that it began with, so a
 * reload changes nothing under its feet. */
#ifndef CANDOR_SMTPD_RULESET_H
#define CANDOR_SMTPD_RULESET_H

#include "lib/conf/conf.h"
#include "lib/session/session.h"

struct ruleset {
    unsigned refs;
    struct conf *conf;
    struct check_list checks[PHASE_COUNT];
    enum check_id connect_checks[CHECK_COUNT];
    struct ip_net *refused;
    /* For each of conf->listen: without a certificate at hand, and with one. */
    struct session_policy (*policies)[2];
};

/* From the configuration's canonical print. NULL without memory or when text is not one. */
struct ruleset *ruleset_new(slice text) __attribute__((warn_unused_result));
struct ruleset *ruleset_ref(struct ruleset *r);
/* NULL is fine. */
void ruleset_unref(struct ruleset *r);

/* For a session on that listener that begins now. */
const struct session_policy *ruleset_policy(const struct ruleset *r, uint32_t listener,
                                            bool has_certificate);

#endif
