/* Domains. */
#include "sys/directory/admin_int.h"

#include <errno.h>

static bool is_configured(const struct admin *a, slice domain)
{
    for (size_t i = 0; i < a->rules->domain_count; i++) {
        if (slice_eq(a->rules->domains[i].name, domain))
            return true;
    }
    return false;
}

static void show_domain(struct admin *a, slice name)
{
    struct directory_domain d = {0};
    int err = directory_find_domain(a->db, &a->scratch, name, &d);

    if (err != 0 && err != -ENOENT) {
        admin_fail_errno(a, err);
        return;
    }
    d.name = name;
    admin_put(a, "domain", admin_domain_json(a, &d, is_configured(a, name)));
}

void admin_domain_add(struct admin *a)
{
    slice text = admin_text(a, "domain"), maildir = admin_text(a, "maildir"), name;
    enum maildir_path_err e;
    int err;

    if (!admin_read_domain(a, text, &name))
        return;
    if (maildir.n > 0 && (e = maildir_path_check(maildir)) != MAILDIR_PATH_OK) {
        slice why = maildir_path_err_text(e);
        struct buf message;

        buf_init(&message, 2048);
        buf_addf(&message, "the Maildir template cannot be used: %.*s", SLICE_ARG(why));
        admin_fail(a, "bad-request", &message, "For example: /var/mail/{domain}/{local}");
        buf_release(&message);
        return;
    }
    err =
        is_configured(a, name) ? -EEXIST : directory_domain_add(a->db, name, text, maildir, a->now);
    if (err == -EEXIST)
        admin_refuse(a, "exists", text, "is a domain of this server already", "");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        show_domain(a, name);
}

void admin_domain_remove(struct admin *a)
{
    slice text = admin_text(a, "domain"), name;
    int err;

    if (!admin_read_domain(a, text, &name))
        return;
    err = directory_domain_remove(a->db, name);
    if (err == -ENOENT && is_configured(a, name))
        admin_refuse(a, "in-use", text, "stands in the configuration",
                     "Take the block \"domain\" out of the configuration file, then reload.");
    else if (err == -ENOENT)
        admin_refuse(a, "not-found", text, "is not a domain of this server",
                     "See: candor domain list");
    else if (err == -ENOTEMPTY)
        admin_refuse(a, "in-use", text, "has accounts or aliases",
                     "Remove them first: candor account list, candor alias list.");
    else if (err != 0)
        admin_fail_errno(a, err);
}

void admin_domain_show(struct admin *a)
{
    slice name;

    if (admin_read_domain(a, admin_text(a, "domain"), &name)) {
        int local = directory_is_local(a->db, a->rules, &a->scratch, name);

        if (local < 0)
            admin_fail_errno(a, local);
        else if (local == 0)
            admin_refuse(a, "not-found", admin_text(a, "domain"), "is not a domain of this server",
                         "See: candor domain list");
        else
            show_domain(a, name);
    }
}
