/* cli: what all subcommands of `candor` share.
 *
 * A subcommand is a row in commands.def and a function int cmd_NAME(struct cli *) in cmd_NAME.c
 * that returns the exit status. Results go to standard output, errors to standard error as "candor
 * NAME: what is wrong" and, where one can tell, what to do about it. */
#ifndef CANDOR_CLI_CLI_H
#define CANDOR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_NO = 1,       /* the answer is no: not found, refused, check failed */
    CLI_USAGE = 2,    /* called wrongly */
    CLI_TEMPFAIL = 75 /* could not tell (EX_TEMPFAIL) */
};

struct cli_command;

struct cli {
    const struct cli_command *command;
    const char
        *lang; /* of --lang, else the environment's as it stands there ("de_DE.UTF-8"), else "en" */
    bool has_lang; /* --lang was given */
    bool is_json;  /* --json: print one object, nothing else, on standard output */
    char **args;   /* what follows the command, without --lang and --json */
    size_t args_n;
};

struct json_t;

/* Takes an option with a value (--name V or --name=V) out of cli->args; *ret stays when it is not
 * there. False: it stands there without a value, and the error was printed. */
bool cli_take_option(struct cli *cli, const char *name, const char **ret)
    __attribute__((warn_unused_result));
/* Takes an option without a value out of cli->args; true when it was there. */
bool cli_take_flag(struct cli *cli, const char *name);
/* After all options were taken: true when between min and max arguments are left and none of them
 * is an option; else the error was printed, and the command returns CLI_USAGE. What follows "--" is
 * no option. */
bool cli_check_args(struct cli *cli, size_t min, size_t max) __attribute__((warn_unused_result));

/* Prints "candor NAME: ..." with a line end on standard error and returns status. */
int cli_error(const struct cli *cli, enum cli_exit status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a pointer to --help, returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints object, indented, as UTF-8, and gives up the caller's reference. False (errors printed)
 * when object is NULL (no memory) or standard output cannot be written. */
bool cli_print_json(const struct cli *cli, struct json_t *object);
/* Columns of the terminal: COLUMNS, else the terminal's, else 80; 40 to 200. */
size_t cli_width(void);

#define COMMAND(name, function, arguments, summary, more) int function(struct cli *cli);
#include "cli/commands.def"
#undef COMMAND

#endif
