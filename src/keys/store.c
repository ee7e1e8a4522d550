#include "src/keys/store.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "lib/base/ascii.h"

#define DAY_S 86400
enum { SOON_DAYS = 14 };

static void log_pair(struct store *s, const struct store_slot *slot, enum log_level level,
                     const char *event, const char *why, int err)
{
    struct log_line line;
    log_begin(&line, s->log, level, event);
    log_cstr(&line, "certificate", slot->certificate.path);
    log_cstr(&line, "key", slot->key.path);
    if (slot->now.key != NULL && why == NULL)
        log_slice(&line, "names", buf_slice(&slot->now.names));
    if (why != NULL)
        log_cstr(&line, "why", why);
    log_error(&line, err);
    log_end(&line);
}

static void refuse(struct store *s, struct store_slot *slot, const char *why, int err)
{
    slot->is_refused = true;
    slot->why = why;
    log_pair(s, slot, LOG_ERROR, "tls.certificate-refused", why, err);
}

static void warn_of_dates(struct store *s, const struct store_slot *slot, uint64_t now_s)
{
    int64_t now = (int64_t)now_s;
    if (slot->now.key == NULL)
        return;
    if (slot->now.not_after < now)
        log_pair(s, slot, LOG_WARN, "tls.certificate-expired", NULL, 0);
    else if (slot->now.not_after < now + SOON_DAYS * DAY_S)
        log_pair(s, slot, LOG_WARN, "tls.certificate-expires-soon", NULL, 0);
    else if (slot->now.not_before > now)
        log_pair(s, slot, LOG_WARN, "tls.certificate-not-yet-valid", NULL, 0);
}

/* True when the pair is another now. */
static bool load(struct store *s, struct store_slot *slot, uint64_t now_s)
{
    struct buf certificate, key;
    struct pair pair;
    mode_t mode = 0, key_mode = 0;
    const char *why = NULL;
    buf_init(&certificate, PLACE_MAX_BYTES + 1);
    buf_init(&key, PLACE_MAX_BYTES + 1);
    int err = place_read(&slot->certificate, &certificate, &mode);
    if (err != 0) {
        why = "the certificate's file cannot be read";
    } else if ((err = place_read(&slot->key, &key, &key_mode)) != 0) {
        why = "the key's file cannot be read";
    } else {
        enum pair_err e = pair_load(buf_slice(&certificate), buf_slice(&key), &pair);
        if (e != PAIR_OK)
            why = pair_err_text(e);
    }
    if (key.p != NULL)
        OPENSSL_cleanse(key.p, key.cap);
    buf_release(&certificate);
    buf_release(&key);
    if (why != NULL) {
        refuse(s, slot, why, err);
        return false;
    }
    pair_release(&slot->before);
    slot->before = slot->now;
    slot->now = pair;
    slot->is_refused = false;
    log_pair(s, slot, LOG_INFO, "tls.certificate", NULL, 0);
    if ((key_mode & S_IROTH) != 0)
        log_pair(s, slot, LOG_WARN, "tls.key-readable-by-all", NULL, 0);
    warn_of_dates(s, slot, now_s);
    return true;
}

static void slot_release(struct store_slot *slot)
{
    place_close(&slot->certificate);
    place_close(&slot->key);
    pair_release(&slot->now);
    pair_release(&slot->before);
}

static struct store_slot *find_slot(struct store *s, slice certificate, slice key)
{
    for (size_t i = 0; i < s->n; i++) {
        struct store_slot *slot = &s->slot[i];
        if (slice_is(certificate, slot->certificate.path) && slice_is(key, slot->key.path))
            return slot;
    }
    return NULL;
}

static int slot_open(struct store *s, struct store_slot *slot, slice certificate, slice key)
{
    *slot = (struct store_slot){.certificate.directory = -1, .key.directory = -1};
    int err = place_open(&slot->certificate, certificate);
    if (err == 0)
        err = place_open(&slot->key, key);
    if (err != 0) {
        struct log_line line;
        log_begin(&line, s->log, LOG_ERROR, "tls.directory-not-open");
        log_slice(&line, "certificate", certificate);
        log_slice(&line, "key", key);
        log_error(&line, err);
        log_end(&line);
        place_close(&slot->certificate);
    }
    return err;
}

