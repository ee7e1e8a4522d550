/* Values as text: what value.c reads back. */
#include "lib/conf/value.h"

static void print_text(struct buf *out, slice s)
{
    if (!lex_needs_quotes(s)) {
        buf_add(out, s);
        return;
    }
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, s.p[i]);
    }
    buf_addc(out, '"');
}

void conf_endpoint_print(struct buf *out, const struct conf_endpoint *e)
{
    bool brackets = e->ip.family == IP_V6;
    if (brackets)
        buf_addc(out, '[');
    ip_print(out, &e->ip);
    if (brackets)
        buf_addc(out, ']');
    buf_addc(out, ':');
    buf_addu(out, e->port);
}

bool conf_endpoint_eq(const struct conf_endpoint *a, const struct conf_endpoint *b)
{
    return a->port == b->port && ip_eq(&a->ip, &b->ip);
}

bool conf_socket_is_given(const struct conf_socket *s)
{
    return s->path.n > 0 || s->at.port != 0;
}

bool conf_socket_eq(const struct conf_socket *a, const struct conf_socket *b)
{
    return slice_eq(a->path, b->path) && conf_endpoint_eq(&a->at, &b->at);
}

void conf_socket_print(struct buf *out, const struct conf_socket *s)
{
    if (s->path.n > 0)
        buf_addf(out, "unix:%.*s", SLICE_ARG(s->path));
    else if (s->at.port != 0)
        conf_endpoint_print(out, &s->at);
}

static void print_socket(struct buf *out, const char *before, const struct conf_socket *s)
{
    struct buf word;
    buf_init(&word, 2 * PATH_MAX_LENGTH);
    buf_adds(&word, before);
    conf_socket_print(&word, s);
    print_text(out, buf_slice(&word));
    if (word.err != BUF_OK)
        out->err = word.err;
    buf_release(&word);
}

static void print_deliver(struct buf *out, const struct conf_deliver *d)
{
    switch (d->kind) {
    case CONF_DELIVER_MAILDIR:
        buf_adds(out, "maildir ");
        print_text(out, d->path);
        return;
    case CONF_DELIVER_LMTP:
        buf_adds(out, "lmtp ");
        print_socket(out, "", &d->host);
        return;
    }
}

static void print_list(struct buf *out, enum kind kind, const void *field, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(out, ' ');
        if (kind == KIND_PATHS)
            print_text(out, ((const struct conf_paths *)field)->v[i]);
        else if (kind == KIND_TEXTS)
            print_text(out, ((const struct conf_texts *)field)->v[i]);
        else if (kind == KIND_ENDPOINTS)
            conf_endpoint_print(out, &((const struct conf_endpoints *)field)->v[i]);
        else
            ip_net_print(out, &((const struct conf_nets *)field)->v[i]);
    }
}

static size_t list_length(enum kind kind, const void *field)
{
    return kind == KIND_PATHS       ? ((const struct conf_paths *)field)->n
           : kind == KIND_TEXTS     ? ((const struct conf_texts *)field)->n
           : kind == KIND_ENDPOINTS ? ((const struct conf_endpoints *)field)->n
                                    : ((const struct conf_nets *)field)->n;
}

static void print_picks(struct buf *out, const struct key_row *key, unsigned bits)
{
    for (const struct word_row *w = key->words; w->word != NULL; w++) {
        if ((bits & 1U << w->value) == 0)
            continue;
        buf_adds(out, w->word);
        bits &= ~(1U << w->value);
        if (bits != 0)
            buf_addc(out, ' ');
    }
}

void value_print(struct buf *out, const struct key_row *key, const void *field)
{
    switch (key->kind) {
    case KIND_NOTHING:
        return;
    case KIND_COUNT:
    case KIND_SIZE:
    case KIND_DURATION:
        number_print(out, key->kind, *(const uint64_t *)field);
        return;
    case KIND_HOST:
    case KIND_DOMAIN:
    case KIND_NAME:
    case KIND_TEXT:
    case KIND_URL:
    case KIND_PATH:
        print_text(out, *(const slice *)field);
        return;
    case KIND_ENDPOINT:
        conf_endpoint_print(out, field);
        return;
    case KIND_DELIVER:
        print_deliver(out, field);
        return;
    case KIND_VIA:
        print_socket(out, "lmtp:", &((const struct conf_via *)field)->host);
        return;
    case KIND_PICK:
        for (const struct word_row *w = key->words; w->word != NULL; w++)
            if (w->value == *(const unsigned *)field)
                buf_adds(out, w->word);
        return;
    case KIND_PICKS:
        print_picks(out, key, *(const unsigned *)field);
        return;
    case KIND_SOCKET:
    case KIND_LISTEN:
        print_socket(out, "", field);
        return;
    case KIND_PATHS:
    case KIND_TEXTS:
    case KIND_ENDPOINTS:
    case KIND_NETS:
        print_list(out, key->kind, field, list_length(key->kind, field));
        return;
    }
}

bool value_is_empty(const struct key_row *key, const void *field)
{
    if (kind_is_list(key->kind))
        return list_length(key->kind, field) == 0;
    if (key->kind == KIND_PICKS)
        return *(const unsigned *)field == 0;
    if (key->kind == KIND_SOCKET)
        return !conf_socket_is_given(field);
    if (key->kind == KIND_VIA)
        return ((const struct conf_via *)field)->kind == CONF_VIA_NOTHING;
    bool is_text = key->kind == KIND_HOST || key->kind == KIND_DOMAIN || key->kind == KIND_NAME ||
                   key->kind == KIND_TEXT || key->kind == KIND_URL || key->kind == KIND_PATH;
    return is_text && ((const slice *)field)->n == 0;
}
