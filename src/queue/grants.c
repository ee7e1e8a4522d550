#include "src/queue/grants.h"

#include <stdlib.h>

#include "lib/base/secret.h"

enum { HOUR_MS = 3600000, ROOM_MIN = 256 };

void grants_init(struct grants *g, uint64_t now_ms)
{
    *g = (struct grants){.since_ms = now_ms};
}

static void hour_clear(struct grants *g, struct grants_hour *h)
{
    g->used -= h->n;
    free(h->at);
    *h = (struct grants_hour){0};
}

void grants_release(struct grants *g)
{
    for (size_t i = 0; i < GRANTS_HOURS; i++)
        hour_clear(g, &g->hours[i]);
    for (size_t i = 0; i < g->revoked_n; i++)
        free(g->revoked[i].account);
    free(g->revoked);
    secret_wipe(g->key, sizeof g->key);
    *g = (struct grants){0};
}

bool grants_key(struct grants *g, slice key)
{
    if (key.n != sizeof g->key)
        return false;
    memcpy(g->key, key.p, key.n);
    g->has_key = true;
    return true;
}

/* ---- revocations ---- */

static void revoked_remove(struct grants *g, size_t i)
{
    free(g->revoked[i].account);
    g->revoked[i] = g->revoked[--g->revoked_n];
}

/* No room, or no memory: then everybody's older grants are no good. */
static void revoke_all(struct grants *g, uint64_t before_ms)
{
    if (g->since_ms < before_ms)
        g->since_ms = before_ms;
}

void grants_revoke(struct grants *g, slice account, uint64_t credential, uint64_t before_ms)
{
    for (size_t i = 0; i < g->revoked_n; i++) {
        struct grants_revoked *r = &g->revoked[i];
        if (r->credential == credential && slice_eq(slice_of(r->account, r->account_n), account)) {
            r->before_ms = r->before_ms < before_ms ? before_ms : r->before_ms;
            return;
        }
    }
    if (g->revoked == NULL)
        g->revoked = calloc(GRANTS_REVOKED_MAX, sizeof *g->revoked);
    char *copy = malloc(account.n + 1);
    if (g->revoked == NULL || copy == NULL || g->revoked_n == GRANTS_REVOKED_MAX) {
        free(copy);
        revoke_all(g, before_ms);
        return;
    }
    if (account.n > 0)
        memcpy(copy, account.p, account.n);
    g->revoked[g->revoked_n++] = (struct grants_revoked){copy, account.n, credential, before_ms};
}

static bool is_revoked(const struct grants *g, const struct grant *t)
{
    for (size_t i = 0; i < g->revoked_n; i++) {
        const struct grants_revoked *r = &g->revoked[i];
        if (t->issued_at_ms <= r->before_ms &&
            (r->credential == 0 || r->credential == t->credential) &&
            slice_eq(slice_of(r->account, r->account_n), t->account))
            return true;
    }
    return false;
}

/* ---- what was used ---- */

/* Serials are random, and directory's: a part of one is as good as the whole, and a hash already.
 */
static uint64_t fingerprint(const struct grant *t)
{
    uint64_t f;
    memcpy(&f, t->serial, sizeof f);
    return f == 0 ? 1 : f;
}

static uint64_t *hour_place(const struct grants_hour *h, uint64_t f)
{
    size_t i = f & (h->room - 1);
    while (h->at[i] != 0 && h->at[i] != f)
        i = (i + 1) & (h->room - 1);
    return &h->at[i];
}

static bool hour_grow(struct grants_hour *h)
{
    struct grants_hour more = {.hour = h->hour, .room = h->room == 0 ? ROOM_MIN : h->room * 2};
    more.n = h->n;
    more.at = calloc(more.room, sizeof *more.at);
    if (more.at == NULL)
        return false;
    for (size_t i = 0; i < h->room; i++)
        if (h->at[i] != 0)
            *hour_place(&more, h->at[i]) = h->at[i];
    free(h->at);
    *h = more;
    return true;
}

