#include "sys/directory/admin_int.h"

#include <errno.h>

static const struct action {
    const char *name;
    void (*run)(struct admin *a);
    bool changes;
    const char *needs; /* the member that must be there, a string */
} actions[] = {
    {"domain-add", admin_domain_add, true, "domain"},
    {"domain-remove", admin_domain_remove, true, "domain"},
    {"domain-list", admin_domain_list, false, NULL},
    {"domain-show", admin_domain_show, false, "domain"},
    {"account-add", admin_account_add, true, "address"},
    {"account-remove", admin_account_remove, true, "address"},
    {"account-list", admin_account_list, false, NULL},
    {"account-show", admin_account_show, false, "address"},
    {"account-enable", admin_account_enable, true, "address"},
    {"account-disable", admin_account_disable, true, "address"},
    {"account-salts", admin_account_salts, false, "address"},
    {"account-password", admin_account_password, true, "address"},
    {"account-import", admin_account_import, true, "address"},
    {"account-app-passwords-only", admin_account_app_passwords_only, true, "address"},
    {"account-move", admin_account_move, true, "address"},
    {"account-quota", admin_account_quota, true, "address"},
    {"account-limits", admin_account_limits, true, "address"},
    {"account-attacked", admin_account_attacked, false, NULL},
    {"app-password-add", admin_app_password_add, true, "name"},
    {"app-password-list", admin_app_password_list, false, "address"},
    {"app-password-remove", admin_app_password_remove, true, "which"},
    {"sender-add", admin_sender_add, true, "who"},
    {"sender-remove", admin_sender_remove, true, "who"},
    {"sender-list", admin_sender_list, false, "address"},
    {"certificate-add", admin_certificate_add, true, "value"},
    {"certificate-remove", admin_certificate_remove, true, "value"},
    {"certificate-list", admin_certificate_list, false, "address"},
    {"alias-add", admin_alias_add, true, "address"},
    {"alias-remove", admin_alias_remove, true, "address"},
    {"alias-list", admin_alias_list, false, NULL},
    {"alias-show", admin_alias_show, false, "address"},
};

static const struct action *action_of(struct admin *a)
{
    slice name = admin_text(a, "do");

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (slice_is(name, actions[i].name)) {
            if (actions[i].needs == NULL ||
                json_is_string(json_object_get(a->request, actions[i].needs)))
                return &actions[i];
            admin_refuse(a, "bad-request", slice_cstr(actions[i].needs), "is missing", "");
            return NULL;
        }
    }
    admin_refuse(a, "bad-request", name, "is no request that the directory knows", "");
    return NULL;
}

/* A change is made whole or not at all. True when something was changed. */
static bool run_change(struct admin *a, const struct action *action)
{
    int err = directory_db_begin(a->db);

    if (err != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    action->run(a);
    if (a->is_failed || a->answer == NULL) {
        directory_db_rollback(a->db);
        return false;
    }
    if ((err = directory_db_commit(a->db)) != 0) {
        admin_fail_errno(a, err);
        return false;
    }
    return true;
}

static int print_answer(struct admin *a, struct buf *out)
{
    size_t n;
    char *room;

    admin_put(a, "ok", json_boolean(!a->is_failed));
    if (a->answer == NULL)
        return -ENOMEM;
    n = json_dumpb(a->answer, NULL, 0, JSON_COMPACT);
    if (n == 0 || n > ANSWER_MAX_BYTES || (room = buf_reserve(out, n)) == NULL)
        return -ENOMEM;
    out->n += json_dumpb(a->answer, room, n, JSON_COMPACT);
    return 0;
}

int directory_admin(struct directory_db *db, const struct directory_rules *rules, slice request,
                    int64_t now, struct buf *out, struct directory_change *ret)
{
    struct directory_change change = {0};
    struct admin a = {
        .db = db, .rules = rules, .now = now, .answer = json_object(), .change = &change};
    const struct action *action;
    bool changed = false;
    int err;

    arena_init(&a.scratch, SCRATCH_MAX_BYTES);
    a.request = json_loadb(request.p, request.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(a.request))
        admin_refuse(&a, "bad-request", slice_of(NULL, 0), "the request is not a JSON object", "");
    else if ((action = action_of(&a)) != NULL) {
        if (action->changes)
            changed = run_change(&a, action);
        else
            action->run(&a);
    }
    err = print_answer(&a, out);
    json_decref(a.request);
    json_decref(a.answer);
    arena_release(&a.scratch);
    *ret = changed ? change : (struct directory_change){0};
    ret->is_changed = changed;
    return err;
}

void directory_admin_summary(slice request, struct buf *out)
{
    static const char *const members[] = {"do", "address", "domain"};
    json_t *object = json_loadb(request.p, request.n, 0, NULL);
    size_t before = out->n;

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *value = json_object_get(object, members[i]);

        if (!json_is_string(value))
            continue;
        if (out->n > before)
            buf_addc(out, ' ');
        buf_add(out,
                slice_head(slice_of(json_string_value(value), json_string_length(value)), 400));
    }
    json_decref(object);
}
