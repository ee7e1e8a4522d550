#include <jansson.h>
#include <stdio.h>

#include "cli/directory_request.h"
#include "cli/listing.h"

/* A row a target; the alias's name stands in the first one. */
static void add_rows(struct listing *l, const json_t *alias)
{
    const json_t *target;
    size_t i;

    json_array_foreach(json_object_get(alias, "targets"), i, target)
    {
        listing_add(l, i == 0 ? directory_text(alias, "address") : SLICE_LIT(""));
        listing_add(l, slice_of(json_string_value(target), json_string_length(target)));
    }
}

static bool show_list(const json_t *answer)
{
    static const char *const headings[] = {"ALIAS", "LEADS TO"};
    struct listing l;
    const json_t *one = json_object_get(answer, "alias"), *row;
    bool is_done;
    size_t i;

    listing_init(&l, 2, headings);
    if (one != NULL)
        add_rows(&l, one);
    json_array_foreach(json_object_get(answer, "aliases"), i, row)
    {
        add_rows(&l, row);
    }
    is_done = listing_print(&l);
    listing_release(&l);
    return is_done;
}

static bool show_removed(const json_t *answer)
{
    (void)answer;
    printf("Removed.\n");
    return true;
}

static const struct directory_verb verbs[] = {
    {.word = "add",
     .request = "alias-add",
     .first = "address",
     .needs_first = true,
     .rest = "targets",
     .show = show_list},
    {.word = "list",
     .request = "alias-list",
     .first = "domain",
     .list = "aliases",
     .show = show_list},
    {.word = "show",
     .request = "alias-show",
     .first = "address",
     .needs_first = true,
     .show = show_list},
    {.word = "remove",
     .request = "alias-remove",
     .first = "address",
     .needs_first = true,
     .rest = "targets",
     .show = show_removed},
};

int cmd_alias(struct cli *cli)
{
    return directory_run(cli, verbs, sizeof verbs / sizeof verbs[0]);
}
