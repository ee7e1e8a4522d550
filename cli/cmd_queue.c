/* candor queue: the mail that waits. What is asked and answered stands in src/control/requests.def.
 */
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cli/configuration.h"
#include "cli/control_client.h"
#include "cli/directory_request.h"
#include "cli/listing.h"

/* --- list ----------------------------------------------------------------------------------- */

/* Appends every page to messages. */
static int fetch_pages(struct cli *cli, struct control_client *client, json_t *messages)
{
    int status = CLI_OK;
    bool more = true;
    json_t *after = NULL;
    while (status == CLI_OK && more) {
        json_t *request = json_pack("{s:s}", "do", "queue-list"), *answer = NULL;
        if (after != NULL)
            json_object_set(request, "after", after);
        enum control_err err = control_ask(client, request, NULL, NULL, &answer);
        json_decref(request);
        status = err == CONTROL_OK ? control_check(cli, answer) : control_report(cli, client, err);
        json_t *page = json_object_get(answer, "messages");
        size_t n = json_array_size(page);
        more = json_is_true(json_object_get(answer, "more")) && n > 0;
        if (status == CLI_OK && n > 0 && json_array_extend(messages, page) != 0)
            status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
        json_decref(after);
        after = more ? json_incref(json_object_get(json_array_get(page, n - 1), "id")) : NULL;
        json_decref(answer);
    }
    json_decref(after);
    return status;
}

/* Nothing for 0. */
static void time_print(struct buf *out, uint64_t seconds)
{
    struct tm t;
    time_t when = (time_t)seconds;
    if (seconds != 0 && gmtime_r(&when, &t) != NULL)
        buf_addf(out, "%04d-%02d-%02d %02d:%02d", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                 t.tm_hour, t.tm_min);
}

static void add_time(struct listing *l, uint64_t seconds)
{
    struct buf text;
    buf_init(&text, 64);
    time_print(&text, seconds);
    listing_add(l, buf_slice(&text));
    buf_release(&text);
}

static slice sender_of(const json_t *message)
{
    slice sender = directory_text(message, "sender");
    return sender.n == 0 ? SLICE_LIT("<>") : sender;
}

static bool print_list(const json_t *messages)
{
    static const char *const headings[] = {"ID",  "SIZE", "RECEIVED (UTC)", "NEXT TRY", "TRIES",
                                           "FOR", "FROM", "ACCOUNT",        "LAST"};
    struct listing l;
    const json_t *m;
    size_t i;
    if (json_array_size(messages) == 0) {
        printf("No mail waits.\n");
        return true;
    }
    listing_init(&l, 9, headings);
    json_array_foreach(messages, i, m)
    {
        listing_add(&l, directory_text(m, "id"));
        listing_add_u64(&l, directory_number(m, "size"));
        add_time(&l, directory_number(m, "received_at"));
        if (json_is_true(json_object_get(m, "held")))
            listing_add(&l, SLICE_LIT("held"));
        else
            add_time(&l, directory_number(m, "next_try_at"));
        listing_add_u64(&l, directory_number(m, "attempts"));
        listing_add_u64(&l, directory_number(m, "recipients"));
        listing_add(&l, sender_of(m));
        listing_add(&l, directory_text(m, "account"));
        listing_add(&l, directory_text(m, "last"));
    }
    bool ok = listing_print(&l);
    listing_release(&l);
    return ok;
}

static int queue_list(struct cli *cli)
{
    struct configuration configuration;
    struct control_client client = {.fd = -1};
    json_t *messages = json_array();
    configuration_init(&configuration);
    int status = configuration_load_control(cli, &configuration);
    if (status == CLI_OK && !cli_check_args(cli, 0, 0))
        status = CLI_USAGE;
    if (status == CLI_OK) {
        enum control_err err = control_open(configuration.conf->server.control.p, &client);
        status = err == CONTROL_OK ? fetch_pages(cli, &client, messages)
                                   : control_report(cli, &client, err);
        control_close(&client);
    }
    if (status == CLI_OK && cli->is_json)
        status = cli_print_json(cli, json_pack("{s:b,s:O}", "ok", 1, "messages", messages))
                     ? CLI_OK
                     : CLI_TEMPFAIL;
    else if (status == CLI_OK && !print_list(messages))
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    json_decref(messages);
    configuration_release(&configuration);
    return status;
}

