/* keys: holds the private keys, and signs TLS handshakes for smtpd. It never decrypts and never
 * gives a key away; what it signs is only what TLS signs (sign.h). It also makes the keys that all
 * smtpd instances encrypt session tickets with, and sees to it that a certificate that was renewed
 * is used. The files are opened by master: there is no path that keys itself could open. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "src/keys/authorities.h"
#include "src/keys/sign.h"
#include "src/keys/store.h"
#include "sys/clock.h"
#include "sys/role.h"

enum {
    LOOK_MS = 2000,             /* at the files */
    ROTATE_MS = 60 * 60 * 1000, /* a ticket is good for two to three of these */
    WARN_MS = 24 * 60 * 60 * 1000,
    TICKET_BYTES = 80, /* as sys/tls.h has it: name, AES key, HMAC key */
    TICKETS = 3,
    ASKED_AT_ONCE = 32,
};

struct keys {
    struct role *role;
    struct store store;
    struct authorities authorities;
    uint32_t serial; /* of the configuration: an answer to an older one is not ours */
    /* The first file that this round has not asked for: first the pairs, then the authorities. */
    uint32_t next;
    size_t pending; /* answers */
    bool has_news;  /* in this round */
    struct timer look, rotate, warn;
    unsigned char ticket[TICKETS][TICKET_BYTES]; /* the newest first */
    size_t tickets;
    bool is_owing; /* a channel was full: what was to be told is told when there is room */
    uint64_t signatures, refusals;
};

static uint64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

/* ---- to smtpd ---- */

static int tell_certificates(struct keys *k, struct rpc *smtpd)
{
    uint32_t index = 0, count = (uint32_t)store_count(&k->store);
    int err = 0;
    for (size_t i = 0; i < k->store.n && err == 0; i++) {
        const struct pair *p = &k->store.slot[i].now;
        if (p->key == NULL)
            continue;
        err = rpc_send_certificate(smtpd,
                                   &(struct ipc_certificate){.index = index++,
                                                             .count = count,
                                                             .key_id = slice_of(p->key_id,
                                                                                sizeof p->key_id),
                                                             .names = buf_slice(&p->names),
                                                             .chain = buf_slice(&p->chain)});
    }
    return err;
}

static int tell_authorities(struct keys *k, struct rpc *smtpd)
{
    int err = 0;
    for (size_t i = 0; i < k->authorities.n && err == 0; i++) {
        const struct authority_file *f = &k->authorities.file[i];
        if (f->path != NULL && f->certificates.n > 0)
            err =
                rpc_send_authorities(smtpd, &(struct ipc_authorities){slice_cstr(f->path),
                                                                      buf_slice(&f->certificates)});
    }
    return err;
}

static int tell_tickets(struct keys *k, struct rpc *smtpd)
{
    return rpc_send_ticket_keys(smtpd, &(struct ipc_ticket_keys){
                                           slice_of(k->ticket, k->tickets * TICKET_BYTES)});
}

static bool is_smtpd(const struct rpc *peer)
{
    return (ROLE_BIT(rpc_peer(peer)) & ROLES_SMTPD) != 0;
}

/* The certificates last: with the certificates the first handshake may come. */
static void tell(struct keys *k, struct rpc *peer)
{
    if (!is_smtpd(peer))
        return;
    int err = tell_tickets(k, peer);
    if (err == 0)
        err = tell_authorities(k, peer);
    if (err == 0)
        err = tell_certificates(k, peer);
    if (err == -EAGAIN) {
        k->is_owing = true;
    } else if (err != 0 && err != -EPIPE) {
        struct log_line line;
        log_begin(&line, k->role->log, LOG_ERROR, "tls.not-told");
        log_error(&line, err);
        log_end(&line);
    }
}

static void tell_all(struct keys *k)
{
    for (struct rpc *peer = NULL; (peer = role_next_peer(k->role, peer)) != NULL;)
        tell(k, peer);
}

static void on_writable(struct role *r, struct rpc *peer)
{
    struct keys *k = r->self;
    (void)peer;
    if (!k->is_owing)
        return;
    k->is_owing = false;
    tell_all(k);
}

