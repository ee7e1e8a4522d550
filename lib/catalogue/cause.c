#include "lib/catalogue/cause.h"

static const struct cause causes[CAUSE_COUNT] = {
#define CAUSE(name, id_, who_, rfc_, related_, example_, title, meaning, when, fix)                \
    [CAUSE_##name] = {.id = (id_),                                                                 \
                      .who = WHO_##who_,                                                           \
                      .rfc = (rfc_),                                                               \
                      .related = (related_),                                                       \
                      .example = (example_)},
#include "lib/catalogue/causes.def"
#undef CAUSE
};

const struct cause *cause_of(enum cause_id id)
{
    return &causes[id];
}

bool cause_find(slice id, enum cause_id *ret)
{
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        if (slice_is_ci(id, causes[i].id)) {
            *ret = (enum cause_id)i;
            return true;
        }
    }
    return false;
}

/* "{sender-admin} Publish ..." */
static enum who take_mark(slice *step)
{
    size_t shut = slice_find(*step, '}');
    if (step->n == 0 || step->p[0] != '{' || shut == step->n)
        return WHO_NOBODY;
    slice name = slice_of(step->p + 1, shut - 1);
    for (unsigned w = 0; w < WHO_COUNT; w++) {
        if (slice_is(name, who_name((enum who)w))) {
            *step = slice_trim(slice_tail(*step, shut + 1));
            return (enum who)w;
        }
    }
    return WHO_NOBODY;
}

bool step_take(slice *fix, enum who *ret_who, slice *ret_step)
{
    slice line;
    while (slice_split(fix, '\n', &line)) {
        if (line.n == 0)
            continue;
        *ret_who = take_mark(&line);
        *ret_step = line;
        return true;
    }
    return false;
}
