/* Passwords and app passwords. What comes in is made by the command: hashes, keys and digests,
 * never a password. */
#include "sys/directory/admin_int.h"

#include <errno.h>

#include "lib/auth/scram.h"
#include "lib/base/ascii.h"
#include "lib/base/base64.h"
#include "lib/base/secret.h"
#include "sys/directory/hash.h"

/* The members of a request, by enum digest. */
static const char *const scram_members[DIRECTORY_DIGESTS] = {
    [DIGEST_SHA1] = "scram-sha-1",
    [DIGEST_SHA256] = "scram-sha-256",
};

bool admin_need_account(struct admin *a, struct recipient *r, struct directory_account *ret)
{
    struct directory_account account;
    int err;

    if (!admin_read_local_address(a, false, r))
        return false;
    err = directory_find_account(a->db, &a->scratch, r->domain, r->local, &account);
    if (err == 0 && ret != NULL)
        *ret = account;
    if (err == -ENOENT)
        admin_not_found(a, "is no account", "See: candor account list");
    else if (err != 0)
        admin_fail_errno(a, err);
    return err == 0;
}

bool admin_account_name(struct admin *a, const struct recipient *r, slice *ret)
{
    struct buf name;
    bool ok;

    buf_init(&name, 4096);
    recipient_print(&name, r->local, r->domain);
    ok = name.err == BUF_OK && arena_copy(&a->scratch, buf_slice(&name), ret);
    buf_release(&name);
    if (!ok)
        admin_fail_errno(a, -ENOMEM);
    return ok;
}

static slice text_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);

    return slice_of(json_string_value(v), json_string_length(v));
}

static bool fits_salt(slice text, enum digest d, const struct directory_salt *salt)
{
    struct scram_keys k;
    bool ok = scram_read(text, &k) && k.digest == d && k.iterations == salt->iterations &&
              slice_eq(scram_salt(&k), slice_of(salt->salt, salt->bytes));

    secret_wipe(&k, sizeof k);
    return ok;
}

/* The SCRAM keys that the object has; each must be made with the salt that the account's keys
 * share, else a client that is told another one could not use it. */
