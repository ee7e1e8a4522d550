/* mechanism: the SASL mechanisms that there are, and which of them a connection is offered. What
 * smtpd announces and what directory believes was announced come from here: SCRAM finds out by it
 * that somebody between has taken -PLUS away. */
#ifndef CANDOR_AUTH_MECHANISM_H
#define CANDOR_AUTH_MECHANISM_H

#include "lib/auth/digest.h"
#include "lib/base/buf.h"
#include "lib/conf/conf.h"

enum sasl_mechanism {
#define MECHANISM(id, name, turn, flags, digest, source) SASL_##id,
#include "lib/auth/mechanisms.def"
#undef MECHANISM
    SASL_MECHANISM_COUNT
};

enum {
    SASL_NEEDS_TLS_FLAG = 1,
    SASL_SENDS_PASSWORD_FLAG = 2,
    SASL_BINDS_FLAG = 4,
};

struct sasl_mechanism_row {
    slice name;
    uint32_t flags;
    enum digest digest; /* of SCRAM */
    slice source;
};

const struct sasl_mechanism_row *sasl_mechanism_get(enum sasl_mechanism m);
/* By name, without case; SASL_MECHANISM_COUNT when there is none. */
enum sasl_mechanism sasl_mechanism_find(slice name);

/* What the configuration lets be used: 1U << mechanism. Without an oauth block nobody could say
 * whether a token is good; and Dovecot, LDAP and PAM want to see the password itself, so that
 * beside them there is no SCRAM unless the configuration names it. */
uint32_t sasl_allowed(const struct conf *conf);

struct sasl_ground {
    uint32_t allowed; /* sasl_allowed() */
    bool is_tls;
    bool has_binding;     /* the connection has a value for tls-exporter or tls-server-end-point */
    bool has_certificate; /* the client has shown one that is valid */
};

/* What is offered on this ground, 1U << mechanism; none in the clear. */
uint32_t sasl_offer(const struct sasl_ground *g);
/* As EHLO's AUTH has them: names with a blank between. */
void sasl_offer_print(struct buf *out, uint32_t offered);

#endif
