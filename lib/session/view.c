#include "lib/session/view.h"

void view_init(struct view *v, struct arena *arena)
{
    *v = (struct view){.arena = arena};
}

static struct view_entry *find(struct view *v, enum question_kind kind, slice key)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->entries[i].kind == kind && slice_eq(v->entries[i].key, key))
            return &v->entries[i];
    return NULL;
}

/* The entry of the question, made where there is none; NULL when it finds no room. */
static struct view_entry *find_or_add(struct view *v, enum question_kind kind, slice key)
{
    struct view_entry *e = find(v, kind, key);
    if (e != NULL)
        return e;
    slice copy;
    if (v->count == VIEW_ENTRIES || !arena_copy(v->arena, key, &copy))
        return NULL;
    e = &v->entries[v->count++];
    *e = (struct view_entry){.kind = kind, .key = copy, .is_prefetch = true};
    return e;
}

enum view_state view_ask(struct view *v, enum question_kind kind, slice key, struct answer *ret)
{
    struct view_entry *e = find_or_add(v, kind, key);
    if (e == NULL)
        return VIEW_FULL;
    if (!e->is_answered) {
        e->is_prefetch = false;
        return VIEW_NEED;
    }
    *ret = e->answer;
    return VIEW_HAVE;
}

bool view_prefetch(struct view *v, enum question_kind kind, slice key, struct answer *ret)
{
    const struct view_entry *e = find_or_add(v, kind, key);
    if (e == NULL || !e->is_answered)
        return false;
    *ret = e->answer;
    return true;
}

const struct answer *view_find(const struct view *v, enum question_kind kind)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->entries[i].kind == kind && v->entries[i].is_answered)
            return &v->entries[i].answer;
    return NULL;
}

bool view_is_ready(const struct view *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (!v->entries[i].is_prefetch && !v->entries[i].is_answered)
            return false;
    return true;
}

bool view_answer(struct view *v, uint32_t id, const struct answer *answer)
{
    for (size_t i = 0; i < v->count; i++) {
        struct view_entry *e = &v->entries[i];
        if (e->id != id || id == 0 || e->is_answered)
            continue;
        slice text = {0}, token = {0};
        e->answer = *answer;
        if ((answer->text.n > 0 && !arena_copy(v->arena, answer->text, &text)) ||
            (answer->token.n > 0 && !arena_copy(v->arena, answer->token, &token)))
            e->answer.state = ANSWER_FAILED;
        e->answer.text = text;
        e->answer.token = token;
        e->is_answered = true;
        return true;
    }
    return false;
}
