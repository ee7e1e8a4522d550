#include "lib/auth/grant.h"

#include <assert.h>

#include "lib/auth/digest.h"
#include "lib/base/le.h"
#include "lib/base/secret.h"

/* KIND VERSION fields MAC; numbers are little-endian, texts have a u16 before them. */
enum { KIND_PASS = 'p', KIND_GRANT = 'g', VERSION = 1, MAC_BYTES = 32 };

static bool derive(slice secret, slice label, unsigned char ret[GRANT_KEY_BYTES])
{
    struct digest_value v;
    bool ok = digest_hmac(DIGEST_SHA256, secret, label, &v);
    if (ok)
        memcpy(ret, v.bytes, GRANT_KEY_BYTES);
    secret_wipe(&v, sizeof v);
    return ok;
}

bool grant_keys_derive(slice secret, struct grant_keys *ret)
{
    return derive(secret, SLICE_LIT("candor pass key"), ret->pass) &&
           derive(secret, SLICE_LIT("candor grant key"), ret->grant) &&
           derive(secret, SLICE_LIT("candor fake salt key"), ret->fake) &&
           derive(secret, SLICE_LIT("candor name key"), ret->names);
}

const char *grant_err_word(enum grant_err e)
{
    switch (e) {
    case GRANT_OK:
        return "ok";
    case GRANT_MALFORMED:
        return "malformed";
    case GRANT_FORGED:
        return "forged";
    case GRANT_EXPIRED:
        return "expired";
    case GRANT_OTHER_SESSION:
        return "other-session";
    case GRANT_OTHER_SENDER:
        return "other-sender";
    case GRANT_TOO_MANY_RECIPIENTS:
        return "too-many-recipients";
    case GRANT_FAILED:
        return "failed";
    }
    return "";
}

/* ---- making ---- */

static void put_number(struct buf *out, unsigned n, uint64_t value)
{
    char bytes[8];
    le_put(bytes, n, value);
    buf_add(out, slice_of(bytes, n));
}

static void put_text(struct buf *out, slice text)
{
    put_number(out, 2, text.n);
    buf_add(out, text);
}

static void put_kind(struct buf *out, char kind)
{
    buf_addc(out, kind);
    buf_addc(out, VERSION);
}

/* What out has from `from` on, signed. */
static bool put_mac(struct buf *out, size_t from, slice key)
{
    struct digest_value mac;
    assert(key.n == GRANT_KEY_BYTES);
    if (out->err != BUF_OK ||
        !digest_hmac(DIGEST_SHA256, key, slice_tail(buf_slice(out), from), &mac))
        return false;
    buf_add(out, digest_slice(&mac));
    return out->err == BUF_OK;
}

static bool is_account(slice account, slice session)
{
    return account.n > 0 && account.n <= GRANT_NAME_MAX_BYTES && session.n > 0 &&
           session.n <= GRANT_SESSION_MAX_BYTES;
}

bool pass_print(struct buf *out, const struct pass *p, slice key)
{
    size_t from = out->n;
    if (!is_account(p->account, p->session))
        return false;
    put_kind(out, KIND_PASS);
    put_text(out, p->account);
    put_text(out, p->session);
    put_number(out, 8, p->credential);
    put_number(out, 1, p->is_unlimited ? 1 : 0);
    put_number(out, 8, p->issued_at_ms);
    put_number(out, 8, p->expires_at_ms);
    return put_mac(out, from, key);
}

bool grant_print(struct buf *out, const struct grant *g, slice key)
{
    size_t from = out->n;
    if (!is_account(g->account, g->session) || g->sender.n > GRANT_NAME_MAX_BYTES)
        return false;
    put_kind(out, KIND_GRANT);
    put_text(out, g->account);
    put_text(out, g->session);
    put_text(out, g->sender);
    put_number(out, 8, g->credential);
    put_number(out, 4, g->recipients);
    buf_add(out, slice_of(g->serial, sizeof g->serial));
    put_number(out, 8, g->issued_at_ms);
    put_number(out, 8, g->expires_at_ms);
    return put_mac(out, from, key);
}

