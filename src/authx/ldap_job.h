/* ldap_job: one question to one LDAP server, on a helper thread, since libldap waits. What it works
 * on is its own until it is done; the connection stays for the next one. */
#ifndef CANDOR_AUTHX_LDAP_JOB_H
#define CANDOR_AUTHX_LDAP_JOB_H

#include "lib/auth/sasl.h"
#include "lib/base/ip.h"
#include "lib/conf/conf.h"
#include "sys/loop.h"

enum { LDAP_ADDRESSES_MAX = 8, LDAP_ACCOUNT_MAX = 320, LDAP_WHY_MAX = 128 };

enum ldap_scheme { LDAP_IS_CLEAR, LDAP_IS_TLS, LDAP_IS_UNIX };

/* Where a url leads. */
struct ldap_server {
    slice url; /* with a NUL behind it */
    enum ldap_scheme scheme;
    slice host; /* a name or an address without its brackets; empty for a socket */
    uint16_t port;
};

/* False: no url of ours (lib/conf has refused it). */
bool ldap_server_of(slice url, struct ldap_server *ret) __attribute__((warn_unused_result));

/* A connection: one job at a time. */
struct ldap_session {
    struct ldap *handle; /* NULL: none */
    bool is_searcher;    /* bound as bind-dn, or as nobody where there is none */
};

struct ldap_job {
    struct work work; /* the loop's */
    const struct conf_ldap *conf;
    slice password; /* of bind-dn, with a NUL behind it */
    struct ldap_session *session;
    const struct ldap_server *server;
    struct ip address[LDAP_ADDRESSES_MAX];
    size_t addresses;
    int fd; /* a connected unix socket, taken; -1: none */
    uint32_t request;
    bool is_find;
    slice name, secret; /* in text, with a NUL behind them */
    /* The answer. */
    enum sasl_answer_code code;
    bool is_lost; /* nobody has been asked: the server cannot be reached, or the connection broke */
    bool was_old; /* it was a connection from before */
    char account[LDAP_ACCOUNT_MAX];
    char why[LDAP_WHY_MAX]; /* when FAILED or DISABLED; empty: nothing to tell */
    size_t bytes;
    char text[];
};

/* Before the sandbox: reads the authorities' certificates, and lets libldap read nothing else. 0,
 * or an LDAP error for ldap_err2string. */
int ldap_prepare(const struct conf_ldap *conf) __attribute__((warn_unused_result));
/* On a helper thread. */
void ldap_job_run(struct work *w);
/* The thread is done with it, or there never was one. */
void ldap_session_close(struct ldap_session *s);

#endif
