/* What an account may do and where its mail goes: moved, quota, limits, senders, certificates; and
 * who tries to get in. */
#include "sys/directory/admin_int.h"

#include <errno.h>

#include "lib/base/ascii.h"

#define ATTACKED_MAX 200

static struct directory_address at_of(const struct recipient *r)
{
    return (struct directory_address){r->local, r->domain};
}

/* ---- moving ---- */

/* A new address of ours must be there, and must not lead back. */
static bool need_sane_move(struct admin *a, const struct recipient *r, const struct recipient *to,
                           bool is_forwarded)
{
    struct directory_answer answer = {0};
    enum recipient_verdict verdict;
    struct buf text;
    int err = is_forwarded ? directory_check_alias(a->db, a->rules, &a->scratch, at_of(r)) : 0;

    if (err == -ELOOP) {
        admin_refuse(a, "loop", admin_text(a, "to"), "leads back to this account",
                     "candor account show and candor alias list show the chain.");
        return false;
    }
    if (err != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    buf_init(&text, 4096);
    recipient_print(&text, to->local, to->domain);
    verdict = directory_expand(a->db, a->rules, &a->scratch, buf_slice(&text), &answer);
    buf_release(&text);
    if (verdict != RECIPIENT_IS_UNKNOWN)
        return true;
    admin_refuse(a, "not-found", admin_text(a, "to"), "is neither an account nor an alias here",
                 "Add it first: candor account add ADDRESS.");
    return false;
}

void admin_account_move(struct admin *a)
{
    bool is_back = json_is_true(json_object_get(a->request, "back"));
    bool is_forwarded = !json_is_true(json_object_get(a->request, "refuse"));
    struct recipient r, to;
    struct directory_address new;
    int err, local;

    if (!admin_need_account(a, &r, NULL))
        return;
    if (is_back) {
        if ((err = directory_account_move(a->db, r.domain, r.local, NULL, false)) != 0)
            admin_fail_errno(a, err);
        else
            admin_show_account(a, &r);
        return;
    }
    if (!admin_read_address(a, admin_text(a, "to"), false, &to))
        return;
    local = directory_is_local(a->db, a->rules, &a->scratch, to.domain);
    new = (struct directory_address){local > 0 ? to.local : to.shown, to.domain};
    err = local < 0 ? local : directory_account_move(a->db, r.domain, r.local, &new, is_forwarded);
    if (err != 0) {
        admin_fail_errno(a, err);
        return;
    }
    if (local > 0 && slice_eq(to.local, r.local) && slice_eq(to.domain, r.domain)) {
        admin_refuse(a, "loop", admin_text(a, "to"), "is this account itself", "");
        return;
    }
    if (!need_sane_move(a, &r, &to, is_forwarded))
        return;
    admin_revoke(a, &r, 0);
    admin_show_account(a, &r);
}

/* ---- numbers ---- */

void admin_account_quota(struct admin *a)
{
    const json_t *bytes = json_object_get(a->request, "quota_bytes");
    struct recipient r;
    int err;

    if (!json_is_integer(bytes) || json_integer_value(bytes) < 0) {
        admin_refuse(a, "bad-request", slice_of(NULL, 0), "the quota is no number of bytes", "");
        return;
    }
    if (!admin_need_account(a, &r, NULL))
        return;
    err =
        directory_account_set_quota(a->db, r.domain, r.local, (uint64_t)json_integer_value(bytes));
    if (err != 0)
        admin_fail_errno(a, err);
    else
        admin_show_account(a, &r);
}

void admin_account_limits(struct admin *a)
{
    static const char *const keys[] = {"minute", "hour", "day"};
    uint32_t values[3];
    const uint32_t *given[3] = {NULL, NULL, NULL};
    struct recipient r;
    int err;

    for (size_t i = 0; i < 3; i++) {
        const json_t *v = json_object_get(a->request, keys[i]);

        if (v == NULL)
            continue;
        if (!json_is_integer(v) || json_integer_value(v) < 0 ||
            json_integer_value(v) > UINT32_MAX) {
            admin_refuse(a, "bad-request", slice_cstr(keys[i]), "is no number of messages", "");
            return;
        }
        values[i] = (uint32_t)json_integer_value(v);
        given[i] = &values[i];
    }
    if (!admin_need_account(a, &r, NULL))
        return;
    err = directory_account_set_limits(a->db, at_of(&r), given[0], given[1], given[2]);
    if (err != 0)
        admin_fail_errno(a, err);
    else
        admin_show_account(a, &r);
}

/* ---- senders ---- */

struct sender_list {
    struct admin *a;
    json_t *list;
};

static int list_sender(void *self, const struct directory_address *who)
{
    struct sender_list *l = self;

    return json_array_append_new(l->list, admin_address_json(l->a, who->local, who->domain)) == 0
               ? 0
               : -ENOMEM;
}

static void show_senders(struct admin *a, const struct recipient *r)
{
    struct sender_list l = {a, json_array()};
    int err = directory_each_sender(a->db, at_of(r), list_sender, &l);

    if (err != 0) {
        json_decref(l.list);
        admin_fail_errno(a, err);
        return;
    }
    admin_put(a, "senders", l.list);
}

void admin_sender_list(struct admin *a)
{
    struct recipient r;

    if (admin_need_account(a, &r, NULL))
        show_senders(a, &r);
}

void admin_sender_add(struct admin *a)
{
    struct recipient r, who;
    int err;

    if (!admin_need_account(a, &r, NULL) ||
        !admin_read_address(a, admin_text(a, "who"), true, &who))
        return;
    err = directory_sender_add(a->db, at_of(&r), at_of(&who));
    if (err == -EEXIST)
        admin_refuse(a, "exists", admin_text(a, "who"), "was granted to it already", "");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        show_senders(a, &r);
}

void admin_sender_remove(struct admin *a)
{
    struct recipient r, who;
    int err;

    if (!admin_need_account(a, &r, NULL) ||
        !admin_read_address(a, admin_text(a, "who"), true, &who))
        return;
    err = directory_sender_remove(a->db, at_of(&r), at_of(&who));
    if (err == -ENOENT)
        admin_refuse(a, "not-found", admin_text(a, "who"), "was never granted to it",
                     "See: candor account sender list ADDRESS");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        show_senders(a, &r);
}

/* ---- certificates ---- */

static int list_certificate(void *self, slice value)
{
    return json_array_append_new(self, json_stringn(value.p, value.n)) == 0 ? 0 : -ENOMEM;
}

static void show_certificates(struct admin *a, const struct recipient *r)
{
    json_t *list = json_array();
    int err = directory_each_certificate(a->db, at_of(r), list_certificate, list);

    if (err != 0) {
        json_decref(list);
        admin_fail_errno(a, err);
        return;
    }
    admin_put(a, "certificates", list);
}

/* 64 hexadecimal digits, with colons as openssl prints them or without. */
static bool read_fingerprint(slice text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ':')
            continue;
        if (!ascii_is_hex(text.p[i]))
            return false;
        buf_addc(out, ascii_lower(text.p[i]));
    }
    return out->n == 64;
}

