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
enum { FREE_PART = 4, KNOWN_DAYS = 180, USAGE_DAYS = 90 };
/* What accounts have sent is written now and then, a part at a time, so that the loop never waits
 * for long. */
enum { WRITE_MS = 60 * 1000, WRITE_MORE_MS = 1000, WRITE_MAX = 500 };

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

static int remember_usage(void *self, slice key, slice text)
{
    struct directory *d = self;
    /* Of another version: forgotten. */
    (void)!usage_read(&d->usage, key, text);
    return 0;
}

struct writing {
    struct directory *directory;
    int64_t now;
    unsigned count;
    int err;
};

static bool write_one(void *owner, slice key, slice text)
{
    struct writing *w = owner;
    if (w->count == WRITE_MAX)
        return false;
    w->err = directory_note_usage(w->directory->db, key, text, w->now);
    w->count++;
    return w->err == 0;
}

/* True: there is more. */
static bool write_usage(struct directory *d)
{
    struct writing w = {.directory = d, .now = (int64_t)(clock_wall_ms() / 1000)};
    int err = directory_db_begin(d->db);
    if (err == 0) {
        usage_each_changed(&d->usage, write_one, &w);
        if (w.err == 0)
            err = directory_db_commit(d->db);
        else
            directory_db_rollback(d->db);
    }
    if (err != 0 || w.err != 0)
        directory_log_failure(d, "directory.usage", err != 0 ? err : w.err);
    return err == 0 && w.err == 0 && w.count == WRITE_MAX;
}

static void on_write(struct timer *t)
{
    struct directory *d = CONTAINER_OF(t, struct directory, usage_timer);
    timer_set(d->loop, t, write_usage(d) ? WRITE_MORE_MS : WRITE_MS, on_write);
}

int guard_open(struct directory *d)
{
    struct guess_limits limits = limits_of(d->conf);
    unsigned char secret[DIRECTORY_SECRET_BYTES];
    int64_t now = (int64_t)(clock_wall_ms() / 1000);
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
    timer_set(d->loop, &d->usage_timer, WRITE_MS, on_write);
    err = directory_each_pair(d->db, now - (int64_t)KNOWN_DAYS * 86400, remember_pair, d);
    if (err == 0 && (err = directory_forget_usage(d->db, now - (int64_t)USAGE_DAYS * 86400)) == 0)
        err = directory_each_usage(d->db, remember_usage, d);
    return err;
}

void guard_close(struct directory *d)
{
    timer_stop(d->loop, &d->usage_timer);
    while (d->db != NULL && write_usage(d))
        ;
    guess_release(&d->guess);
    usage_release(&d->usage);
    secret_wipe(&d->keys, sizeof d->keys);
    secret_wipe(d->fake_secret, sizeof d->fake_secret);
}
