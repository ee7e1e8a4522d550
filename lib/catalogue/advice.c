/* Steps made with what stood in a reply: the way off the list that it names, and those of
 * advice.def. */
#include "lib/catalogue/blocklist.h"
#include "lib/catalogue/lookup_int.h"

#define ANY NULL

enum advice_place { BEFORE, INSTEAD, AFTER };

static const struct advice_row {
    const char *cause;
    const char *needs;
    enum advice_place place;
    enum ui_id text;
} rows[] = {
#define ADVICE(cause, needs, place, text) {cause, needs, place, UI_##text},
#include "lib/catalogue/advice.def"
#undef ADVICE
};

enum { ROWS_N = sizeof rows / sizeof rows[0] };

enum { VALUES_N = 7 };

/* The values by the names that texts and advice.def have for them. */
static void list_values(const struct phrase_values *v, struct compose_value ret[VALUES_N])
{
    const struct compose_value all[VALUES_N] = {
        {"ip", v->ip},   {"address", v->address}, {"domain", v->domain}, {"list", v->list},
        {"url", v->url}, {"size", v->size},       {"limit", v->limit},
    };
    memcpy(ret, all, sizeof all);
}

static bool fill(struct lookup *l, enum ui_id text, slice *ret)
{
    struct compose_value values[VALUES_N];
    list_values(&l->e.values, values);
    return compose_fill(l->a, slice_cstr(ui_text(l->lang, text)), values, VALUES_N, ret);
}

/* ---- Block lists ---- */

static bool is_about_lists(const char *cause)
{
    static const char *const causes[] = {"ip-blocklisted", "ip-reputation", "domain-reputation",
                                         "dynamic-ip", "content-spam"};
    for (size_t i = 0; cause != NULL && i < sizeof causes / sizeof causes[0]; i++) {
        if (strcmp(cause, causes[i]) == 0)
            return true;
    }
    return false;
}

static enum ui_id listed_text(const struct blocklist *list, const struct explanation *e)
{
    if (list->state == LIST_CLOSED)
        return UI_LISTED_CLOSED;
    if (list->removal[0] == '\0')
        return UI_LISTED_NO_PAGE;
    if (strcmp(e->cause, "dynamic-ip") == 0)
        return UI_LISTED_RANGE;
    if (list->target == TARGET_DOMAINS)
        return UI_LISTED_DOMAIN;
    return e->values.ip.n > 0 ? UI_LISTED_ADDRESS : UI_LISTED_SOMETHING;
}

/* Where the text names a list: the way off it. *ret_is_done: nothing else need be said. */
static bool advise_list(struct lookup *l, slice text, bool *ret_is_done)
{
    struct explanation *e = &l->e;
    enum blocklist_id id;
    *ret_is_done = is_about_lists(e->cause) && blocklist_named(text, &id);
    if (!*ret_is_done)
        return true;
    const struct blocklist *list = blocklist_of(id);
    enum ui_id steps = listed_text(list, e);
    slice url = e->values.url;
    if (list->state == LIST_CLOSED)
        e->who = WHO_RECIPIENT_ADMIN;
    e->values.list = slice_cstr(list->name);
    e->values.url = slice_cstr(list->removal);
    slice parts[2] = {{0}, e->fix};
    bool is_ok = fill(l, steps, &parts[0]);
    e->values.url = url;
    return is_ok &&
           compose_join(l->a, SLICE_LIT("\n"), parts, steps == UI_LISTED_RANGE ? 2 : 1, &e->fix);
}

/* ---- Other values ---- */

static bool has(const struct phrase_values *v, slice needs)
{
    struct compose_value all[VALUES_N];
    list_values(v, all);
    slice name;
    while (slice_split(&needs, ' ', &name)) {
        for (size_t i = 0; i < VALUES_N; i++) {
            if (slice_is(name, all[i].name) && all[i].value.n == 0)
                return false;
        }
    }
    return true;
}

static const struct advice_row *row_for(const struct explanation *e, const char *cause)
{
    for (size_t i = 0; i < ROWS_N; i++) {
        bool fits = cause == ANY ? rows[i].cause == ANY
                                 : rows[i].cause != ANY && strcmp(rows[i].cause, cause) == 0;
        if (fits && has(&e->values, slice_cstr(rows[i].needs)))
            return &rows[i];
    }
    return NULL;
}

bool advise(struct lookup *l, slice text)
{
    struct explanation *e = &l->e;
    bool is_done;
    if (!advise_list(l, text, &is_done))
        return false;
    /* The addresses of a command that went well are no trouble. */
    if (is_done || e->cause == NULL || e->kind < KIND_TEMPORARY)
        return true;
    const struct advice_row *own = row_for(e, e->cause), *any = row_for(e, ANY);
    slice parts[4] = {{0}, e->fix, {0}, {0}}, first;
    if (own != NULL && own->place == INSTEAD)
        (void)slice_split(&parts[1], '\n', &first);
    return (own == NULL || fill(l, own->text, &parts[own->place == AFTER ? 2 : 0])) &&
           (any == NULL || fill(l, any->text, &parts[3])) &&
           compose_join(l->a, SLICE_LIT("\n"), parts, 4, &e->fix);
}
