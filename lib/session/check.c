#include "lib/session/check.h"

#include "lib/session/check_steps.h"

static const struct check checks[CHECK_COUNT] = {
#define CHECK(id, name, phase, step, source) {name, phase, step, source},
#include "lib/session/checks.def"
#undef CHECK
};

/* In the table the rows of a phase stand together, so a phase's default list is a run of this. */
static const enum check_id all[CHECK_COUNT] = {
#define CHECK(id, name, phase, step, source) CHECK_##id,
#include "lib/session/checks.def"
#undef CHECK
};

struct check_list check_default(enum phase phase)
{
    size_t first = 0, count = 0;
    while (first < CHECK_COUNT && checks[first].phase != phase)
        first++;
    while (first + count < CHECK_COUNT && checks[first + count].phase == phase)
        count++;
    return (struct check_list){all + first, count};
}

struct verdict check_run(struct check_list list, size_t *at, const struct check_facts *facts,
                         struct view *view)
{
    struct verdict passed = {.kind = VERDICT_NEXT};
    for (; *at < list.count; (*at)++) {
        struct verdict v = checks[list.ids[*at]].step(facts, view);
        if (v.kind != VERDICT_NEXT)
            return v;
        if (v.text.n > 0)
            passed = v;
    }
    return passed;
}
