#include <jansson.h>
#include <stdio.h>

#include "cli/directory_request.h"
#include "cli/listing.h"

static bool show_list(const json_t *answer)
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
        listing_add(&l, json_is_true(json_object_get(row, "enabled")) ? SLICE_LIT("enabled")
                                                                      : SLICE_LIT("disabled"));
        listing_add(&l, directory_text(row, "name"));
        listing_add_day(&l, (int64_t)directory_number(row, "created_at"));
    }
    is_done = listing_print(&l);
    listing_release(&l);
    return is_done;
}

static bool show_one(const json_t *answer)
{
    const json_t *account = json_object_get(answer, "account");
    slice name = directory_text(account, "name");
    slice lmtp = directory_text(account, "lmtp");

    printf("%.*s", SLICE_ARG(directory_text(account, "address")));
    if (name.n > 0)
        printf(" (%.*s)", SLICE_ARG(name));
    printf(": %s\n%s: %.*s\n",
           json_is_true(json_object_get(account, "enabled"))
               ? "enabled"
               : "disabled, its mail is refused with 550 5.2.1",
           lmtp.n > 0 ? "LMTP" : "Maildir",
           SLICE_ARG(lmtp.n > 0 ? lmtp : directory_text(account, "maildir")));
    return true;
}

static bool show_removed(const json_t *answer)
{
    (void)answer;
    printf("Removed. Mail that was delivered stays where it is.\n");
    return true;
}

static const struct directory_verb verbs[] = {
    {"add", "account-add", "address", true, NULL, "name", NULL, NULL, show_one},
    {"list", "account-list", "domain", false, NULL, NULL, NULL, "accounts", show_list},
    {"show", "account-show", "address", true, NULL, NULL, NULL, NULL, show_one},
    {"enable", "account-enable", "address", true, NULL, NULL, NULL, NULL, show_one},
    {"disable", "account-disable", "address", true, NULL, NULL, NULL, NULL, show_one},
    {"remove", "account-remove", "address", true, NULL, NULL, "force", NULL, show_removed},
};

int cmd_account(struct cli *cli)
{
    return directory_run(cli, verbs, sizeof verbs / sizeof verbs[0]);
}
