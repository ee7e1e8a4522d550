/* XCLIENT and XFORWARD, as Postfix documents them: a proxy that the configuration trusts says for
 * whom it speaks. XCLIENT makes the session that client's, from the checks of the connection on;
 * XFORWARD only leaves a note with the next message.
 *
 * DEVIATES: LOGIN is taken as [UNAVAILABLE] alone and not announced. Who may send as whom hangs on
 * a pass that directory gives for a credential (docs of AUTH); a word of the proxy's is none. */
#include <stdlib.h>

#include "lib/session/session_int.h"

enum { ATTRIBUTE_MAX_BYTES = 255 };

enum attribute {
    ATTRIBUTE_NAME,
    ATTRIBUTE_ADDR,
    ATTRIBUTE_PORT,
    ATTRIBUTE_PROTO,
    ATTRIBUTE_HELO,
    ATTRIBUTE_LOGIN,
    ATTRIBUTE_DESTADDR,
    ATTRIBUTE_DESTPORT,
    ATTRIBUTE_IDENT,
    ATTRIBUTE_SOURCE,
    ATTRIBUTES
};

enum { FOR_XCLIENT = 1, FOR_XFORWARD = 2, FOR_BOTH = 3 };

static const struct {
    const char *word;
    unsigned of;
} attributes[ATTRIBUTES] = {
    [ATTRIBUTE_NAME] = {"NAME", FOR_BOTH},
    [ATTRIBUTE_ADDR] = {"ADDR", FOR_BOTH},
    [ATTRIBUTE_PORT] = {"PORT", FOR_BOTH},
    [ATTRIBUTE_PROTO] = {"PROTO", FOR_BOTH},
    [ATTRIBUTE_HELO] = {"HELO", FOR_BOTH},
    [ATTRIBUTE_LOGIN] = {"LOGIN", FOR_XCLIENT},
    [ATTRIBUTE_DESTADDR] = {"DESTADDR", FOR_XCLIENT},
    [ATTRIBUTE_DESTPORT] = {"DESTPORT", FOR_XCLIENT},
    [ATTRIBUTE_IDENT] = {"IDENT", FOR_XFORWARD},
    [ATTRIBUTE_SOURCE] = {"SOURCE", FOR_XFORWARD},
};

/* What one command said. An attribute that is given and has no text is unavailable. */
struct told {
    unsigned given; /* 1U << enum attribute */
    struct buf text[ATTRIBUTES];
    struct ip ip;
    uint16_t port;
};

static void told_release(struct told *told)
{
    for (size_t i = 0; i < ATTRIBUTES; i++)
        buf_release(&told->text[i]);
}

static bool is_given(const struct told *told, enum attribute a)
{
    return (told->given & 1U << a) != 0;
}

/* "IPv6:2001:db8::1" as Postfix writes it, or the address alone. */
static bool read_address(slice text, struct ip *ret)
{
    slice lead = SLICE_LIT("IPv6:");
    bool is_v6 = slice_starts_ci(text, lead);
    struct ip ip;
    if (ip_parse(is_v6 ? slice_tail(text, lead.n) : text, &ip) != IP_OK ||
        (is_v6 && ip.family != IP_V6))
        return false;
    *ret = ip_unmap(&ip);
    return true;
}

static bool read_port(slice text, uint16_t *ret)
{
    uint64_t port;
    if (!slice_to_u64(text, UINT16_MAX, &port))
        return false;
    *ret = (uint16_t)port;
    return true;
}

static bool is_word(slice text)
{
    struct domain name;
    return take_domain_tolerant(&text, &name) == PATH_OK && text.n == 0;
}

/* Is the decoded value one of this attribute's? */
static bool is_fit(struct told *told, enum attribute a, slice text)
{
    struct ip ip;
    uint16_t port;
    switch (a) {
    case ATTRIBUTE_ADDR:
        return read_address(text, &told->ip);
    case ATTRIBUTE_PORT:
        return read_port(text, &told->port);
    case ATTRIBUTE_DESTADDR:
        return read_address(text, &ip);
    case ATTRIBUTE_DESTPORT:
        return read_port(text, &port);
    case ATTRIBUTE_PROTO:
        return slice_is_ci(text, "SMTP") || slice_is_ci(text, "ESMTP") || slice_is_ci(text, "LMTP");
    case ATTRIBUTE_SOURCE:
        return slice_is_ci(text, "LOCAL") || slice_is_ci(text, "REMOTE");
    case ATTRIBUTE_LOGIN:
        return false;
    case ATTRIBUTE_NAME:
    case ATTRIBUTE_HELO:
    case ATTRIBUTE_IDENT:
        return is_word(text);
    case ATTRIBUTES:
        break;
    }
    return false;
}

static enum attribute find_attribute(slice word, unsigned of)
{
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if ((attributes[i].of & of) != 0 && slice_is_ci(word, attributes[i].word))
            return (enum attribute)i;
    return ATTRIBUTES;
}

/* NAME=xtext; false: *ret_bad is what cannot be read. */
static bool read_one(struct told *told, slice one, unsigned of, slice *ret_bad)
{
    size_t at = slice_find(one, '=');
    *ret_bad = slice_head(one, at);
    enum attribute a = find_attribute(*ret_bad, of);
    slice value = slice_tail(one, at + 1);
    if (a == ATTRIBUTES || at == one.n || value.n == 0 || is_given(told, a))
        return false;
    told->given |= 1U << a;
    if (slice_is_ci(value, "[UNAVAILABLE]") || slice_is_ci(value, "[TEMPUNAVAIL]"))
        return true;
    struct buf *text = &told->text[a];
    buf_init(text, ATTRIBUTE_MAX_BYTES);
    return xtext_decode(text, value, false) && text->err == BUF_OK &&
           is_fit(told, a, buf_slice(text));
}

