#include "src/directory/revocations.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/clock.h"

enum { REVOCATIONS_MAX = 4096, AGAIN_MS = 100 };
/* The longest that a pass is good for (keys.def: auth, session). */
static const uint64_t KEEP_MS = UINT64_C(30) * 24 * 3600 * 1000;

struct revocation {
    struct revocation *next;
    uint64_t number; /* counted from 1 */
    uint64_t credential;
    uint64_t before_ms;
    bool is_told;
    size_t account_n;
    char account[];
};

struct revocations {
    struct directory *directory;
    struct revocation *newest;
    size_t count;
    uint64_t last; /* number */
    struct timer timer;
};

struct revocations *revocations_new(struct directory *d)
{
    struct revocations *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->directory = d;
    return r;
}

/* From *link on. */
static void forget(struct revocations *r, struct revocation **link)
{
    while (*link != NULL) {
        struct revocation *old = *link;
        *link = old->next;
        free(old);
        r->count--;
    }
}

void revocations_free(struct revocations *r)
{
    if (r == NULL)
        return;
    timer_stop(r->directory->loop, &r->timer);
    forget(r, &r->newest);
    free(r);
}

static int tell(struct rpc *peer, const struct revocation *v)
{
    const struct ipc_revoke fields = {.credential = v->credential,
                                      .before_ms = v->before_ms,
                                      .account = slice_of(v->account, v->account_n)};
    if (!ipc_may_send(IPC_REVOKE, ROLE_DIRECTORY, rpc_peer(peer)))
        return 0;
    return rpc_send_revoke(peer, &fields);
}

static void tell_all(struct revocations *r);

static void on_timer(struct timer *t)
{
    tell_all(CONTAINER_OF(t, struct revocations, timer));
}

/* Whoever has heard it hears it again, which is no harm. */
static void tell_all(struct revocations *r)
{
    bool is_full = false;
    for (struct revocation *v = r->newest; v != NULL; v = v->next) {
        if (v->is_told)
            continue;
        v->is_told = true;
        for (struct rpc *p = NULL; (p = r->directory->next_peer(r->directory, p)) != NULL;)
            if (tell(p, v) == -EAGAIN)
                v->is_told = false;
        is_full = is_full || !v->is_told;
    }
    if (is_full)
        timer_set(r->directory->loop, &r->timer, AGAIN_MS, on_timer);
}

void revocations_add(struct revocations *r, slice account, uint64_t credential)
{
    uint64_t now_ms = clock_wall_ms();
    struct revocation *v = malloc(sizeof *v + account.n);
    struct revocation **link = &r->newest;
    if (v == NULL) {
        directory_log_failure(r->directory, "directory.revoke", -ENOMEM);
        return;
    }
    *v = (struct revocation){.next = r->newest,
                             .number = ++r->last,
                             .credential = credential,
                             .before_ms = now_ms,
                             .account_n = account.n};
    memcpy(v->account, account.p, account.n);
    r->newest = v;
    r->count++;
    for (size_t n = 0;
         *link != NULL && n < REVOCATIONS_MAX && (*link)->before_ms + KEEP_MS > now_ms; n++)
        link = &(*link)->next;
    forget(r, link);
    tell_all(r);
}

void revocations_tell(struct revocations *r, struct rpc *peer)
{
    for (struct revocation *v = r->newest; v != NULL; v = v->next)
        if (tell(peer, v) == -EAGAIN) {
            for (; v != NULL; v = v->next)
                v->is_told = false;
            timer_set(r->directory->loop, &r->timer, AGAIN_MS, on_timer);
            return;
        }
}

bool revocations_hit(const struct revocations *r, slice account, uint64_t credential,
                     uint64_t issued_at_ms)
{
    for (const struct revocation *v = r->newest; v != NULL; v = v->next)
        if (issued_at_ms <= v->before_ms && (v->credential == 0 || v->credential == credential) &&
            slice_eq(slice_of(v->account, v->account_n), account))
            return true;
    return false;
}

uint64_t revocations_last(const struct revocations *r)
{
    return r->last;
}

bool revocations_hit_since(const struct revocations *r, slice account, uint64_t credential,
                           uint64_t last)
{
    for (const struct revocation *v = r->newest; v != NULL && v->number > last; v = v->next)
        if ((v->credential == 0 || v->credential == credential) &&
            slice_eq(slice_of(v->account, v->account_n), account))
            return true;
    return false;
}
