/* candor: one program, a subcommand each (commands.def). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/cli.h"
#include "cli/manual.h"
#include "lib/base/slice.h"

struct cli_command {
    const char *name;
    int (*run)(struct cli *cli);
    const char *arguments;
    const char *summary;
    const char *more;
};

static const struct cli_command commands[] = {
#define COMMAND(name, function, arguments, summary, more)                                          \
    {#name, function, arguments, summary, more},
#include "cli/commands.def"
#undef COMMAND
};

enum { COMMANDS_N = sizeof commands / sizeof commands[0] };

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS_N; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void print_command_help(const struct cli_command *command)
{
    printf("candor %s %s\n\n  %s\n", command->name, command->arguments, command->summary);
    if (command->more[0] != '\0')
        printf("\n%s\n", command->more);
}

static void print_help(void)
{
    printf("candor: an SMTP server that says what its replies mean\n\n"
           "usage: candor COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < COMMANDS_N; i++)
        printf("  %-12s %s\n", commands[i].name, commands[i].summary);
    printf("\nEvery command takes\n"
           "  --help    show how it is used\n"
           "  --json    print one JSON object\n"
           "  --lang L  speak L: en, de, tr, vi, hi (default: the environment's)\n\n"
           "Exit status: 0 done, 1 the answer is no, 2 wrong usage, 75 could not tell.\n");
}

int cmd_help(struct cli *cli)
{
    bool is_man = cli_take_flag(cli, "--man");
    if (!cli_check_args(cli, 0, 1))
        return CLI_USAGE;
    if (is_man) {
        struct buf page;
        buf_init(&page, (size_t)1 << 20);
        manual_candor_page(&page);
        fwrite(page.p, 1, page.n, stdout);
        buf_release(&page);
        return CLI_OK;
    }
    if (cli->args_n == 0) {
        print_help();
        return CLI_OK;
    }
    const struct cli_command *command = command_find(cli->args[0]);
    if (command == NULL)
        return cli_error(cli, CLI_NO, "there is no command \"%s\"", cli->args[0]);
    print_command_help(command);
    return CLI_OK;
}

static void args_drop(struct cli *cli, size_t at, size_t n)
{
    for (size_t i = at; i + n < cli->args_n; i++)
        cli->args[i] = cli->args[i + n];
    cli->args_n -= n;
}

bool cli_take_option(struct cli *cli, const char *name, const char **ret)
{
    size_t name_n = strlen(name);
    for (size_t i = 0; i < cli->args_n && strcmp(cli->args[i], "--") != 0; i++) {
        if (strcmp(cli->args[i], name) == 0) {
            if (i + 1 == cli->args_n) {
                cli_usage(cli, "%s needs a value", name);
                return false;
            }
            *ret = cli->args[i + 1];
            args_drop(cli, i, 2);
            return true;
        }
        if (strncmp(cli->args[i], name, name_n) == 0 && cli->args[i][name_n] == '=') {
            *ret = cli->args[i] + name_n + 1;
            args_drop(cli, i, 1);
            return true;
        }
    }
    return true;
}

bool cli_take_flag(struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->args_n && strcmp(cli->args[i], "--") != 0; i++) {
        if (strcmp(cli->args[i], name) == 0) {
            args_drop(cli, i, 1);
            return true;
        }
    }
    return false;
}

bool cli_check_args(struct cli *cli, size_t min, size_t max)
{
    for (size_t i = 0; i < cli->args_n; i++) {
        if (strcmp(cli->args[i], "--") == 0) {
            args_drop(cli, i, 1);
            break;
        }
        if (cli->args[i][0] == '-' && cli->args[i][1] != '\0') {
            cli_usage(cli, "unknown option %s", cli->args[i]);
            return false;
        }
    }
    if (cli->args_n < min || cli->args_n > max) {
        cli_usage(cli, cli->args_n < min ? "too few arguments" : "too many arguments");
        return false;
    }
    return true;
}

static void print_error(const struct cli *cli, const char *format, va_list list)
{
    if (cli->command != NULL)
        fprintf(stderr, "candor %s: ", cli->command->name);
    else
        fprintf(stderr, "candor: ");
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
}

int cli_error(const struct cli *cli, enum cli_exit status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_error(cli, format, list);
    va_end(list);
    return (int)status;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_error(cli, format, list);
    va_end(list);
    if (cli->command != NULL)
        fprintf(stderr, "usage: candor %s %s\n", cli->command->name, cli->command->arguments);
    else
        fprintf(stderr, "Try: candor --help\n");
    return CLI_USAGE;
}

bool cli_print_json(const struct cli *cli, struct json_t *object)
{
    if (object == NULL) {
        cli_error(cli, CLI_TEMPFAIL, "out of memory");
        return false;
    }
    bool is_done = json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 &&
                   putchar('\n') != EOF;
    json_decref(object);
    if (!is_done)
        cli_error(cli, CLI_TEMPFAIL, "cannot write to standard output");
    return is_done;
}

size_t cli_width(void)
{
    uint64_t width = 0;
    struct winsize size;
    if (!slice_to_u64(slice_cstr(getenv("COLUMNS")), 10000, &width) &&
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width == 0)
        width = 80;
    return width < 40 ? 40 : width > 200 ? 200 : (size_t)width;
}

/* The language that POSIX gives precedence. The C locale says nothing about language. */
static const char *environment_lang(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return "en";
}

int main(int argc, char **argv)
{
    struct cli cli = {.lang = environment_lang(), .args = argv + 1};
    cli.args_n = argc > 0 ? (size_t)argc - 1 : 0;
    if (cli_take_flag(&cli, "--version")) {
        printf("candor " CANDOR_VERSION "\n");
        return CLI_OK;
    }
    bool is_help = cli_take_flag(&cli, "--help") || cli_take_flag(&cli, "-h");
    cli.is_json = cli_take_flag(&cli, "--json");
    const char *lang = NULL;
    if (!cli_take_option(&cli, "--lang", &lang))
        return CLI_USAGE;
    if (lang != NULL) {
        cli.lang = lang;
        cli.has_lang = true;
    }
    if (cli.args_n == 0) {
        if (is_help) {
            print_help();
            return CLI_OK;
        }
        return cli_usage(&cli, "a command is missing");
    }
    const struct cli_command *command = command_find(cli.args[0]);
    if (command == NULL)
        return cli_usage(&cli, "there is no command \"%s\"", cli.args[0]);
    cli.command = command;
    cli.args++;
    cli.args_n--;
    if (is_help) {
        print_command_help(command);
        return CLI_OK;
    }
    int status = command->run(&cli);
    if (fflush(stdout) != 0 && status == CLI_OK)
        return cli_error(&cli, CLI_TEMPFAIL, "cannot write to standard output");
    return status;
}
