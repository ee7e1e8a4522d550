/* candor status, candor reload: the running server as a whole. */
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cli/configuration.h"
#include "cli/control_client.h"
#include "cli/directory_request.h"
#include "cli/layout.h"
#include "cli/listing.h"

/* 3d 4h, 4h 5m, 5m 6s: the two largest units. */
static void add_duration(struct buf *out, uint64_t seconds)
{
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    buf_addf(out, "%lu%c", (unsigned long)(seconds / units[i].seconds), units[i].unit);
    if (i < 3)
        buf_addf(out, " %lu%c", (unsigned long)(seconds % units[i].seconds / units[i + 1].seconds),
                 units[i + 1].unit);
}

static void add_since(struct listing *l, uint64_t started_at)
{
    struct buf text;
    uint64_t now = (uint64_t)time(NULL);
    buf_init(&text, 64);
    if (started_at != 0)
        add_duration(&text, now > started_at ? now - started_at : 0);
    listing_add(l, buf_slice(&text));
    buf_release(&text);
}

static void add_words(struct listing *l, const json_t *words)
{
    struct buf text;
    const json_t *word;
    size_t i;
    buf_init(&text, 1024);
    json_array_foreach(words, i, word)
        buf_addf(&text, "%s%s", i == 0 ? "" : " ", json_string_value(word));
    listing_add(l, buf_slice(&text));
    buf_release(&text);
}

static bool print_status(const json_t *answer)
{
    static const char *const headings[] = {"ROLE", "PID", "STATE", "FOR", "RESTARTS", "SANDBOX"};
    struct listing l;
    const json_t *row;
    size_t i;
    printf("candor %s at %s\n\n", json_string_value(json_object_get(answer, "version")),
           json_string_value(json_object_get(answer, "host")));
    listing_init(&l, 6, headings);
    json_array_foreach(json_object_get(answer, "roles"), i, row)
    {
        struct buf name;
        uint64_t instance = directory_number(row, "instance");
        buf_init(&name, 64);
        buf_add(&name, directory_text(row, "role"));
        if (instance > 0)
            buf_addf(&name, ".%lu", (unsigned long)instance);
        listing_add(&l, buf_slice(&name));
        buf_release(&name);
        listing_add_u64(&l, directory_number(row, "pid"));
        listing_add(&l, directory_text(row, "state"));
        add_since(&l, directory_number(row, "started_at"));
        listing_add_u64(&l, directory_number(row, "restarts"));
        add_words(&l, json_object_get(row, "sandbox"));
    }
    bool ok = listing_print(&l);
    listing_release(&l);
    return ok;
}

/* "a 1, b 2, c.d 3": the numbers of an object, those of objects in it too. */
static void add_numbers(struct buf *out, const char *prefix, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (json_is_object(value))
            add_numbers(out, key, value);
        if (!json_is_integer(value) || (prefix == NULL && strcmp(key, "instance") == 0))
            continue;
        buf_addf(out, "%s%s%s%s %lld", out->n > 0 ? ", " : "", prefix == NULL ? "" : prefix,
                 prefix == NULL ? "" : ".", key, (long long)json_integer_value(value));
    }
}

static void print_figures(const json_t *rows)
{
    struct buf out;
    json_t *row;
    size_t i;
    buf_init(&out, (size_t)1 << 20);
    json_array_foreach(rows, i, row)
    {
        struct buf numbers, lead;
        buf_init(&numbers, 65536);
        buf_init(&lead, 128);
        add_numbers(&numbers, NULL, row);
        buf_add(&lead, directory_text(row, "role"));
        while (lead.n < 11 && lead.err == BUF_OK)
            buf_addc(&lead, ' ');
        if (numbers.n > 0)
            layout_paragraph(&out, cli_width(), buf_slice(&lead), buf_slice(&numbers));
        buf_release(&numbers);
        buf_release(&lead);
    }
    if (out.n > 0)
        printf("\n%.*s", SLICE_ARG(buf_slice(&out)));
    buf_release(&out);
}

/* Status and then, of a server that has them, figures. */
static int fetch(struct cli *cli, const struct configuration *configuration, json_t **ret)
{
    struct control_client client;
    json_t *status_ask = json_pack("{s:s}", "do", "status"), *answer = NULL;
    json_t *figures_ask = json_pack("{s:s}", "do", "figures"), *figures = NULL;
    enum control_err err = control_open(configuration->conf->server.control.p, &client);
    if (err == CONTROL_OK)
        err = control_ask(&client, status_ask, NULL, NULL, &answer);
    int status = err == CONTROL_OK ? control_check(cli, answer) : control_report(cli, &client, err);
    if (status == CLI_OK && control_ask(&client, figures_ask, NULL, NULL, &figures) == CONTROL_OK &&
        json_is_array(json_object_get(figures, "figures")))
        json_object_set(answer, "figures", json_object_get(figures, "figures"));
    control_close(&client);
    json_decref(status_ask);
    json_decref(figures_ask);
    json_decref(figures);
    if (status == CLI_OK)
        *ret = answer;
    else
        json_decref(answer);
    return status;
}

int cmd_status(struct cli *cli)
{
    struct configuration configuration;
    json_t *answer = NULL;
    configuration_init(&configuration);
    int status = configuration_load_control(cli, &configuration);
    if (status == CLI_OK && !cli_check_args(cli, 0, 0))
        status = CLI_USAGE;
    if (status == CLI_OK)
        status = fetch(cli, &configuration, &answer);
    if (status == CLI_OK && cli->is_json) {
        status = cli_print_json(cli, json_incref(answer)) ? CLI_OK : CLI_TEMPFAIL;
    } else if (status == CLI_OK) {
        if (print_status(answer))
            print_figures(json_object_get(answer, "figures"));
        else
            status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    }
    json_decref(answer);
    configuration_release(&configuration);
    return status;
}

int cmd_reload(struct cli *cli)
{
    json_t *answer = NULL;
    int status = control_request(cli, json_pack("{s:s}", "do", "reload"), &answer);
    if (status != CLI_OK)
        return status;
    if (cli->is_json)
        status = cli_print_json(cli, json_incref(answer)) ? CLI_OK : CLI_TEMPFAIL;
    else
        printf("The server has read its configuration anew.\n");
    json_decref(answer);
    return status;
}
