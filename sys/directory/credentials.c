#include "sys/directory/credentials.h"

#include <errno.h>

#include "lib/auth/scram.h"
#include "lib/base/ascii.h"
#include "lib/base/secret.h"
#include "sys/directory/db_int.h"
#include "sys/directory/hash.h"

#define CREDENTIALS_MAX ((DIRECTORY_APP_PASSWORDS_MAX + 1) * 3)

int directory_secret(struct directory_db *db, enum directory_secret which,
                     unsigned char ret[DIRECTORY_SECRET_BYTES])
{
    sqlite3_stmt *s = db->statements[SECRET];
    int rc, err;

    db_bind_i64(s, 1, which);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW)
        memcpy(ret, db_column_slice(s, 0).p, DIRECTORY_SECRET_BYTES); /* the schema's CHECK */
    err = db_finish(s, rc);
    return err == 0 && rc != SQLITE_ROW ? -ENOENT : err;
}

/* ---- names ---- */

static int lower(struct arena *scratch, slice text, slice *ret)
{
    char *p = arena_take(scratch, text.n + 1);

    if (p == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < text.n; i++)
        p[i] = ascii_lower(text.p[i]);
    *ret = slice_of(p, text.n);
    return 0;
}

static int print_name(struct arena *scratch, slice local, slice domain, slice *ret)
{
    struct buf text;
    bool ok;

    buf_init(&text, 4096);
    recipient_print(&text, local, domain);
    ok = text.err == BUF_OK && arena_copy(scratch, buf_slice(&text), ret);
    buf_release(&text);
    return ok ? 0 : -ENOMEM;
}

/* *ret_at is empty when the name is no address. */
static int read_name(struct directory_db *db, const struct directory_rules *rules,
                     struct arena *scratch, slice name, slice *ret,
                     struct directory_address *ret_at)
{
    const struct recipient_rules whole = {.keep_case = rules->recipient.keep_case};
    slice address = name;
    struct recipient r;
    enum recipient_err e;
    int err;

    *ret_at = (struct directory_address){0};
    if ((err = directory_whole_name(db, rules, scratch, &address)) != 0)
        return err;
    e = recipient_read(scratch, address, whole, false, &r);
    if (e == RECIPIENT_NOMEM)
        return -ENOMEM;
    if (e != RECIPIENT_OK || r.domain.n == 0 || r.is_literal)
        return lower(scratch, name, ret);
    *ret_at = (struct directory_address){r.local, r.domain};
    return print_name(scratch, r.local, r.domain, ret);
}

int directory_sign_in_name(struct directory_db *db, const struct directory_rules *rules,
                           struct arena *scratch, slice name, slice *ret)
{
    struct directory_address at;

    return read_name(db, rules, scratch, name, ret, &at);
}

/* ---- credentials ---- */

struct keeper {
    struct arena *scratch;
    struct sasl_credential *list;
    size_t count;
};

static int keep(struct keeper *k, enum sasl_credential_kind kind, uint64_t id, slice text)
{
    struct sasl_credential *c = &k->list[k->count];

    if (kind != SASL_CREDENTIAL_REMOTE && text.n == 0)
        return 0;
    if (k->count == CREDENTIALS_MAX)
        return -EOVERFLOW;
    *c = (struct sasl_credential){.kind = kind, .id = id};
    if (!arena_copy(k->scratch, text, &c->text))
        return -ENOMEM;
    k->count++;
    return 0;
}

/* The columns of a statement from `at` on: SHA-1, then SHA-256. */
static int keep_scram(struct keeper *k, sqlite3_stmt *s, int at, uint64_t id)
{
    int err = keep(k, SASL_CREDENTIAL_SCRAM, id, db_column_slice(s, at));

    return err != 0 ? err : keep(k, SASL_CREDENTIAL_SCRAM, id, db_column_slice(s, at + 1));
}

static bool may_come_from(slice networks, const struct ip *ip)
{
    struct ip plain;
    struct ip_net net;
    slice word;

    if (networks.n == 0 || ip == NULL)
        return true;
    plain = ip_unmap(ip);
    while (slice_split(&networks, ' ', &word)) {
        if (ip_net_parse(word, &net) == IP_OK && ip_net_has(&net, &plain))
            return true;
    }
    return false;
}

static int keep_app_passwords(struct directory_db *db, struct keeper *k, int64_t account_id,
                              const struct ip *ip, int64_t now)
{
    sqlite3_stmt *s = db->statements[EACH_APP];
    int rc, err = 0;

    db_bind_i64(s, 1, account_id);
    while (err == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
        int64_t expires_at = sqlite3_column_int64(s, 7);

        if ((expires_at > 0 && expires_at <= now) || !may_come_from(db_column_slice(s, 5), ip))
            continue;
        if ((err = keep(k, SASL_CREDENTIAL_APP, id, db_column_slice(s, 2))) == 0)
            err = keep_scram(k, s, 3, id);
    }
    return err != 0 ? (db_finish(s, SQLITE_OK), err) : db_finish(s, rc);
}

