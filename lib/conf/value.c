#include "lib/conf/value.h"

#include "lib/base/ascii.h"
#include "lib/base/url.h"
#include "lib/base/utf8.h"

#define NAME_MAX_LENGTH 64
#define TEXT_MAX_LENGTH 1024

/* For a hint: NULL, and so no hint, where there was no room. */
static const char *buf_cstr(struct buf *b)
{
    buf_addc(b, '\0');
    return b->err == BUF_OK ? b->p : NULL;
}

/* --- names and text ------------------------------------------------------------------------- */

/* Labels of letters, digits and inner hyphens, 1 to 63 of them, together at most 253 (RFC 1123 2.1,
 * RFC 5321 4.1.2); with_unicode also lets U-labels be. */
static bool is_domain(slice s, bool with_unicode)
{
    if (s.n == 0 || s.n > 253)
        return false;
    bool last_is_number = true;
    while (s.n > 0) {
        size_t n = slice_find(s, '.');
        if (n == 0 || n > 63 || n + 1 == s.n || s.p[0] == '-' || s.p[n - 1] == '-')
            return false;
        last_is_number = true;
        for (size_t i = 0; i < n; i++) {
            char c = s.p[i];
            if (!ascii_is_alnum(c) && c != '-' && !(with_unicode && !ascii_is_ascii(c)))
                return false;
            last_is_number = last_is_number && ascii_is_digit(c);
        }
        s = slice_tail(s, n + 1);
    }
    return !last_is_number; /* or it could be an address */
}

static bool copy(struct reader *r, slice s, slice *ret)
{
    if (arena_copy(r->arena, s, ret))
        return true;
    r->out_of_memory = true;
    return false;
}

static bool domain(struct reader *r, const struct key_row *key, const struct token *word,
                   slice *ret)
{
    bool is_host = key->kind == KIND_HOST;
    if (slice_is(word->text, "*")) {
        conf_error(r->errors, word->at,
                   slice_is(slice_cstr(key->word), "route")
                       ? "name the domains that go there; mail for all others cannot be sent yet"
                       : "name the domains that are yours",
                   "\"*\" would take mail for everybody: an open relay");
        return false;
    }
    if (!is_domain(word->text, !is_host)) {
        bool dot = word->text.n > 1 && word->text.p[word->text.n - 1] == '.';
        const char *hint = dot ? "leave out the dot at its end"
                           : is_host && !utf8_is_ascii(word->text)
                               ? "write its ASCII form, xn--…"
                               : "labels of letters, digits and hyphens with dots between them, as "
                                 "in mx.example.org";
        conf_error(r->errors, word->at, hint, "\"%.*s\" is no %s name", SLICE_ARG(word->text),
                   is_host ? "host" : "domain");
        return false;
    }
    char *lower = arena_take(r->arena, word->text.n + 1);
    if (lower == NULL) {
        r->out_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < word->text.n; i++)
        lower[i] = ascii_lower(word->text.p[i]);
    lower[word->text.n] = '\0';
    *ret = slice_of(lower, word->text.n);
    return true;
}

static bool name(struct reader *r, const struct key_row *key, const struct token *word, slice *ret)
{
    bool ok = word->text.n > 0 && word->text.n <= NAME_MAX_LENGTH;
    for (size_t i = 0; ok && i < word->text.n; i++) {
        char c = word->text.p[i];
        ok = ascii_is_alnum(c) || c == '_' || (c == '-' && i > 0);
    }
    if (!ok) {
        conf_error(r->errors, word->at, "letters, digits, '-' and '_'", "\"%.*s\" is no good %s",
                   SLICE_ARG(word->text), key->word);
        return false;
    }
    return copy(r, word->text, ret);
}

static bool text(struct reader *r, const struct key_row *key, const struct token *word, slice *ret)
{
    if (word->text.n > TEXT_MAX_LENGTH) {
        conf_error(r->errors, word->at, NULL, "%s has at most %d bytes", key->word,
                   TEXT_MAX_LENGTH);
        return false;
    }
    return copy(r, word->text, ret);
}

static bool url(struct reader *r, const struct token *word, slice *ret)
{
    static const char *const why[] = {
        [URL_OK] = "",
        [URL_BAD_SCHEME] = "it begins with https://",
        [URL_BAD_HOST] = "behind https:// stands a host's name in ASCII, or an address",
        [URL_BAD_PORT] = "a port is a number from 1 to 65535",
        [URL_BAD_PATH] = "no blanks, quotes or #; other letters as %XX",
    };
    slice s = word->text;
    struct url u;
    enum url_err err = s.n <= URL_MAX_BYTES ? url_read(s, &u) : URL_BAD_PATH;
    if (err == URL_OK && url_is_private(&u))
        return copy(r, s, ret);
    if (err == URL_OK)
        conf_error(r->errors, word->at, "https://…; http only to 127.0.0.1 or [::1]",
                   "\"%.*s\" would cross the network in the clear", SLICE_ARG(s));
    else
        conf_error(r->errors, word->at, why[err], "\"%.*s\" is no URL that can be used",
                   SLICE_ARG(slice_head(s, URL_MAX_BYTES)));
    return false;
}

