#include "lib/smtp/address.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

/* Who asks, and so what is allowed beside a mailbox. */
struct rules {
    bool smtputf8;
    bool may_be_null;
    bool may_be_postmaster;
    size_t local_max_bytes;
};

static bool next_is(slice s, char c)
{
    return s.n > 0 && s.p[0] == c;
}

static bool take_char(slice *in, char c)
{
    if (!next_is(*in, c))
        return false;
    *in = slice_tail(*in, 1);
    return true;
}

/* What was taken off `from` so that `rest` is left. */
static slice taken(slice from, slice rest)
{
    return slice_head(from, from.n - rest.n);
}

static bool is_at_end(slice s)
{
    return s.n == 0 || ascii_is_blank(s.p[0]);
}

/* atext of RFC 5322 3.2.3 with RFC 6531 3.3. */
static bool is_atext(char c)
{
    return ascii_is_alnum(c) || !ascii_is_ascii(c) ||
           (ascii_is_graphic(c) && memchr("!#$%&'*+-/=?^_`{|}~", c, 19) != NULL);
}

static bool take_dot_string(slice *in)
{
    slice s = *in;
    do {
        size_t n = 0;
        while (n < s.n && is_atext(s.p[n]))
            n++;
        if (n == 0)
            return false;
        s = slice_tail(s, n);
    } while (take_char(&s, '.'));
    *in = s;
    return true;
}

static bool take_quoted_string(slice *in)
{
    size_t i = 1;
    for (; i < in->n && in->p[i] != '"'; i++) {
        /* quoted-pairSMTP is for %d32-126 alone, RFC 6531 adds nothing to it. */
        if (in->p[i] == '\\' && (++i == in->n || !ascii_is_ascii(in->p[i])))
            return false;
        if (ascii_is_control(in->p[i]))
            return false;
    }
    if (i >= in->n)
        return false;
    *in = slice_tail(*in, i + 1);
    return true;
}

static enum path_err take_label(slice *in)
{
    size_t n = 0;
    while (n < in->n && (ascii_is_alnum(in->p[n]) || in->p[n] == '-' || !ascii_is_ascii(in->p[n])))
        n++;
    slice label = slice_head(*in, n);
    /* The limit is on the A-label, which may be shorter than the UTF-8 of its U-label. */
    if (n == 0 || label.p[0] == '-' || label.p[n - 1] == '-' || utf8_count(label) > LABEL_MAX_BYTES)
        return PATH_BAD_DOMAIN;
    *in = slice_tail(*in, n);
    return PATH_OK;
}

static enum path_err take_name(slice *in)
{
    slice s = *in;
    do {
        enum path_err err = take_label(&s);
        if (err != PATH_OK)
            return err;
    } while (take_char(&s, '.'));
    if (in->n - s.n > DOMAIN_MAX_BYTES)
        return PATH_DOMAIN_TOO_LONG;
    *in = s;
    return PATH_OK;
}

static enum path_err take_literal(slice *in)
{
    slice s = slice_head(*in, slice_find(*in, ']') + 1);
    if (literal_parse(s, NULL) == LITERAL_NONE)
        return PATH_BAD_LITERAL;
    if (s.n > DOMAIN_MAX_BYTES)
        return PATH_DOMAIN_TOO_LONG;
    *in = slice_tail(*in, s.n);
    return PATH_OK;
}

/* local@domain, into ret->local, domain and text. */
static enum path_err take_local_and_domain(slice *in, size_t local_max_bytes, struct path *ret)
{
    slice s = *in;
    bool is_quoted = next_is(s, '"');
    if (!(is_quoted ? take_quoted_string(&s) : take_dot_string(&s)))
        return PATH_BAD_LOCAL;
    slice local = taken(*in, s);
    if (!take_char(&s, '@'))
        return is_at_end(s) || next_is(s, '>') ? PATH_NO_DOMAIN : PATH_BAD_LOCAL;
    if (is_at_end(s) || next_is(s, '>'))
        return PATH_NO_DOMAIN;
    slice at_domain = s;
    bool is_literal = next_is(s, '[');
    enum path_err err = is_literal ? take_literal(&s) : take_name(&s);
    if (err != PATH_OK)
        return err;
    if (!is_at_end(s) && !next_is(s, '>'))
        return is_literal ? PATH_BAD_LITERAL : PATH_BAD_DOMAIN;
    if (local.n > local_max_bytes)
        return PATH_LOCAL_TOO_LONG;
    ret->text = taken(*in, s);
    ret->local = local;
    ret->domain = taken(at_domain, s);
    ret->is_quoted = is_quoted;
    ret->is_literal = is_literal;
    *in = s;
    return ret->text.n > PATH_MAX_BYTES - 2 ? PATH_TOO_LONG : PATH_OK;
}

