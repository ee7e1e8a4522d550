#include "lib/route/recipient.h"

#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/smtp/address.h"

/* The most that lower case and NFC make of the longest local part: three bytes of every one
 * (Unicode 3.13), so that libunistring never has to find memory of its own. */
#define FOLDED_MAX_BYTES ((size_t)LOCAL_MAX_BYTES * 9)

static enum recipient_err fold_local(struct arena *a, slice local, bool keep_case, slice *ret)
{
    char small[LOCAL_MAX_BYTES];
    uint8_t wide[FOLDED_MAX_BYTES];
    slice folded;

    if (local.n > LOCAL_MAX_BYTES)
        return RECIPIENT_TOO_LONG;
    if (utf8_is_ascii(local)) {
        for (size_t i = 0; i < local.n; i++)
            small[i] = keep_case ? local.p[i] : ascii_lower(local.p[i]);
        folded = slice_of(small, local.n);
    } else {
        size_t n = sizeof wide;
        const uint8_t *text = (const uint8_t *)local.p;
        /* No language: what is equal must not depend on where the server stands. */
        uint8_t *got = keep_case ? u8_normalize(UNINORM_NFC, text, local.n, wide, &n)
                                 : u8_tolower(text, local.n, NULL, UNINORM_NFC, wide, &n);

        if (got != wide)
            return got == NULL ? RECIPIENT_SYNTAX : RECIPIENT_TOO_LONG;
        folded = slice_of(wide, n);
    }
    return arena_copy(a, folded, ret) ? RECIPIENT_OK : RECIPIENT_NOMEM;
}

static bool is_domain_text(slice s)
{
    struct domain parsed;
    slice rest = s;

    return take_domain(&rest, true, &parsed) == PATH_OK && rest.n == 0;
}

enum recipient_err recipient_domain(struct arena *a, slice domain, slice *ret)
{
    slice copy;

    /* A single dot at the end is how DNS writes a whole name. */
    if (domain.n > 1 && domain.p[domain.n - 1] == '.')
        domain.n--;
    if (domain.n > DOMAIN_MAX_BYTES)
        return RECIPIENT_TOO_LONG;
    if (!is_domain_text(domain))
        return RECIPIENT_DOMAIN;
    if (!arena_copy(a, domain, &copy))
        return RECIPIENT_NOMEM;
    if (!utf8_is_ascii(copy)) {
        uint8_t *made = NULL;
        bool kept;
        /* UTS 46, without its transition: ß stays ß. The copy has a NUL behind it and none within,
         * since take_domain read it. */
        int rc =
            idn2_lookup_u8((const uint8_t *)copy.p, &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

        if (rc != IDN2_OK)
            return rc == IDN2_MALLOC                                       ? RECIPIENT_NOMEM
                   : rc == IDN2_TOO_BIG_DOMAIN || rc == IDN2_TOO_BIG_LABEL ? RECIPIENT_TOO_LONG
                                                                           : RECIPIENT_DOMAIN;
        kept = arena_copy(a, slice_cstr((const char *)made), &copy);
        idn2_free(made);
        if (!kept)
            return RECIPIENT_NOMEM;
        /* The mapping may make what is no domain any more: a full-width dot at an end. */
        if (!is_domain_text(copy))
            return RECIPIENT_DOMAIN;
    }
    for (size_t i = 0; i < copy.n; i++)
        ((char *)(uintptr_t)copy.p)[i] = ascii_lower(copy.p[i]);
    *ret = copy;
    return RECIPIENT_OK;
}

static void find_tag(struct recipient *r, slice separators)
{
    r->user = r->local;
    r->tag = slice_of(NULL, 0);
    /* A separator that comes first begins no tag: the user would have no name. */
    for (size_t i = 1; i < r->local.n; i++) {
        if (slice_find(separators, r->local.p[i]) < separators.n) {
            r->user = slice_head(r->local, i);
            r->tag = slice_tail(r->local, i + 1);
            return;
        }
    }
}

static enum recipient_err parse_mailbox(slice address, struct path *ret)
{
    struct path path;