/* The account's own row: its password, and what is to be known of it. has_backend: of the domain;
 * the password is then somebody else's to know. */
static int keep_main(struct directory_db *db, struct keeper *k, const struct directory_address *at,
                     bool has_backend, struct directory_credentials *c, int64_t *ret_id)
{
    sqlite3_stmt *s = db->statements[SHOW_CREDENTIALS];
    int rc, err = 0, finished;

    db_bind_slice(s, 1, at->domain);
    db_bind_slice(s, 2, at->local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        bool is_remote = has_backend || sqlite3_column_int(s, 5) != 0;
        slice hash = db_column_slice(s, 2);

        *ret_id = sqlite3_column_int64(s, 0);
        c->answer.code = sqlite3_column_int(s, 1) != 0 ? SASL_ANSWER_YES : SASL_ANSWER_DISABLED;
        c->wants_app_password = sqlite3_column_int(s, 6) != 0;
        c->is_old = !is_remote && hash.n > 0 &&
                    (!directory_hash_is_current(hash) || sqlite3_column_bytes(s, 3) == 0 ||
                     sqlite3_column_bytes(s, 4) == 0);
        err = keep(k, is_remote ? SASL_CREDENTIAL_REMOTE : SASL_CREDENTIAL_HASH,
                   DIRECTORY_MAIN_PASSWORD, is_remote ? slice_of(NULL, 0) : hash);
        if (err == 0 && !is_remote)
            err = keep_scram(k, s, 3, DIRECTORY_MAIN_PASSWORD);
    }
    finished = db_finish(s, rc);
    return finished != 0 ? finished : err != 0 ? err : rc == SQLITE_ROW ? 0 : -ENOENT;
}

int directory_credentials(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice name, const struct ip *ip, int64_t now,
                          struct directory_credentials *ret)
{
    struct directory_credentials c = {.answer = {.code = SASL_ANSWER_UNKNOWN}};
    struct keeper k = {.scratch = scratch};
    struct directory_address at;
    int64_t id = 0;
    bool has_backend;
    int local, err = read_name(db, rules, scratch, name, &c.answer.account, &at);

    if (err != 0)
        return err;
    local = at.domain.n == 0 ? 0 : directory_is_local(db, rules, scratch, at.domain);
    if (local < 0)
        return local;
    k.list = arena_zero(scratch, CREDENTIALS_MAX * sizeof *k.list);
    if (k.list == NULL)
        return -ENOMEM;
    has_backend = local > 0 && directory_has_backend(rules, at.domain);
    err = local == 0 ? -ENOENT : keep_main(db, &k, &at, has_backend, &c, &id);
    if (err == -ENOENT && has_backend) {
        c.answer.code = SASL_ANSWER_YES;
        c.is_unseen = true;
        err = keep(&k, SASL_CREDENTIAL_REMOTE, DIRECTORY_MAIN_PASSWORD, (slice){0});
    } else if (err == 0)
        err = keep_app_passwords(db, &k, id, ip, now);
    if (err != 0 && err != -ENOENT)
        return err;
    c.answer.credentials = k.list;
    c.answer.count = k.count;
    *ret = c;
    return 0;
}

/* ---- certificates ---- */

static int find_certificate(struct directory_db *db, const struct directory_rules *rules,
                            struct arena *scratch, slice value, struct sasl_answer *ret)
{
    sqlite3_stmt *s = db->statements[FIND_CERTIFICATE];
    struct directory_address at = {0};
    bool may_sign_in = false;
    int rc, err = 0, finished, local;

    db_bind_slice(s, 1, value);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        may_sign_in = sqlite3_column_int(s, 2) != 0;
        if ((err = db_copy_column(scratch, s, 0, &at.local)) == 0)
            err = db_copy_column(scratch, s, 1, &at.domain);
    }
    finished = db_finish(s, rc);
    if (finished != 0 || err != 0)
        return finished != 0 ? finished : err;
    if (rc != SQLITE_ROW)
        return -ENOENT;
    if ((local = directory_is_local(db, rules, scratch, at.domain)) <= 0)
        return local < 0 ? local : -ENOENT;
    ret->code = may_sign_in ? SASL_ANSWER_YES : SASL_ANSWER_DISABLED;
    return print_name(scratch, at.local, at.domain, &ret->account);
}

/* RFC 5321 2.3.11: a local part has case, which no certificate was ever told apart by. */
static int find_email(struct directory_db *db, const struct directory_rules *rules,
                      struct arena *scratch, slice email, struct sasl_answer *ret)
{
    const struct recipient_rules whole = {.keep_case = false};
    struct recipient r;
    slice value;
    enum recipient_err e = recipient_read(scratch, email, whole, false, &r);
    int err;

    if (e == RECIPIENT_NOMEM)
        return -ENOMEM;
    if (e != RECIPIENT_OK || r.domain.n == 0)
        return -ENOENT;
    err = print_name(scratch, r.local, r.domain, &value);
    return err != 0 ? err : find_certificate(db, rules, scratch, value, ret);
}

