/* directory rules: what the configuration says to the look-up. */
#ifndef CANDOR_SYS_DIRECTORY_RULES_H
#define CANDOR_SYS_DIRECTORY_RULES_H

#include "lib/conf/conf.h"
#include "sys/directory/lookup.h"

#define DIRECTORY_OWN_IPS_MAX 256

/* *ret borrows from conf and from a. own_ips (may be NULL) outlive it too. A domain that is none
 * under IDNA 2008 is left out: no mail can come for it, and it shall not keep the others from
 * theirs; *ret_bad_domain is the last such, else empty. 0 or -ENOMEM. */
int directory_rules_make(const struct conf *conf, struct arena *a, const struct ip *own_ips,
                         size_t own_ip_count, struct directory_rules *ret, slice *ret_bad_domain)
    __attribute__((warn_unused_result));
/* The addresses of this machine's interfaces, at most DIRECTORY_OWN_IPS_MAX; how many. */
size_t directory_own_ips(struct ip ret[DIRECTORY_OWN_IPS_MAX]);

#endif