/* --- show ----------------------------------------------------------------------------------- */

static bool is_time(const char *key)
{
    slice s = slice_cstr(key);
    return slice_ends(s, SLICE_LIT("_at"));
}

/* A line a value, its key's underlines as blanks; nothing for what is empty. */
static void print_value(const char *key, const json_t *value)
{
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    if (json_is_string(value))
        listing_plain(&text, slice_cstr(json_string_value(value)));
    else if (json_is_boolean(value))
        buf_adds(&text, json_is_true(value) ? "yes" : "no");
    else if (json_is_integer(value) && is_time(key))
        time_print(&text, (uint64_t)json_integer_value(value));
    else if (json_is_integer(value))
        buf_addu(&text, (uint64_t)json_integer_value(value));
    struct buf name;
    buf_init(&name, 128);
    buf_adds(&name, key);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '_')
            name.p[i] = ' ';
    if (text.n > 0)
        printf("%-13.*s %.*s\n", SLICE_ARG(buf_slice(&name)), SLICE_ARG(buf_slice(&text)));
    buf_release(&name);
    buf_release(&text);
}

static void print_values(json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (json_is_object(value))
            print_values(value);
        else
            print_value(key, value);
    }
}

static bool print_message(json_t *m)
{
    static const char *const headings[] = {"RECIPIENT", "STATE", "LAST"};
    json_t *recipients = json_object_get(m, "recipients");
    const json_t *r;
    size_t i;
    print_values(m);
    if (!json_is_array(recipients))
        return true;
    struct listing l;
    printf("\n");
    listing_init(&l, 3, headings);
    json_array_foreach(recipients, i, r)
    {
        listing_add(&l, directory_text(r, "address"));
        listing_add(&l, directory_text(r, "state"));
        listing_add(&l, directory_text(r, "last"));
    }
    bool ok = listing_print(&l);
    listing_release(&l);
    return ok;
}

static int queue_show(struct cli *cli)
{
    json_t *answer = NULL;
    /* -c and --dir are taken by control_request; the id is what is left before or behind them. */
    const char *id = NULL;
    for (size_t i = 0; i < cli->args_n; i++) {
        if (strcmp(cli->args[i], "-c") == 0 || strcmp(cli->args[i], "--dir") == 0)
            i++;
        else if (cli->args[i][0] != '-')
            id = cli->args[i];
    }
    if (id == NULL)
        return cli_usage(cli, "which message? `candor queue list` shows their ids");
    int status =
        control_request(cli, json_pack("{s:s,s:s}", "do", "queue-show", "id", id), &answer);
    if (status != CLI_OK)
        return status;
    json_t *message = json_object_get(answer, "message");
    if (!cli_check_args(cli, 1, 1))
        status = CLI_USAGE;
    else if (cli->is_json)
        status = cli_print_json(cli, json_incref(message)) ? CLI_OK : CLI_TEMPFAIL;
    else if (!print_message(message))
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    json_decref(answer);
    return status;
}

/* --- summary -------------------------------------------------------------------------------- */

static int queue_summary(struct cli *cli)
{
    json_t *answer = NULL;
    int status = control_request(cli, json_pack("{s:s}", "do", "queue-summary"), &answer);
    if (status != CLI_OK)
        return status;
    if (!cli_check_args(cli, 0, 0))
        status = CLI_USAGE;
    else if (cli->is_json)
        status = cli_print_json(cli, json_incref(answer)) ? CLI_OK : CLI_TEMPFAIL;
    else
        print_values(json_object_get(answer, "messages"));
    json_decref(answer);
    return status;
}

int cmd_queue(struct cli *cli)
{
    if (cli->args_n == 0 || cli->args[0][0] == '-')
        return queue_list(cli);
    const char *verb = cli->args[0];
    cli->args++;
    cli->args_n--;
    if (strcmp(verb, "list") == 0)
        return queue_list(cli);
    if (strcmp(verb, "show") == 0)
        return queue_show(cli);
    if (strcmp(verb, "summary") == 0)
        return queue_summary(cli);
    return cli_usage(cli, "queue does not know \"%s\"", verb);
}
