#include "src/directory/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "src/directory/admin.h"
#include "src/directory/exchange.h"
#include "src/directory/notes.h"
#include "src/directory/recipients.h"
#include "src/directory/revocations.h"
#include "sys/clock.h"

void directory_log_failure(const struct directory *d, const char *event, int err)
{
    struct log_line line;

    log_begin(&line, d->log, LOG_ERROR, event);
    log_error(&line, err);
    if (d->db != NULL)
        log_slice(&line, "database", directory_db_error(d->db));
    log_end(&line);
}

void directory_replied(struct directory *d, int err)
{
    /* -EPIPE: who asked is gone, `gone` follows. Anything else is our own fault. */
    if (err != 0 && err != -EPIPE)
        role_fail(d->role, "directory.reply", err);
}

bool directory_is_unlimited(const struct directory *d, const struct ip *ip)
{
    for (size_t i = 0; i < d->conf->limits.unlimited.n; i++) {
        if (ip_net_has(&d->conf->limits.unlimited.v[i], ip))
            return true;
    }
    return false;
}

bool directory_look_for_changes(struct directory *d)
{
    uint32_t version;
    int err = directory_db_version(d->db, &version);

    if (err != 0) {
        directory_log_failure(d, "directory.read", err);
        return false;
    }
    if (version != d->db_version) {
        d->db_version = version;
        genpage_raise(&d->page);
    }
    return true;
}

/* ---- beginning and end ---- */

static void on_verified(void *owner, uint64_t id, enum hash_result result)
{
    struct directory *d = owner;
    exchanges_verified(d->exchanges, id, result);
}

/* The same password in today's forms: nobody is signed out by it. */
static void on_made(void *owner, const struct hash_made *made)
{
    struct directory *d = owner;
    struct log_line line;
    int err = directory_rehash(d->db, made->account, made->old_hash, &made->password);

    if (err != 0 && err != -ESTALE && err != -ENOENT) {
        directory_log_failure(d, "directory.rehash", err);
    } else if (err == 0) {
        log_begin(&line, d->log, LOG_INFO, "account.rehashed");
        log_slice(&line, "account", made->account);
        log_end(&line);
    }
}

int directory_begin(struct directory *d, unsigned threads)
{
    static const struct hashing_ops ops = {.verified = on_verified, .made = on_made};
    int err = guard_open(d);

    if (err != 0)
        return err;
    d->started_at_ms = clock_wall_ms();
    d->hashing = hashing_new(d->loop, threads, &ops, d);
    d->exchanges = exchanges_new(d);
    d->notes = notes_new(d);
    d->recipients = recipients_new(d);
    d->revocations = revocations_new(d);
    if (d->hashing == NULL || d->exchanges == NULL || d->notes == NULL || d->recipients == NULL ||
        d->revocations == NULL)
        return -ENOMEM;
    return hashing_fake(d->hashing, d->fake_hash);
}

void directory_end(struct directory *d)
{
    exchanges_free(d->exchanges);
    hashing_free(d->hashing);
    notes_free(d->notes);
    recipients_free(d->recipients);
    revocations_free(d->revocations);
    guard_close(d);
}

/* ---- peers ---- */

static void send_page(struct directory *d, struct rpc *peer)
{
    struct ipc_generation_page m = {.fd = fcntl(d->page.fd, F_DUPFD_CLOEXEC, 0)};
    int err = m.fd < 0 ? -errno : rpc_send_generation_page(peer, &m);

    if (err == 0)
        return;
    /* Without the page nothing is remembered there: slower, not wrong. */
    directory_log_failure(d, "directory.page", err);
    if (m.fd >= 0)
        close(m.fd);
}

static void send_key(struct directory *d, struct rpc *queue)
{
    const struct ipc_grant_key m = {.key = slice_of(d->keys.grant, sizeof d->keys.grant)};
    int err = rpc_send_grant_key(queue, &m);

    if (err != 0)
        directory_log_failure(d, "directory.grant-key", err);
}

void directory_peer(struct directory *d, struct rpc *peer)
{
    if (ipc_may_send(IPC_GENERATION_PAGE, ROLE_DIRECTORY, rpc_peer(peer)))
        send_page(d, peer);
    if (ipc_may_send(IPC_GRANT_KEY, ROLE_DIRECTORY, rpc_peer(peer)))
        send_key(d, peer);
    revocations_tell(d->revocations, peer);
}

void directory_gone(struct directory *d, struct rpc *peer)
{
    exchanges_forget(d->exchanges, peer);
    recipients_forget(d->recipients, peer);
}

/* Only what ipc.def lets come here comes here; the rest of the list is other roles'. */
void directory_message(struct directory *d, struct rpc *peer, struct ipc_message *m)
{
    if (m->type == IPC_RCPT_CHECK)
        recipients_check(d->recipients, peer, m);
    else if (m->type == IPC_EXPAND)
        recipients_expand(d->recipients, peer, m);
    else if (m->type == IPC_MAILBOX_USED)
        recipients_used(d->recipients, m);
    else if (m->type == IPC_AUTH)
        exchanges_step(d->exchanges, peer, m);
    else if (m->type == IPC_AUTH_DROP)
        exchanges_drop(d->exchanges, peer, m->auth_drop.exchange);
    else if (m->type == IPC_SENDER_CHECK)
        senders_check(d, peer, m);
    else if (m->type == IPC_EXPN)
        senders_expn(d, peer, m);
    else if (m->type == IPC_GRANT_USED)
        senders_used(d, m);
    else if (m->type == IPC_ADMIN)
        admin_carry_out(d, peer, m);
}

void directory_answered(struct directory *d, enum ipc_type call, uint64_t token,
                        const struct ipc_message *m)
{
    if (call == IPC_VERIFY || call == IPC_TOKEN_CHECK)
        exchanges_answered(d->exchanges, token, m);
    else if (call == IPC_USAGE || call == IPC_FIND_USER)
        recipients_answered(d->recipients, token, m);
}
