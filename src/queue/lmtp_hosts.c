#include "src/queue/lmtp_hosts.h"

#include <stdlib.h>

struct lmtp_host {
    size_t active;
    size_t expected; /* unparked, and not yet here */
    uint64_t *ids;   /* parked: a ring */
    size_t first, n, room;
    size_t name_bytes;
    char name[];
};

static size_t find(const struct lmtp_hosts *h, slice name)
{
    size_t i = 0;
    while (i < h->n && !slice_eq(slice_of(h->v[i]->name, h->v[i]->name_bytes), name))
        i++;
    return i;
}

static struct lmtp_host *find_or_make(struct lmtp_hosts *h, slice name)
{
    size_t i = find(h, name);
    if (i < h->n)
        return h->v[i];
    if (h->n == h->room) {
        size_t room = h->room == 0 ? 8 : h->room * 2;
        struct lmtp_host **v = realloc(h->v, room * sizeof *v);
        if (v == NULL)
            return NULL;
        h->v = v;
        h->room = room;
    }
    struct lmtp_host *host = calloc(1, sizeof *host + name.n);
    if (host == NULL)
        return NULL;
    if (name.n > 0)
        memcpy(host->name, name.p, name.n);
    host->name_bytes = name.n;
    h->v[h->n++] = host;
    return host;
}

static void free_host(struct lmtp_host *host)
{
    free(host->ids);
    free(host);
}

static void drop_if_idle(struct lmtp_hosts *h, size_t i)
{
    struct lmtp_host *host = h->v[i];
    if (host->active > 0 || host->n > 0)
        return;
    free_host(host);
    h->v[i] = h->v[--h->n];
}

void lmtp_hosts_release(struct lmtp_hosts *h)
{
    for (size_t i = 0; i < h->n; i++)
        free_host(h->v[i]);
    free(h->v);
    *h = (struct lmtp_hosts){0};
}

bool lmtp_hosts_enter(struct lmtp_hosts *h, slice name)
{
    if (h->active >= LMTP_MAX)
        return false;
    struct lmtp_host *host = find_or_make(h, name);
    if (host == NULL || host->active >= LMTP_HOST_MAX)
        return false;
    host->active++;
    host->expected -= host->expected > 0;
    h->active++;
    return true;
}

void lmtp_hosts_leave(struct lmtp_hosts *h, slice name)
{
    size_t i = find(h, name);
    if (i == h->n || h->v[i]->active == 0)
        return;
    h->v[i]->active--;
    h->active--;
    drop_if_idle(h, i);
}

bool lmtp_hosts_park(struct lmtp_hosts *h, slice name, uint64_t id)
{
    struct lmtp_host *host = find_or_make(h, name);
    if (host == NULL)
        return false;
    if (host->n == host->room) {
        size_t room = host->room == 0 ? 16 : host->room * 2;
        uint64_t *ids = calloc(room, sizeof *ids);
        if (ids == NULL)
            return false;
        for (size_t i = 0; i < host->n; i++)
            ids[i] = host->ids[(host->first + i) % host->room];
        free(host->ids);
        host->ids = ids;
        host->first = 0;
        host->room = room;
    }
    host->ids[(host->first + host->n++) % host->room] = id;
    h->parked++;
    return true;
}

bool lmtp_hosts_unpark(struct lmtp_hosts *h, uint64_t *ret_id)
{
    if (h->parked == 0 || h->active >= LMTP_MAX)
        return false;
    for (size_t i = 0; i < h->n; i++) {
        size_t at = (h->turn + i) % h->n;
        struct lmtp_host *host = h->v[at];
        if (host->n == 0 || host->active + host->expected >= LMTP_HOST_MAX)
            continue;
        *ret_id = host->ids[host->first];
        host->first = (host->first + 1) % host->room;
        host->n--;
        host->expected++;
        h->parked--;
        h->turn = at + 1;
        drop_if_idle(h, at);
        return true;
    }
    return false;
}

void lmtp_hosts_tick(struct lmtp_hosts *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->v[i]->expected = 0;
}
