/* candor status, candor reload: the running server as a whole. */
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cli/control_client.h"
#include "cli/directory_request.h"
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

int cmd_status(struct cli *cli)
{
    json_t *answer = NULL;
    int status = control_request(cli, json_pack("{s:s}", "do", "status"), &answer);
    if (status != CLI_OK)
        return status;
    if (!cli_check_args(cli, 0, 0))
        status = CLI_USAGE;
    else if (cli->is_json)
        status = cli_print_json(cli, json_incref(answer)) ? CLI_OK : CLI_TEMPFAIL;
    else if (!print_status(answer))
        status = cli_error(cli, CLI_TEMPFAIL, "out of memory");
    json_decref(answer);
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
