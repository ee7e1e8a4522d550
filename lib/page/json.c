#include "lib/page/json.h"

#include <jansson.h>

#include <stdlib.h>

static json_t *string_or_null(slice s)
{
    return s.n == 0 ? json_null() : json_stringn(s.p, s.n);
}

json_t *lines_json(slice lines)
{
    json_t *array = json_array();
    slice line;
    while (array != NULL && slice_split(&lines, '\n', &line)) {
        if (line.n > 0 && json_array_append_new(array, json_stringn(line.p, line.n)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* The steps as plain text, and with who can do each. */
static json_t *steps_json(slice fix, bool with_who)
{
    json_t *array = json_array();
    slice step;
    enum who who;
    while (array != NULL && step_take(&fix, &who, &step)) {
        json_t *one = with_who
                          ? json_pack("{s:s, s:s%}", "who", who_name(who), "text", step.p, step.n)
                          : json_stringn(step.p, step.n);
        if (json_array_append_new(array, one) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static void add_line(struct buf *out)
{
    if (out->n > 0)
        buf_addc(out, '\n');
}

void learn_lines(struct buf *out, slice rfc, slice related, slice self)
{
    slice item, a, b;
    enum pair_id id;
    while (rfc_take(&rfc, &item)) {
        add_line(out);
        buf_add(out, item);
        buf_addc(out, ' ');
        rfc_link(out, item);
    }
    while (slice_split(&related, ' ', &item)) {
        add_line(out);
        buf_addf(out, "candor explain %.*s", SLICE_ARG(item));
    }
    for (size_t n = 0; compare_with(self, n, &id) && compare_nth(id, &a, &b); n++) {
        add_line(out);
        buf_addf(out, "candor compare %.*s %.*s", SLICE_ARG(a), SLICE_ARG(b));
    }
}

static json_t *learn_json(slice rfc, slice related, slice self)
{
    struct buf lines;
    buf_init(&lines, 8192);
    learn_lines(&lines, rfc, related, self);
    json_t *array = lines.err == BUF_OK ? lines_json(buf_slice(&lines)) : NULL;
    buf_release(&lines);
    return array;
}

static json_t *rfc_json(slice rfc)
{
    json_t *array = json_array();
    slice item;
    while (array != NULL && rfc_take(&rfc, &item)) {
        if (json_array_append_new(array, json_stringn(item.p, item.n)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* What stood in the text: only what was there; NULL where nothing was. */
static json_t *values_json(const struct phrase_values *v)
{
    const struct {
        const char *key;
        slice value;
    } rows[] = {{"ip", v->ip},   {"address", v->address}, {"domain", v->domain}, {"list", v->list},
                {"url", v->url}, {"size", v->size},       {"limit", v->limit}};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && object != NULL; i++) {
        /* What is no UTF-8 is left out. */
        json_t *value = rows[i].value.n > 0 ? json_stringn(rows[i].value.p, rows[i].value.n) : NULL;
        if (value != NULL && json_object_set_new(object, rows[i].key, value) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    if (json_object_size(object) == 0) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* "values" and "recipients" are only there when the text had some. */
json_t *explanation_json(const struct explanation *e)
{
    char room[3];
    json_t *code = e->code == 0 ? json_null() : json_integer(e->code);
    return json_pack(
        "{s:o, s:o, s:f, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, "
        "s:o*, s:o*}",
        "reason", string_or_null(slice_cstr(e->reason)), "cause",
        string_or_null(slice_cstr(e->cause)), "confidence", e->percent / 100.0, "kind",
        reply_kind_name(e->kind), "code", code, "enhanced", string_or_null(e->enhanced), "who",
        who_name(e->who), "title", string_or_null(e->title), "meaning", string_or_null(e->meaning),
        "when", string_or_null(e->when), "fix", steps_json(e->fix, false), "steps",
        steps_json(e->fix, true), "example", string_or_null(e->example), "learn",
        learn_json(e->rfc, e->related, compare_self(e, room)), "lang", language_code(e->lang),
        "system", string_or_null(slice_cstr(e->system)), "rfc", rfc_json(e->rfc), "values",
        values_json(&e->values), "recipients", e->failed > 0 ? json_integer(e->failed) : NULL);
}

/* ---- A comparison ---- */

/* The documents of both, each once. */
static void add_rfcs(struct buf *out, slice rfc)
{
    slice item;
    while (rfc_take(&rfc, &item)) {
        slice there = buf_slice(out), seen;
        bool is_there = false;
        while (!is_there && rfc_take(&there, &seen))
            is_there = slice_eq(seen, item);
        if (!is_there)
            buf_addf(out, "%s%.*s", out->n > 0 ? "; " : "", SLICE_ARG(item));
    }
}

/* What `candor explain` takes for one of the two: its name, or the finest that a whole reply has.
 */
static void add_name(struct buf *out, const struct explanation *e, slice name)
{
    if (!e->is_known)
        return;
    if (out->n > 0)
        buf_addc(out, ' ');
    if (slice_find(name, ' ') == name.n)
        buf_add(out, name);
    else if (e->reason != NULL)
        buf_adds(out, e->reason);
    else if (e->enhanced.n > 0)
        buf_add(out, e->enhanced);
    else
        buf_addu(out, e->code);
}

void comparison_learn(const struct comparison *c, struct buf *rfc, struct buf *names)
{
    add_rfcs(rfc, c->a.rfc);
    add_rfcs(rfc, c->b.rfc);
    add_name(names, &c->a, c->name_a);
    if (!slice_eq(c->name_a, c->name_b))
        add_name(names, &c->b, c->name_b);
}

json_t *comparison_json(const struct comparison *c)
{
    struct buf rfc, names;
    buf_init(&rfc, 4096);
    buf_init(&names, 4096);
    comparison_learn(c, &rfc, &names);
    json_t *object =
        json_pack("{s:s%, s:s%, s:o, s:o, s:o, s:{s:s%, s:s%}, s:o, s:s}", "title", c->title.p,
                  c->title.n, "intro", c->intro.p, c->intro.n, "a", explanation_json(&c->a), "b",
                  explanation_json(&c->b), "differences", lines_json(c->differences), "when_to_use",
                  "a", c->when_a.p, c->when_a.n, "b", c->when_b.p, c->when_b.n, "learn",
                  learn_json(buf_slice(&rfc), buf_slice(&names), (slice){0}), "lang",
                  language_code(c->lang));
    buf_release(&rfc);
    buf_release(&names);
    return object;
}

bool json_print(struct buf *out, json_t *object)
{
    char *text =
        object == NULL ? NULL : json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(object);
    if (text == NULL)
        return false;
    buf_adds(out, text);
    buf_addc(out, '\n');
    free(text);
    return out->err == BUF_OK;
}