static bool read_scram(struct admin *a, const json_t *object, const struct recipient *r,
                       bool is_main, slice ret[DIRECTORY_DIGESTS])
{
    struct directory_salt salts[DIRECTORY_DIGESTS];
    slice account;
    int err;

    if (!admin_account_name(a, r, &account))
        return false;
    if ((err = directory_salts(a->db, account, is_main, salts)) != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    for (size_t d = 0; d < DIRECTORY_DIGESTS; d++) {
        ret[d] = text_of(object, scram_members[d]);
        if (ret[d].n > 0 && !fits_salt(ret[d], (enum digest)d, &salts[d])) {
            admin_refuse(a, "bad-request", slice_cstr(scram_members[d]),
                         "is not made with the account's salt",
                         "Another change came between; run the command again.");
            return false;
        }
    }
    return true;
}

/* {"hash", "scram-sha-1", "scram-sha-256"}; the keys may be left out. */
bool admin_read_password(struct admin *a, const struct recipient *r, struct directory_password *ret)
{
    const json_t *object = json_object_get(a->request, "password");

    ret->hash = text_of(object, "hash");
    if (!directory_hash_is_known(ret->hash)) {
        admin_refuse(a, "bad-hash", slice_of(NULL, 0), "this is no hash that crypt(3) knows here",
                     "See crypt(5) for those that there are; a hash must be whole.");
        return false;
    }
    return read_scram(a, object, r, true, ret->scram);
}

void admin_account_salts(struct admin *a)
{
    struct directory_salt salts[DIRECTORY_DIGESTS];
    bool is_main = slice_is(admin_text(a, "for"), "password");
    json_t *object = json_object();
    struct recipient r;
    slice account;
    int err;

    if (!(is_main ? admin_read_local_address(a, false, &r) : admin_need_account(a, &r, NULL)) ||
        !admin_account_name(a, &r, &account)) {
        json_decref(object);
        return;
    }
    if ((err = directory_salts(a->db, account, is_main, salts)) != 0)
        admin_fail_errno(a, err);
    for (size_t d = 0; err == 0 && d < DIRECTORY_DIGESTS; d++) {
        struct buf text;

        buf_init(&text, 256);
        base64_encode(&text, slice_of(salts[d].salt, salts[d].bytes));
        json_object_set_new(object, scram_members[d],
                            json_pack("{s:s%, s:I}", "salt", text.p, text.n, "iterations",
                                      (json_int_t)salts[d].iterations));
        buf_release(&text);
    }
    admin_put(a, "salts", object);
    admin_put(a, "account", json_stringn(account.p, account.n));
}

static bool set_password(struct admin *a, const struct recipient *r,
                         const struct directory_password *password, bool is_remote)
{
    const struct directory_address at = {r->local, r->domain};
    int err = directory_account_set_password(a->db, at, password, is_remote);

    if (err == -ENOENT)
        admin_not_found(a, "is no account", "See: candor account list");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        admin_revoke(a, r, DIRECTORY_MAIN_PASSWORD);
    return err == 0;
}

/* What account-add and account-password have in common; no word of a password is no password. */
bool admin_take_password(struct admin *a, const struct recipient *r)
{
    struct directory_password password = {0};
    bool is_remote = json_is_true(json_object_get(a->request, "backend"));

    if (json_object_get(a->request, "password") != NULL && !admin_read_password(a, r, &password))
        return false;
    return set_password(a, r, &password, is_remote);
}

void admin_account_password(struct admin *a)
{
    struct recipient r;

    if (!admin_read_local_address(a, false, &r))
        return;
    if (json_object_get(a->request, "password") == NULL &&
        !json_is_true(json_object_get(a->request, "backend")) &&
        !json_is_true(json_object_get(a->request, "remove"))) {
        admin_refuse(a, "bad-request", slice_of(NULL, 0), "there is no password in it", "");
        return;
    }
    if (admin_take_password(a, &r))
        admin_show_account(a, &r);
}

/* A line of another server's list: the account is added when it is not there. */
void admin_account_import(struct admin *a)
{
    struct directory_account found;
    struct directory_password password;
    struct recipient r;
    int err;

    if (!admin_read_local_address(a, false, &r) || !admin_read_password(a, &r, &password))
        return;
    err = directory_find_account(a->db, &a->scratch, r.domain, r.local, &found);
    if (err != 0 && err != -ENOENT) {
        admin_fail_errno(a, err);
        return;
    }
    if (err == -ENOENT && !admin_add_account(a, &r))
        return;
    if (set_password(a, &r, &password, false)) {
        admin_put(a, "added", json_boolean(err == -ENOENT));
        admin_show_account(a, &r);
    }
}

void admin_account_app_passwords_only(struct admin *a)
{
    bool only = json_is_true(json_object_get(a->request, "only"));
    struct recipient r;
    int err;

    if (!admin_need_account(a, &r, NULL))
        return;
    err =
        directory_account_set_wants_app(a->db, (struct directory_address){r.local, r.domain}, only);
    if (err != 0) {
        admin_fail_errno(a, err);
        return;
    }
    if (only)
        admin_revoke(a, &r, DIRECTORY_MAIN_PASSWORD);
    admin_show_account(a, &r);
}

/* ---- app passwords ---- */

static json_t *json_of(slice s)
{
    return json_stringn(s.p != NULL ? s.p : "", s.n);
}

static json_t *words_json(slice text)
{
    json_t *list = json_array();
    slice word;

    while (text.n > 0 && slice_split(&text, ' ', &word))
        json_array_append_new(list, json_of(word));
    return list;
}

json_t *admin_use_json(int64_t at, slice from, slice client, slice mechanism)
{
    if (at == 0)
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o}", "at", (json_int_t)at, "address", json_of(from),
                     "client", json_of(client), "mechanism", json_of(mechanism));
}

static json_t *app_password_json(const struct directory_app_password *p)
{
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:o}", "id", (json_int_t)p->id, "name",
                     json_of(p->name), "created_at", (json_int_t)p->created_at, "expires_at",
                     p->expires_at == 0 ? json_null() : json_integer(p->expires_at), "from",
                     words_json(p->networks), "last_use",
                     admin_use_json(p->used_at, p->used_from, p->used_client, p->used_mechanism));
}

static bool read_networks(struct admin *a, struct buf *out)
{
    const json_t *list = json_object_get(a->request, "from"), *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        slice text = slice_of(json_string_value(value), json_string_length(value));
        struct ip_net net;

        if (ip_net_parse(text, &net) != IP_OK) {
            admin_refuse(a, "bad-request", text, "is no network",
                         "Write it as 192.0.2.0/24 or 2001:db8::/32, all bits behind the prefix "
                         "zero, or as one address.");
            return false;
        }
        if (i > 0)
            buf_addc(out, ' ');
        ip_net_print(out, &net);
    }
    return true;
}