/* In the form in which directory_certificate() looks for it. */
static bool read_certificate(struct admin *a, struct buf *out)
{
    const struct recipient_rules whole = {.keep_case = false};
    slice text = admin_text(a, "value");
    struct recipient r;

    if (read_fingerprint(text, out))
        return true;
    buf_clear(out);
    if (slice_find(text, '@') < text.n &&
        recipient_read(&a->scratch, text, whole, false, &r) == RECIPIENT_OK && r.domain.n > 0) {
        recipient_print(out, r.local, r.domain);
        return true;
    }
    admin_refuse(a, "bad-request", text, "is neither an e-mail address nor a fingerprint",
                 "openssl x509 -in FILE -noout -fingerprint -sha256 shows the fingerprint.");
    return false;
}

static void change_certificate(struct admin *a, bool is_addition)
{
    struct recipient r;
    struct buf value;
    int err;

    if (!admin_need_account(a, &r, NULL))
        return;
    buf_init(&value, 4096);
    if (read_certificate(a, &value)) {
        err = is_addition ? directory_certificate_add(a->db, at_of(&r), buf_slice(&value), a->now)
                          : directory_certificate_remove(a->db, at_of(&r), buf_slice(&value));
        if (err == -EEXIST)
            admin_refuse(a, "exists", admin_text(a, "value"), "leads to an account already", "");
        else if (err == -ENOENT)
            admin_refuse(a, "not-found", admin_text(a, "value"), "does not lead to this account",
                         "See: candor account certificate list ADDRESS");
        else if (err != 0)
            admin_fail_errno(a, err);
        else
            show_certificates(a, &r);
        /* A sign-in by certificate has no credential of its own: all of the account end. */
        if (err == 0 && !is_addition)
            admin_revoke(a, &r, 0);
    }
    buf_release(&value);
}

void admin_certificate_list(struct admin *a)
{
    struct recipient r;

    if (admin_need_account(a, &r, NULL))
        show_certificates(a, &r);
}

void admin_certificate_add(struct admin *a)
{
    change_certificate(a, true);
}

void admin_certificate_remove(struct admin *a)
{
    change_certificate(a, false);
}

/* ---- who is attacked ---- */

static int list_guess(void *self, const struct directory_guess *g)
{
    struct buf ip;
    json_t *row;

    buf_init(&ip, 64);
    if (g->ip.family != IP_NONE)
        ip_print(&ip, &g->ip);
    row = json_pack("{s:s%, s:b, s:I, s:I, s:s%}", "name", g->name.p, g->name.n, "is_account",
                    (int)g->is_known, "count", (json_int_t)g->count, "last_at", (json_int_t)g->at,
                    "last_address", ip.n > 0 ? ip.p : "", ip.n);
    buf_release(&ip);
    return json_array_append_new(self, row) == 0 ? 0 : -ENOMEM;
}

void admin_account_attacked(struct admin *a)
{
    json_t *list = json_array();
    int err = directory_each_guess(a->db, ATTACKED_MAX, list_guess, list);

    if (err != 0) {
        json_decref(list);
        admin_fail_errno(a, err);
        return;
    }
    admin_put(a, "attacked", list);
}
