#include "lib/route/maildir_path.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"

#define COMPONENT_MAX_BYTES 255

/* What may stand in a file's name as it is. '%' begins an escape, so it never may: that makes the
 * escaping one-to-one. */
static bool is_plain(char c)
{
    return ascii_is_alnum(c) || (c != '\0' && strchr("-_+=,~.", c) != NULL);
}

static void add_escaped_byte(struct buf *out, char c)
{
    buf_addf(out, "%%%02x", (unsigned)(unsigned char)c);
}

/* C1 controls, line and paragraph separators, and what turns the direction of writing: in a
 * terminal these show another name than the file has. */
static bool is_visible(uint32_t cp)
{
    return cp >= 0xa0 && !(cp >= 0x200b && cp <= 0x200f) && !(cp >= 0x2028 && cp <= 0x202e) &&
           !(cp >= 0x2060 && cp <= 0x206f) && cp != 0xfeff && !(cp >= 0xfff0 && cp <= 0xffff);
}

static void add_value(struct buf *out, slice value)
{
    bool first = true;

    while (value.n > 0) {
        slice rest = value;
        uint32_t cp;

        if (is_plain(value.p[0]) && !(first && value.p[0] == '.')) {
            buf_addc(out, value.p[0]);
            value = slice_tail(value, 1);
        } else if (utf8_take(&rest, &cp) && cp > 127 && is_visible(cp)) {
            buf_add(out, slice_head(value, value.n - rest.n));
            value = rest;
        } else {
            add_escaped_byte(out, value.p[0]);
            value = slice_tail(value, 1);
        }
        first = false;
    }
}

/* Walks the template once; with out NULL only its grammar is looked at. */
static enum maildir_path_err expand(struct buf *out, slice template, slice domain, slice local,
                                    bool *ret_has_local)
{
    if (template.n == 0 || template.p[0] != '/')
        return MAILDIR_PATH_TEMPLATE;
    *ret_has_local = false;
    for (size_t i = 0; i < template.n;) {
        slice here = slice_tail(template, i);

        if (slice_starts(here, SLICE_LIT("{domain}"))) {
            if (out != NULL)
                add_value(out, domain);
            i += 8;
        } else if (slice_starts(here, SLICE_LIT("{local}"))) {
            if (out != NULL)
                add_value(out, local);
            *ret_has_local = true;
            i += 7;
        } else if (here.p[0] == '{' || here.p[0] == '}' || ascii_is_control(here.p[0])) {
            return MAILDIR_PATH_TEMPLATE;
        } else {
            if (out != NULL)
                buf_addc(out, here.p[0]);
            i++;
        }
    }
    return MAILDIR_PATH_OK;
}

/* The path that came out, component by component: whatever the template and the values did
 * together, the result climbs nowhere and can be made. */
static enum maildir_path_err check_path(slice path)
{
    slice part;

    if (path.n > MAILDIR_PATH_MAX)
        return MAILDIR_PATH_TOO_LONG;
    path = slice_tail(path, 1);
    while (slice_split(&path, '/', &part)) {
        if (part.n > COMPONENT_MAX_BYTES)
            return MAILDIR_PATH_TOO_LONG;
        if (slice_is(part, ".") || slice_is(part, ".."))
            return MAILDIR_PATH_TEMPLATE;
    }
    return MAILDIR_PATH_OK;
}

enum maildir_path_err maildir_path(struct buf *out, slice template, slice domain, slice local)
{
    size_t before = out->n;
    bool has_local;
    enum maildir_path_err e;

    /* An empty value would move the mailbox one folder up. */
    if (domain.n == 0 || local.n == 0)
        return MAILDIR_PATH_TEMPLATE;
    e = expand(out, template, domain, local, &has_local);
    if (e == MAILDIR_PATH_OK && !has_local)
        e = MAILDIR_PATH_SHARED;
    if (e == MAILDIR_PATH_OK && out->err != BUF_OK)
        e = MAILDIR_PATH_NO_ROOM;
    if (e == MAILDIR_PATH_OK) {
        while (out->n > before + 1 && out->p[out->n - 1] == '/')
            out->n--;
        e = check_path(slice_of(out->p + before, out->n - before));
    }
    if (e != MAILDIR_PATH_OK)
        out->n = before;
    return e;
}

enum maildir_path_err maildir_path_check(slice template)
{
    bool has_local;
    enum maildir_path_err e =
        expand(NULL, template, slice_of(NULL, 0), slice_of(NULL, 0), &has_local);

    if (e != MAILDIR_PATH_OK)
        return e;
    if (!has_local)
        return MAILDIR_PATH_SHARED;
    return check_path(template);
}

slice maildir_path_err_text(enum maildir_path_err e)
{
    switch (e) {
    case MAILDIR_PATH_OK:
        return SLICE_LIT("nothing is wrong");
    case MAILDIR_PATH_TEMPLATE:
        return SLICE_LIT("it must be an absolute path without \"..\", and {domain} and {local} are "
                         "the only words in braces");
    case MAILDIR_PATH_SHARED:
        return SLICE_LIT("it needs {local}, or all accounts would share one mailbox");
    case MAILDIR_PATH_TOO_LONG:
        return SLICE_LIT("it is too long (255 bytes a component, 1024 in all)");
    case MAILDIR_PATH_NO_ROOM:
        return SLICE_LIT("there is no memory");
    }
    return SLICE_LIT("unknown");
}
