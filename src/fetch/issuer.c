#include "src/fetch/issuer.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/secret.h"
#include "src/fetch/form.h"

enum { FILE_MAX_BYTES = 4 * 1024 * 1024, SECRET_MAX_BYTES = 4096, ARENA_MAX_BYTES = 1024 * 1024 };

static void log_issuer(const struct issuer *i, enum log_level level, const char *event,
                       const char *key, slice value, int err)
{
    struct log_line line;
    log_begin(&line, i->role->log, level, event);
    log_slice(&line, "issuer", i->conf->issuer);
    if (key != NULL)
        log_slice(&line, key, value);
    log_error(&line, err);
    log_end(&line);
}

/* ---- files ---- */

static int read_file(slice path, struct buf *out)
{
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int err = fd < 0 ? -errno : 0;
    /* All of it at once: a buf that grows would leave pieces of a secret behind. */
    char *room = err == 0 ? buf_reserve(out, out->max) : NULL;
    if (err == 0 && room == NULL)
        err = -ENOMEM;
    while (err == 0) {
        ssize_t n = read(fd, out->p + out->n, out->max - out->n);
        if (n < 0)
            err = -errno;
        else if (n == 0)
            break;
        else
            out->n += (size_t)n;
        if (out->n == out->max)
            err = -EFBIG;
    }
    if (fd >= 0)
        (void)close(fd); /* only read */
    return err;
}

/* RFC 6749 2.3.1: each half as in a form, then as RFC 7617 has it. */
static int make_authorization(struct issuer *i)
{
    struct buf secret, pair;
    slice line, rest;
    buf_init(&secret, SECRET_MAX_BYTES);
    buf_init(&pair, 4 * SECRET_MAX_BYTES);
    buf_init(&i->authorization, 8 * SECRET_MAX_BYTES);
    int err = read_file(i->conf->client_secret_file, &secret);
    rest = buf_slice(&secret);
    if (err == 0 && (!slice_split(&rest, '\n', &line) || slice_trim(line).n == 0))
        err = -ENODATA;
    if (err == 0 && (buf_reserve(&pair, pair.max) == NULL ||
                     buf_reserve(&i->authorization, i->authorization.max) == NULL))
        err = -ENOMEM;
    if (err == 0) {
        if (slice_ends(line, SLICE_LIT("\r")))
            line.n--;
        form_add(&pair, i->conf->client_id);
        buf_addc(&pair, ':');
        form_add(&pair, line);
        buf_adds(&i->authorization, "Basic ");
        base64_encode(&i->authorization, buf_slice(&pair));
        if (pair.err != BUF_OK || i->authorization.err != BUF_OK)
            err = -EFBIG;
    }
    secret_release(&secret);
    secret_release(&pair);
    return err;
}

/* Better known at the start than at the first connection. */
static bool has_certificate(slice pem)
{
    return slice_find_slice(pem, SLICE_LIT("-----BEGIN CERTIFICATE-----")) < pem.n;
}

int issuer_init(struct issuer *i, const struct conf_oauth *conf, struct role *role)
{
    *i = (struct issuer){.conf = conf, .role = role};
    arena_init(&i->arena, ARENA_MAX_BYTES);
    buf_init(&i->authorities, FILE_MAX_BYTES);
    slice about = conf->ca;
    int err = read_file(conf->ca, &i->authorities);
    if (err == 0 && !has_certificate(buf_slice(&i->authorities)))
        err = -ENODATA;
    if (err == 0 && conf->introspection.n > 0) {
        about = conf->client_secret_file;
        err = make_authorization(i);
    }
    if (err != 0)
        log_issuer(i, LOG_ERROR, "issuer.unreadable", "file", about, err);
    return err;
}

void issuer_release(struct issuer *i)
{
    arena_release(&i->arena);
    buf_release(&i->authorities);
    secret_release(&i->authorization);
}

/* ---- keys ---- */