/* RFC 5321 4.1.2: A-d-l ":". Ignored, but it must be one. */
static enum path_err take_route(slice *in)
{
    slice s = *in;
    do {
        if (!take_char(&s, '@') || take_name(&s) != PATH_OK)
            return PATH_BAD_ROUTE;
    } while (take_char(&s, ','));
    if (!take_char(&s, ':'))
        return PATH_BAD_ROUTE;
    *in = s;
    return PATH_OK;
}

static enum path_err check_utf8(slice text, bool smtputf8, bool *ret_is_utf8)
{
    *ret_is_utf8 = !utf8_is_ascii(text);
    if (*ret_is_utf8 && !utf8_is_valid(text))
        return PATH_BAD_UTF8;
    return *ret_is_utf8 && !smtputf8 ? PATH_NEEDS_SMTPUTF8 : PATH_OK;
}

/* What stands between the brackets. */
static enum path_err take_inside(slice *in, const struct rules *rules, struct path *path)
{
    static const slice postmaster = SLICE_LIT("postmaster");
    if (next_is(*in, '>')) {
        path->is_null = true;
        return rules->may_be_null ? PATH_OK : PATH_NULL;
    }
    if (rules->may_be_postmaster && slice_starts_ci(*in, postmaster) &&
        next_is(slice_tail(*in, postmaster.n), '>')) {
        path->is_postmaster = true;
        path->text = path->local = slice_head(*in, postmaster.n);
        *in = slice_tail(*in, postmaster.n);
        return PATH_OK;
    }
    if (next_is(*in, '@')) {
        path->has_route = true;
        enum path_err err = take_route(in);
        if (err != PATH_OK)
            return err;
    }
    return take_local_and_domain(in, rules->local_max_bytes, path);
}

static enum path_err take_path(slice *in, const struct rules *rules, struct path *ret)
{
    struct path path = {0};
    slice s = *in;
    if (is_at_end(s))
        return PATH_EMPTY;
    if (!take_char(&s, '<'))
        return PATH_NO_BRACKETS;
    slice inside = s;
    enum path_err err = take_inside(&s, rules, &path);
    if (err != PATH_OK)
        return err;
    if (!take_char(&s, '>'))
        return PATH_UNCLOSED;
    err = check_utf8(taken(inside, s), rules->smtputf8, &path.is_utf8);
    if (err != PATH_OK)
        return err;
    *in = s;
    *ret = path;
    return PATH_OK;
}

enum path_err take_reverse_path(slice *in, bool smtputf8, struct path *ret)
{
    const struct rules rules = {.smtputf8 = smtputf8,
                                .may_be_null = true,
                                .local_max_bytes = PATH_MAX_BYTES};
    return take_path(in, &rules, ret);
}

enum path_err take_forward_path(slice *in, bool smtputf8, struct path *ret)
{
    const struct rules rules = {.smtputf8 = smtputf8,
                                .may_be_postmaster = true,
                                .local_max_bytes = LOCAL_MAX_BYTES};
    return take_path(in, &rules, ret);
}

enum path_err take_mailbox(slice *in, bool smtputf8, struct path *ret)
{
    struct path path = {0};
    slice s = *in;
    if (is_at_end(s))
        return PATH_EMPTY;
    enum path_err err = take_local_and_domain(&s, LOCAL_MAX_BYTES, &path);
    if (err == PATH_OK)
        err = check_utf8(path.text, smtputf8, &path.is_utf8);
    if (err != PATH_OK)
        return err;
    *in = s;
    *ret = path;
    return PATH_OK;
}

enum path_err mailbox_parse(slice s, bool smtputf8, struct path *ret)
{
    struct path path;
    enum path_err err = take_mailbox(&s, smtputf8, &path);
    if (err == PATH_OK && s.n > 0)
        err = PATH_BAD_DOMAIN;
    if (err == PATH_OK)
        *ret = path;
    return err;
}

enum path_err take_domain(slice *in, bool smtputf8, struct domain *ret)
{
    struct domain domain = {.is_strict = true, .is_literal = next_is(*in, '[')};
    slice s = *in;
    if (is_at_end(s))
        return PATH_EMPTY;
    enum path_err err = domain.is_literal ? take_literal(&s) : take_name(&s);
    if (err == PATH_OK && !is_at_end(s))
        err = domain.is_literal ? PATH_BAD_LITERAL : PATH_BAD_DOMAIN;
    domain.text = taken(*in, s);
    if (err == PATH_OK)
        err = check_utf8(domain.text, smtputf8, &domain.is_utf8);
    if (err != PATH_OK)
        return err;
    *in = s;
    *ret = domain;
    return PATH_OK;
}

