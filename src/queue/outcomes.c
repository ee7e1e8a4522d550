#include "src/queue/outcomes.h"

#include "lib/base/le.h"

#define FORM 1
#define HEAD_BYTES 5

slice outcome_status_text(enum outcome_status status)
{
    switch (status) {
    case OUTCOME_WAITING:
        return SLICE_LIT("waiting");
    case OUTCOME_DONE:
        return SLICE_LIT("delivered");
    case OUTCOME_FAILED:
        return SLICE_LIT("failed");
    case OUTCOME_NO_ROUTE:
        return SLICE_LIT("no-route");
    case OUTCOME_REACHED:
        return SLICE_LIT("reached");
    }
    return SLICE_LIT("?");
}

void outcomes_begin(struct buf *out)
{
    buf_addc(out, FORM);
}

void outcomes_add(struct buf *out, const struct outcome *o)
{
    char head[HEAD_BYTES];
    slice text = slice_head(o->text, OUTCOME_TEXT_MAX);
    le_put(head, 1, o->status);
    le_put(head + 1, 2, o->rcpt);
    le_put(head + 3, 2, text.n);
    buf_add(out, slice_of(head, sizeof head));
    buf_add(out, text);
}

bool outcomes_open(slice *state)
{
    if (state->n == 0 || state->p[0] != FORM)
        return false;
    *state = slice_tail(*state, 1);
    return true;
}

bool outcomes_take(slice *state, struct outcome *ret)
{
    if (state->n < HEAD_BYTES)
        return false;
    unsigned status = (unsigned)le_get(state->p, 1);
    size_t n = (size_t)le_get(state->p + 3, 2);
    if (status > OUTCOME_STATUS_MAX || n > state->n - HEAD_BYTES)
        return false;
    *ret = (struct outcome){.status = (enum outcome_status)status,
                            .rcpt = (uint16_t)le_get(state->p + 1, 2),
                            .text = {state->p + HEAD_BYTES, n}};
    *state = slice_tail(*state, HEAD_BYTES + n);
    return true;
}