/* The words of the file are clean already, the name of its directory may be anything. */
static bool is_printable(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_control(s.p[i]))
            return false;
    return utf8_is_valid(s);
}

static bool path(struct reader *r, const struct token *word, slice *ret)
{
    slice s = word->text;
    while (slice_starts(s, SLICE_LIT("./")))
        s = slice_tail(s, 2);
    if (s.n == 0) {
        conf_error(r->errors, word->at, NULL, "a path may not be empty");
        return false;
    }
    size_t n = s.n + (s.p[0] == '/' ? 0 : r->directory.n + 1);
    if (n > PATH_MAX_LENGTH) {
        conf_error(r->errors, word->at, NULL, "this path has more than %d bytes", PATH_MAX_LENGTH);
        return false;
    }
    if (s.p[0] == '/')
        return copy(r, s, ret);
    if (!is_printable(r->directory)) {
        conf_error(r->errors, word->at, "write it from / on",
                   "the directory that this begins in has a name that cannot be written down");
        return false;
    }
    char *p = arena_take(r->arena, n + 1);
    if (p == NULL) {
        r->out_of_memory = true;
        return false;
    }
    bool has_slash = r->directory.n > 0 && r->directory.p[r->directory.n - 1] == '/';
    size_t at = r->directory.n - (has_slash ? 1 : 0);
    if (at > 0)
        memcpy(p, r->directory.p, at);
    p[at++] = '/';
    memcpy(p + at, s.p, s.n);
    p[at + s.n] = '\0';
    *ret = slice_of(p, at + s.n);
    return true;
}

static bool maildir(struct reader *r, const struct token *words, struct conf_deliver *ret)
{
    slice p;
    if (!path(r, &words[1], &p))
        return false;
    for (slice s = p; s.n > 0;) {
        size_t open = slice_find(s, '{');
        if (open == s.n)
            break;
        slice at = slice_tail(s, open);
        size_t close = slice_find(at, '}');
        slice what = slice_head(at, close + 1);
        if (!slice_is(what, "{domain}") && !slice_is(what, "{local}")) {
            conf_error(r->errors, words[1].at, "there are {domain} and {local}",
                       "\"%.*s\" stands for nothing", SLICE_ARG(what));
            return false;
        }
        s = slice_tail(at, what.n);
    }
    *ret = (struct conf_deliver){.kind = CONF_DELIVER_MAILDIR, .path = p};
    return true;
}

/* --- addresses ------------------------------------------------------------------------------ */

/* ADDRESS:PORT with IPv6 in brackets; without a port (and then IPv6 also without brackets) where
 * there is a default. */
static bool endpoint_read(slice s, uint16_t default_port, struct conf_endpoint *ret)
{
    struct conf_endpoint e = {.port = default_port};
    if (default_port != 0 && ip_parse(s, &e.ip) == IP_OK) {
        *ret = e;
        return true;
    }
    bool brackets = s.n > 0 && s.p[0] == '[';
    size_t end = brackets ? slice_find(s, ']') : slice_rfind(s, ':');
    if (brackets && end == s.n)
        return false;
    slice address = brackets ? slice_of(s.p + 1, end - 1) : slice_head(s, end);
    slice rest = slice_tail(s, brackets ? end + 1 : end);
    if (ip_parse(address, &e.ip) != IP_OK || (e.ip.family == IP_V6) != brackets)
        return false;
    if (rest.n > 0 || default_port == 0) {
        uint64_t port;
        if (rest.n < 2 || rest.p[0] != ':' || !slice_to_u64(slice_tail(rest, 1), 65535, &port) ||
            port == 0)
            return false;
        e.port = (uint16_t)port;
    }
    *ret = e;
    return true;
}

static bool endpoint(struct reader *r, const struct token *word, uint16_t default_port,
                     struct conf_endpoint *ret)
{
    if (endpoint_read(word->text, default_port, ret))
        return true;
    slice s = word->text;
    bool every = slice_starts(s, SLICE_LIT("*")) || slice_starts(s, SLICE_LIT(":"));
    conf_error(r->errors, word->at,
               every               ? "[::]:25 is port 25 on every address"
               : default_port == 0 ? "an IP address and a port: 192.0.2.1:25 or [2001:db8::1]:25"
                                   : "an IP address: 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53",
               "\"%.*s\" is no address%s", SLICE_ARG(s), default_port == 0 ? " with a port" : "");
    return false;
}