int directory_certificate(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice fingerprint, const slice *emails,
                          size_t email_count, struct sasl_answer *ret)
{
    struct sasl_answer answer = {.code = SASL_ANSWER_UNKNOWN};
    struct buf hex;
    int err;

    buf_init(&hex, 256);
    for (size_t i = 0; i < fingerprint.n && i < 64; i++)
        buf_addf(&hex, "%02x", (unsigned)(unsigned char)fingerprint.p[i]);
    err = hex.err != BUF_OK ? -ENOMEM
                            : find_certificate(db, rules, scratch, buf_slice(&hex), &answer);
    buf_release(&hex);
    for (size_t i = 0; err == -ENOENT && i < email_count; i++)
        err = find_email(db, rules, scratch, emails[i], &answer);
    if (err != 0 && err != -ENOENT)
        return err;
    *ret = answer;
    return 0;
}

/* ---- passwords ---- */

/* Takes over the salt of a key, unless one of this digest was there already. */
static void take_salt(slice scram, struct directory_salt ret[DIRECTORY_DIGESTS])
{
    struct scram_keys k;

    if (!scram_read(scram, &k))
        return;
    if (ret[k.digest].bytes == 0) {
        ret[k.digest].iterations = k.iterations;
        ret[k.digest].bytes = k.salt_bytes;
        memcpy(ret[k.digest].salt, k.salt, k.salt_bytes);
    }
    secret_wipe(&k, sizeof k);
}

static int salts_of_main(struct directory_db *db, const struct directory_address *at,
                         struct directory_salt ret[DIRECTORY_DIGESTS])
{
    sqlite3_stmt *s = db->statements[SHOW_CREDENTIALS];
    int rc;

    db_bind_slice(s, 1, at->domain);
    db_bind_slice(s, 2, at->local);
    if ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        take_salt(db_column_slice(s, 3), ret);
        take_salt(db_column_slice(s, 4), ret);
    }
    return db_finish(s, rc);
}

static int salts_of_apps(struct directory_db *db, const struct directory_address *at,
                         struct directory_salt ret[DIRECTORY_DIGESTS])
{
    sqlite3_stmt *s = db->statements[EACH_APP];
    int64_t id = 0;
    int rc, err = db_account_id(db, at->domain, at->local, &id);

    if (err != 0)
        return err == -ENOENT ? 0 : err;
    db_bind_i64(s, 1, id);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        take_salt(db_column_slice(s, 3), ret);
        take_salt(db_column_slice(s, 4), ret);
    }
    return db_finish(s, rc);
}

int directory_salts(struct directory_db *db, slice account, bool is_main,
                    struct directory_salt ret[DIRECTORY_DIGESTS])
{
    unsigned char secret[DIRECTORY_SECRET_BYTES];
    struct directory_salt salts[DIRECTORY_DIGESTS] = {0};
    struct directory_address at;
    struct scram_keys k;
    struct arena a;
    int err;

    arena_init(&a, 65536);
    err = db_account_read(&a, account, &at);
    if (err == 0 && !is_main)
        err = salts_of_main(db, &at, salts);
    if (err == 0)
        err = salts_of_apps(db, &at, salts);
    if (err == 0)
        err = directory_secret(db, DIRECTORY_SECRET_FAKE, secret);
    for (size_t d = 0; err == 0 && d < DIRECTORY_DIGESTS; d++) {
        if (salts[d].bytes > 0)
            continue;
        if (!scram_fake((enum digest)d, slice_of(secret, sizeof secret), account, &k)) {
            err = -ENOMEM;
            break;
        }
        salts[d].iterations = k.iterations;
        salts[d].bytes = k.salt_bytes;
        memcpy(salts[d].salt, k.salt, k.salt_bytes);
        secret_wipe(&k, sizeof k);
    }
    secret_wipe(secret, sizeof secret);
    arena_release(&a);
    if (err == 0)
        memcpy(ret, salts, sizeof salts);
    return err;
}

int directory_rehash(struct directory_db *db, slice account, slice old_hash,
                     const struct directory_password *password)
{
    sqlite3_stmt *s = db->statements[REHASH];
    struct directory_address at;
    struct arena a;
    int err;

    arena_init(&a, 65536);
    if ((err = db_account_read(&a, account, &at)) == 0) {
        db_bind_slice(s, 3, old_hash);
        db_bind_slice(s, 4, password->hash);
        db_bind_slice(s, 5, password->scram[DIGEST_SHA1]);
        db_bind_slice(s, 6, password->scram[DIGEST_SHA256]);
        err = db_change_account(db, s, at.domain, at.local);
        if (err == -ENOENT) {
            int64_t id;
            err = db_account_id(db, at.domain, at.local, &id);
            err = err == 0 ? -ESTALE : err;
        }
    }
    arena_release(&a);
    return err;
}