static bool read_all(struct told *told, slice args, unsigned of, slice *ret_bad)
{
    slice one;
    *told = (struct told){0};
    while (slice_split(&args, ' ', &one))
        if (one.n > 0 && !read_one(told, one, of, ret_bad))
            return false;
    return true;
}

bool session_trusts_peer(const struct session *s)
{
    for (size_t i = 0; i < s->policy->proxies_count; i++)
        if (ip_net_has(&s->policy->proxies[i], &s->peer))
            return true;
    return false;
}

/* False: it was answered. */
static bool may_be_told(struct session *s, const struct turn *t)
{
    if (!session_trusts_peer(s))
        say(s, t, REASON_PROXY_NOT_TRUSTED, s->verb);
    else if (s->txn != NULL)
        say(s, t, REASON_NOT_IN_TRANSACTION, s->verb);
    else
        return true;
    return false;
}

/* The name is the proxy's to tell; told_helo wins over what the proxy says in its own EHLO. */
static void become(struct session *s, const struct told *told)
{
    const bool has_address = is_given(told, ATTRIBUTE_ADDR);
    if (has_address || is_given(told, ATTRIBUTE_NAME)) {
        buf_clear(&s->client_name);
        buf_add(&s->client_name, buf_slice(&told->text[ATTRIBUTE_NAME]));
        s->is_name_told = is_given(told, ATTRIBUTE_NAME);
        s->client_name_ask = 0;
    }
    if (has_address)
        s->client = told->ip;
    if (is_given(told, ATTRIBUTE_PORT))
        s->client_port = told->port;
    if (is_given(told, ATTRIBUTE_HELO)) {
        buf_clear(&s->told_helo);
        buf_add(&s->told_helo, buf_slice(&told->text[ATTRIBUTE_HELO]));
    }
}

void verb_xclient(struct session *s, const struct turn *t, slice args)
{
    struct told told;
    slice bad;
    if (!may_be_told(s, t))
        return;
    if (!read_all(&told, args, FOR_XCLIENT, &bad)) {
        say(s, t, REASON_PARAMETER_VALUE_BAD, bad);
        told_release(&told);
        return;
    }
    become(s, &told);
    told_release(&told);
    transaction_end(s, t);
    sign_in_drop(s);
    forwarded_drop(s); /* it was said of another client's next message */
    buf_clear(&s->helo);
    s->is_extended = false;
    s->state = STATE_CONNECTING;
    t->fx->has_client = true;
    t->fx->client = (struct session_client){.ip = s->client, .port = s->client_port};
    if (!policy_begin(s, t, PHASE_CONNECT, &(struct check_facts){.text_fault = REASON_NONE})) {
        say_and_close(s, t, REASON_OUT_OF_MEMORY);
        return;
    }
    session_decide(s, t);
}

void forwarded_drop(struct session *s)
{
    if (s->forwarded == NULL)
        return;
    buf_release(&s->forwarded->name);
    buf_release(&s->forwarded->helo);
    buf_release(&s->forwarded->ident);
    free(s->forwarded);
    s->forwarded = NULL;
}

static void put(struct buf *to, const struct told *told, enum attribute a)
{
    if (!is_given(told, a))
        return;
    buf_clear(to);
    buf_add(to, buf_slice(&told->text[a]));
}

void verb_xforward(struct session *s, const struct turn *t, slice args)
{
    struct told told;
    slice bad;
    if (!may_be_told(s, t))
        return;
    if (!read_all(&told, args, FOR_XFORWARD, &bad)) {
        say(s, t, REASON_PARAMETER_VALUE_BAD, bad);
        told_release(&told);
        return;
    }
    if (s->forwarded == NULL && (s->forwarded = malloc(sizeof *s->forwarded)) != NULL) {
        *s->forwarded = (struct forwarded){0};
        buf_init(&s->forwarded->name, ATTRIBUTE_MAX_BYTES);
        buf_init(&s->forwarded->helo, ATTRIBUTE_MAX_BYTES);
        buf_init(&s->forwarded->ident, ATTRIBUTE_MAX_BYTES);
    }
    if (s->forwarded == NULL) {
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
    } else {
        put(&s->forwarded->name, &told, ATTRIBUTE_NAME);
        put(&s->forwarded->helo, &told, ATTRIBUTE_HELO);
        put(&s->forwarded->ident, &told, ATTRIBUTE_IDENT);
        if (is_given(&told, ATTRIBUTE_ADDR))
            s->forwarded->ip = told.ip;
        say(s, t, REASON_PROXY_FACTS_NOTED, (slice){0});
    }
    told_release(&told);
}

struct origin session_origin(const struct session *s)
{
    const struct forwarded *f = s->forwarded;
    if (f == NULL)
        return (struct origin){&s->client, buf_slice(&s->helo), buf_slice(&s->client_name), {0}};
    return (struct origin){&f->ip, buf_slice(&f->helo), buf_slice(&f->name), buf_slice(&f->ident)};
}