static bool socket_read(struct reader *r, const struct token *word, struct conf_socket *ret)
{
    slice s = word->text;
    if (!slice_starts(s, SLICE_LIT("unix:"))) {
        struct conf_endpoint at;
        if (!endpoint_read(s, 0, &at)) {
            conf_error(r->errors, word->at,
                       "unix:/run/name/socket, or an IP address and a port: 127.0.0.1:24",
                       "\"%.*s\" is no socket", SLICE_ARG(s));
            return false;
        }
        *ret = (struct conf_socket){.at = at};
        return true;
    }
    struct token behind = *word;
    struct conf_socket v = {0};
    behind.text = slice_tail(s, 5);
    if (!path(r, &behind, &v.path))
        return false;
    if (v.path.n > SOCKET_PATH_MAX) {
        conf_error(r->errors, word->at, NULL,
                   "the path of a socket has at most %d bytes, this one has %zu", SOCKET_PATH_MAX,
                   v.path.n);
        return false;
    }
    *ret = v;
    return true;
}

static bool deliver(struct reader *r, const struct token *words, struct conf_deliver *ret)
{
    struct conf_socket host;
    if (slice_is(words[0].text, "maildir"))
        return maildir(r, words, ret);
    if (!slice_is(words[0].text, "lmtp")) {
        conf_error(r->errors, words[0].at, "deliver maildir PATH, or deliver lmtp SOCKET",
                   "mail cannot be delivered to \"%.*s\"", SLICE_ARG(words[0].text));
        return false;
    }
    if (!socket_read(r, &words[1], &host))
        return false;
    *ret = (struct conf_deliver){.kind = CONF_DELIVER_LMTP, .host = host};
    return true;
}

static bool via(struct reader *r, const struct token *word, struct conf_via *ret)
{
    struct token behind = *word;
    struct conf_socket host;
    if (!slice_starts(word->text, SLICE_LIT("lmtp:"))) {
        conf_error(r->errors, word->at, "lmtp:unix:/run/dovecot/lmtp, or lmtp:127.0.0.1:24",
                   "mail goes on by lmtp only, not by \"%.*s\"", SLICE_ARG(word->text));
        return false;
    }
    behind.text = slice_tail(word->text, 5);
    if (!socket_read(r, &behind, &host))
        return false;
    *ret = (struct conf_via){CONF_VIA_LMTP, host};
    return true;
}

static bool listen_read(struct reader *r, const struct token *word, struct conf_socket *ret)
{
    struct conf_endpoint at;
    if (slice_starts(word->text, SLICE_LIT("unix:")))
        return socket_read(r, word, ret);
    if (!endpoint(r, word, 0, &at))
        return false;
    *ret = (struct conf_socket){.at = at};
    return true;
}

static bool net(struct reader *r, const struct token *word, struct ip_net *ret)
{
    struct ip_net v = {0};
    enum ip_err err = ip_net_parse(word->text, &v);
    if (err == IP_OK) {
        *ret = v;
        return true;
    }
    struct buf hint;
    buf_init(&hint, 128);
    if (err == IP_HOST_BITS) {
        buf_adds(&hint, "the network is ");
        ip_net_print(&hint, &v);
    } else {
        buf_adds(&hint, err == IP_BAD_BITS ? "/0 to /32 behind IPv4, /0 to /128 behind IPv6"
                        : word->text.n > 0 && word->text.p[word->text.n - 1] == ','
                            ? "blanks stand between addresses, no commas"
                            : "as in 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32");
    }
    conf_error(r->errors, word->at, buf_cstr(&hint), "\"%.*s\" is no address or network",
               SLICE_ARG(word->text));
    buf_release(&hint);
    return false;
}

static bool pick(struct reader *r, const struct key_row *key, const struct token *word,
                 unsigned *ret)
{
    struct spelling g;
    struct buf all;
    spelling_init(&g, word->text);
    buf_init(&all, 256);
    for (const struct word_row *w = key->words; w->word != NULL; w++) {
        bool is_it = key->kind == KIND_PICKS ? slice_is_ci(word->text, w->word)
                                             : slice_is(word->text, w->word);
        if (is_it) {
            *ret = w->value;
            buf_release(&all);
            return true;
        }
        spelling_offer(&g, w->word);
        if (w != key->words)
            buf_adds(&all, w[1].word == NULL ? " or " : ", ");
        buf_adds(&all, w->word);
    }
    char room[128];
    conf_error(r->errors, word->at, spelling_hint(&g, room, sizeof(room)),
               "%s is %.*s, not \"%.*s\"", key->word, SLICE_ARG(buf_slice(&all)),
               SLICE_ARG(word->text));
    buf_release(&all);
    return false;
}