/* ---- time ---- */

static uint32_t file_count(const struct keys *k)
{
    return (uint32_t)(k->store.n + k->authorities.n);
}

static bool ask_for(struct keys *k, uint32_t index)
{
    uint64_t token = (uint64_t)k->serial << 32 | index;
    uint32_t listener = index - (uint32_t)k->store.n;
    if (index < k->store.n)
        return rpc_call_pair_open(k->role->master, token,
                                  &(struct ipc_pair_open){k->role->generation, index}) == 0;
    if (k->authorities.file[listener].path == NULL)
        return false;
    return rpc_call_authorities_open(k->role->master, token,
                                     &(struct ipc_authorities_open){k->role->generation,
                                                                    listener}) == 0;
}

/* Asks master to open the files from k->next on. A round goes through all of them, in
 * as many pieces as it takes, and is told at its end: never half a set. */
static void on_look(struct timer *t)
{
    struct keys *k = CONTAINER_OF(t, struct keys, look);
    uint32_t n = file_count(k);
    timer_set(k->role->loop, t, LOOK_MS, on_look);
    if (k->pending > 0)
        return;
    if (k->next >= n)
        k->next = 0; /* the last round's calls were refused */
    for (size_t i = 0; k->next < n && i < ASKED_AT_ONCE; i++, k->next++)
        k->pending += ask_for(k, k->next); /* refused: at the next round */
}

static void end_of_piece(struct keys *k)
{
    if (k->next < file_count(k)) {
        timer_set(k->role->loop, &k->look, 0, on_look);
        return;
    }
    k->next = 0;
    if (k->has_news)
        tell_all(k);
    k->has_news = false;
}

static int error_of(uint32_t error, bool is_there)
{
    return is_there ? 0 : error == 0 || error > INT32_MAX ? -EIO : -(int)error;
}

static bool look_at_pair(struct keys *k, size_t index, const struct ipc_pair_opened *a)
{
    int error = error_of(a->error, a->certificate >= 0 && a->key >= 0);
    return index < k->store.n &&
           store_look(&k->store, index, error, a->certificate, a->key, now_s());
}

static bool look_at_authorities(struct keys *k, size_t index,
                                const struct ipc_authorities_opened *a)
{
    return index >= k->store.n && index < file_count(k) &&
           k->authorities.file[index - k->store.n].path != NULL &&
           authorities_look(&k->authorities, index - k->store.n, error_of(a->error, a->file >= 0),
                            a->file);
}

static void on_answer(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                      enum rpc_result result, struct ipc_message *m)
{
    struct keys *k = r->self;
    size_t index = (uint32_t)token;
    (void)peer;
    k->pending--;
    /* Else it is of another configuration, or none. */
    if (result == RPC_ANSWER && token >> 32 == k->serial) {
        bool is_news = call == IPC_PAIR_OPEN
                           ? look_at_pair(k, index, &m->pair_opened)
                           : look_at_authorities(k, index, &m->authorities_opened);
        k->has_news = k->has_news || is_news;
    }
    if (k->pending == 0)
        end_of_piece(k);
}

static void on_warn(struct timer *t)
{
    struct keys *k = CONTAINER_OF(t, struct keys, warn);
    store_warn(&k->store, now_s());
    timer_set(k->role->loop, t, WARN_MS, on_warn);
}

static bool add_ticket_key(struct keys *k)
{
    unsigned char fresh[TICKET_BYTES];
    if (RAND_priv_bytes(fresh, sizeof fresh) != 1)
        return false;
    memmove(k->ticket[1], k->ticket[0], (TICKETS - 1) * TICKET_BYTES);
    memcpy(k->ticket[0], fresh, sizeof fresh);
    OPENSSL_cleanse(fresh, sizeof fresh);
    k->tickets += k->tickets < TICKETS;
    return true;
}

static void on_rotate(struct timer *t)
{
    struct keys *k = CONTAINER_OF(t, struct keys, rotate);
    /* Without randomness the old ones stay: old is better than guessable. */
    if (add_ticket_key(k))
        tell_all(k);
    timer_set(k->role->loop, t, ROTATE_MS, on_rotate);
}

