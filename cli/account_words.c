#include "cli/account_words.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/listing.h"
#include "cli/password.h"
#include "lib/base/ascii.h"

#define PASSWORD_ARENA_BYTES ((size_t)65536)

/* The one argument that all of them have, as "address". */
static json_t *request_of(struct cli *cli, const struct directory_verb *verb)
{
    json_t *request = json_pack("{s:s}", "do", verb->request);

    if (request != NULL && directory_put(cli, request, "address", cli->args[0]))
        return request;
    json_decref(request);
    return NULL;
}

/* Sends the request, given up here, and shows the answer. */
static int finish(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb,
                  json_t *request)
{
    json_t *answer = NULL;
    int status = directory_ask(desk, request, &answer);

    if (status == CLI_OK)
        status = directory_show(cli, verb, answer);
    json_decref(answer);
    json_decref(request);
    return status;
}

/* ---- passwords ---- */

/* Hash and keys of a prepared password as "password" of request. */
static int add_password(struct cli *cli, struct directory_desk *desk, json_t *request,
                        slice password)
{
    json_t *ask = json_pack("{s:s, s:O, s:s}", "do", "account-salts", "address",
                            json_object_get(request, "address"), "for", "password");
    json_t *answer = NULL, *made = json_object();
    int status = directory_get(desk, ask, &answer);

    if (status == CLI_OK)
        status = password_add_hash(cli, password, made);
    if (status == CLI_OK)
        status = password_add_scram(cli, password, json_object_get(answer, "salts"), made);
    if (status == CLI_OK)
        json_object_set(request, "password", made);
    json_decref(made);
    json_decref(answer);
    json_decref(ask);
    return status;
}

/* The password is read first, then the server is asked for anything. */
static int give_password(struct cli *cli, struct directory_desk *desk, json_t *request,
                         bool is_stdin)
{
    struct arena a;
    slice password;
    int status;

    arena_init(&a, PASSWORD_ARENA_BYTES);
    status = is_stdin ? password_read(cli, &a, &password)
                      : password_ask(cli, cli->args[0], &a, &password);
    if (status == CLI_OK)
        status = add_password(cli, desk, request, password);
    arena_wipe(&a);
    arena_release(&a);
    return status;
}

int account_add(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb)
{
    const char *name = NULL;
    json_t *request;
    bool is_stdin = cli_take_flag(cli, "--password-stdin");
    bool is_none = cli_take_flag(cli, "--no-password");
    bool is_backend = cli_take_flag(cli, "--backend");
    int status = CLI_OK;

    if (!cli_take_option(cli, "--name", &name) || !cli_check_args(cli, 1, 1))
        return CLI_USAGE;
    if (is_stdin + is_none + is_backend > 1)
        return cli_usage(cli, "--password-stdin, --no-password and --backend exclude each other");
    if ((request = request_of(cli, verb)) == NULL)
        return CLI_USAGE;
    if (!directory_put(cli, request, "name", name))
        status = CLI_USAGE;
    else if (is_backend)
        json_object_set_new(request, "backend", json_true());
    else if (is_stdin || (!is_none && password_has_terminal()))
        status = give_password(cli, desk, request, is_stdin);
    if (status == CLI_OK)
        return finish(cli, desk, verb, request);
    json_decref(request);
    return status;
}

int account_password(struct cli *cli, struct directory_desk *desk,
                     const struct directory_verb *verb)
{
    bool is_stdin = cli_take_flag(cli, "--stdin");
    bool is_backend = cli_take_flag(cli, "--backend");
    bool is_removal = cli_take_flag(cli, "--remove");
    json_t *request;
    int status = CLI_OK;

    if (!cli_check_args(cli, 1, 1))
        return CLI_USAGE;
    if (is_stdin + is_backend + is_removal > 1)
        return cli_usage(cli, "--stdin, --backend and --remove exclude each other");
    if (!is_stdin && !is_backend && !is_removal && !password_has_terminal())
        return cli_usage(cli, "there is no terminal to ask at; --stdin reads the password");
    if ((request = request_of(cli, verb)) == NULL)
        return CLI_USAGE;
    if (is_backend || is_removal)
        json_object_set_new(request, is_backend ? "backend" : "remove", json_true());
    else
        status = give_password(cli, desk, request, is_stdin);
    if (status == CLI_OK)
        return finish(cli, desk, verb, request);
    json_decref(request);
    return status;
}

int account_app_passwords_only(struct cli *cli, struct directory_desk *desk,
                               const struct directory_verb *verb)
{
    json_t *request;
    bool is_on;

    if (!cli_check_args(cli, 2, 2))
        return CLI_USAGE;
    is_on = strcmp(cli->args[1], "on") == 0;
    if (!is_on && strcmp(cli->args[1], "off") != 0)
        return cli_usage(cli, "it is \"on\" or \"off\"");
    if ((request = request_of(cli, verb)) == NULL)
        return CLI_USAGE;
    json_object_set_new(request, "only", json_boolean(is_on));
    return finish(cli, desk, verb, request);
}

/* ---- moving, quota, limits ---- */