/* The names of protocols in it have no case. */
static bool picks(struct reader *r, const struct key_row *key, const struct token *words, size_t n,
                  unsigned *ret)
{
    unsigned value, all = 0;
    for (size_t i = 0; i < n; i++) {
        if (!pick(r, key, &words[i], &value))
            return false;
        all |= 1U << value;
    }
    *ret = all;
    return true;
}

/* --- all kinds ------------------------------------------------------------------------------ */

/* The capacity follows from n: the next power of two, at least 4. */
void *list_add(struct reader *r, struct any_list *list, size_t size)
{
    if (list->n == 0 || (list->n >= 4 && (list->n & (list->n - 1)) == 0)) {
        void *more = arena_zero(r->arena, (list->n == 0 ? 4 : list->n * 2) * size);
        if (more == NULL) {
            r->out_of_memory = true;
            return NULL;
        }
        if (list->n > 0)
            memcpy(more, list->v, list->n * size);
        list->v = more;
    }
    return (char *)list->v + list->n++ * size;
}

/* One more element; the list's own type is const for its readers. */
#define ADD(reader, list, type, value)                                                             \
    do {                                                                                           \
        struct any_list any_ = {(void *)(uintptr_t)(list)->v, (list)->n};                          \
        type *slot_ = list_add(reader, &any_, sizeof(type));                                       \
        if (slot_ == NULL)                                                                         \
            return false;                                                                          \
        *slot_ = (value);                                                                          \
        (list)->v = any_.v;                                                                        \
        (list)->n = any_.n;                                                                        \
    } while (0)

static bool read_list(struct reader *r, const struct key_row *key, const struct token *word,
                      void *field)
{
    if (key->kind == KIND_PATHS) {
        slice v;
        if (!path(r, word, &v))
            return false;
        ADD(r, (struct conf_paths *)field, slice, v);
    } else if (key->kind == KIND_TEXTS) {
        slice v;
        if (!text(r, key, word, &v))
            return false;
        ADD(r, (struct conf_texts *)field, slice, v);
    } else if (key->kind == KIND_ENDPOINTS) {
        struct conf_endpoint v;
        if (!endpoint(r, word, 53, &v))
            return false;
        ADD(r, (struct conf_endpoints *)field, struct conf_endpoint, v);
    } else {
        struct ip_net v;
        if (!net(r, word, &v))
            return false;
        ADD(r, (struct conf_nets *)field, struct ip_net, v);
    }
    return true;
}

static bool right_number(struct reader *r, const struct key_row *key, struct conf_origin key_at,
                         const struct token *words, size_t n)
{
    size_t want = key->kind == KIND_DELIVER ? 2 : key->kind == KIND_NOTHING ? 0 : 1;
    if (n == want || ((kind_is_list(key->kind) || key->kind == KIND_PICKS) && n > 1))
        return true;
    if (n < want) {
        struct buf hint;
        buf_init(&hint, 256);
        buf_addf(&hint, "%s %s", key->word, kind_name(key->kind));
        for (const struct word_row *w = key->words; w != NULL && w->word != NULL; w++)
            buf_addf(&hint, "%s%s", w == key->words ? "" : " | ", w->word);
        conf_error(r->errors, key_at, buf_cstr(&hint), "a value is missing");
        buf_release(&hint);
        return false;
    }
    conf_error(r->errors, words[want].at,
               "statements end with the line or with ';'; quotes hold words together",
               "here is a word too many: \"%.*s\"", SLICE_ARG(words[want].text));
    return false;
}

bool value_read(struct reader *r, const struct key_row *key, struct conf_origin key_at,
                const struct token *words, size_t n, void *field)
{
    if (!right_number(r, key, key_at, words, n))
        return false;
    switch (key->kind) {
    case KIND_NOTHING:
        return true;
    case KIND_COUNT:
    case KIND_SIZE:
    case KIND_DURATION:
        return number_read(r, key, words, field);
    case KIND_HOST:
    case KIND_DOMAIN:
        return domain(r, key, words, field);
    case KIND_NAME:
        return name(r, key, words, field);
    case KIND_TEXT:
        return text(r, key, words, field);
    case KIND_URL:
        return url(r, words, field);
    case KIND_PATH:
        return path(r, words, field);
    case KIND_ENDPOINT:
        return endpoint(r, words, 0, field);
    case KIND_DELIVER:
        return deliver(r, words, field);
    case KIND_VIA:
        return via(r, words, field);
    case KIND_PICK:
        return pick(r, key, words, field);
    case KIND_PICKS:
        return picks(r, key, words, n, field);
    case KIND_SOCKET:
        return socket_read(r, words, field);
    case KIND_LISTEN:
        return listen_read(r, words, field);
    case KIND_PATHS:
    case KIND_TEXTS:
    case KIND_ENDPOINTS:
    case KIND_NETS:
        for (size_t i = 0; i < n; i++)
            if (!read_list(r, key, &words[i], field))
                return false;
        return true;
    }
    return false;
}
