#include "lib/mail/received.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/mail/date.h"
#include "lib/smtp/address.h"

enum { FOLD_COLUMN = 78 };

/* Words are added one by one; the one that does not fit on its line is moved to the next. */
struct folder {
    struct buf *out;
    size_t line_at; /* offsets in out */
    size_t word_at;
};

static void begin_word(struct folder *f)
{
    buf_addc(f->out, ' ');
    f->word_at = f->out->n;
}

static void end_word(struct folder *f)
{
    struct buf *out = f->out;
    bool is_alone = out->n == 0 || f->word_at <= f->line_at + 1;
    if (out->err != BUF_OK || is_alone || out->n - f->line_at <= FOLD_COLUMN)
        return;
    if (buf_reserve(out, 2) == NULL)
        return;
    /* The blank before the word becomes a line end and a tab. */
    memmove(out->p + f->word_at + 2, out->p + f->word_at, out->n - f->word_at);
    memcpy(out->p + f->word_at - 1, "\r\n\t", 3);
    out->n += 2;
    f->word_at += 2;
    f->line_at = f->word_at - 1;
}

static void add_word(struct folder *f, slice word)
{
    begin_word(f);
    buf_add(f->out, word);
    end_word(f);
}

/* A clause stays together, unless no line could hold it. */
static void add_clause(struct folder *f, const char *name, slice value, bool in_brackets)
{
    begin_word(f);
    buf_adds(f->out, name);
    if (value.n + 8 > FOLD_COLUMN) {
        end_word(f);
        begin_word(f);
    } else {
        buf_addc(f->out, ' ');
    }
    buf_adds(f->out, in_brackets ? "<" : "");
    buf_add(f->out, value);
    buf_adds(f->out, in_brackets ? ">" : "");
    end_word(f);
}

/* What can stand in a comment without ending it; the rest as %XX. */
static void add_escaped(struct buf *out, slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (ascii_is_graphic(c) && c != '(' && c != ')' && c != '\\' && c != '%')
            buf_addc(out, c);
        else
            buf_addf(out, "%%%02x", (unsigned)(unsigned char)c);
    }
}

/* Whether s may stand where the grammar wants a Domain or an address literal. */
static bool is_domain(slice s, bool utf8)
{
    struct domain domain;
    return take_domain(&s, utf8, &domain) == PATH_OK && s.n == 0;
}

/* From-domain of RFC 5321 4.4: the name that the client gave, if it is one, then what we know. */
static void add_from(struct folder *f, const struct received *r)
{
    bool has_ip = r->ip.family != IP_NONE, is_name = is_domain(r->helo, r->is_utf8);
    add_word(f, SLICE_LIT("from"));
    begin_word(f);
    if (is_name)
        buf_add(f->out, r->helo);
    else if (has_ip)
        literal_print(f->out, &r->ip);
    else
        buf_adds(f->out, "unknown");
    end_word(f);
    if (has_ip) {
        bool has_client_name = is_domain(r->client_name, false) && r->client_name.p[0] != '[';
        begin_word(f);
        buf_addc(f->out, '(');
        if (has_client_name) {
            buf_add(f->out, r->client_name);
            end_word(f);
            begin_word(f);
        }
        literal_print(f->out, &r->ip);
        buf_addc(f->out, ')');
        end_word(f);
    }
    if (!is_name && r->helo.n > 0) {
        begin_word(f);
        buf_adds(f->out, "(helo=");
        add_escaped(f->out, r->helo);
        buf_addc(f->out, ')');
        end_word(f);
    }
}

static void add_tls(struct folder *f, const struct received *r)
{
    if (!r->is_tls || r->tls_version.n == 0)
        return;
    begin_word(f);
    buf_adds(f->out, "(version=");
    add_escaped(f->out, r->tls_version);
    if (r->tls_cipher.n > 0) {
        end_word(f);
        begin_word(f);
        buf_adds(f->out, "cipher=");
        add_escaped(f->out, r->tls_cipher);
    }
    if (r->tls_bits > 0) {
        end_word(f);
        begin_word(f);
        buf_addf(f->out, "bits=%u", r->tls_bits);
    }
    buf_addc(f->out, ')');
    end_word(f);
}

/* Only what is surely a mailbox; one that needs UTF-8 stays out of a message that is ASCII. */
static void add_for(struct folder *f, const struct received *r)
{
    struct path path;
    if (mailbox_parse(r->recipient, r->is_utf8, &path) != PATH_OK &&
        !slice_is_ci(r->recipient, "postmaster"))
        return;
    add_clause(f, "for", r->recipient, true);
}

void received_with(struct buf *out, const struct received *r)
{
    /* The registry has no SMTPS: TLS and AUTH are extensions, whatever the client's greeting. */
    bool is_extended = r->is_extended || r->is_tls || r->is_auth;
    if (r->is_utf8)
        buf_adds(out, "UTF8");
    else if (is_extended && !r->is_lmtp)
        buf_addc(out, 'E');
    buf_adds(out, r->is_lmtp ? "LMTP" : "SMTP");
    if (r->is_tls)
        buf_addc(out, 'S');
    if (r->is_auth)
        buf_addc(out, 'A');
}

void received_print(struct buf *out, const struct received *r)
{
    struct folder f = {.out = out, .line_at = out->n};
    buf_adds(out, "Received:");
    add_from(&f, r);
    add_clause(&f, "by", r->by, false);
    begin_word(&f);
    buf_adds(out, "with ");
    received_with(out, r);
    end_word(&f);
    add_tls(&f, r);
    if (r->id.n > 0)
        add_clause(&f, "id", r->id, false);
    add_for(&f, r);
    buf_addc(out, ';');
    end_word(&f);
    begin_word(&f);
    date_print(out, r->at, r->offset_minutes);
    end_word(&f);
    buf_adds(out, "\r\n");
}
