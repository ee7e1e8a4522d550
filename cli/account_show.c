/* What an account is, for people. */
#include <jansson.h>
#include <stdio.h>

#include "cli/account_words.h"
#include "cli/listing.h"

static void add_size(struct buf *out, uint64_t bytes)
{
    static const char units[] = "KMGT";
    size_t unit = 0;

    if (bytes < 1024 || bytes % 1024 != 0) {
        buf_addf(out, "%llu bytes", (unsigned long long)bytes);
        return;
    }
    for (bytes /= 1024; bytes % 1024 == 0 && unit < 3; unit++)
        bytes /= 1024;
    buf_addf(out, "%llu%c", (unsigned long long)bytes, units[unit]);
}

void account_add_use(struct buf *out, const json_t *use)
{
    slice client = directory_text(use, "client"), mechanism = directory_text(use, "mechanism");

    if (!json_is_object(use)) {
        buf_adds(out, "never");
        return;
    }
    listing_time(out, (int64_t)directory_number(use, "at"));
    buf_adds(out, " from ");
    buf_add(out, directory_text(use, "address"));
    if (client.n > 0) {
        buf_adds(out, " (");
        listing_plain(out, client);
        buf_addc(out, ')');
    }
    if (mechanism.n > 0)
        buf_addf(out, " with %.*s", SLICE_ARG(mechanism));
}

static void add_state(struct buf *out, const json_t *account)
{
    const json_t *moved = json_object_get(account, "moved");
    bool is_enabled = json_is_true(json_object_get(account, "enabled"));

    if (!is_enabled)
        buf_adds(out, "disabled, its mail is refused with 550 5.2.1, and nobody can sign in\n");
    else if (!json_is_object(moved))
        buf_adds(out, "enabled\n");
    else
        buf_addf(out, "has moved to %.*s, %s\n", SLICE_ARG(directory_text(moved, "to")),
                 json_is_true(json_object_get(moved, "forwarded"))
                     ? "where its mail is sent on (251); nobody can sign in"
                     : "and senders are told so (551 5.1.6); nobody can sign in");
}

static void add_password(struct buf *out, const json_t *account)
{
    slice password = directory_text(account, "password");
    uint64_t apps = directory_number(account, "app_passwords");
    bool is_only = json_is_true(json_object_get(account, "app_passwords_only"));

    buf_adds(out, "Password: ");
    if (slice_is(password, "none"))
        buf_addf(out, "none yet: candor account password %.*s",
                 SLICE_ARG(directory_text(account, "address")));
    else
        buf_adds(out, slice_is(password, "backend") ? "known to the backend" : "set");
    if (is_only)
        buf_adds(out, "; mail programs need an app password");
    buf_addc(out, '\n');
    if (apps > 0)
        buf_addf(out, "App passwords: %llu\n", (unsigned long long)apps);
}

static void add_limits(struct buf *out, const json_t *account)
{
    static const char *const keys[] = {"minute", "hour", "day"};
    const json_t *limits = json_object_get(account, "limits");
    bool is_first = true;

    for (size_t i = 0; i < 3; i++) {
        uint64_t n = directory_number(limits, keys[i]);
        if (n == 0)
            continue;
        buf_addf(out, "%s%llu a%s %s", is_first ? "Limits: messages " : ", ", (unsigned long long)n,
                 i == 1 ? "n" : "", keys[i]);
        is_first = false;
    }
    if (!is_first)
        buf_addc(out, '\n');
}

bool account_show(const json_t *answer)
{
    const json_t *account = json_object_get(answer, "account");
    slice name = directory_text(account, "name"), lmtp = directory_text(account, "lmtp");
    uint64_t quota = directory_number(account, "quota_bytes");
    struct buf out;
    bool ok;

    buf_init(&out, 65536);
    buf_add(&out, directory_text(account, "address"));
    if (name.n > 0)
        buf_addf(&out, " (%.*s)", SLICE_ARG(name));
    buf_adds(&out, ": ");
    add_state(&out, account);
    buf_addf(&out, "%s: %.*s\n", lmtp.n > 0 ? "LMTP" : "Maildir",
             SLICE_ARG(lmtp.n > 0 ? lmtp : directory_text(account, "maildir")));
    add_password(&out, account);
    if (quota > 0) {
        buf_adds(&out, "Quota: ");
        add_size(&out, quota);
        buf_addc(&out, '\n');
    }
    add_limits(&out, account);
    if (json_is_object(json_object_get(account, "last_sign_in"))) {
        buf_adds(&out, "Last sign-in: ");
        account_add_use(&out, json_object_get(account, "last_sign_in"));
        buf_addc(&out, '\n');
    }
    ok = out.err == BUF_OK;
    fwrite(out.p, 1, out.n, stdout);
    buf_release(&out);
    return ok;
}
