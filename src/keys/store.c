#include "src/keys/store.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/ascii.h"

#define DAY_S 86400
enum { SOON_DAYS = 14 };

static void log_pair(struct store *s, const struct store_slot *slot, enum log_level level,
                     const char *event)
{
    bool is_refusal = slot->refusal != NULL;
    struct log_line line;
    log_begin(&line, s->log, level, event);
    log_cstr(&line, "certificate", slot->certificate_path);
    log_cstr(&line, "key", slot->key_path);
    if (is_refusal) {
        log_cstr(&line, "why", slot->refusal);
        log_error(&line, slot->error);
    } else {
        log_slice(&line, "names", buf_slice(&slot->now.names));
    }
    log_end(&line);
}

/* Once for each reason: the files are looked at every few seconds. */
static void refuse(struct store *s, struct store_slot *slot, const char *why, int error)
{
    if (slot->refusal == why && slot->error == error)
        return;
    slot->refusal = why;
    slot->error = error;
    log_pair(s, slot, LOG_ERROR, "tls.certificate-refused");
}

static void warn_of_dates(struct store *s, const struct store_slot *slot, uint64_t now_s)
{
    int64_t now = (int64_t)now_s;
    if (slot->now.key == NULL)
        return;
    if (slot->now.not_after < now)
        log_pair(s, slot, LOG_WARN, "tls.certificate-expired");
    else if (slot->now.not_after < now + SOON_DAYS * DAY_S)
        log_pair(s, slot, LOG_WARN, "tls.certificate-expires-soon");
    else if (slot->now.not_before > now)
        log_pair(s, slot, LOG_WARN, "tls.certificate-not-yet-valid");
}

/* True when the pair is another now. */
static bool load(struct store *s, struct store_slot *slot, int certificate_fd, int key_fd,
                 uint64_t now_s)
{
    struct buf certificate, key;
    struct pair pair;
    mode_t mode = 0, key_mode = 0;
    const char *why = NULL;
    buf_init(&certificate, FILE_MAX_BYTES + 1);
    buf_init(&key, FILE_MAX_BYTES + 1);
    int err = file_read(certificate_fd, &certificate, &mode);
    if (err == 0)
        err = file_read(key_fd, &key, &key_mode);
    if (err == 0) {
        enum pair_err e = pair_load(buf_slice(&certificate), buf_slice(&key), &pair);
        why = e == PAIR_OK ? NULL : pair_err_text(e);
    } else {
        why = "a file cannot be read";
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
    slot->refusal = NULL;
    slot->error = 0;
    log_pair(s, slot, LOG_INFO, "tls.certificate");
    if ((key_mode & S_IROTH) != 0)
        log_pair(s, slot, LOG_WARN, "tls.key-readable-by-all");
    warn_of_dates(s, slot, now_s);
    return true;
}

bool store_look(struct store *s, size_t i, int error, int certificate_fd, int key_fd,
                uint64_t now_s)
{
    struct store_slot *slot = &s->slot[i];
    struct file_identity certificate, key;
    if (error == 0)
        error = file_identify(certificate_fd, &certificate);
    if (error == 0)
        error = file_identify(key_fd, &key);
    if (error != 0) {
        slot->certificate = slot->key = (struct file_identity){0};
        refuse(s, slot, "a file cannot be opened", error);
        return false;
    }
    bool is_same = file_is_same(&certificate, &slot->certificate) && file_is_same(&key, &slot->key);
    if (is_same && !slot->is_settling)
        return false;
    slot->certificate = certificate;
    slot->key = key;
    slot->is_settling = !is_same && slot->now.key != NULL;
    return !slot->is_settling && load(s, slot, certificate_fd, key_fd, now_s);
}

static void slot_release(struct store_slot *slot)
{
    free(slot->certificate_path);
    free(slot->key_path);
    pair_release(&slot->now);
    pair_release(&slot->before);
}

static struct store_slot *find_slot(struct store *s, slice certificate, slice key)
{
    for (size_t i = 0; i < s->n; i++) {
        struct store_slot *slot = &s->slot[i];
        if (slot->certificate_path != NULL && slice_is(certificate, slot->certificate_path) &&
            slice_is(key, slot->key_path))
            return slot;
    }
    return NULL;
}

static void retire_one(struct pair *p, struct store *to)
{
    if (p->key == NULL)
        return;
    to->retired[to->retired_n++] = *p;
    *p = (struct pair){0};
}

static void retire(struct store *from, struct store *to)
{
    for (size_t i = 0; i < from->n; i++) {
        retire_one(&from->slot[i].now, to);
        retire_one(&from->slot[i].before, to);
    }
}

bool store_configure(struct store *s, const struct conf *conf)
{
    const struct conf_paths *certificates = &conf->tls.certificates, *keys = &conf->tls.keys;
    size_t n = certificates->n < keys->n ? certificates->n : keys->n;
    struct store fresh = {.log = s->log, .slot = calloc(n + 1, sizeof *fresh.slot), .n = n};
    bool ok = fresh.slot != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        struct store_slot *slot = &fresh.slot[i];
        slot->certificate_path = strndup(certificates->v[i].p, certificates->v[i].n);
        slot->key_path = strndup(keys->v[i].p, keys->v[i].n);
        ok = slot->certificate_path != NULL && slot->key_path != NULL;
    }
    fresh.retired = calloc(2 * s->n + 1, sizeof *fresh.retired);
    if (!ok || fresh.retired == NULL) {
        fresh.n = fresh.slot == NULL ? 0 : n;
        store_release(&fresh);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct store_slot *old = find_slot(s, certificates->v[i], keys->v[i]), copy;
        if (old == NULL)
            continue;
        copy = fresh.slot[i];
        fresh.slot[i] = *old;
        *old = (struct store_slot){0};
        slot_release(&copy);
    }
    retire(s, &fresh);
    store_release(s);
    *s = fresh;
    return true;
}

void store_release(struct store *s)
{
    for (size_t i = 0; i < s->n; i++)
        slot_release(&s->slot[i]);
    for (size_t i = 0; i < s->retired_n; i++)
        pair_release(&s->retired[i]);
    free(s->slot);
    free(s->retired);
    *s = (struct store){.log = s->log};
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
    for (size_t i = 0; i < s->retired_n; i++) {
        if (has_id(&s->retired[i], key_id))
            return &s->retired[i];
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
        add_json_string(out, slice_cstr(slot->certificate_path));
        buf_adds(out, ",\"key\":");
        add_json_string(out, slice_cstr(slot->key_path));
        if (slot->now.key != NULL) {
            buf_adds(out, ",\"names\":");
            add_json_string(out, buf_slice(&slot->now.names));
            buf_adds(out, ",\"kind\":\"");
            pair_kind(out, &slot->now);
            buf_addf(out, "\",\"not_before\":%lld,\"not_after\":%lld",
                     (long long)slot->now.not_before, (long long)slot->now.not_after);
        }
        if (slot->refusal != NULL) {
            buf_adds(out, ",\"refused\":");
            add_json_string(out, slice_cstr(slot->refusal));
        }
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}
