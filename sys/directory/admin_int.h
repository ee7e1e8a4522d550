/* The requests' files among themselves (admin*.c). A function that returns false has said what is
 * wrong: the request is over. */
#ifndef CANDOR_SYS_DIRECTORY_ADMIN_INT_H
#define CANDOR_SYS_DIRECTORY_ADMIN_INT_H

#include <jansson.h>

#include "lib/route/maildir_path.h"
#include "sys/directory/account.h"
#include "sys/directory/admin.h"

#define ANSWER_MAX_BYTES ((size_t)120 * 1024)
#define PAGE_BYTES ((size_t)64 * 1024)
#define ALIAS_TEXT_MAX_BYTES ((size_t)48 * 1024)
#define NAME_MAX_BYTES 200
#define SCRATCH_MAX_BYTES ((size_t)8 << 20)

struct admin {
    struct directory_db *db;
    const struct directory_rules *rules;
    struct arena scratch;
    json_t *request;
    json_t *answer; /* what is added on the way; NULL once memory was short */
    int64_t now;
    bool is_failed;
    struct directory_change *change;
};

/* ---- words and objects (admin_words.c) ---- */

void admin_put(struct admin *a, const char *key, json_t *value);
void admin_fail(struct admin *a, const char *error, const struct buf *message, const char *hint);
void admin_refuse(struct admin *a, const char *error, slice name, const char *what,
                  const char *hint);
void admin_fail_errno(struct admin *a, int err);
/* Who is signed in as this account with this credential (0: any) is to be signed out. */
void admin_revoke(struct admin *a, const struct recipient *r, uint64_t credential);
slice admin_text(struct admin *a, const char *key);
/* Where there is one domain only, an address may stand without it. */
bool admin_read_address(struct admin *a, slice text, bool may_be_catch_all, struct recipient *ret);
bool admin_read_domain(struct admin *a, slice text, slice *ret);
bool admin_need_local(struct admin *a, slice domain, bool is_literal);
bool admin_read_local_address(struct admin *a, bool may_be_catch_all, struct recipient *ret);
bool admin_read_after(struct admin *a, struct directory_address *ret);
json_t *admin_address_json(struct admin *a, slice local, slice domain);
json_t *admin_domain_json(struct admin *a, const struct directory_domain *d, bool is_configured);
int admin_path_of(struct admin *a, slice domain, slice local, struct buf *out,
                  enum maildir_path_err *ret);
json_t *admin_account_json(struct admin *a, const struct directory_account *account);
json_t *admin_alias_json(struct admin *a, const struct directory_alias *alias);

/* ---- lists (admin_list.c) ---- */

void admin_domain_list(struct admin *a);
void admin_account_list(struct admin *a);
void admin_alias_list(struct admin *a);

/* ---- domains (admin_domain.c) ---- */

void admin_domain_add(struct admin *a);
void admin_domain_remove(struct admin *a);
void admin_domain_show(struct admin *a);

/* ---- accounts (admin_account.c) ---- */

void admin_not_found(struct admin *a, const char *what, const char *hint);
void admin_account_show(struct admin *a);
/* The account as "account". */
void admin_show_account(struct admin *a, const struct recipient *r);
bool admin_need_line(struct admin *a, slice text, const char *what);
/* Adds it, without a password. */
bool admin_add_account(struct admin *a, const struct recipient *r);
bool admin_need_free(struct admin *a, const struct recipient *r, enum directory_kind but);
void admin_account_add(struct admin *a);
void admin_account_remove(struct admin *a);
void admin_account_enable(struct admin *a);
void admin_account_disable(struct admin *a);

/* ---- passwords (admin_password.c) ---- */

/* "address" is an account of ours; ret may be NULL. */
bool admin_need_account(struct admin *a, struct recipient *r, struct directory_account *ret);
/* The name that credentials.h knows it by. */
bool admin_account_name(struct admin *a, const struct recipient *r, slice *ret);
bool admin_read_password(struct admin *a, const struct recipient *r,
                         struct directory_password *ret);
bool admin_take_password(struct admin *a, const struct recipient *r);
json_t *admin_use_json(int64_t at, slice from, slice client, slice mechanism);
void admin_account_salts(struct admin *a);
void admin_account_password(struct admin *a);
void admin_account_import(struct admin *a);
void admin_account_app_passwords_only(struct admin *a);
void admin_app_password_add(struct admin *a);
void admin_app_password_list(struct admin *a);
void admin_app_password_remove(struct admin *a);

/* ---- rights (admin_rights.c) ---- */

void admin_account_move(struct admin *a);
void admin_account_quota(struct admin *a);
void admin_account_limits(struct admin *a);
void admin_account_attacked(struct admin *a);
void admin_sender_add(struct admin *a);
void admin_sender_remove(struct admin *a);
void admin_sender_list(struct admin *a);
void admin_certificate_add(struct admin *a);
void admin_certificate_remove(struct admin *a);
void admin_certificate_list(struct admin *a);

/* ---- aliases (admin_alias.c) ---- */

void admin_alias_show(struct admin *a);
void admin_alias_add(struct admin *a);
void admin_alias_remove(struct admin *a);

#endif
