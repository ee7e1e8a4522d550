#include <jansson.h>
#include <stdio.h>

#include "cli/account_words.h"
#include "cli/listing.h"

static bool show_removed(const json_t *answer)
{
    (void)answer;
    printf("Removed. Mail that was delivered stays where it is.\n");
    return true;
}

/* An array of texts, a line each. */
static bool show_lines(const json_t *list, const char *none)
{
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        printf("%.*s\n", (int)json_string_length(value), json_string_value(value));
    }
    if (json_array_size(list) == 0)
        printf("%s\n", none);
    return true;
}

static bool show_senders(const json_t *answer)
{
    return show_lines(json_object_get(answer, "senders"),
                      "None were granted. It may send as itself and as its aliases.");
}

static bool show_certificates(const json_t *answer)
{
    return show_lines(json_object_get(answer, "certificates"), "No certificate leads to it.");
}

#define OF_AN_ADDRESS .first = "address", .needs_first = true
#define WITH(member) OF_AN_ADDRESS, .second = member, .needs_second = true

static const struct directory_verb verbs[] = {
    {.word = "add", .request = "account-add", .show = account_show, .run = account_add},
    {.word = "password",
     .request = "account-password",
     .show = account_show,
     .run = account_password},
    {.word = "import", .request = "account-import", .run = account_import},
    {.word = "list", .request = "account-list", .run = account_list},
    {.word = "show", .request = "account-show", OF_AN_ADDRESS, .show = account_show},
    {.word = "enable", .request = "account-enable", OF_AN_ADDRESS, .show = account_show},
    {.word = "disable", .request = "account-disable", OF_AN_ADDRESS, .show = account_show},
    {.word = "remove",
     .request = "account-remove",
     OF_AN_ADDRESS,
     .flags = {"force"},
     .show = show_removed},
    {.word = "move", .request = "account-move", .show = account_show, .run = account_move},
    {.word = "quota", .request = "account-quota", .show = account_show, .run = account_quota},
    {.word = "limits", .request = "account-limits", .show = account_show, .run = account_limits},
    {.word = "app-passwords-only",
     .request = "account-app-passwords-only",
     .show = account_show,
     .run = account_app_passwords_only},
    {.word = "sender add", .request = "sender-add", WITH("who"), .show = show_senders},
    {.word = "sender remove", .request = "sender-remove", WITH("who"), .show = show_senders},
    {.word = "sender list", .request = "sender-list", OF_AN_ADDRESS, .show = show_senders},
    {.word = "certificate add",
     .request = "certificate-add",
     WITH("value"),
     .show = show_certificates},
    {.word = "certificate remove",
     .request = "certificate-remove",
     WITH("value"),
     .show = show_certificates},
    {.word = "certificate list",
     .request = "certificate-list",
     OF_AN_ADDRESS,
     .show = show_certificates},
};

int cmd_account(struct cli *cli)
{
    return directory_run(cli, verbs, sizeof verbs / sizeof verbs[0]);
}