/* ---- reading ---- */

/* The fields, when the MAC behind them is right. */
static enum grant_err check_mac(slice text, slice key, char kind, slice *ret)
{
    struct digest_value want;
    assert(key.n == GRANT_KEY_BYTES);
    if (text.n < 2 + MAC_BYTES || text.n > GRANT_MAX_BYTES || text.p[0] != kind ||
        text.p[1] != VERSION)
        return GRANT_MALFORMED;
    slice signed_part = slice_head(text, text.n - MAC_BYTES);
    if (!digest_hmac(DIGEST_SHA256, key, signed_part, &want))
        return GRANT_FAILED;
    if (!secret_eq(slice_tail(text, signed_part.n), digest_slice(&want)))
        return GRANT_FORGED;
    *ret = slice_tail(signed_part, 2);
    return GRANT_OK;
}

static bool take_number(slice *in, unsigned n, uint64_t *ret)
{
    if (in->n < n)
        return false;
    *ret = le_get(in->p, n);
    *in = slice_tail(*in, n);
    return true;
}

static bool take_text(slice *in, slice *ret)
{
    uint64_t n;
    if (!take_number(in, 2, &n) || n > in->n)
        return false;
    *ret = slice_head(*in, (size_t)n);
    *in = slice_tail(*in, (size_t)n);
    return true;
}

enum grant_err pass_read(slice text, slice key, uint64_t now_ms, struct pass *ret)
{
    struct pass p;
    uint64_t is_unlimited;
    slice in;
    enum grant_err e = check_mac(text, key, KIND_PASS, &in);
    if (e != GRANT_OK)
        return e;
    if (!take_text(&in, &p.account) || !take_text(&in, &p.session) ||
        !is_account(p.account, p.session) || !take_number(&in, 8, &p.credential) ||
        !take_number(&in, 1, &is_unlimited) || is_unlimited > 1 ||
        !take_number(&in, 8, &p.issued_at_ms) || !take_number(&in, 8, &p.expires_at_ms) || in.n > 0)
        return GRANT_MALFORMED;
    p.is_unlimited = is_unlimited == 1;
    if (now_ms >= p.expires_at_ms)
        return GRANT_EXPIRED;
    *ret = p;
    return GRANT_OK;
}

enum grant_err grant_read(slice text, slice key, uint64_t now_ms, struct grant *ret)
{
    struct grant g;
    uint64_t recipients;
    slice in;
    enum grant_err e = check_mac(text, key, KIND_GRANT, &in);
    if (e != GRANT_OK)
        return e;
    if (!take_text(&in, &g.account) || !take_text(&in, &g.session) ||
        !is_account(g.account, g.session) || !take_text(&in, &g.sender) ||
        g.sender.n > GRANT_NAME_MAX_BYTES || !take_number(&in, 8, &g.credential) ||
        !take_number(&in, 4, &recipients) || in.n < sizeof g.serial)
        return GRANT_MALFORMED;
    g.recipients = (uint32_t)recipients;
    memcpy(g.serial, in.p, sizeof g.serial);
    in = slice_tail(in, sizeof g.serial);
    if (!take_number(&in, 8, &g.issued_at_ms) || !take_number(&in, 8, &g.expires_at_ms) || in.n > 0)
        return GRANT_MALFORMED;
    if (now_ms >= g.expires_at_ms)
        return GRANT_EXPIRED;
    *ret = g;
    return GRANT_OK;
}

enum grant_err grant_covers(const struct grant *g, slice session, slice reverse_path,
                            uint64_t recipients)
{
    if (!slice_eq(g->session, session))
        return GRANT_OTHER_SESSION;
    if (!slice_eq(g->sender, reverse_path))
        return GRANT_OTHER_SENDER;
    return recipients > g->recipients ? GRANT_TOO_MANY_RECIPIENTS : GRANT_OK;
}
