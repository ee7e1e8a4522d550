/* http: one question over HTTPS and its answer, by libcurl on our loop.
 *
 * Invariants:
 *  1. done is called exactly once for each http_ask that returned 0, never from inside it, and not
 *     after http_free.
 *  2. The answer is in time: what takes longer than timeout_ms, the look-up of the host's addresses
 *     included, is HTTP_TIMEOUT.
 *  3. Names are looked up by `resolver` alone; libcurl finds its addresses there already
 *     (CURLOPT_RESOLVE), and never starts a thread for it, which would end this process.
 *  4. TLS is verified against the request's own authorities and nothing else. In the clear only an
 *     address of this machine is spoken to. No proxy, no redirect, no cookie, no other protocol.
 *  5. No more than answer_max bytes of an answer are kept; a longer one is HTTP_TOO_LONG. */
#ifndef CANDOR_SRC_FETCH_HTTP_H
#define CANDOR_SRC_FETCH_HTTP_H

#include "sys/role.h"

enum { HTTP_OPEN_MAX = 1024, HTTP_HOST_CONNECTIONS = 16 };

enum http_result {
    HTTP_ANSWERED, /* whatever the status is */
    HTTP_NO_ADDRESS,
    HTTP_UNREACHABLE, /* refused, or the connection broke */
    HTTP_UNTRUSTED,   /* its certificate is not what it should be */
    HTTP_TIMEOUT,
    HTTP_TOO_LONG,
    HTTP_BROKEN, /* what came is no HTTP; or we had no memory */
};
/* A word for the log. */
const char *http_result_name(enum http_result result);

struct http_request {
    slice url;           /* lib/base/url.h says it may be asked; a NUL behind it */
    slice authorities;   /* PEM; lives until done */
    slice authorization; /* the value of the header; empty: none */
    slice form;          /* what is posted; empty: GET */
    uint32_t timeout_ms;
    size_t answer_max;
};

struct http_answer {
    enum http_result result;
    unsigned status;   /* with HTTP_ANSWERED */
    slice body;        /* the same; valid during the call */
    const char *about; /* libcurl's words; NULL: none */
};

struct http;
typedef void http_done(void *owner, const struct http_answer *a);

/* Before the sandbox: libcurl and libcrypto read what they read. NULL: no memory. */
struct http *http_new(struct role *role) __attribute__((warn_unused_result));
/* Open questions are forgotten. NULL is ignored. */
void http_free(struct http *h);

/* 0; -EBUSY: HTTP_OPEN_MAX are open; -EINVAL: not such a URL; -ENOMEM. Only url and authorities
 * must live on. */
int http_ask(struct http *h, const struct http_request *request, http_done *done, void *owner)
    __attribute__((warn_unused_result));
/* done is not called any more for this owner. */
void http_forget(struct http *h, const void *owner);
/* The role's answers to dns_query go here. */
void http_addresses(struct http *h, uint64_t token, enum rpc_result result,
                    const struct ipc_message *m);
size_t http_open(const struct http *h);

#endif
