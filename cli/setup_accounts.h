/* setup_accounts: the first accounts of a new server, in its database. */
#ifndef CANDOR_CLI_SETUP_ACCOUNTS_H
#define CANDOR_CLI_SETUP_ACCOUNTS_H

#include "cli/cli.h"
#include "lib/base/arena.h"

#define SETUP_ACCOUNTS_MAX 2

struct setup_accounts {
    slice domain; /* comparable form */
    slice host;
    const char *database;
    bool has_passwords; /* each is to have one, which nobody knows yet */
    size_t count;
    const char *names[SETUP_ACCOUNTS_MAX];
    slice passwords[SETUP_ACCOUNTS_MAX]; /* set by setup_accounts_add; in its arena */
};

/* Adds those that are not there; what a setup that was interrupted has left gets another password.
 * The exit status. */
int setup_accounts_add(struct cli *cli, struct arena *a, struct setup_accounts *s);

#endif