int store_configure(struct store *s, const struct conf *conf, uint64_t now_s)
{
    size_t n =
        conf->tls.certificates.n < conf->tls.keys.n ? conf->tls.certificates.n : conf->tls.keys.n;
    struct store fresh = {.log = s->log, .slot = calloc(n + 1, sizeof *fresh.slot)};
    int err = fresh.slot == NULL ? -ENOMEM : 0;
    for (; err == 0 && fresh.n < n; fresh.n++) {
        slice certificate = conf->tls.certificates.v[fresh.n], key = conf->tls.keys.v[fresh.n];
        if (find_slot(s, certificate, key) == NULL)
            err = slot_open(s, &fresh.slot[fresh.n], certificate, key);
        if (err != 0)
            break;
    }
    if (err != 0) {
        for (size_t i = 0; i < fresh.n; i++) {
            if (fresh.slot[i].certificate.path != NULL)
                slot_release(&fresh.slot[i]);
        }
        free(fresh.slot);
        return err;
    }
    /* Nothing can fail any more. */
    fresh.n = 0;
    for (size_t i = 0; i < n; i++) {
        struct store_slot *slot = &fresh.slot[fresh.n], opened = fresh.slot[i];
        if (opened.certificate.path != NULL) {
            *slot = opened;
            (void)place_has_changed(&slot->certificate);
            (void)place_has_changed(&slot->key);
            (void)load(&fresh, slot, now_s);
            fresh.n++;
            continue;
        }
        struct store_slot *old = find_slot(s, conf->tls.certificates.v[i], conf->tls.keys.v[i]);
        if (old == NULL)
            continue; /* stands twice in the configuration */
        *slot = *old;
        *old = s->slot[--s->n];
        fresh.n++;
    }
    store_release(s);
    *s = fresh;
    return 0;
}

void store_release(struct store *s)
{
    for (size_t i = 0; i < s->n; i++)
        slot_release(&s->slot[i]);
    free(s->slot);
    s->slot = NULL;
    s->n = 0;
}

bool store_look(struct store *s, uint64_t now_s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        struct store_slot *slot = &s->slot[i];
        bool certificate = place_has_changed(&slot->certificate);
        bool key = place_has_changed(&slot->key);
        if (certificate || key) {
            slot->is_settling = true;
        } else if (slot->is_settling) {
            slot->is_settling = false;
            any = load(s, slot, now_s) || any;
        }
    }
    return any;
}

void store_warn(struct store *s, uint64_t now_s)
{
    for (size_t i = 0; i < s->n; i++)
        warn_of_dates(s, &s->slot[i], now_s);
}

static bool has_id(const struct pair *p, slice key_id)
{
    return p->key != NULL && slice_eq(key_id, slice_of(p->key_id, sizeof p->key_id));
}

const struct pair *store_find(const struct store *s, slice key_id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (has_id(&s->slot[i].now, key_id))
            return &s->slot[i].now;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (has_id(&s->slot[i].before, key_id))
            return &s->slot[i].before;
    }
    return NULL;
}

size_t store_count(const struct store *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->slot[i].now.key != NULL;
    return n;
}

/* Paths and names are printable; what JSON cannot have as it is becomes an escape. */
static void add_json_string(struct buf *out, slice s)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"' || c == '\\')
            buf_addc(out, '\\');
        if (ascii_is_control(c))
            buf_addf(out, "\\u%04x", (unsigned)(unsigned char)c);
        else
            buf_addc(out, c);
    }
    buf_addc(out, '"');
}

void store_json(struct buf *out, const struct store *s)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < s->n; i++) {
        const struct store_slot *slot = &s->slot[i];
        buf_adds(out, i == 0 ? "{\"certificate\":" : ",{\"certificate\":");
        add_json_string(out, slice_cstr(slot->certificate.path));
        buf_adds(out, ",\"key\":");
        add_json_string(out, slice_cstr(slot->key.path));
        if (slot->now.key != NULL) {
            buf_adds(out, ",\"names\":");
            add_json_string(out, buf_slice(&slot->now.names));
            buf_adds(out, ",\"kind\":\"");
            pair_kind(out, &slot->now);
            buf_addf(out, "\",\"not_before\":%lld,\"not_after\":%lld",
                     (long long)slot->now.not_before, (long long)slot->now.not_after);
        }
        if (slot->is_refused) {
            buf_adds(out, ",\"refused\":");
            add_json_string(out, slice_cstr(slot->why));
        }
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}