int account_move(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb)
{
    bool is_refusal = cli_take_flag(cli, "--refuse"), is_back = cli_take_flag(cli, "--back");
    json_t *request;

    if (!cli_check_args(cli, is_back ? 1 : 2, is_back ? 1 : 2))
        return CLI_USAGE;
    if (is_back && is_refusal)
        return cli_usage(cli, "--back and --refuse exclude each other");
    if ((request = request_of(cli, verb)) == NULL)
        return CLI_USAGE;
    if (is_back)
        json_object_set_new(request, "back", json_true());
    else if (!directory_put(cli, request, "to", cli->args[1])) {
        json_decref(request);
        return CLI_USAGE;
    }
    if (is_refusal)
        json_object_set_new(request, "refuse", json_true());
    return finish(cli, desk, verb, request);
}

/* 2G, 500M, 100k, 1000000, none. */
static bool read_size(slice text, uint64_t *ret)
{
    static const char units[] = "KMGT";
    uint64_t factor = 1;
    size_t at;

    if (slice_is_ci(text, "none")) {
        *ret = 0;
        return true;
    }
    at = text.n == 0 ? 4 : slice_find(slice_cstr(units), ascii_upper(text.p[text.n - 1]));
    if (at < 4) {
        text = slice_head(text, text.n - 1);
        for (size_t i = 0; i <= at; i++)
            factor *= 1024;
    }
    if (!slice_to_u64(text, INT64_MAX / factor, ret) || *ret == 0)
        return false;
    *ret *= factor;
    return true;
}

int account_quota(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb)
{
    json_t *request;
    uint64_t bytes;

    if (!cli_check_args(cli, 2, 2))
        return CLI_USAGE;
    if (!read_size(slice_cstr(cli->args[1]), &bytes))
        return cli_usage(cli, "\"%s\" is no size; write 500M, 2G or none", cli->args[1]);
    if ((request = request_of(cli, verb)) == NULL)
        return CLI_USAGE;
    json_object_set_new(request, "quota_bytes", json_integer((json_int_t)bytes));
    return finish(cli, desk, verb, request);
}

int account_limits(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb)
{
    static const char *const options[] = {"--minute", "--hour", "--day"};
    const char *values[3] = {NULL, NULL, NULL};
    uint64_t numbers[3];
    json_t *request;

    for (size_t i = 0; i < 3; i++) {
        if (!cli_take_option(cli, options[i], &values[i]))
            return CLI_USAGE;
        if (values[i] == NULL)
            continue;
        if (strcmp(values[i], "default") == 0)
            numbers[i] = 0;
        else if (!slice_to_u64(slice_cstr(values[i]), UINT32_MAX, &numbers[i]) || numbers[i] == 0)
            return cli_usage(cli,
                             "%s is a number of messages from 1 on, or default (as the "
                             "configuration says); candor account disable stops all",
                             options[i]);
    }
    if (!cli_check_args(cli, 1, 1))
        return CLI_USAGE;
    if ((request = request_of(cli, verb)) == NULL)
        return CLI_USAGE;
    for (size_t i = 0; i < 3; i++) {
        if (values[i] != NULL)
            json_object_set_new(request, options[i] + 2, json_integer((json_int_t)numbers[i]));
    }
    return finish(cli, desk, verb, request);
}

/* ---- lists ---- */

static slice state_of(const json_t *account)
{
    if (!json_is_true(json_object_get(account, "enabled")))
        return SLICE_LIT("disabled");
    return json_is_object(json_object_get(account, "moved")) ? SLICE_LIT("moved")
                                                             : SLICE_LIT("enabled");
}

static bool show_accounts(const json_t *answer)
{
    static const char *const headings[] = {"ADDRESS", "STATE", "NAME", "SINCE"};
    struct listing l;
    const json_t *row;
    bool is_done;
    size_t i;

    listing_init(&l, 4, headings);
    json_array_foreach(json_object_get(answer, "accounts"), i, row)
    {
        listing_add(&l, directory_text(row, "address"));
        listing_add(&l, state_of(row));
        listing_add(&l, directory_text(row, "name"));
        listing_add_day(&l, (int64_t)directory_number(row, "created_at"));
    }
    is_done = listing_print(&l);
    listing_release(&l);
    return is_done;
}

static bool show_attacked(const json_t *answer)
{
    static const char *const headings[] = {"NAME", "ACCOUNT", "WRONG", "LAST", "FROM"};
    struct listing l;
    const json_t *row;
    struct buf when;
    bool is_done;
    size_t i;

    if (json_array_size(json_object_get(answer, "attacked")) == 0) {
        printf("Nobody has tried a wrong password.\n");
        return true;
    }
    listing_init(&l, 5, headings);
    buf_init(&when, 64);
    json_array_foreach(json_object_get(answer, "attacked"), i, row)
    {
        buf_clear(&when);
        listing_time(&when, (int64_t)directory_number(row, "last_at"));
        listing_add(&l, directory_text(row, "name"));
        listing_add(&l, json_is_true(json_object_get(row, "is_account")) ? SLICE_LIT("yes")
                                                                         : SLICE_LIT("no"));
        listing_add_u64(&l, directory_number(row, "count"));
        listing_add(&l, buf_slice(&when));
        listing_add(&l, directory_text(row, "last_address"));
    }
    is_done = listing_print(&l);
    buf_release(&when);
    listing_release(&l);
    return is_done;
}

int account_list(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb)
{
    static const struct directory_verb all = {.word = "list",
                                              .request = "account-list",
                                              .first = "domain",
                                              .list = "accounts",
                                              .show = show_accounts};
    static const struct directory_verb attacked = {.word = "list",
                                                   .request = "account-attacked",
                                                   .show = show_attacked};

    (void)verb;
    return directory_run_verb(desk, cli_take_flag(cli, "--attacked") ? &attacked : &all);
}
