/* lmtp_hosts: how many messages are on their way to each LMTP server, and which wait for a place.
 * Pure.
 *
 * A server that is slow holds at most LMTP_HOST_MAX of the places, all servers together LMTP_MAX:
 * so it keeps neither Maildirs nor other servers from their mail. What finds no place is parked
 * here, by its queue id, and comes out in turn: one server after the other, each in its order.
 *
 * Only servers that somebody is on the way to or waits for take memory. */
#ifndef CANDOR_QUEUE_LMTP_HOSTS_H
#define CANDOR_QUEUE_LMTP_HOSTS_H

#include "lib/base/slice.h"

enum { LMTP_HOST_MAX = 64, LMTP_MAX = 256 };

struct lmtp_host;

struct lmtp_hosts {
    struct lmtp_host **v;
    size_t n, room;
    size_t turn;   /* whose parked messages come next */
    size_t active; /* of all */
    size_t parked;
};

void lmtp_hosts_release(struct lmtp_hosts *h);
/* Takes a place. False: there is none, or no memory. */
bool lmtp_hosts_enter(struct lmtp_hosts *h, slice host) __attribute__((warn_unused_result));
void lmtp_hosts_leave(struct lmtp_hosts *h, slice host);
/* False without memory. */
bool lmtp_hosts_park(struct lmtp_hosts *h, slice host, uint64_t id)
    __attribute__((warn_unused_result));
/* A parked message for which there is a place now; false: none. It is expected to enter soon. */
bool lmtp_hosts_unpark(struct lmtp_hosts *h, uint64_t *ret_id) __attribute__((warn_unused_result));
/* From time to time: who was expected and did not come is forgotten. */
void lmtp_hosts_tick(struct lmtp_hosts *h);

#endif
