/* proxy: the header by which a load balancer tells for whom it connects (the PROXY protocol of
 * HAProxy, versions 1 and 2).
 *
 * Invariants: what comes out does not depend on how the bytes were cut; not one byte behind the
 * header is taken; memory is the struct, however much of version 2's extensions comes (they are
 * passed over). Whether the sender may be believed is not known here: only bytes of a trusted
 * network belong in here. */
#ifndef CANDOR_SMTP_PROXY_H
#define CANDOR_SMTP_PROXY_H

#include "lib/base/ip.h"

/* Version 1 with CRLF; version 2 up to the end of two IPv6 addresses and ports. */
enum { PROXY_V1_MAX_BYTES = 107, PROXY_V2_HEAD_BYTES = 16, PROXY_V2_KEPT_BYTES = 52 };

enum proxy_event {
    PROXY_MORE = 0, /* *in is used up */
    PROXY_DONE,     /* *ret is whole; what is left in *in is the client's */
    PROXY_BAD,      /* this is no such header: nothing that follows has a meaning */
};

struct proxy_header {
    /* LOCAL, UNKNOWN, or no TCP: the proxy speaks for itself (a health check) or cannot say for
     * whom. The addresses below are empty, and the connection's own count. */
    bool is_local;
    struct ip source, destination; /* IPv4 in IPv6 is IPv4 */
    uint16_t source_port, destination_port;
};

struct proxy_reader {
    char head[PROXY_V1_MAX_BYTES];
    size_t n;
    uint32_t left_bytes; /* of version 2, to be passed over */
};

/* All zero is a new one, too. */
void proxy_reader_init(struct proxy_reader *r);
/* After PROXY_DONE and PROXY_BAD it must not be called again before an init. *ret is untouched
 * until PROXY_DONE. */
enum proxy_event proxy_take(struct proxy_reader *r, slice *in, struct proxy_header *ret)
    __attribute__((warn_unused_result));

#endif
