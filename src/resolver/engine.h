/* engine: libunbound on our loop: a question, then its answer as a callback from the loop.
 *
 * Invariants:
 *  1. done is called exactly once for each engine_ask that returned 0, never from inside it (also
 *     when the cache knew the answer), and not after engine_free.
 *  2. The answer is in time: what takes longer than the limit is answered DNS_TEMPFAIL, and what
 *     comes later is dropped.
 *  3. What is handed on was read and found whole by lib/dns. */
#ifndef CANDOR_SRC_RESOLVER_ENGINE_H
#define CANDOR_SRC_RESOLVER_ENGINE_H

#include "lib/dns/message.h"
#include "sys/answers.h"

struct engine;
struct loop;

enum { ENGINE_SERVERS_MAX = 16, ENGINE_ASKED_MAX = 8192, ENGINE_RECORDS_MAX = 65535 };

struct engine_server {
    struct ip ip;
    uint16_t port;
};

struct engine_options {
    struct loop *loop;
    struct engine_server server[ENGINE_SERVERS_MAX];
    size_t servers;     /* 0: ask the root and go down from there */
    slice trust_anchor; /* DS or DNSKEY records, one a line; empty: no validation */
    uint64_t cache_bytes;
    uint32_t timeout_ms;
};

struct engine_answer {
    enum dns_result result; /* not DNS_UNCONFIRMED */
    uint32_t ttl;           /* seconds; 0 for DNS_TEMPFAIL */
    bool is_secure;         /* DNSSEC says so */
    slice records;          /* as dns_message_answer has them; valid during the call */
};

typedef void engine_done(void *owner, uint64_t token, const struct engine_answer *a);

/* Reads what libunbound reads (nothing but random numbers is needed later) and asks a local
 * question, so that it can be called before the sandbox as well as inside. NULL: *ret_why has the
 * reason, static text. */
struct engine *engine_new(const struct engine_options *options, const char **ret_why)
    __attribute__((warn_unused_result));
/* Open questions are forgotten. NULL is ignored. */
void engine_free(struct engine *e);

/* 0; -EBUSY: ENGINE_ASKED_MAX are open; -ENOMEM; -EIO: libunbound does not take it. */
int engine_ask(struct engine *e, const struct dns_name *name, uint16_t type, engine_done *done,
               void *owner, uint64_t token) __attribute__((warn_unused_result));
size_t engine_open_questions(const struct engine *e);

#endif
