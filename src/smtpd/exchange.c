/* exchange: the bytes of signing in, between a session and directory, which runs the exchange.
 *
 * Invariants
 * 1. A client has at most one exchange, and directory knows it by the client's number: it is begun
 *    with AUTH_FLAG_START, and over with the first answer that is no challenge or with auth_drop.
 * 2. A step goes to the directory that has the exchange: when that one has died, the answer to the
 *    next step is "could not be asked". Who has signed in stays so, until directory says otherwise.
 * 3. What the client sent stays in the session, which wipes it; nothing here keeps a copy. */
#include <errno.h>

#include "lib/base/secret.h"
#include "src/smtpd/client_int.h"
#include "sys/answers.h"
#include "sys/clock.h"

enum { HELO_MAX = 255, MECHANISM_MAX = 64, CERTIFICATE_MAX = 16384 };

bool client_exchange_answer_here(const struct client *c, struct answer *ret)
{
    /* No mechanism has so long a name (RFC 4422 3.1: 20). */
    *ret = (struct answer){.state = ANSWER_GIVEN, .code = AUTH_UNKNOWN};
    return c->auth.is_start && c->auth.mechanism.n > MECHANISM_MAX;
}

int client_exchange_ask(struct client *c, struct rpc *directory, uint32_t id)
{
    const struct session_auth *a = &c->auth;
    const struct tls_session *tls = conn_tls(c->conn);
    char exporter[TLS_EXPORTER_BYTES], end_point[TLS_END_POINT_MAX];
    struct buf certificate;
    struct ipc_auth fields = {
        .exchange = c->number,
        .fault = (uint8_t)a->fault,
        .ip = ip_bytes(&c->ip),
        .session = session_id(c->session),
        .response = a->response,
    };
    /* It waited for the channel for so long that nobody waits for it any more. */
    if (a->ask_id != id || (!a->is_start && !c->has_exchange))
        return -EPIPE;
    buf_init(&certificate, CERTIFICATE_MAX);
    if (a->is_start) {
        fields.flags = (uint8_t)(AUTH_FLAG_START | (tls != NULL ? AUTH_FLAG_TLS : 0) |
                                 (a->has_response ? AUTH_FLAG_INITIAL : 0));
        fields.offered = a->offered;
        fields.client = slice_head(a->helo, a->helo.n < HELO_MAX ? a->helo.n : HELO_MAX);
        fields.mechanism = a->mechanism;
    }
    if (a->is_start && tls != NULL) {
        fields.exporter = tls_exporter(tls, exporter);
        fields.end_point = tls_end_point(tls, end_point);
        if (tls_certificate_of_client(tls, &certificate))
            fields.certificate = buf_slice(&certificate);
    }
    int err = rpc_call_auth(directory, client_token(c, id), &fields);
    buf_release(&certificate);
    secret_wipe(exporter, sizeof exporter);
    if (err == 0 && a->is_start) {
        c->has_exchange = true;
        c->signed_in_ms = clock_wall_ms();
    }
    return err;
}

void client_exchange_answered(struct client *c, const struct answer *answer)
{
    if (answer->state == ANSWER_FAILED)
        client_exchange_drop(c); /* it may come to an end there yet: nobody waits for that */
    else if (answer->code != AUTH_CHALLENGE)
        c->has_exchange = false;
}

void client_forget_late_step(struct client *c)
{
    if (c->auth.ask_id == 0 || session_is_signing_in(c->session))
        return;
    c->auth = (struct session_auth){0};
    client_exchange_drop(c);
}

void client_exchange_drop(struct client *c)
{
    struct rpc *directory = role_peer(c->server->role, ROLE_DIRECTORY, 0);
    /* A full channel is no harm: directory forgets what rests too long, and a new exchange of the
     * same number takes its place. */
    if (c->has_exchange && directory != NULL)
        (void)!rpc_send_auth_drop(directory, &(struct ipc_auth_drop){c->number});
    c->has_exchange = false;
}

void client_forget_exchanges(struct server *s)
{
    for (uint32_t i = 0; i < s->place_count; i++)
        if (s->clients[i] != NULL)
            s->clients[i]->has_exchange = false;
}

static bool is_revoked(const struct client *c, const struct ipc_revoke *r)
{
    /* The exchange began before what it ended with was made, so none is missed. */
    return c->session != NULL && !c->is_closing && c->signed_in_ms <= r->before_ms &&
           slice_eq(session_account(c->session), r->account) &&
           (r->credential == 0 || r->credential == session_credential(c->session));
}

void client_revoke(struct server *s, const struct ipc_revoke *r)
{
    if (r->account.n == 0)
        return;
    for (uint32_t i = 0; i < s->place_count; i++) {
        struct client *c = s->clients[i];
        if (c == NULL || !is_revoked(c, r))
            continue;
        session_revoke(c->session, &s->fx);
        client_carry_out(c);
        client_go_on(c);
    }
}
