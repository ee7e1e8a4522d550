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

struct directory_desk {
    struct cli *cli;
    bool is_open;
    struct configuration configuration;
    struct control_client client;
    bool is_online;
    /* offline: */
    struct directory_db *db;
    struct arena arena;
    struct directory_rules rules;
};

static int cannot_open(struct directory_desk *d, int err)
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

static int open_offline(struct directory_desk *d)
{
    slice bad = {0};
    int err = directory_rules_make(d->configuration.conf, &d->arena, NULL, 0, &d->rules, &bad);

    if (err == 0)
        err = directory_db_open(d->configuration.conf->server.database.p, &d->db);
    return err == 0 ? CLI_OK : cannot_open(d, err);
}

static int open_desk(struct directory_desk *d)
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

static void desk_close(struct directory_desk *d)
{
    control_close(&d->client);
    directory_db_close(d->db);
    arena_release(&d->arena);
    configuration_release(&d->configuration);
}

static int ask_offline(struct directory_desk *d, json_t *request, json_t **ret)
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

int directory_ask(struct directory_desk *d, json_t *request, json_t **ret)
{
    enum control_err err;
    int status = d->is_open ? CLI_OK : open_desk(d);

    if (status != CLI_OK)
        return status;
    d->is_open = true;
    if (!d->is_online)
        return ask_offline(d, request, ret);
    err = control_ask(&d->client, request, NULL, NULL, ret);
    return err == CONTROL_OK ? CLI_OK : control_report(d->cli, &d->client, err);
}

int directory_get(struct directory_desk *d, json_t *request, json_t **ret)
{
    json_t *answer = NULL;
    int status = directory_ask(d, request, &answer);

    if (status == CLI_OK)
        status = control_check(d->cli, answer);
    if (status != CLI_OK && answer != NULL && d->cli->is_json)
        cli_print_json(d->cli, json_incref(answer));
    if (status != CLI_OK)
        json_decref(answer);
    else
        *ret = answer;
    return status;
}

/* The name by which the last row is known; where the next page begins. */
static json_t *last_name(const json_t *rows)
{
    const json_t *row = json_array_get(rows, json_array_size(rows) - 1);
    json_t *name = json_object_get(row, "address");

    return name != NULL ? name : json_object_get(row, "ascii");
}

/* All pages as one answer. */
static int ask_list(struct directory_desk *d, json_t *request, const char *list, json_t **ret)
{
    json_t *whole = NULL, *page;
    int status;

    for (;;) {
        status = directory_ask(d, request, &page);
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

bool directory_put(struct cli *cli, json_t *request, const char *key, const char *value)
{
    /* json_string refuses what is not UTF-8. */
    if (value == NULL || json_object_set_new(request, key, json_string(value)) == 0)
        return true;
    cli_usage(cli, "an argument is not valid UTF-8");
    return false;
}

static bool put_rest(struct cli *cli, json_t *request, const char *key)
{
    json_t *list = json_array();

    for (size_t i = 1; i < cli->args_n; i++) {
        if (json_array_append_new(list, json_string(cli->args[i])) != 0) {
            json_decref(list);
            cli_usage(cli, "an argument is not valid UTF-8");
            return false;
        }
    }
    return json_object_set_new(request, key, list) == 0;
}

static bool take_options(struct cli *cli, const struct directory_verb *verb, json_t *request)
{
    char name[32];

    for (size_t i = 0; i < DIRECTORY_WORDS_MAX && verb->options[i] != NULL; i++) {
        const char *value = NULL;

        snprintf(name, sizeof name, "--%s", verb->options[i]);
        if (!cli_take_option(cli, name, &value) ||
            !directory_put(cli, request, verb->options[i], value))
            return false;
    }
    for (size_t i = 0; i < DIRECTORY_WORDS_MAX && verb->flags[i] != NULL; i++) {
        snprintf(name, sizeof name, "--%s", verb->flags[i]);
        if (cli_take_flag(cli, name))
            json_object_set_new(request, verb->flags[i], json_true());
    }
    return true;
}

static int fill(struct cli *cli, const struct directory_verb *verb, json_t *request)
{
    size_t max = verb->rest != NULL     ? SIZE_MAX
                 : verb->second != NULL ? 2
                 : verb->first != NULL  ? 1
                                        : 0;
    bool ok = take_options(cli, verb, request) &&
              cli_check_args(cli, (size_t)verb->needs_first + verb->needs_second, max) &&
              (cli->args_n < 1 || directory_put(cli, request, verb->first, cli->args[0])) &&
              (cli->args_n < 2 || verb->second == NULL ||
               directory_put(cli, request, verb->second, cli->args[1])) &&
              (verb->rest == NULL || put_rest(cli, request, verb->rest));

    return ok ? CLI_OK : CLI_USAGE;
}

int directory_show(struct cli *cli, const struct directory_verb *verb, json_t *answer)
{
    int status = control_check(cli, answer);

    if (cli->is_json)
        return cli_print_json(cli, json_incref(answer)) ? status : CLI_TEMPFAIL;
    if (status == CLI_OK && !verb->show(answer))
        return cli_error(cli, CLI_TEMPFAIL, "out of memory");
    return status;
}

int directory_run_verb(struct directory_desk *d, const struct directory_verb *verb)
{
    json_t *request, *answer = NULL;
    int status;

    if (verb->run != NULL)
        return verb->run(d->cli, d, verb);
    request = json_pack("{s:s}", "do", verb->request);
    status = fill(d->cli, verb, request);
    if (status == CLI_OK)
        status = verb->list != NULL ? ask_list(d, request, verb->list, &answer)
                                    : directory_ask(d, request, &answer);
    if (status == CLI_OK)
        status = directory_show(d->cli, verb, answer);
    json_decref(answer);
    json_decref(request);
    return status;
}

/* How many arguments the verb's word is, 0 when they are not it. */
static size_t words_of(const struct cli *cli, const struct directory_verb *verb)
{
    slice word, text = slice_cstr(verb->word);
    size_t n = 0;

    while (slice_split(&text, ' ', &word)) {
        if (n == cli->args_n || !slice_is(word, cli->args[n]))
            return 0;
        n++;
    }
    return n;
}

static int find_verb(struct directory_desk *d, const struct directory_verb *verbs, size_t count)
{
    struct cli *cli = d->cli;
    int status = configuration_find(cli, &d->configuration);

    if (status != CLI_OK)
        return status;
    if (cli->args_n == 0)
        return cli_usage(cli, "say what to do");
    for (size_t i = 0; i < count; i++) {
        size_t words = words_of(cli, &verbs[i]);

        if (words > 0) {
            cli->args += words;
            cli->args_n -= words;
            return directory_run_verb(d, &verbs[i]);
        }
    }
    return cli_usage(cli, "it cannot \"%s\"", cli->args[0]);
}

int directory_run(struct cli *cli, const struct directory_verb *verbs, size_t count)
{
    struct directory_desk d = {.cli = cli, .client = {.fd = -1}};
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
