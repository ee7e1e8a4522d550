#include "lib/catalogue/lookup_int.h"

/* A first walk counts (to == NULL), a second one writes. */
struct sink {
    char *to;
    size_t n;
};

static void sink_add(struct sink *s, slice part)
{
    if (s->to != NULL && part.n > 0)
        memcpy(s->to + s->n, part.p, part.n);
    s->n += part.n;
}

static void join_to(struct sink *s, slice glue, const slice *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n == 0)
            continue;
        if (s->n > 0)
            sink_add(s, glue);
        sink_add(s, parts[i]);
    }
}

bool compose_join(struct arena *a, slice glue, const slice *parts, size_t n, slice *ret)
{
    struct sink count = {.to = NULL};
    join_to(&count, glue, parts, n);
    struct sink s = {.to = arena_take(a, count.n + 1)};
    if (s.to == NULL)
        return false;
    join_to(&s, glue, parts, n);
    *ret = slice_of(s.to, s.n);
    return true;
}

static void fill_to(struct sink *s, slice text, const struct compose_value *values, size_t n)
{
    while (text.n > 0) {
        size_t open = slice_find(text, '{');
        sink_add(s, slice_head(text, open));
        text = slice_tail(text, open);
        size_t shut = slice_find(text, '}');
        size_t i = 0;
        while (i < n &&
               !(shut < text.n && slice_is(slice_of(text.p + 1, shut - 1), values[i].name)))
            i++;
        if (i < n) {
            sink_add(s, values[i].value);
            text = slice_tail(text, shut + 1);
        } else {
            sink_add(s, slice_head(text, 1));
            text = slice_tail(text, 1);
        }
    }
}

bool compose_fill(struct arena *a, slice text, const struct compose_value *values, size_t n,
                  slice *ret)
{
    struct sink count = {.to = NULL};
    fill_to(&count, text, values, n);
    struct sink s = {.to = arena_take(a, count.n + 1)};
    if (s.to == NULL)
        return false;
    fill_to(&s, text, values, n);
    *ret = slice_of(s.to, s.n);
    return true;
}