static bool read_digest(struct admin *a, unsigned char ret[32])
{
    slice hex = admin_text(a, "digest");

    for (size_t i = 0; i < hex.n && hex.n == 64; i += 2) {
        if (!ascii_is_hex(hex.p[i]) || !ascii_is_hex(hex.p[i + 1]))
            break;
        ret[i / 2] =
            (unsigned char)(ascii_hex_value(hex.p[i]) << 4 | ascii_hex_value(hex.p[i + 1]));
        if (i == 62)
            return true;
    }
    admin_refuse(a, "bad-request", slice_of(NULL, 0), "there is no digest in it", "");
    return false;
}

static void add_app_password(struct admin *a, const struct recipient *r,
                             struct directory_app_password *p)
{
    uint64_t id = 0;
    int err =
        directory_app_password_add(a->db, (struct directory_address){r->local, r->domain}, p, &id);

    if (err == -EEXIST)
        admin_refuse(a, "exists", p->name, "is the name of another app password of this account",
                     "Remove that one first, or take another name.");
    else if (err == -EOVERFLOW)
        admin_refuse(a, "too-many", admin_text(a, "address"),
                     "has 15 app passwords, and there can be no more",
                     "Remove one that is not used: candor app-password list ADDRESS.");
    else if (err != 0)
        admin_fail_errno(a, err);
    if (err != 0)
        return;
    p->id = id;
    admin_put(a, "app_password", app_password_json(p));
}

void admin_app_password_add(struct admin *a)
{
    struct directory_app_password p = {
        .name = admin_text(a, "name"),
        .created_at = a->now,
        .expires_at = json_integer_value(json_object_get(a->request, "expires_at")),
    };
    unsigned char digest[32];
    struct buf networks;
    struct recipient r;

    if (!admin_need_account(a, &r, NULL) || !admin_need_line(a, p.name, "name") ||
        !read_digest(a, digest) || !read_scram(a, a->request, &r, false, p.scram))
        return;
    if (p.expires_at < 0 || (p.expires_at > 0 && p.expires_at <= a->now)) {
        admin_refuse(a, "bad-request", slice_of(NULL, 0), "it would have expired already", "");
        return;
    }
    buf_init(&networks, 4096);
    if (read_networks(a, &networks)) {
        p.digest = slice_of(digest, sizeof digest);
        p.networks = buf_slice(&networks);
        if (networks.err == BUF_OK)
            add_app_password(a, &r, &p);
        else
            admin_refuse(a, "bad-request", slice_of(NULL, 0), "too many networks", "");
    }
    buf_release(&networks);
    secret_wipe(digest, sizeof digest);
}

static int list_app_password(void *self, const struct directory_app_password *p)
{
    return json_array_append_new(self, app_password_json(p)) == 0 ? 0 : -ENOMEM;
}

void admin_app_password_list(struct admin *a)
{
    struct recipient r;
    json_t *list;
    int err;

    if (!admin_need_account(a, &r, NULL))
        return;
    list = json_array();
    err = directory_each_app_password(a->db, (struct directory_address){r.local, r.domain},
                                      list_app_password, list);
    if (err != 0) {
        json_decref(list);
        admin_fail_errno(a, err);
        return;
    }
    admin_put(a, "app_passwords", list);
}

struct wanted {
    slice which;
    uint64_t id; /* that it is as a number */
    uint64_t by_name, by_id;
};

static int look_for(void *self, const struct directory_app_password *p)
{
    struct wanted *w = self;

    if (slice_eq(p->name, w->which))
        w->by_name = p->id;
    else if (p->id == w->id)
        w->by_id = p->id;
    return 0;
}

void admin_app_password_remove(struct admin *a)
{
    struct wanted w = {.which = admin_text(a, "which")};
    struct directory_address at;
    struct recipient r;
    int err;

    if (!admin_need_account(a, &r, NULL))
        return;
    at = (struct directory_address){r.local, r.domain};
    if (!slice_to_u64(w.which, INT64_MAX, &w.id))
        w.id = 0;
    err = directory_each_app_password(a->db, at, look_for, &w);
    w.id = w.by_name != 0 ? w.by_name : w.by_id;
    if (err == 0)
        err = w.id == 0 ? -ENOENT : directory_app_password_remove(a->db, at, w.id);
    if (err == -ENOENT)
        admin_refuse(a, "not-found", w.which, "is no app password of this account",
                     "See: candor app-password list ADDRESS");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        admin_revoke(a, &r, w.id);
}