static enum grants_err use(struct grants *g, const struct grant *t, uint64_t now_ms)
{
    uint64_t hour = t->expires_at_ms / HOUR_MS, f = fingerprint(t);
    struct grants_hour *h = &g->hours[hour % GRANTS_HOURS];
    if (hour - now_ms / HOUR_MS >= GRANTS_HOURS - 1)
        return GRANTS_TOO_LONG;
    if (h->hour != hour) {
        hour_clear(g, h); /* long over */
        h->hour = hour;
    }
    if (h->room > 0 && *hour_place(h, f) == f)
        return GRANTS_USED;
    if (g->used >= GRANTS_USED_MAX || (h->n >= h->room - h->room / 4 && !hour_grow(h)))
        return GRANTS_FULL;
    *hour_place(h, f) = f;
    h->n++;
    g->used++;
    return GRANTS_OK;
}

void grants_tick(struct grants *g, uint64_t now_ms)
{
    for (size_t i = 0; i < GRANTS_HOURS; i++)
        if (g->hours[i].room > 0 && g->hours[i].hour < now_ms / HOUR_MS)
            hour_clear(g, &g->hours[i]);
    for (size_t i = 0; i < g->revoked_n;)
        if (g->revoked[i].before_ms + (uint64_t)GRANTS_HOURS * HOUR_MS < now_ms)
            revoked_remove(g, i);
        else
            i++;
}

void grants_shift(struct grants *g, int64_t by_ms)
{
    uint64_t back_ms = by_ms < 0 ? (uint64_t)-by_ms : 0;
    g->since_ms -= g->since_ms < back_ms ? g->since_ms : back_ms;
}

/* ---- */

static const char *err_word(enum grants_err err)
{
    switch (err) {
    case GRANTS_OK:
        return "ok";
    case GRANTS_NO_KEY:
        return "no-key-yet";
    case GRANTS_BAD:
        return "bad";
    case GRANTS_BEFORE_START:
        return "issued-before-start";
    case GRANTS_TOO_LONG:
        return "lives-too-long";
    case GRANTS_USED:
        return "used-before";
    case GRANTS_REVOKED:
        return "revoked";
    case GRANTS_FULL:
        return "too-many-used";
    }
    return "?";
}

static enum grants_err check(const struct grants *g, const struct envelope *e, uint64_t now_ms,
                             struct grant *ret, const char **ret_why)
{
    if (!g->has_key)
        return GRANTS_NO_KEY;
    enum grant_err err = grant_read(e->grant, slice_of(g->key, sizeof g->key), now_ms, ret);
    if (err == GRANT_OK)
        err = grant_covers(ret, e->incident, e->reverse_path, e->rcpt_count);
    if (err != GRANT_OK) {
        *ret_why = grant_err_word(err);
        return GRANTS_BAD;
    }
    return ret->issued_at_ms < g->since_ms ? GRANTS_BEFORE_START
           : is_revoked(g, ret)            ? GRANTS_REVOKED
                                           : GRANTS_OK;
}

enum grants_err grants_take(struct grants *g, const struct envelope *e, uint64_t now_ms,
                            struct grant *ret, const char **ret_why)
{
    struct grant t = {0};
    *ret_why = NULL;
    enum grants_err err = check(g, e, now_ms, &t, ret_why);
    if (err == GRANTS_OK)
        err = use(g, &t, now_ms);
    if (*ret_why == NULL)
        *ret_why = err_word(err);
    if (err == GRANTS_OK)
        *ret = t;
    return err;
}

void grants_seal(struct buf *out, const struct envelope *e, slice account)
{
    struct envelope kept = *e;
    struct envelope_rcpt rcpt;
    slice rest = e->tlvs;
    kept.grant = (slice){0};
    kept.account = account;
    envelope_add(out, &kept);
    while (envelope_next(&rest, &rcpt))
        envelope_add_rcpt(out, &rcpt);
}
