/* An address and a template, parted by the first NUL: whatever is read is printed and read back the
 * same, and the folder that comes of it stays below where the template begins. */
#include "fuzz/fuzz.h"
#include "lib/base/utf8.h"
#include "lib/route/maildir_path.h"
#include "lib/route/recipient.h"
#include "lib/route/targets.h"

static void check_path(slice path)
{
    slice part;

    FUZZ_CHECK(path.n > 0 && path.n <= MAILDIR_PATH_MAX && path.p[0] == '/');
    FUZZ_CHECK(slice_find(path, '\0') == path.n);
    path = slice_tail(path, 1);
    while (slice_split(&path, '/', &part))
        FUZZ_CHECK(part.n <= 255 && !slice_is(part, "..") && !slice_is(part, "."));
}

/* Two values that differ never share a folder: here the value and what it was escaped to. */
static void check_values(slice template, slice domain, slice local)
{
    struct buf path, again;

    buf_init(&path, 8192);
    buf_init(&again, 8192);
    if (maildir_path(&path, template, domain, local) == MAILDIR_PATH_OK) {
        /* A word in braces may be longer than what it stands for. */
        enum maildir_path_err e = maildir_path_check(template);
        FUZZ_CHECK(e == MAILDIR_PATH_OK || e == MAILDIR_PATH_TOO_LONG);
        check_path(buf_slice(&path));
    }
    buf_clear(&path);
    if (maildir_path(&path, SLICE_LIT("/{local}"), SLICE_LIT("d"), local) == MAILDIR_PATH_OK) {
        slice name = slice_tail(buf_slice(&path), 1);

        FUZZ_CHECK(slice_find(name, '/') == name.n && name.n > 0 && name.p[0] != '.');
        if (!slice_eq(name, local) &&
            maildir_path(&again, SLICE_LIT("/{local}"), SLICE_LIT("d"), name) == MAILDIR_PATH_OK)
            FUZZ_CHECK(!slice_eq(buf_slice(&again), buf_slice(&path)));
    }
    buf_release(&path);
    buf_release(&again);
}

static void check_recipient(struct arena *a, slice address, struct recipient_rules rules,
                            slice template)
{
    struct recipient r, again;
    struct buf text;

    if (recipient_read(a, address, rules, true, &r) != RECIPIENT_OK)
        return;
    FUZZ_CHECK(utf8_is_valid(r.local) && utf8_is_ascii(r.domain));
    FUZZ_CHECK(r.user.n + r.tag.n <= r.local.n);
    if (r.local.n == 0)
        return;
    buf_init(&text, 4096);
    recipient_print(&text, r.local, r.domain);
    /* Lower case and normal form may be longer than the limit; else it must come back. */
    if (r.local.n <= 64 && text.n <= 254) {
        FUZZ_CHECK(recipient_read(a, buf_slice(&text), rules, true, &again) == RECIPIENT_OK);
        FUZZ_CHECK(slice_eq(again.local, r.local) && slice_eq(again.domain, r.domain));
        FUZZ_CHECK(slice_eq(again.user, r.user) && again.is_postmaster == r.is_postmaster);
    }
    buf_release(&text);
    if (r.domain.n > 0)
        check_values(template, r.domain, r.user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct recipient_rules rules = {.separators = SLICE_LIT("+")};
    slice rest = slice_of(data, n), address = {0};
    struct target t;
    struct arena a;

    arena_init(&a, 1 << 20);
    slice_split(&rest, '\0', &address);
    check_recipient(&a, address, rules, rest);
    rules.keep_case = true;
    check_recipient(&a, address, rules, SLICE_LIT("/m/{domain}/{local}"));
    check_values(rest, SLICE_LIT("example.org"), slice_of(data, n));
    rest = slice_of(data, n);
    while (target_take(&rest, &t))
        continue;
    arena_release(&a);
    return 0;
}
