#include "src/smtpd/server.h"

#include <stdlib.h>

#include "src/smtpd/client.h"

enum { PLACE_BITS = 20, PLACES_MAX = 1 << PLACE_BITS };

static bool grow(struct server *s)
{
    uint32_t more = s->place_count == 0 ? 64 : s->place_count * 2;
    if (more > PLACES_MAX)
        return false;
    struct client **clients = realloc(s->clients, more * sizeof *clients);
    if (clients == NULL)
        return false;
    s->clients = clients;
    uint32_t *serials = realloc(s->serials, more * sizeof *serials);
    if (serials == NULL)
        return false;
    s->serials = serials;
    uint32_t *free_places = realloc(s->free_places, more * sizeof *free_places);
    if (free_places == NULL)
        return false;
    s->free_places = free_places;
    for (uint32_t i = more; i > s->place_count; i--) {
        s->clients[i - 1] = NULL;
        s->serials[i - 1] = 0;
        s->free_places[s->free_count++] = i - 1;
    }
    s->place_count = more;
    return true;
}

bool server_add_client(struct server *s, struct client *c, uint32_t *ret_number)
{
    if (s->free_count == 0 && !grow(s))
        return false;
    uint32_t place = s->free_places[--s->free_count];
    s->clients[place] = c;
    s->client_count++;
    *ret_number = s->serials[place] << PLACE_BITS | place;
    return true;
}

void server_remove_client(struct server *s, uint32_t number)
{
    uint32_t place = number & (PLACES_MAX - 1);
    s->clients[place] = NULL;
    s->serials[place]++;
    s->free_places[s->free_count++] = place;
    s->client_count--;
}

struct client *server_client(const struct server *s, uint32_t number)
{
    uint32_t place = number & (PLACES_MAX - 1);
    if (place >= s->place_count || (s->serials[place] << PLACE_BITS | place) != number)
        return NULL;
    return s->clients[place];
}

void server_orphan(struct server *s, uint64_t token, const struct ip *ip)
{
    const struct orphan o = {.token = token, .ip = *ip};
    buf_add(&s->orphans, slice_of(&o, sizeof o));
}

bool server_take_orphan(struct server *s, uint64_t token, struct ip *ret)
{
    size_t n = s->orphans.n / sizeof(struct orphan);
    for (size_t i = 0; i < n; i++) {
        char *at = s->orphans.p + i * sizeof(struct orphan);
        struct orphan o;
        memcpy(&o, at, sizeof o);
        if (o.token != token)
            continue;
        memmove(at, s->orphans.p + (n - 1) * sizeof o, sizeof o);
        s->orphans.n -= sizeof o;
        s->orphans.err = BUF_OK;
        *ret = o.ip;
        return true;
    }
    return false;
}
