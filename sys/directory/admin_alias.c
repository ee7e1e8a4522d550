/* Aliases. */
#include "sys/directory/admin_int.h"

#include <errno.h>
#include <stdlib.h>

static void show_alias(struct admin *a, const struct recipient *r)
{
    struct directory_alias alias;
    int err = directory_find_alias(a->db, &a->scratch, r->domain, r->local, &alias);

    if (err == -ENOENT)
        admin_not_found(a, "is no alias", "See: candor alias list");
    else if (err != 0)
        admin_fail_errno(a, err);
    else
        admin_put(a, "alias", admin_alias_json(a, &alias));
}

void admin_alias_show(struct admin *a)
{
    struct recipient r;

    if (admin_read_local_address(a, true, &r))
        show_alias(a, &r);
}

/* The request's targets as they are kept: ours in comparable form, others as they were written,
 * since what capitals mean there is not for us to say. */
static bool read_targets(struct admin *a, struct directory_address **ret, size_t *ret_count)
{
    json_t *list = json_object_get(a->request, "targets"), *value;
    struct directory_address *targets;
    size_t i;

    targets = arena_zero(&a->scratch, (json_array_size(list) + 1) * sizeof *targets);
    if (targets == NULL || json_array_size(list) > DIRECTORY_TARGETS_MAX) {
        admin_refuse(a, "bad-request", slice_of(NULL, 0), "there are too many targets",
                     "A list for very many people wants a mailing list manager.");
        return false;
    }
    json_array_foreach(list, i, value)
    {
        struct recipient r;
        int local;

        if (!admin_read_address(a, slice_of(json_string_value(value), json_string_length(value)),
                                false, &r))
            return false;
        local = directory_is_local(a->db, a->rules, &a->scratch, r.domain);
        if (local < 0) {
            admin_fail_errno(a, local);
            return false;
        }
        targets[i] = (struct directory_address){local > 0 ? r.local : r.shown, r.domain};
    }
    *ret = targets;
    *ret_count = i;
    return true;
}

/* A target of ours must exist: mail to a mistyped name would be lost in silence. */
static bool need_targets(struct admin *a, const struct directory_address *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum recipient_verdict verdict;
        struct directory_answer answer = {0};
        struct buf text;

        buf_init(&text, 1024);
        recipient_print(&text, targets[i].local, targets[i].domain);
        verdict = directory_expand(a->db, a->rules, &a->scratch, buf_slice(&text), &answer);
        if (verdict == RECIPIENT_IS_UNKNOWN)
            admin_refuse(a, "not-found", buf_slice(&text),
                         "is neither an account nor an alias here",
                         "Add it first: candor account add ADDRESS.");
        buf_release(&text);
        if (verdict == RECIPIENT_IS_UNKNOWN)
            return false;
    }
    return true;
}

/* After it was added: does it lead somewhere, and does all that it leads to fit a message? */
static bool need_sane_alias(struct admin *a, const struct recipient *r)
{
    struct directory_alias alias;
    size_t text_bytes = 0;
    int err = directory_check_alias(a->db, a->rules, &a->scratch,
                                    (struct directory_address){r->local, r->domain});

    if (err == 0)
        err = directory_find_alias(a->db, &a->scratch, r->domain, r->local, &alias);
    for (size_t i = 0; err == 0 && i < alias.target_count; i++)
        text_bytes += alias.targets[i].local.n + alias.targets[i].domain.n + 4;
    if (text_bytes > ALIAS_TEXT_MAX_BYTES)
        err = -EOVERFLOW;
    if (err == -ELOOP)
        admin_refuse(a, "loop", admin_text(a, "address"), "would lead back to itself",
                     "Leave out the target that leads back: candor alias list shows the chain.");
    else if (err == -EOVERFLOW)
        admin_refuse(a, "bad-request", admin_text(a, "address"), "would have too many targets",
                     "A list for very many people wants a mailing list manager.");
    else if (err != 0)
        admin_fail_errno(a, err);
    return err == 0;
}

void admin_alias_add(struct admin *a)
{
    struct directory_alias alias;
    struct directory_address *targets;
    struct recipient r;
    size_t count, added = 0;
    int err;

    if (!admin_read_local_address(a, true, &r) || !admin_need_free(a, &r, DIRECTORY_ALIAS) ||
        !read_targets(a, &targets, &count))
        return;
    if (count == 0) {
        admin_refuse(a, "bad-request", slice_of(NULL, 0), "an alias needs a target",
                     "For example: candor alias add sales@example.org alice@example.org");
        return;
    }
    alias = (struct directory_alias){.domain = r.domain,
                                     .local = r.local,
                                     .shown = r.shown,
                                     .created_at = a->now};
    if ((err = directory_alias_add(a->db, &alias, targets, count, &added)) != 0) {
        admin_fail_errno(a, err);
        return;
    }
    if (need_sane_alias(a, &r) && need_targets(a, targets, count))
        show_alias(a, &r);
}

void admin_alias_remove(struct admin *a)
{
    struct directory_address *targets;
    struct recipient r;
    struct directory_entry e;
    size_t count;
    int err;

    if (!admin_read_local_address(a, true, &r) || !read_targets(a, &targets, &count))
        return;
    if ((err = directory_find(a->db, &a->scratch, r.domain, r.local, &e)) == 0 &&
        e.kind != DIRECTORY_ALIAS) {
        admin_not_found(a, "is no alias", "See: candor alias list");
        return;
    }
    if (err == 0)
        err = directory_alias_remove(a->db, r.domain, r.local, targets, count);
    if (err == -ENOENT)
        admin_not_found(a, "does not have this target", "See: candor alias show ADDRESS");
    else if (err != 0)
        admin_fail_errno(a, err);
}
