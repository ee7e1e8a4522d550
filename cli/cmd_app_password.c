#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "cli/account_words.h"
#include "cli/listing.h"
#include "cli/password.h"
#include "lib/base/secret.h"

/* 90d, 12h, 1y; 0 for "never". */
static bool read_duration(slice text, int64_t *ret)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}, {'y', 365 * 86400}};
    uint64_t n;

    *ret = 0;
    if (slice_is(text, "never"))
        return true;
    for (size_t i = 0; text.n > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (text.p[text.n - 1] == units[i].unit &&
            slice_to_u64(slice_head(text, text.n - 1), 100000, &n) && n > 0) {
            *ret = (int64_t)n * units[i].seconds;
            return true;
        }
    }
    return false;
}

static bool put_networks(struct cli *cli, json_t *request)
{
    json_t *list = json_array();
    const char *value;
    bool ok = true;

    for (;;) {
        value = NULL;
        ok = cli_take_option(cli, "--from", &value);
        if (!ok || value == NULL)
            break;
        if (json_array_append_new(list, json_string(value)) != 0) {
            cli_usage(cli, "an argument is not valid UTF-8");
            ok = false;
            break;
        }
    }
    if (ok && json_array_size(list) > 0)
        json_object_set(request, "from", list);
    json_decref(list);
    return ok;
}

static int read_command_line(struct cli *cli, json_t *request)
{
    const char *name = NULL, *expires = NULL;
    int64_t seconds = 0;

    if (!cli_take_option(cli, "--name", &name) || !cli_take_option(cli, "--expires", &expires) ||
        !put_networks(cli, request) || !cli_check_args(cli, 1, 1))
        return CLI_USAGE;
    if (name == NULL || name[0] == '\0')
        return cli_usage(cli, "--name says what it is for: --name phone");
    if (expires != NULL && !read_duration(slice_cstr(expires), &seconds))
        return cli_usage(cli, "\"%s\" is no time; write 90d, 12w, 1y or never", expires);
    if (seconds > 0)
        json_object_set_new(request, "expires_at", json_integer((json_int_t)time(NULL) + seconds));
    return directory_put(cli, request, "address", cli->args[0]) &&
                   directory_put(cli, request, "name", name)
               ? CLI_OK
               : CLI_USAGE;
}

/* The password is shown only once it is kept. */
static int show_new(struct cli *cli, json_t *answer, slice account, slice shown)
{
    const json_t *made = json_object_get(answer, "app_password");
    struct buf until;

    if (cli->is_json) {
        json_object_set_new(answer, "password", json_stringn(shown.p, shown.n));
        json_object_set_new(answer, "user", json_stringn(account.p, account.n));
        return cli_print_json(cli, json_incref(answer)) ? CLI_OK : CLI_TEMPFAIL;
    }
    printf("User name:    %.*s\nApp password: %.*s\n\n"
           "It is shown this once. Type it with or without the dashes; one for each device, so\n"
           "that one can be taken back alone: candor app-password remove %.*s \"%.*s\"\n",
           SLICE_ARG(account), SLICE_ARG(shown), SLICE_ARG(account),
           SLICE_ARG(directory_text(made, "name")));
    buf_init(&until, 64);
    listing_time(&until, (int64_t)directory_number(made, "expires_at"));
    if (until.n > 0)
        printf("It expires at %.*s.\n", SLICE_ARG(buf_slice(&until)));
    buf_release(&until);
    return CLI_OK;
}

static int make(struct cli *cli, struct directory_desk *desk, json_t *request)
{
    json_t *ask = json_pack("{s:s, s:O, s:s}", "do", "account-salts", "address",
                            json_object_get(request, "address"), "for", "app-password");
    json_t *salts = NULL, *answer = NULL;
    char shown[APP_PASSWORD_SHOWN];
    int status = directory_get(desk, ask, &salts);

    if (status == CLI_OK)
        status = password_make_app(cli, shown, request);
    if (status == CLI_OK)
        status = password_add_scram(cli, slice_of(shown, sizeof shown),
                                    json_object_get(salts, "salts"), request);
    if (status == CLI_OK)
        status = directory_get(desk, request, &answer);
    if (status == CLI_OK)
        status =
            show_new(cli, answer, directory_text(salts, "account"), slice_of(shown, sizeof shown));
    secret_wipe(shown, sizeof shown);
    json_decref(answer);
    json_decref(salts);
    json_decref(ask);
    return status;
}

int app_password_add(struct cli *cli, struct directory_desk *desk,
                     const struct directory_verb *verb)
{
    json_t *request = json_pack("{s:s}", "do", verb->request);
    int status = read_command_line(cli, request);

    if (status == CLI_OK)
        status = make(cli, desk, request);
    json_decref(request);
    return status;
}

/* ---- list and remove ---- */

static void add_networks(struct listing *l, const json_t *list)
{
    const json_t *value;
    struct buf text;
    size_t i;

    buf_init(&text, 65536);
    json_array_foreach(list, i, value)
    {
        if (i > 0)
            buf_adds(&text, ", ");
        buf_adds(&text, json_string_value(value));
    }
    listing_add(l, i == 0 ? SLICE_LIT("anywhere") : buf_slice(&text));
    buf_release(&text);
}

static bool show_list(const json_t *answer)
{
    static const char *const headings[] = {"ID", "NAME", "SINCE", "UNTIL", "FROM", "LAST USE"};
    const json_t *list = json_object_get(answer, "app_passwords"), *row;
    struct listing l;
    struct buf use;
    bool is_done;
    size_t i;

    if (json_array_size(list) == 0) {
        printf("It has no app password.\n");
        return true;
    }
    listing_init(&l, 6, headings);
    buf_init(&use, 4096);
    json_array_foreach(list, i, row)
    {
        int64_t until = (int64_t)directory_number(row, "expires_at");

        buf_clear(&use);
        account_add_use(&use, json_object_get(row, "last_use"));
        listing_add_u64(&l, directory_number(row, "id"));
        listing_add(&l, directory_text(row, "name"));
        listing_add_day(&l, (int64_t)directory_number(row, "created_at"));
        if (until == 0)
            listing_add(&l, SLICE_LIT("no end"));
        else if (until <= (int64_t)time(NULL))
            listing_add(&l, SLICE_LIT("expired"));
        else
            listing_add_day(&l, until);
        add_networks(&l, json_object_get(row, "from"));
        listing_add(&l, buf_slice(&use));
    }
    is_done = listing_print(&l);
    buf_release(&use);
    listing_release(&l);
    return is_done;
}

static bool show_removed(const json_t *answer)
{
    (void)answer;
    printf("Removed. Who was signed in with it is signed out.\n");
    return true;
}

static const struct directory_verb verbs[] = {
    {.word = "add", .request = "app-password-add", .run = app_password_add},
    {.word = "list",
     .request = "app-password-list",
     .first = "address",
     .needs_first = true,
     .show = show_list},
    {.word = "remove",
     .request = "app-password-remove",
     .first = "address",
     .needs_first = true,
     .second = "which",
     .needs_second = true,
     .show = show_removed},
};

int cmd_app_password(struct cli *cli)
{
    return directory_run(cli, verbs, sizeof verbs / sizeof verbs[0]);
}
