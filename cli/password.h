/* password: what the command makes of a password, so that nobody else ever has it: a yescrypt hash,
 * SCRAM keys, an app password's digest. */
#ifndef CANDOR_CLI_PASSWORD_H
#define CANDOR_CLI_PASSWORD_H

#include "cli/cli.h"
#include "lib/auth/app_password.h"
#include "lib/base/arena.h"

/* Is there somebody to be asked? */
bool password_has_terminal(void);
/* Asks for it twice, without echo. CLI_OK and *ret (SASLprepped, in a, which the caller wipes), or
 * the exit status after having said what is wrong. */
int password_ask(struct cli *cli, const char *address, struct arena *a, slice *ret)
    __attribute__((warn_unused_result));
/* The first line of standard input. */
int password_read(struct cli *cli, struct arena *a, slice *ret) __attribute__((warn_unused_result));
/* A word of 80 random bits, for an account that a machine sets up; it lives in a. False: no random
 * numbers or no memory. */
bool password_make(struct arena *a, slice *ret) __attribute__((warn_unused_result));

/* Adds "scram-sha-256" and "scram-sha-1" to object, made of a prepared password with the salts that
 * the request account-salts gave. */
int password_add_scram(struct cli *cli, slice password, const struct json_t *salts,
                       struct json_t *object) __attribute__((warn_unused_result));
/* Adds "hash". */
int password_add_hash(struct cli *cli, slice password, struct json_t *object)
    __attribute__((warn_unused_result));
/* A new app password, as it is shown, and its "digest" in object. */
int password_make_app(struct cli *cli, char ret_shown[APP_PASSWORD_SHOWN], struct json_t *object)
    __attribute__((warn_unused_result));

#endif
