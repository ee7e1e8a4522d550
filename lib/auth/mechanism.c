#include "lib/auth/mechanism.h"

#include <assert.h>

enum {
    NEEDS_TLS = SASL_NEEDS_TLS_FLAG,
    SENDS_PASSWORD = SASL_SENDS_PASSWORD_FLAG,
    BINDS = SASL_BINDS_FLAG
};

static const struct sasl_mechanism_row rows[] = {
#define MECHANISM(id, name, turn, flags, digest, source)                                           \
    [SASL_##id] = {{name, sizeof name - 1}, flags, digest, {source, sizeof source - 1}},
#include "lib/auth/mechanisms.def"
#undef MECHANISM
};

/* `mechanisms` of the configuration has a bit for each, as sasl_allowed() gives them. */
#define MECHANISM(id, ...)                                                                         \
    _Static_assert((int)SASL_##id == (int)CONF_MECHANISM_##id, "keys.def has the same order");
#include "lib/auth/mechanisms.def"
#undef MECHANISM

uint32_t sasl_allowed(const struct conf *conf)
{
    uint32_t allowed = conf->auth.mechanisms;
    if (allowed == 0)
        allowed = (1U << SASL_MECHANISM_COUNT) - 1;
    /* A client that is offered SCRAM takes it, and does not come back with the password itself. */
    if (conf->auth.mechanisms == 0 &&
        (conf_has_accounts(conf, CONF_ACCOUNTS_DOVECOT) ||
         conf_has_accounts(conf, CONF_ACCOUNTS_LDAP) || conf_has_accounts(conf, CONF_ACCOUNTS_PAM)))
        allowed &= ~(1U << SASL_SCRAM_SHA_256_PLUS | 1U << SASL_SCRAM_SHA_256 |
                     1U << SASL_SCRAM_SHA_1_PLUS | 1U << SASL_SCRAM_SHA_1);
    if (conf->oauth.n == 0)
        allowed &= ~(1U << SASL_OAUTHBEARER | 1U << SASL_XOAUTH2);
    return allowed;
}

const struct sasl_mechanism_row *sasl_mechanism_get(enum sasl_mechanism m)
{
    assert(m < SASL_MECHANISM_COUNT);
    return &rows[m];
}

enum sasl_mechanism sasl_mechanism_find(slice name)
{
    enum sasl_mechanism m = 0;
    while (m < SASL_MECHANISM_COUNT && !slice_eq_ci(rows[m].name, name))
        m++;
    return m;
}

uint32_t sasl_offer(const struct sasl_ground *g)
{
    uint32_t offered = 0;
    for (enum sasl_mechanism m = 0; g->is_tls && m < SASL_MECHANISM_COUNT; m++)
        if (((rows[m].flags & BINDS) == 0 || g->has_binding) &&
            (m != SASL_EXTERNAL || g->has_certificate))
            offered |= g->allowed & 1U << m;
    return offered;
}

void sasl_offer_print(struct buf *out, uint32_t offered)
{
    bool is_first = true;
    for (enum sasl_mechanism m = 0; m < SASL_MECHANISM_COUNT; m++)
        if ((offered & 1U << m) != 0) {
            buf_adds(out, is_first ? "" : " ");
            buf_add(out, rows[m].name);
            is_first = false;
        }
}