/* ---- requests ---- */

static void answer_sign(struct keys *k, struct rpc *smtpd, const struct ipc_message *m)
{
    char signature[SIGNATURE_MAX_BYTES];
    size_t n = 0;
    const struct pair *p = store_find(&k->store, m->sign.key_id);
    enum sign_result result =
        p == NULL ? SIGN_NO_KEY : sign_tls(p->key, m->sign.scheme, m->sign.text, signature, &n);
    if (result == SIGN_DONE) {
        k->signatures++;
    } else {
        struct log_line line;
        k->refusals++;
        log_begin(&line, k->role->log, LOG_WARN, "tls.not-signed");
        log_u64(&line, "result", result);
        log_u64(&line, "scheme", m->sign.scheme);
        log_u64(&line, "bytes", m->sign.text.n);
        log_end(&line);
    }
    /* A peer that is gone needs no answer. */
    (void)!rpc_reply_sign_answer(smtpd, m->call,
                                 &(struct ipc_sign_answer){.result = (uint8_t)result,
                                                           .signature = slice_of(signature, n)});
}

static void answer_admin(struct keys *k, struct rpc *control, uint32_t call)
{
    struct buf json;
    buf_init(&json, IPC_BYTES_MAX);
    buf_addf(&json, "{\"role\":\"keys\",\"signatures\":%llu,\"refusals\":%llu,\"certificates\":",
             (unsigned long long)k->signatures, (unsigned long long)k->refusals);
    store_json(&json, &k->store);
    buf_addc(&json, '}');
    if (json.err != BUF_OK) { /* hundreds of certificates: the numbers are better than nothing */
        buf_clear(&json);
        buf_addf(&json, "{\"role\":\"keys\",\"signatures\":%llu,\"refusals\":%llu}",
                 (unsigned long long)k->signatures, (unsigned long long)k->refusals);
    }
    (void)!rpc_reply_admin_answer(control, call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    if (m->type == IPC_SIGN)
        answer_sign(r->self, peer, m);
    else if (m->type == IPC_ADMIN)
        answer_admin(r->self, peer, m->call);
}

static void on_peer(struct role *r, struct rpc *peer)
{
    tell(r->self, peer);
}

/* ---- the role's life ---- */

static bool configure(struct keys *k, slice text)
{
    struct conf *conf = conf_read_print(text);
    bool ok = conf != NULL && authorities_configure(&k->authorities, conf) &&
              store_configure(&k->store, conf);
    conf_unref(conf);
    if (ok) {
        k->serial++;
        k->next = 0;
        k->has_news = true; /* what is left out is news, too */
        timer_set(k->role->loop, &k->look, 0, on_look);
    }
    return ok;
}

static int keys_open(struct role *r, slice text)
{
    struct keys *k = calloc(1, sizeof *k);
    if (k == NULL)
        return -ENOMEM;
    r->self = k;
    k->role = r;
    k->store.log = k->authorities.log = r->log;
    /* No core dump and no debugger of the same user gets at the keys. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return -errno;
    return !add_ticket_key(k) ? -EIO : configure(k, text) ? 0 : -EINVAL;
}

static int keys_start(struct role *r)
{
    struct keys *k = r->self;
    timer_set(r->loop, &k->rotate, ROTATE_MS, on_rotate);
    timer_set(r->loop, &k->warn, WARN_MS, on_warn);
    return 0;
}

static bool keys_reconfigure(struct role *r, slice text)
{
    return configure(r->self, text);
}

static void keys_close(struct role *r)
{
    struct keys *k = r->self;
    timer_stop(r->loop, &k->look);
    timer_stop(r->loop, &k->rotate);
    timer_stop(r->loop, &k->warn);
    store_release(&k->store);
    authorities_release(&k->authorities);
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

static const struct role_spec spec = {
    .roles = ROLE_BIT(ROLE_KEYS),
    .open = keys_open,
    .start = keys_start,
    .reconfigure = keys_reconfigure,
    .peer = on_peer,
    .message = on_message,
    .answer = on_answer,
    .writable = on_writable,
    .close = keys_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