enum path_err take_domain_tolerant(slice *in, struct domain *ret)
{
    struct domain domain = {0};
    if (is_at_end(*in))
        return PATH_EMPTY;
    if (take_domain(in, true, &domain) == PATH_OK) {
        *ret = domain;
        return PATH_OK;
    }
    size_t n = 0;
    while (n < in->n && (ascii_is_graphic(in->p[n]) || !ascii_is_ascii(in->p[n])))
        n++;
    domain = (struct domain){.text = slice_head(*in, n)};
    slice rest = slice_tail(*in, n);
    if (!is_at_end(rest))
        return PATH_BAD_DOMAIN;
    if (n > DOMAIN_MAX_BYTES)
        return PATH_DOMAIN_TOO_LONG;
    enum path_err err = check_utf8(domain.text, true, &domain.is_utf8);
    if (err != PATH_OK)
        return err;
    *in = rest;
    *ret = domain;
    return PATH_OK;
}

/* Of the groups that IPv6-comp and IPv6v4-comp may show beside "::" (RFC 5321 4.1.3: no more than
 * 6, and 4 with an IPv4 end). */
static bool shows_too_many_groups(slice s)
{
    size_t at = slice_find_slice(s, SLICE_LIT("::"));
    if (at == s.n)
        return false;
    size_t groups = 0;
    slice group;
    while (slice_split(&s, ':', &group))
        groups += group.n == 0 ? 0 : slice_find(group, '.') < group.n ? 2 : 1;
    return groups > 6;
}

/* General-address-literal: Ldh-str ":" 1*dcontent. */
static bool is_general(slice s)
{
    size_t colon = slice_find(s, ':');
    slice tag = slice_head(s, colon), content = slice_tail(s, colon + 1);
    if (tag.n == 0 || content.n == 0 || !ascii_is_alnum(tag.p[tag.n - 1]))
        return false;
    for (size_t i = 0; i < tag.n; i++)
        if (!ascii_is_alnum(tag.p[i]) && tag.p[i] != '-')
            return false;
    for (size_t i = 0; i < content.n; i++)
        if (!ascii_is_graphic(content.p[i]) || (content.p[i] >= '[' && content.p[i] <= ']'))
            return false;
    return true;
}

enum literal_kind literal_parse(slice s, struct ip *ret_ip)
{
    static const slice ipv6_tag = SLICE_LIT("IPv6:");
    struct ip ip;
    if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return LITERAL_NONE;
    s = slice_tail(slice_head(s, s.n - 1), 1);
    enum literal_kind kind = LITERAL_NONE;
    if (slice_starts_ci(s, ipv6_tag)) {
        s = slice_tail(s, ipv6_tag.n);
        if (ip_parse(s, &ip) == IP_OK && ip.family == IP_V6 && !shows_too_many_groups(s))
            kind = LITERAL_IPV6;
    } else if (ip_parse(s, &ip) == IP_OK && ip.family == IP_V4) {
        kind = LITERAL_IPV4;
    } else if (ip_parse(s, &ip) != IP_OK && is_general(s)) {
        return LITERAL_GENERAL;
    }
    if (kind != LITERAL_NONE && ret_ip != NULL)
        *ret_ip = ip;
    return kind;
}

void literal_print(struct buf *out, const struct ip *ip)
{
    buf_adds(out, ip->family == IP_V6 ? "[IPv6:" : "[");
    ip_print(out, ip);
    buf_addc(out, ']');
}

void local_dequote(struct buf *out, slice local)
{
    if (!next_is(local, '"')) {
        buf_add(out, local);
        return;
    }
    for (size_t i = 1; i + 1 < local.n; i++) {
        if (local.p[i] == '\\' && i + 2 < local.n)
            i++;
        buf_addc(out, local.p[i]);
    }
}

bool local_print(struct buf *out, slice name)
{
    slice rest = name;
    for (size_t i = 0; i < name.n; i++)
        if (ascii_is_control(name.p[i]))
            return false;
    if (!utf8_is_valid(name))
        return false;
    if (take_dot_string(&rest) && rest.n == 0) {
        buf_add(out, name);
        return true;
    }
    buf_addc(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"' || name.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, name.p[i]);
    }
    buf_addc(out, '"');
    return true;
}

void path_print(struct buf *out, const struct path *path)
{
    buf_addc(out, '<');
    buf_add(out, path->text);
    buf_addc(out, '>');
}

const char *path_err_name(enum path_err err)
{
    static const char *const names[] = {
        [PATH_OK] = "ok",
        [PATH_EMPTY] = "empty",
        [PATH_NO_BRACKETS] = "no-brackets",
        [PATH_UNCLOSED] = "unclosed",
        [PATH_NULL] = "null",
        [PATH_BAD_ROUTE] = "bad-route",
        [PATH_BAD_LOCAL] = "bad-local",
        [PATH_NO_DOMAIN] = "no-domain",
        [PATH_BAD_DOMAIN] = "bad-domain",
        [PATH_BAD_LITERAL] = "bad-literal",
        [PATH_LOCAL_TOO_LONG] = "local-too-long",
        [PATH_DOMAIN_TOO_LONG] = "domain-too-long",
        [PATH_TOO_LONG] = "too-long",
        [PATH_NEEDS_SMTPUTF8] = "needs-smtputf8",
        [PATH_BAD_UTF8] = "bad-utf8",
    };
    return names[err];
}
