#include "cli/directory_request.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cli/configuration.h"
#include "cli/control_client.h"
#include "sys/directory/admin.h"
#include "sys/directory/rules.h"

#define RULES_MAX_BYTES ((size_t)64 << 20)
#define ANSWER_MAX_BYTES ((size_t)1 << 20)

/* Where requests go. */
struct desk {
    struct cli *cli;
    struct configuration configuration;
    struct control_client client;
    bool is_online;
    /* offline: */
    struct directory_db *db;
    struct arena arena;
    struct directory_rules rules;
};

static int cannot_open(struct desk *d, int err)
{
    const char *path = d->configuration.conf->server.database.p;
    const char *name = strerrorname_np(-err);

    if (err == -EMEDIUMTYPE || err == -EPROTONOSUPPORT)
        return cli_error(
            d->cli, CLI_TEMPFAIL, "%s %s", path,
            err == -EMEDIUMTYPE
                ? "is no database of Candor's\n  See \"database\" in the configuration."
                : "was written by a newer Candor\n  Use that one, or a backup.");
    return cli_error(
        d->cli, CLI_TEMPFAIL,
        "cannot open the database %s: %s\n"
        "  Use the user who runs the server, or root; \"database\" in %s names the file.",
        path, name != NULL ? name : "?", d->configuration.path.p);
}

static int open_offline(struct desk *d)
{
    slice bad = {0};
    int err = directory_rules_make(d->configuration.conf, &d->arena, NULL, 0, &d->rules, &bad);

    if (err == 0)
        err = directory_db_open(d->configuration.conf->server.database.p, &d->db);
    return err == 0 ? CLI_OK : cannot_open(d, err);
}

static int desk_open(struct desk *d)
{
    enum control_err err;
    int status = configuration_read_control(d->cli, &d->configuration);

    if (status != CLI_OK)
        return status;
    err = control_open(d->configuration.conf->server.control.p, &d->client);
    d->is_online = err == CONTROL_OK;
    if (err == CONTROL_NO_SERVER && d->configuration.is_partial) {
        configuration_show_errors(&d->configuration, d->configuration.path.p);
        return CLI_NO;
    }
    if (err == CONTROL_NO_SERVER)
        return open_offline(d);
    return err == CONTROL_OK ? CLI_OK : control_report(d->cli, &d->client, err);
}

static void desk_close(struct desk *d)
{
    control_close(&d->client);
    directory_db_close(d->db);
    arena_release(&d->arena);
    configuration_release(&d->configuration);
}

static int ask_offline(struct desk *d, json_t *request, json_t **ret)
{
    struct buf answer;
    struct directory_change change;
    char *text = json_dumps(request, JSON_COMPACT);
    json_t *parsed = NULL;

    buf_init(&answer, ANSWER_MAX_BYTES);
    if (text != NULL && directory_admin(d->db, &d->rules, slice_cstr(text), (int64_t)time(NULL),
                                        &answer, &change) == 0)
        parsed = json_loadb(answer.p, answer.n, 0, NULL);
    free(text);
    buf_release(&answer);
    if (parsed == NULL)
        return cli_error(d->cli, CLI_TEMPFAIL, "out of memory");
    *ret = parsed;
    return CLI_OK;
}

static int ask(struct desk *d, json_t *request, json_t **ret)
{
    enum control_err err;

    if (!d->is_online)
        return ask_offline(d, request, ret);
    err = control_ask(&d->client, request, NULL, NULL, ret);
    return err == CONTROL_OK ? CLI_OK : control_report(d->cli, &d->client, err);
}

/* The name by which the last row is known; where the next page begins. */
static json_t *last_name(const json_t *rows)
{
    const json_t *row = json_array_get(rows, json_array_size(rows) - 1);
    json_t *name = json_object_get(row, "address");

    return name != NULL ? name : json_object_get(row, "ascii");
}

