/* The end of a transaction: the message is handed over whole, and answered for. */
#include "lib/session/session_int.h"

#include "lib/mail/received.h"
#include "lib/mail/tidy.h"
#include "lib/smtp/envelope.h"
#include "lib/smtp/queueid.h"

static void add_received(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    struct received r = {
        .helo = buf_slice(&s->helo),
        .client_name = buf_slice(&s->client_name),
        .ip = s->client,
        .by = s->policy->host,
        .is_lmtp = s->policy->is_lmtp,
        .is_extended = s->is_extended,
        .is_tls = s->has_tls,
        .is_auth = s->sign_in != NULL, /* RFC 3848: ESMTPSA */
        .is_utf8 = txn->mail.smtputf8,
        .tls_version = buf_slice(&s->tls_version),
        .tls_cipher = buf_slice(&s->tls_cipher),
        .id = session_id(s),
        .recipient = txn->accepted == 1 ? txn->first->path : (slice){0},
        .at = t->wall_s,
    };
    if (s->sign_in != NULL && s->policy->hides_client) {
        /* RFC 5321 4.4 wants a From-domain; whose network a user sits in is nobody's business. */
        r.helo = r.client_name = (slice){0};
        r.ip = (struct ip){0};
    }
    received_print(&txn->added, &r);
}

/* RFC 6409 8: what our own users leave out is added below Received. */
static void tidy(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    if (!s->policy->is_submission || s->sign_in == NULL)
        return;
    (void)header_tidy(&txn->header, &txn->added,
                      &(struct tidy_facts){
                          .host = s->policy->host,
                          .session = session_id(s),
                          .number = s->next_ask, /* a refused message's is not used again */
                          .at = t->wall_s,
                          .account = session_account(s),
                          .sender = txn->reverse_path,
                          .is_utf8 = txn->mail.smtputf8,
                      });
}

static uint8_t body_of(const struct transaction *txn)
{
    switch (txn->mail.body) {
    case BODY_7BIT:
        break;
    case BODY_8BITMIME:
        return ENVELOPE_BODY_8BITMIME;
    case BODY_BINARYMIME:
        return ENVELOPE_BODY_BINARY;
    }
    return ENVELOPE_BODY_7BIT;
}

static void add_envelope(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    const struct origin origin = session_origin(s);
    struct buf tls;
    buf_init(&tls, 128);
    if (s->has_tls)
        buf_addf(&tls, "%.*s %.*s", SLICE_ARG(buf_slice(&s->tls_version)),
                 SLICE_ARG(buf_slice(&s->tls_cipher)));
    const struct envelope e = {
        .reverse_path = txn->reverse_path,
        .body = body_of(txn),
        .smtputf8 = txn->mail.smtputf8,
        .requiretls = txn->mail.requiretls,
        .auth = txn->mail.auth,
        .grant = txn->grant,
        .client_ip = ip_bytes(origin.ip),
        .helo = origin.helo,
        .client_name = origin.name,
        .tls = buf_slice(&tls),
        .incident = session_id(s),
        .received_at_ms = (uint64_t)t->wall_s * 1000,
    };
    envelope_add(&txn->envelope, &e);
    for (const struct recipient *r = txn->first; r != NULL; r = r->next)
        envelope_add_rcpt(&txn->envelope, &(struct envelope_rcpt){.forward_path = r->path});
    buf_release(&tls);
}

void commit_ask(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    add_received(s, t);
    tidy(s, t);
    add_envelope(s, t);
    if (txn->envelope.err != BUF_OK || txn->added.err != BUF_OK || txn->header.err != BUF_OK) {
        say_of_message(s, t, REASON_OUT_OF_MEMORY, &(struct reply_facts){0});
        transaction_end(s, t);
        return;
    }
    s->commit_ask = ++s->next_ask;
    s->deadline_ms = t->now_ms + s->policy->times.answer_ms;
    t->fx->has_commit = true;
    t->fx->commit = (struct session_commit){
        .ask_id = s->commit_ask,
        .recipients = txn->accepted,
        .reverse_path = txn->reverse_path,
        .origin = s->forwarded != NULL ? ip_bytes(&s->forwarded->ip) : (slice){0},
        .envelope = buf_slice(&txn->envelope),
        .added = buf_slice(&txn->added),
        .header = buf_slice(&txn->header),
        .body = txn->is_stored ? (slice){0} : buf_slice(&txn->body),
        .body_bytes = txn->body_bytes,
        .stored = txn->is_stored,
    };
}

void commit_answered(struct session *s, const struct turn *t, const struct answer *answer)
{
    enum reason_id reason = REASON_COMMIT_IN_DOUBT;
    char id[QUEUEID_CHARS];
    struct reply_facts facts = {.incident = session_id(s)};
    if (answer->state == ANSWER_GIVEN) {
        switch ((enum commit_code)answer->code) {
        case COMMIT_DONE:
            reason = REASON_MESSAGE_QUEUED;
            facts.incident = (slice){0};
            facts.queue_id = queueid_print(answer->number, id);
            s->messages++;
            s->commands = 0;
            break;
        case COMMIT_FULL:
            reason = REASON_DISK_FULL;
            break;
        case COMMIT_FAILED:
            reason = REASON_STORAGE_ERROR;
            break;
        case COMMIT_NOT_ASKED:
            reason = REASON_QUEUE_DOWN;
            break;
        }
    }
    say_of_message(s, t, reason, &facts);
    transaction_end(s, t);
    session_wait_for_command(s, t);
}