    if (slice_is_ci(address, "postmaster")) {
        *ret = (struct path){.local = address, .is_postmaster = true};
        return RECIPIENT_OK;
    }
    switch (mailbox_parse(address, true, &path)) {
    case PATH_OK:
        *ret = path;
        return RECIPIENT_OK;
    case PATH_NO_DOMAIN:
    case PATH_BAD_DOMAIN:
    case PATH_BAD_LITERAL:
        return RECIPIENT_DOMAIN;
    case PATH_LOCAL_TOO_LONG:
    case PATH_DOMAIN_TOO_LONG:
    case PATH_TOO_LONG:
        return RECIPIENT_TOO_LONG;
    case PATH_EMPTY:
    case PATH_NO_BRACKETS:
    case PATH_UNCLOSED:
    case PATH_NULL:
    case PATH_BAD_ROUTE:
    case PATH_BAD_LOCAL:
    case PATH_NEEDS_SMTPUTF8:
    case PATH_BAD_UTF8:
        break;
    }
    return RECIPIENT_SYNTAX;
}

static enum recipient_err read_local(struct arena *a, slice local, bool keep_case,
                                     struct recipient *r)
{
    char name[LOCAL_MAX_BYTES];
    struct buf plain;

    buf_init(&plain, LOCAL_MAX_BYTES);
    local_dequote(&plain, local);
    if (plain.err != BUF_OK || plain.n > sizeof name) {
        enum recipient_err e = plain.err == BUF_NOMEM ? RECIPIENT_NOMEM : RECIPIENT_TOO_LONG;
        buf_release(&plain);
        return e;
    }
    if (plain.n > 0)
        memcpy(name, plain.p, plain.n);
    local = slice_of(name, plain.n);
    buf_release(&plain);
    /* "" is a local part to the grammar; to us it is the catch-all's place and nobody's name. */
    if (local.n == 0)
        return RECIPIENT_SYNTAX;
    if (!arena_copy(a, local, &r->shown))
        return RECIPIENT_NOMEM;
    return fold_local(a, local, keep_case, &r->local);
}

enum recipient_err recipient_read(struct arena *a, slice address, struct recipient_rules rules,
                                  bool may_be_catch_all, struct recipient *ret)
{
    struct recipient r = {0};
    struct path path;
    enum recipient_err e;

    if (may_be_catch_all && address.n > 1 && address.p[0] == '@') {
        e = recipient_domain(a, slice_tail(address, 1), &r.domain);
        if (e == RECIPIENT_OK && r.domain.p[0] == '[')
            e = RECIPIENT_DOMAIN;
        if (e == RECIPIENT_OK)
            *ret = r;
        return e;
    }
    if ((e = parse_mailbox(address, &path)) != RECIPIENT_OK)
        return e;
    if ((e = read_local(a, path.local, rules.keep_case, &r)) != RECIPIENT_OK)
        return e;
    if (!path.is_postmaster && (e = recipient_domain(a, path.domain, &r.domain)) != RECIPIENT_OK)
        return e;
    r.is_literal = path.is_literal;
    find_tag(&r, rules.separators);
    if (slice_is_ci(r.user, "postmaster")) {
        r.is_postmaster = true;
        r.user = SLICE_LIT("postmaster");
        if (r.tag.n == 0)
            r.local = r.user;
    }
    *ret = r;
    return RECIPIENT_OK;
}

slice recipient_domain_shown(struct arena *a, slice domain)
{
    slice shown = domain, copy, back;
    char *made = NULL;

    if (slice_find_slice(domain, SLICE_LIT("xn--")) == domain.n || !arena_copy(a, domain, &copy))
        return domain;
    if (idn2_to_unicode_8z8z(copy.p, &made, IDN2_NONTRANSITIONAL) != IDN2_OK)
        return domain;
    if (arena_copy(a, slice_cstr(made), &copy) &&
        recipient_domain(a, copy, &back) == RECIPIENT_OK && slice_eq(back, domain))
        shown = copy;
    idn2_free(made);
    return shown;
}

void recipient_print(struct buf *out, slice local, slice domain)
{
    if (local.n > 0 && !local_print(out, local))
        return;
    if (domain.n > 0) {
        buf_addc(out, '@');
        buf_add(out, domain);
    }
}

slice recipient_err_text(enum recipient_err e)
{
    switch (e) {
    case RECIPIENT_OK:
        return SLICE_LIT("nothing is wrong");
    case RECIPIENT_SYNTAX:
        return SLICE_LIT("it is not an address of the form name@domain");
    case RECIPIENT_DOMAIN:
        return SLICE_LIT("its domain is not a valid domain name");
    case RECIPIENT_TOO_LONG:
        return SLICE_LIT("it is too long (at most 64 bytes before the @, 255 after it)");
    case RECIPIENT_NOMEM:
        return SLICE_LIT("there is no memory");
    }
    return SLICE_LIT("unknown");
}
