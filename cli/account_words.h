/* account_words: the words behind candor account and app-password that do more than to send what
 * stands on the command line. Each is a directory_verb's run. */
#ifndef CANDOR_CLI_ACCOUNT_WORDS_H
#define CANDOR_CLI_ACCOUNT_WORDS_H

#include "cli/directory_request.h"

typedef int directory_word(struct cli *cli, struct directory_desk *desk,
                           const struct directory_verb *verb);

directory_word account_add, account_password, account_import, account_quota, account_limits,
    account_app_passwords_only, account_move, account_list, app_password_add;

/* What an account is, for people. */
bool account_show(const struct json_t *answer);
/* "2026-11-22 04:00 UTC from 192.0.2.7 (phone) with PLAIN" of a last_use or last_sign_in. */
struct buf;
void account_add_use(struct buf *out, const struct json_t *use);

#endif
