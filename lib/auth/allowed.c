#include "lib/auth/allowed.h"

uint32_t sasl_allowed(const struct conf *conf)
{
    const uint32_t all = (1U << SASL_MECHANISM_COUNT) - 1;
    const uint32_t by_token = 1U << SASL_OAUTHBEARER | 1U << SASL_XOAUTH2;
    return conf->oauth.n > 0 ? all : all & ~by_token;
}