/* All pages as one answer. */
static int ask_list(struct desk *d, json_t *request, const char *list, json_t **ret)
{
    json_t *whole = NULL, *page;
    int status;

    for (;;) {
        status = ask(d, request, &page);
        if (status != CLI_OK)
            break;
        if (whole == NULL)
            whole = json_incref(page);
        else
            json_array_extend(json_object_get(whole, list), json_object_get(page, list));
        if (!json_is_true(json_object_get(page, "more"))) {
            json_decref(page);
            break;
        }
        json_object_set(request, "after", last_name(json_object_get(page, list)));
        json_decref(page);
    }
    if (status != CLI_OK) {
        json_decref(whole);
        return status;
    }
    json_object_del(whole, "more");
    *ret = whole;
    return CLI_OK;
}

/* ---- the command line ---- */

static bool put(json_t *request, const char *key, const char *value)
{
    /* json_string refuses what is not UTF-8. */
    return value == NULL || json_object_set_new(request, key, json_string(value)) == 0;
}

static bool put_rest(struct cli *cli, json_t *request, const char *key)
{
    json_t *list = json_array();

    for (size_t i = 1; i < cli->args_n; i++) {
        if (json_array_append_new(list, json_string(cli->args[i])) != 0) {
            json_decref(list);
            return false;
        }
    }
    return json_object_set_new(request, key, list) == 0;
}

static int fill(struct cli *cli, const struct directory_verb *verb, json_t *request)
{
    char name[32];
    const char *value = NULL;

    if (verb->option != NULL) {
        snprintf(name, sizeof name, "--%s", verb->option);
        if (!cli_take_option(cli, name, &value))
            return CLI_USAGE;
    }
    if (verb->flag != NULL) {
        snprintf(name, sizeof name, "--%s", verb->flag);
        if (cli_take_flag(cli, name))
            json_object_set_new(request, verb->flag, json_true());
    }
    if (!cli_check_args(cli, verb->needs_first,
                        verb->rest != NULL    ? SIZE_MAX
                        : verb->first != NULL ? 1
                                              : 0))
        return CLI_USAGE;
    if ((verb->option == NULL || put(request, verb->option, value)) &&
        (cli->args_n == 0 || put(request, verb->first, cli->args[0])) &&
        (verb->rest == NULL || put_rest(cli, request, verb->rest)))
        return CLI_OK;
    return cli_usage(cli, "an argument is not valid UTF-8");
}

static int show(struct cli *cli, const struct directory_verb *verb, json_t *answer)
{
    int status = control_check(cli, answer);

    if (cli->is_json)
        return cli_print_json(cli, json_incref(answer)) ? status : CLI_TEMPFAIL;
    if (status == CLI_OK && !verb->show(answer))
        return cli_error(cli, CLI_TEMPFAIL, "out of memory");
    return status;
}

static int run_verb(struct desk *d, const struct directory_verb *verb)
{
    json_t *request = json_pack("{s:s}", "do", verb->request), *answer = NULL;
    int status = fill(d->cli, verb, request);

    if (status == CLI_OK)
        status = desk_open(d);
    if (status == CLI_OK)
        status = verb->list != NULL ? ask_list(d, request, verb->list, &answer)
                                    : ask(d, request, &answer);
    if (status == CLI_OK)
        status = show(d->cli, verb, answer);
    json_decref(answer);
    json_decref(request);
    return status;
}

static int find_verb(struct desk *d, const struct directory_verb *verbs, size_t count)
{
    struct cli *cli = d->cli;
    int status = configuration_find(cli, &d->configuration);

    if (status != CLI_OK)
        return status;
    if (cli->args_n == 0)
        return cli_usage(cli, "say what to do");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(cli->args[0], verbs[i].word) == 0) {
            cli->args++;
            cli->args_n--;
            return run_verb(d, &verbs[i]);
        }
    }
    return cli_usage(cli, "it cannot \"%s\"", cli->args[0]);
}

int directory_run(struct cli *cli, const struct directory_verb *verbs, size_t count)
{
    struct desk d = {.cli = cli, .client = {.fd = -1}};
    int status;

    arena_init(&d.arena, RULES_MAX_BYTES);
    configuration_init(&d.configuration);
    status = find_verb(&d, verbs, count);
    desk_close(&d);
    return status;
}

slice directory_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return slice_of(json_string_value(value), json_string_length(value));
}

uint64_t directory_number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}
