#include "src/fetch/verdicts.h"

#include <stdlib.h>

static struct verdict *set_of(const struct verdicts *all, const struct digest_value *digest)
{
    size_t set = (size_t)digest->bytes[0] << 8 | digest->bytes[1];
    return &all->v[set % (VERDICTS_MAX / VERDICTS_WAYS) * VERDICTS_WAYS];
}

static bool is_of(const struct verdict *v, const struct digest_value *digest)
{
    return v->ends_ms > 0 && memcmp(v->digest, digest->bytes, DIGEST_MAX_BYTES) == 0;
}

bool verdicts_init(struct verdicts *all)
{
    *all = (struct verdicts){.v = calloc(VERDICTS_MAX, sizeof(struct verdict))};
    return all->v != NULL;
}

void verdicts_release(struct verdicts *all)
{
    for (size_t i = 0; all->v != NULL && i < VERDICTS_MAX; i++)
        free(all->v[i].account);
    free(all->v);
    *all = (struct verdicts){0};
}

const struct verdict *verdicts_find(struct verdicts *all, const struct digest_value *digest,
                                    uint64_t now_ms)
{
    const struct verdict *set = set_of(all, digest);
    for (size_t i = 0; i < VERDICTS_WAYS; i++)
        if (is_of(&set[i], digest) && now_ms < set[i].ends_ms) {
            all->found++;
            return &set[i];
        }
    all->missed++;
    return NULL;
}

void verdicts_keep(struct verdicts *all, const struct digest_value *digest, uint64_t now_ms,
                   uint64_t ends_ms, uint8_t code, slice account)
{
    struct verdict *set = set_of(all, digest), *at = &set[0];
    if (ends_ms <= now_ms)
        return;
    for (size_t i = 1; i < VERDICTS_WAYS && !is_of(at, digest); i++)
        if (is_of(&set[i], digest) || set[i].ends_ms < at->ends_ms)
            at = &set[i];
    char *copy = account.n > 0 ? malloc(account.n) : NULL;
    free(at->account);
    *at = (struct verdict){0};
    if (account.n > 0 && copy == NULL)
        return;
    if (copy != NULL)
        memcpy(copy, account.p, account.n);
    memcpy(at->digest, digest->bytes, DIGEST_MAX_BYTES);
    at->ends_ms = ends_ms;
    at->code = code;
    at->account = copy;
    at->account_n = account.n;
}
