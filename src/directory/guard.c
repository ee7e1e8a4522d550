/* The guessing defence and the accounts' usage: made from the configuration, filled from the
 * database. */
#include <errno.h>

#include "lib/base/secret.h"
#include "src/directory/directory.h"
#include "sys/clock.h"

/* About 64 bytes each for the first two, 450 for the last; memory that is used only as they fill.
 */
enum { COUNTERS = 1 << 16, KNOWN = 1 << 16, ACCOUNTS = 1 << 14 };
/* From this part of the refusals on attempts are delayed. */
enum { FREE_PART = 4, KNOWN_DAYS = 180 };

static uint32_t clip(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static struct guess_rule rule_of(const struct conf_auth *a, uint64_t guesses)
{
    return (struct guess_rule){.free = clip(guesses / FREE_PART),
                               .refuse = clip(guesses),
                               .forgive_ms = clip(a->forgive / guesses)};
}

static struct guess_limits limits_of(const struct conf *conf)
{
    const struct conf_auth *a = &conf->auth;
    struct guess_limits l = {.delay_ms = clip(a->delay),
                             .delay_max_ms = clip(a->delay_max),
                             .strangers_per_s = clip(a->stranger_hashes)};
    l.rules[GUESS_ACCOUNT] = rule_of(a, a->guesses_account);
    l.rules[GUESS_PAIR] = rule_of(a, a->guesses_account);
    l.rules[GUESS_ADDRESS] = rule_of(a, a->guesses_address);
    l.rules[GUESS_NETWORK] = rule_of(a, a->guesses_network);
    return l;
}

void guard_configure(struct directory *d)
{
    d->guess.limits = limits_of(d->conf);
}

static int remember_pair(void *self, const struct directory_pair *pair)
{
    struct directory *d = self;
    const struct guess_who who = {.account = pair->account, .ip = pair->net.ip};
    guess_remember(&d->guess, &who);
    return 0;
}

int guard_open(struct directory *d)
{
    struct guess_limits limits = limits_of(d->conf);
    unsigned char secret[DIRECTORY_SECRET_BYTES];
    int64_t since = (int64_t)(clock_wall_ms() / 1000) - (int64_t)KNOWN_DAYS * 86400;
    int err = directory_secret(d->db, DIRECTORY_SECRET_GRANT, secret);
    if (err == 0 && (err = directory_secret(d->db, DIRECTORY_SECRET_FAKE, d->fake_secret)) == 0 &&
        !grant_keys_derive(slice_of(secret, sizeof secret), &d->keys))
        err = -ENOMEM;
    secret_wipe(secret, sizeof secret);
    if (err != 0)
        return err;
    slice names = slice_of(d->keys.names, sizeof d->keys.names);
    if (!guess_init(&d->guess, &limits, COUNTERS, KNOWN, names) ||
        !usage_init(&d->usage, ACCOUNTS, names))
        return -ENOMEM;
    return directory_each_pair(d->db, since, remember_pair, d);
}

void guard_close(struct directory *d)
{
    guess_release(&d->guess);
    usage_release(&d->usage);
    secret_wipe(&d->keys, sizeof d->keys);
    secret_wipe(d->fake_secret, sizeof d->fake_secret);
}
