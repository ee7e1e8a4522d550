/* A snapshot back to text, and the vocabulary as documentation. */
#include "lib/conf/value.h"

#define VALUE_MAX (2 * CONF_TEXT_MAX)
#define SHOW_COLUMN 48

/* --- all values ----------------------------------------------------------------------------- */

struct walk {
    conf_visit *visit;
    void *context;
    struct buf argument;
    struct buf value;
};

/* False: it has no value to tell. */
static bool walk_key(struct walk *w, const char *block, const struct key_row *key, const void *node,
                     struct conf_origin at)
{
    const void *field = (const char *)node + key->offset;
    bool is_default_empty = key->fallback == NULL || key->fallback[0] == '\0';
    if (is_default_empty && value_is_empty(key, field))
        return false;
    buf_clear(&w->value);
    value_print(&w->value, key, field);
    struct conf_item item = {slice_cstr(block), buf_slice(&w->argument), slice_cstr(key->word),
                             buf_slice(&w->value), at};
    w->visit(w->context, &item);
    return true;
}

static void walk_node(struct walk *w, const struct block_row *row, const void *node)
{
    struct conf_node head;
    bool is_seen = false;
    memcpy(&head, node, sizeof(head));
    buf_clear(&w->argument);
    for (size_t i = 0; i < row->n_keys; i++) {
        if (row->keys[i].is_argument)
            value_print(&w->argument, &row->keys[i], (const char *)node + row->keys[i].offset);
        else
            is_seen |= walk_key(w, row->word, &row->keys[i], node, head.key_at[i]);
    }
    if (is_seen || !row->is_many)
        return;
    /* A line that needs no block, as `web 127.0.0.1:8025`. */
    struct conf_item item = {
        {NULL, 0}, {NULL, 0}, slice_cstr(row->word), buf_slice(&w->argument), head.at};
    w->visit(w->context, &item);
}

static void walk_checks(struct walk *w, const struct conf_check_list *list)
{
    buf_clear(&w->argument);
    buf_adds(&w->argument, "connect");
    for (size_t i = 0; i < list->n; i++) {
        const struct check_row *row = &conf_check_rows[list->v[i].id];
        const struct key_row key = {.word = row->word, .kind = row->kind};
        buf_clear(&w->value);
        value_print(&w->value, &key, &list->v[i].nets);
        struct conf_item item = {SLICE_LIT("check"), buf_slice(&w->argument), slice_cstr(row->word),
                                 buf_slice(&w->value), list->v[i].at};
        w->visit(w->context, &item);
    }
}

void conf_each(const struct conf *c, conf_visit *visit, void *context)
{
    struct walk w = {.visit = visit, .context = context};
    buf_init(&w.argument, VALUE_MAX);
    buf_init(&w.value, VALUE_MAX);
    for (size_t i = 0; i < conf_block_rows_n; i++) {
        const struct block_row *row = &conf_block_rows[i];
        const char *member = (const char *)c + row->offset;
        if (!row->is_many) {
            walk_node(&w, row, member);
            continue;
        }
        struct any_list list;
        memcpy(&list, member, sizeof(list));
        for (size_t j = 0; j < list.n; j++)
            walk_node(&w, row, (const char *)list.v + j * row->size);
    }
    walk_checks(&w, &c->check_connect);
    buf_release(&w.argument);
    buf_release(&w.value);
}

/* --- as a file ------------------------------------------------------------------------------ */

struct print {
    struct buf *out;
    bool with_origin;
    struct buf block; /* the opening line of the block that is open; empty at the top level */
    struct buf head;
    size_t line_begin;
};

static void end_line(struct print *p, const struct conf_origin *at)
{
    if (p->with_origin && at != NULL) {
        for (size_t n = p->out->n - p->line_begin; n < SHOW_COLUMN; n++)
            buf_addc(p->out, ' ');
        if (at->line == 0)
            buf_adds(p->out, " # default");
        else
            buf_addf(p->out, " # line %u", at->line);
    }
    buf_addc(p->out, '\n');
    p->line_begin = p->out->n;
}

static void close_block(struct print *p)
{
    if (p->block.n > 0)
        buf_adds(p->out, "}\n");
    p->line_begin = p->out->n;
    buf_clear(&p->block);
}

