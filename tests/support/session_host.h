/* session_host: a shell for sessions that has no socket, no disk and no clock: it answers the
 * session's questions from a table and keeps what was said and stored. For dialogues, unit tests
 * and fuzzing. AUTH is answered by a real exchange (sasl_host.h: "user" with "pencil"). */
#ifndef CANDOR_TESTS_SESSION_HOST_H
#define CANDOR_TESTS_SESSION_HOST_H

#include "lib/session/session.h"
#include "tests/support/sasl_host.h"

enum { HOST_RECIPIENTS = 32, HOST_SENDERS = 8, HOST_REFUSED = 4, HOST_PENDING = 64 };

struct session_host {
    struct session_policy policy;
    struct session_client client;
    struct {
        slice address;
        enum recipient_code code;
        slice moved_to;
    } recipients[HOST_RECIPIENTS];
    size_t recipient_count;
    /* Who is signed in may send as anybody who does not stand here, to 100 recipients. */
    struct {
        slice address;
        struct answer answer;
    } senders[HOST_SENDERS];
    size_t sender_count;
    struct sasl_host sasl;
    struct answer auth; /* instead of the exchange's own, where has_auth */
    bool has_auth, has_sasl;
    bool has_binding, has_certificate; /* of the next handshake */
    struct ip_net refused[HOST_REFUSED];
    struct ip_net proxies[HOST_REFUSED];
    enum admit_code admit;
    enum space_code space;
    enum commit_code commit;
    slice client_name;
    bool directory_is_dead, queue_is_dead, counters_are_dead;
    bool answers_late; /* after the whole feed call, not inside it */
    bool answers_never;
    bool commit_is_lost; /* its answer never comes */
    bool store_fails;    /* the shell cannot keep what it is given of a body */

    struct session *session;
    struct effects fx;
    struct check_list checks[PHASE_COUNT];
    uint64_t now_ms;
    struct buf said;     /* all that the client was sent */
    struct buf messages; /* each committed message: envelope, added, header, body */
    struct buf store;    /* body pieces of the message under way */
    size_t commits;
    bool wants_tls, is_closed;
    struct answer pending[HOST_PENDING];
    uint32_t pending_id[HOST_PENDING];
    size_t pending_count;
};

/* A policy with small limits, host mx.example.org, client 192.0.2.1, one mailbox
 * alice@example.org. Change what a test needs, then begin. */
void session_host_init(struct session_host *h);
void session_host_begin(struct session_host *h);
void session_host_release(struct session_host *h);
/* Feeds all of bytes, chunk at a time (0: in one piece), and carries out what comes of it. */
void session_host_feed(struct session_host *h, slice bytes, size_t chunk);
/* The clock moves on; time limits strike. */
void session_host_wait(struct session_host *h, uint64_t ms);
/* The handshake that was asked for ends. */
void session_host_tls(struct session_host *h, bool ok);
/* The server goes down. */
void session_host_shutdown(struct session_host *h);
/* What it signed in with is taken back. */
void session_host_revoke(struct session_host *h);

#endif
