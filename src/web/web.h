/* web: what the files of the role share.
 *
 * libmicrohttpd reads HTTP and writes it, on the loop (http.h); lib/page makes the pages
 * (answer.h); who may come and how long he may take is said here and not there (visitors.h), since
 * a client that sends or takes a byte now and then is never idle to libmicrohttpd. */
#ifndef CANDOR_WEB_WEB_H
#define CANDOR_WEB_WEB_H

#include <microhttpd.h>

#include "lib/base/crowd.h"
#include "lib/conf/conf.h"
#include "lib/page/page.h"
#include "sys/role.h"

/* As many as master has: the `listen` lines are counted, too. */
enum { WEB_LISTENERS = 256 };

struct web;

struct listener {
    struct web *web;
    struct watch watch;
    int fd; /* owned; -1: not there */
};

/* What a visitor does, and the list that he stands in. */
enum visitor_state {
    VISITOR_WAITS,   /* nothing of a request is there */
    VISITOR_ASKS,    /* its first line is there */
    VISITOR_LISTENS, /* the answer goes out */
    VISITOR_LEAVES,  /* his connection is shut down; libmicrohttpd will notice */
    VISITOR_STATES
};

/* A list with its head, in the order of since_ms. */
struct place {
    struct place *next, *prev;
};

/* A connection. */
struct visitor {
    struct place place;
    struct web *web;
    struct request *request; /* the one that is open; owned */
    struct ip ip;
    int fd;          /* libmicrohttpd's */
    bool is_counted; /* in web->crowd */
    enum visitor_state state;
    uint64_t since_ms; /* in this state */
};

struct web {
    struct role *role;
    struct conf *conf;
    struct page *page;
    struct MHD_Daemon *daemon; /* NULL: the role ends */
    struct watch watch;        /* libmicrohttpd's own epoll */
    struct turn_hook run;      /* lets it work once a turn */
    struct timer run_again;
    struct listener listeners[WEB_LISTENERS];
    bool is_paused;  /* nobody is let in: until there is room */
    bool is_starved; /* no memory or no descriptor: until the next tick */
    struct timer tick;
    struct timer drain;
    struct place visitors[VISITOR_STATES];
    struct visitor *arriving; /* being handed to libmicrohttpd */
    uint32_t visitor_count;
    struct crowd crowd;
    uint64_t crowded_log_ms; /* when to say again that there is no room */
    uint64_t answer_bytes;   /* of answers that are on their way */
    /* Since the start. */
    uint64_t connections, crowded, timed_out, requests, refused, failed;
};

#endif
