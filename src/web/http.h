/* http: libmicrohttpd on the loop, and requests as it brings them.
 *
 * It has its own epoll, which the loop watches; it works in MHD_run, once a turn at most, and never
 * inside of one of our other callbacks. */
#ifndef CANDOR_WEB_HTTP_H
#define CANDOR_WEB_HTTP_H

#include "src/web/web.h"

/* A request from its first line until its answer is gone, or nobody waits for it any more. */
struct request {
    struct visitor *visitor;
    struct buf target;   /* as it came, with a NUL behind it */
    struct buf body;     /* of a POST, at most PAGE_BODY_MAX_BYTES */
    uint64_t body_bytes; /* that came, kept or not */
    bool has_head;
    unsigned status; /* of the answer; 0: there is none */
    size_t answer_bytes;
    uint64_t begun_ms;
};

/* NULL is let pass. */
void request_free(struct request *q);

/* 0 or -errno. */
int http_start(struct web *w) __attribute__((warn_unused_result));
/* Ends all connections. */
void http_stop(struct web *w);
/* There is something for it to do. */
void http_wake(struct web *w);

#endif
