/* A phase's checks, from the first question to the verdict. */
#include <stdlib.h>

#include "lib/session/session_int.h"

enum { DECISION_ARENA_BYTES = 65536 };

bool policy_begin(struct session *s, const struct turn *t, enum phase phase,
                  const struct check_facts *facts)
{
    (void)t;
    struct decision *d = malloc(sizeof *d);
    if (d == NULL)
        return false;
    *d = (struct decision){.phase = phase, .facts = *facts};
    d->facts.policy = s->policy;
    d->facts.client = s->client;
    d->facts.is_signed_in = s->sign_in != NULL;
    d->facts.is_name_told = s->is_name_told;
    arena_init(&d->arena, DECISION_ARENA_BYTES);
    view_init(&d->view, &d->arena);
    policy_drop(s);
    s->decision = d;
    return true;
}

void decision_free(struct decision *d)
{
    if (d == NULL)
        return;
    arena_release(&d->arena);
    free(d);
}

void policy_drop(struct session *s)
{
    decision_free(s->decision);
    s->decision = NULL;
}

/* Puts the questions that have no id yet to the shell. False when there are too many at once. */
static bool put_questions(struct session *s, const struct turn *t)
{
    struct view *v = &s->decision->view;
    for (size_t i = 0; i < v->count; i++) {
        struct view_entry *e = &v->entries[i];
        if (e->id != 0)
            continue;
        if (t->fx->ask_count == SESSION_ASKS)
            return false;
        e->id = ++s->next_ask;
        t->fx->asks[t->fx->ask_count++] = (struct session_ask){e->id, e->kind, e->key};
        if (e->kind == QUESTION_CLIENT_NAME) {
            /* Nobody waits for it: the decision may be gone before the shell looks at the key. */
            t->fx->asks[t->fx->ask_count - 1].key = ip_bytes(&s->client);
            s->client_name_ask = e->id;
        }
    }
    return true;
}

struct verdict policy_run(struct session *s, const struct turn *t)
{
    struct decision *d = s->decision;
    struct check_list list = s->policy->checks[d->phase];
    struct verdict v = check_run(list, &d->at, &d->facts, &d->view);
    if (!put_questions(s, t))
        v = (struct verdict){.kind = VERDICT_DEFER, .reason = REASON_OUT_OF_MEMORY};
    return v;
}