static void log_failure(const struct issuer *i, const struct http_answer *a)
{
    struct log_line line;
    log_begin(&line, i->role->log, LOG_WARN, "issuer.keys-failed");
    log_slice(&line, "issuer", i->conf->issuer);
    log_cstr(&line, "result", http_result_name(a->result));
    if (a->status != 0)
        log_u64(&line, "status", a->status);
    if (a->about != NULL)
        log_cstr(&line, "about", a->about);
    log_end(&line);
}

static void on_keys(void *owner, const struct http_answer *a)
{
    struct issuer *i = owner;
    struct jose_keys keys;
    struct arena arena;
    arena_init(&arena, ARENA_MAX_BYTES);
    i->is_asking = false;
    i->has_failed =
        a->result != HTTP_ANSWERED || a->status != 200 || !jose_keys_read(&arena, a->body, &keys);
    if (i->has_failed) {
        arena_release(&arena);
        log_failure(i, a);
    } else {
        arena_release(&i->arena);
        i->arena = arena;
        i->keys = keys;
        i->keys_ms = loop_now_ms(i->role->loop) + 1;
        log_issuer(i, keys.n > 0 ? LOG_DEBUG : LOG_WARN,
                   keys.n > 0 ? "issuer.keys" : "issuer.no-keys", NULL, (slice){0}, 0);
    }
    i->changed(i->owner, i);
}

/* True: changed will be called. */
static bool ask(struct issuer *i)
{
    const struct http_request request = {
        .url = i->conf->jwks,
        .authorities = buf_slice(&i->authorities),
        .timeout_ms = (uint32_t)i->conf->timeout,
        .answer_max = KEYS_TEXT_MAX,
    };
    if (i->is_asking)
        return true;
    i->asked_ms = loop_now_ms(i->role->loop) + 1;
    int err = http_ask(i->http, &request, on_keys, i);
    i->is_asking = err == 0;
    i->has_failed = err != 0;
    if (err != 0)
        log_issuer(i, LOG_WARN, "issuer.keys-failed", NULL, (slice){0}, err);
    return err == 0;
}

/* Is it time to ask again for want of a key? */
static bool may_ask(const struct issuer *i, uint64_t now)
{
    uint64_t pause = i->keys_ms == 0 ? KEYS_RETRY_MS : KEYS_AGAIN_MS;
    return i->asked_ms == 0 || now >= i->asked_ms + pause;
}

static bool is_candidate(const struct jwk *key, const struct jose_header *h)
{
    return jwk_fits(key, h->algorithm) &&
           (h->key_id.n == 0 || key->id.n == 0 || slice_eq(h->key_id, key->id));
}

enum issuer_word issuer_has_signed(struct issuer *i, const struct jwt *token,
                                   const struct jose_header *h, bool was_asked)
{
    uint64_t now = loop_now_ms(i->role->loop);
    uint64_t age = i->keys_ms == 0 ? UINT64_MAX : now + 1 - i->keys_ms;
    unsigned tried = 0;
    if (age > KEYS_FRESH_MS && age <= KEYS_OLD_MS && may_ask(i, now))
        (void)ask(i); /* nobody waits for it */
    for (size_t k = 0; age <= KEYS_OLD_MS && k < i->keys.n && tried < KEYS_TRIED_MAX; k++) {
        if (!is_candidate(&i->keys.v[k], h))
            continue;
        tried++;
        if (jwt_verify(token, h->algorithm, &i->keys.v[k]) == JWT_GOOD)
            return ISSUER_SIGNED;
    }
    /* A key that the token names was there and did not fit: newer ones would not either. */
    if (tried > 0 && h->key_id.n > 0)
        return ISSUER_NOT_SIGNED;
    if (!was_asked && (i->is_asking || may_ask(i, now)) && ask(i))
        return ISSUER_WAIT;
    return age > KEYS_OLD_MS || (tried == 0 && i->has_failed) ? ISSUER_SILENT : ISSUER_NOT_SIGNED;
}
