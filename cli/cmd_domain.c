#include <jansson.h>
#include <stdio.h>

#include "cli/directory_request.h"
#include "cli/listing.h"

static void add_row(struct listing *l, const json_t *domain)
{
    listing_add(l, directory_text(domain, "domain"));
    listing_add_u64(l, directory_number(domain, "accounts"));
    listing_add_u64(l, directory_number(domain, "aliases"));
    listing_add(l, directory_text(domain, "source"));
    slice lmtp = directory_text(domain, "lmtp");
    listing_add(l, lmtp.n > 0 ? lmtp : directory_text(domain, "maildir"));
}

static bool show_list(const json_t *answer)
{
    static const char *const headings[] = {"DOMAIN", "ACCOUNTS", "ALIASES", "FROM", "MAILDIR"};
    struct listing l;
    const json_t *one = json_object_get(answer, "domain"), *row;
    bool is_done;
    size_t i;

    listing_init(&l, 5, headings);
    if (one != NULL)
        add_row(&l, one);
    json_array_foreach(json_object_get(answer, "domains"), i, row)
    {
        add_row(&l, row);
    }
    is_done = listing_print(&l);
    listing_release(&l);
    return is_done;
}

static bool show_added(const json_t *answer)
{
    slice name = directory_text(json_object_get(answer, "domain"), "domain");

    printf("%.*s is now a domain of this server.\n"
           "Next: candor account add NAME@%.*s\n",
           SLICE_ARG(name), SLICE_ARG(name));
    return true;
}

static bool show_removed(const json_t *answer)
{
    (void)answer;
    printf("Removed. Mail that was delivered stays where it is.\n");
    return true;
}

static const struct directory_verb verbs[] = {
    {.word = "add",
     .request = "domain-add",
     .first = "domain",
     .needs_first = true,
     .options = {"maildir"},
     .show = show_added},
    {.word = "list", .request = "domain-list", .list = "domains", .show = show_list},
    {.word = "show",
     .request = "domain-show",
     .first = "domain",
     .needs_first = true,
     .show = show_list},
    {.word = "remove",
     .request = "domain-remove",
     .first = "domain",
     .needs_first = true,
     .show = show_removed},
};

int cmd_domain(struct cli *cli)
{
    return directory_run(cli, verbs, sizeof verbs / sizeof verbs[0]);
}