static void print_item(void *context, const struct conf_item *item)
{
    struct print *p = context;
    buf_clear(&p->head);
    if (item->block.n > 0) {
        buf_add(&p->head, item->block);
        if (item->argument.n > 0)
            buf_addf(&p->head, " %.*s", SLICE_ARG(item->argument));
    }
    if (!slice_eq(buf_slice(&p->head), buf_slice(&p->block))) {
        close_block(p);
        if (p->head.n > 0) {
            buf_add(p->out, buf_slice(&p->head));
            buf_adds(p->out, " {");
            end_line(p, NULL);
        }
        buf_add(&p->block, buf_slice(&p->head));
    }
    if (item->block.n > 0)
        buf_adds(p->out, "    ");
    buf_add(p->out, item->key);
    if (item->value.n > 0)
        buf_addf(p->out, " %.*s", SLICE_ARG(item->value));
    end_line(p, &item->at);
}

static void print_all(struct buf *out, const struct conf *c, bool with_origin)
{
    struct print p = {.out = out, .with_origin = with_origin, .line_begin = out->n};
    buf_init(&p.block, VALUE_MAX);
    buf_init(&p.head, VALUE_MAX);
    conf_each(c, print_item, &p);
    close_block(&p);
    if (p.block.err != BUF_OK || p.head.err != BUF_OK)
        out->err = BUF_NOMEM;
    buf_release(&p.block);
    buf_release(&p.head);
}

void conf_print(struct buf *out, const struct conf *c)
{
    print_all(out, c, false);
    /* A policy without checks would else come back as the default. */
    if (c->check_connect.n == 0)
        buf_adds(out, "check connect {\n}\n");
}

void conf_show(struct buf *out, const struct conf *c)
{
    print_all(out, c, true);
    if (c->check_connect.n == 0)
        buf_adds(out, "check connect {\n}\n");
}

bool conf_eq(const struct conf *a, const struct conf *b)
{
    struct buf one, other;
    buf_init(&one, 64 * CONF_TEXT_MAX);
    buf_init(&other, 64 * CONF_TEXT_MAX);
    conf_print(&one, a);
    conf_print(&other, b);
    bool eq =
        one.err == BUF_OK && other.err == BUF_OK && slice_eq(buf_slice(&one), buf_slice(&other));
    buf_release(&one);
    buf_release(&other);
    return eq;
}

/* --- documentation -------------------------------------------------------------------------- */

static void doc_key(const char *block, const struct key_row *key, conf_doc_visit *visit,
                    void *context)
{
    struct buf value;
    buf_init(&value, 1024);
    buf_adds(&value, kind_name(key->kind));
    for (const struct word_row *w = key->words; w != NULL && w->word != NULL; w++)
        buf_addf(&value, "%s%s", w == key->words ? "" : " | ", w->word);
    struct conf_doc doc = {slice_cstr(block), slice_cstr(key->word), buf_slice(&value),
                           slice_cstr(key->fallback), slice_cstr(key->doc)};
    visit(context, &doc);
    buf_release(&value);
}

void conf_each_doc(conf_doc_visit *visit, void *context)
{
    for (size_t i = 0; i < conf_block_rows_n; i++) {
        const struct block_row *row = &conf_block_rows[i];
        const char *argument = row->is_many ? kind_name(row->keys[0].kind) : "";
        struct conf_doc doc = {slice_cstr(row->word),
                               {NULL, 0},
                               slice_cstr(argument),
                               {NULL, 0},
                               slice_cstr(row->doc)};
        visit(context, &doc);
        for (size_t k = 0; k < row->n_keys; k++)
            if (!row->keys[k].is_argument)
                doc_key(row->word, &row->keys[k], visit, context);
    }
    struct conf_doc doc = {SLICE_LIT("check"),
                           {NULL, 0},
                           SLICE_LIT("connect"),
                           {NULL, 0},
                           SLICE_LIT("What is looked at when a client connects, in this order. By "
                                     "default fcrdns.")};
    visit(context, &doc);
    for (size_t i = 0; i < CONF_CHECKS; i++) {
        const struct key_row key = {.word = conf_check_rows[i].word,
                                    .kind = conf_check_rows[i].kind,
                                    .doc = conf_check_rows[i].doc};
        doc_key("check", &key, visit, context);
    }
}
