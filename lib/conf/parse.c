/* The grammar: statements and blocks to the fields of the snapshot, by the rows of keys.def. */
#include "lib/base/utf8.h"
#include "lib/conf/check.h"
#include "lib/conf/value.h"

/* A snapshot holds little more than its text; a word of one byte is a token of fifty. */
#define SNAPSHOT_MAX (CONF_TEXT_MAX * 64)
#define SCRATCH_MAX (CONF_TEXT_MAX * 128)
#define LISTEN_MAX 64
#define DOMAIN_MAX 4096

struct parse {
    struct lex lex;
    struct token token; /* the next one */
    struct reader reader;
    struct arena scratch; /* words with \\ in them, for as long as the parse takes */
    struct arena words;   /* of the statement that is read */
    struct conf *conf;
    bool stop; /* no sense in going on */
};

struct statement {
    struct token name;
    const struct token *words;
    size_t n;
    bool has_block; /* p->token is what stands behind the brace */
};

static void advance(struct parse *p)
{
    p->token = lex_next(&p->lex);
    if (p->token.kind == TOKEN_BAD) {
        conf_error(p->reader.errors, p->token.at, NULL, "%s", p->token.message);
        p->stop = true;
    }
}

static bool going(const struct parse *p)
{
    return !p->stop && !p->reader.out_of_memory && !p->reader.errors->more;
}

/* --- structures from rows ------------------------------------------------------------------- */

static void *field_of(void *node, const struct key_row *key)
{
    return (char *)node + key->offset;
}

/* A default is written as the file would have it. */
static void set_default(struct parse *p, const struct key_row *key, void *node)
{
    struct token words[4];
    size_t n = 0;
    slice rest = slice_cstr(key->fallback), word;
    while (n < 4 && slice_split(&rest, ' ', &word))
        words[n++] = (struct token){.kind = TOKEN_WORD, .text = word};
    if (!value_read(&p->reader, key, (struct conf_origin){0, 0}, words, n, field_of(node, key)))
        p->stop = true; /* only for want of memory: a test reads all defaults */
}

static void node_init(struct parse *p, const struct block_row *row, void *node,
                      struct conf_origin at)
{
    struct conf_origin *key_at =
        arena_zero(p->reader.arena, row->n_keys * sizeof(struct conf_origin));
    if (key_at == NULL) {
        p->reader.out_of_memory = true;
        return;
    }
    struct conf_node head = {.at = at, .key_at = key_at};
    memcpy(node, &head, sizeof(head));
    for (size_t i = 0; i < row->n_keys && going(p); i++)
        if (row->keys[i].fallback != NULL && row->keys[i].fallback[0] != '\0')
            set_default(p, &row->keys[i], node);
}

static struct conf_origin *key_at(void *node, size_t index)
{
    struct conf_node head;
    memcpy(&head, node, sizeof(head));
    return (struct conf_origin *)(uintptr_t)&head.key_at[index];
}

static void *block_add(struct parse *p, const struct block_row *row, struct conf_origin at)
{
    struct any_list list;
    char *member = (char *)p->conf + row->offset;
    memcpy(&list, member, sizeof(list));
    void *node = list_add(&p->reader, &list, row->size);
    if (node == NULL)
        return NULL;
    memcpy(member, &list, sizeof(list));
    node_init(p, row, node, at);
    return node;
}

/* --- statements ----------------------------------------------------------------------------- */

/* From a word to the end of the statement or behind its opening brace. */
static void read_statement(struct parse *p, struct statement *ret)
{
    struct any_list words = {0};
    struct reader scratch = {.arena = &p->words};
    arena_reset(&p->words);
    *ret = (struct statement){.name = p->token};
    advance(p);
    while (going(p) && p->token.kind == TOKEN_WORD) {
        struct token *word = list_add(&scratch, &words, sizeof(struct token));
        if (word == NULL) {
            p->reader.out_of_memory = true;
            return;
        }
        *word = p->token;
        advance(p);
    }
    ret->words = words.v;
    ret->n = words.n;
    /* The brace may stand on the next line; new lines between are without meaning anyway. */
    while (going(p) && p->token.kind == TOKEN_STOP)
        advance(p);
    if (p->token.kind == TOKEN_OPEN) {
        ret->has_block = true;
        advance(p);
    }
}

static void skip_block(struct parse *p)
{
    for (size_t depth = 1; going(p) && p->token.kind != TOKEN_END; advance(p)) {
        if (p->token.kind == TOKEN_OPEN)
            depth++;
        else if (p->token.kind == TOKEN_CLOSE && --depth == 0) {
            advance(p);
            return;
        }
    }
}

/* To the next statement of this block; false at its end. */
static bool at_statement(struct parse *p, struct conf_origin opened, bool is_top)
{
    while (going(p)) {
        switch (p->token.kind) {
        case TOKEN_WORD:
            return true;
        case TOKEN_STOP:
            advance(p);
            continue;
        case TOKEN_OPEN:
            conf_error(p->reader.errors, p->token.at, "write `listen [::]:25 { tls optional }`",
                       "before a brace stands the block's name");
            advance(p);
            skip_block(p);
            continue;
        case TOKEN_CLOSE:
            if (is_top)
                conf_error(p->reader.errors, p->token.at, NULL, "no block is open here");
            advance(p);
            if (is_top)
                continue;
            return false;
        case TOKEN_END:
            if (!is_top)
                conf_error(p->reader.errors, opened, NULL,
                           "this block is not closed: there is no } for it");
            return false;
        case TOKEN_BAD:
            return false;
        }
    }
    return false;
}

static const struct block_row *find_block(slice word)
{
    for (size_t i = 1; i < conf_block_rows_n; i++)
        if (slice_is(word, conf_block_rows[i].word))
            return &conf_block_rows[i];
    return NULL;
}

static const struct key_row *find_key(const struct block_row *block, slice word)
{
    for (size_t i = 0; i < block->n_keys; i++)
        if (!block->keys[i].is_argument && slice_is(word, block->keys[i].word))
            return &block->keys[i];
    return NULL;
}

/* Where else the word is known, else what is spelled like it here. */
static void report_unknown(struct parse *p, const struct block_row *block, const struct token *name)
{
    struct buf hint;
    struct spelling g;
    char room[128];
    bool is_top = block == conf_block_rows;
    const char *where = is_top ? "at the top level" : block->word;
    buf_init(&hint, 256);
    spelling_init(&g, name->text);
    for (size_t i = 0; i < block->n_keys; i++)
        spelling_offer(&g, block->keys[i].word);
    for (size_t i = 0; is_top && i < conf_block_rows_n; i++)
        spelling_offer(&g, conf_block_rows[i].word);
    const char *text = NULL;
    for (size_t i = 0; i < conf_block_rows_n && text == NULL; i++) {
        const struct block_row *other = &conf_block_rows[i];
        if (other == block || find_key(other, name->text) == NULL)
            continue;
        if (i == 0)
            buf_adds(&hint, "it belongs outside of any block");
        else
            buf_addf(&hint, "it belongs in the block: %s { %.*s … }", other->word,
                     SLICE_ARG(name->text));
        buf_addc(&hint, '\0');
        text = hint.err == BUF_OK ? hint.p : NULL;
    }
    if (!is_top && text == NULL && find_block(name->text) != NULL)
        text = "it belongs outside of any block; is a } missing before it?";
    if (text == NULL)
        text = spelling_hint(&g, room, sizeof(room));
    if (text == NULL)
        text = "candor config keys lists all that there are";
    if (is_top)
        conf_error(p->reader.errors, name->at, text, "\"%.*s\" is not known %s",
                   SLICE_ARG(name->text), where);
    else
        conf_error(p->reader.errors, name->at, text, "\"%.*s\" is not known in %s",
                   SLICE_ARG(name->text), where);
    buf_release(&hint);
}

static void read_key(struct parse *p, const struct block_row *block, void *node,
                     const struct statement *s)
{
    const struct key_row *key = find_key(block, s->name.text);
    if (key == NULL) {
        report_unknown(p, block, &s->name);
    } else {
        struct conf_origin *at = key_at(node, (size_t)(key - block->keys));
        if (at->line > 0 && !kind_is_list(key->kind)) {
            conf_error(p->reader.errors, s->name.at, NULL, "%s was already given in line %u",
                       key->word, at->line);
        } else {
            bool is_first = at->line == 0;
            /* Given once, a list is the file's alone. */
            if (is_first && kind_is_list(key->kind))
                memset(field_of(node, key), 0, sizeof(struct any_list));
            if (is_first)
                *at = s->n > 0 ? s->words[0].at : s->name.at;
            if (!value_read(&p->reader, key, s->name.at, s->words, s->n, field_of(node, key)))
                return;
        }
    }
    if (s->has_block && key != NULL)
        conf_error(p->reader.errors, s->name.at, NULL, "%s has no block", key->word);
}

static void read_keys(struct parse *p, const struct block_row *block, void *node,
                      struct conf_origin opened)
{
    while (at_statement(p, opened, false)) {
        struct statement s;
        read_statement(p, &s);
        if (!going(p))
            return;
        read_key(p, block, node, &s);
        if (s.has_block)
            skip_block(p);
    }
}

/* --- check PHASE { … } ---------------------------------------------------------------------- */

static bool check_add(struct parse *p, enum conf_check_id id, const struct statement *s)
{
    struct conf_check_list *list = &p->conf->check_connect;
    struct any_list any = {(void *)(uintptr_t)list->v, list->n};
    struct conf_check *check = list_add(&p->reader, &any, sizeof(struct conf_check));
    if (check == NULL)
        return false;
    *check = (struct conf_check){.id = id, .at = s->name.at};
    list->v = any.v;
    list->n = any.n;
    const struct key_row key = {.word = conf_check_rows[id].word, .kind = conf_check_rows[id].kind};
    return value_read(&p->reader, &key, s->name.at, s->words, s->n, &check->nets);
}

static void read_check(struct parse *p, const struct statement *s)
{
    struct spelling g;
    spelling_init(&g, s->name.text);
    for (size_t i = 0; i < CONF_CHECKS; i++) {
        if (slice_is(s->name.text, conf_check_rows[i].word)) {
            (void)!check_add(p, (enum conf_check_id)i, s);
            return;
        }
        spelling_offer(&g, conf_check_rows[i].word);
    }
    char room[128];
    conf_error(p->reader.errors, s->name.at, spelling_hint(&g, room, sizeof(room)),
               "there is no check \"%.*s\" at connect", SLICE_ARG(s->name.text));
}

static void read_checks(struct parse *p, const struct statement *outer)
{
    struct conf_origin opened = outer->name.at;
    struct conf_check_list *list = &p->conf->check_connect;
    if (outer->n != 1 || !slice_is(outer->words[0].text, "connect") || !outer->has_block) {
        conf_error(p->reader.errors, opened, "check connect { fcrdns }",
                   "a check has a phase, of which there is connect, and a block");
        if (outer->has_block)
            skip_block(p);
        return;
    }
    if (list->at.line > 0)
        conf_error(p->reader.errors, opened, NULL, "check connect was already given in line %u",
                   list->at.line);
    list->at = opened;
    while (at_statement(p, opened, false)) {
        struct statement s;
        read_statement(p, &s);
        if (!going(p))
            return;
        read_check(p, &s);
        if (s.has_block)
            skip_block(p);
    }
}

/* --- the top level -------------------------------------------------------------------------- */

static bool has_room(struct parse *p, const struct block_row *row, struct conf_origin at)
{
    struct any_list list;
    memcpy(&list, (char *)p->conf + row->offset, sizeof(list));
    bool is_domain = row->offset == offsetof(struct conf, domain);
    bool is_route = row->offset == offsetof(struct conf, route);
    size_t max = is_domain || is_route ? DOMAIN_MAX : LISTEN_MAX;
    if (list.n < max)
        return true;
    conf_error(p->reader.errors, at, is_domain ? "more are added with candor domain add" : NULL,
               "the file may have %zu of %s", max, row->word);
    p->stop = true;
    return false;
}

static void read_block(struct parse *p, const struct block_row *row, const struct statement *s)
{
    void *node = (char *)p->conf + row->offset;
    struct conf_origin opened = s->name.at;
    if (row->is_many) {
        node = has_room(p, row, opened) ? block_add(p, row, opened) : NULL;
        if (node == NULL || !going(p))
            return;
        const struct key_row *argument = &row->keys[0];
        struct key_row named = *argument;
        named.word = row->word;
        *key_at(node, 0) = s->n > 0 ? s->words[0].at : opened;
        (void)!value_read(&p->reader, &named, opened, s->words, s->n, field_of(node, argument));
    } else {
        struct conf_node head;
        memcpy(&head, node, sizeof(head));
        if (s->n > 0)
            conf_error(p->reader.errors, s->words[0].at, "values stand within its braces",
                       "%s takes nothing before its brace", row->word);
        else if (!s->has_block)
            conf_error(p->reader.errors, opened, NULL, "%s is a block: %s { … }", row->word,
                       row->word);
        if (head.at.line == 0)
            head.at = opened;
        memcpy(node, &head, sizeof(head));
    }
    if (s->has_block)
        read_keys(p, row, node, opened);
}

static void read_top(struct parse *p)
{
    while (at_statement(p, (struct conf_origin){0, 0}, true)) {
        struct statement s;
        read_statement(p, &s);
        if (!going(p))
            return;
        const struct block_row *row = find_block(s.name.text);
        if (row != NULL) {
            read_block(p, row, &s);
        } else if (slice_is(s.name.text, "check")) {
            read_checks(p, &s);
        } else {
            read_key(p, &conf_block_rows[0], &p->conf->server, &s);
            if (s.has_block)
                skip_block(p);
        }
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool has_errors(const struct conf_errors *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (!e->v[i].is_warning)
            return true;
    return e->more;
}

/* Line and column of the first byte that is not UTF-8. */
static struct conf_origin first_bad(slice text)
{
    struct conf_origin at = {1, 1};
    uint32_t cp;
    while (utf8_take(&text, &cp)) {
        at.column++;
        if (cp == '\n')
            at = (struct conf_origin){at.line + 1, 1};
    }
    return at;
}

static bool is_readable(slice text, struct conf_errors *errors)
{
    if (text.n > CONF_TEXT_MAX)
        conf_error(errors, (struct conf_origin){0, 0},
                   "domains may also be added with candor domain add",
                   "the file is larger than %zu bytes", CONF_TEXT_MAX);
    else if (!utf8_is_valid(text))
        conf_error(errors, first_bad(text), "save the file as UTF-8",
                   "here is a byte that is not UTF-8");
    else
        return true;
    return false;
}

static void parse_text(struct parse *p, slice text)
{
    for (size_t i = 0; i < conf_block_rows_n && going(p); i++)
        if (!conf_block_rows[i].is_many)
            node_init(p, &conf_block_rows[i], (char *)p->conf + conf_block_rows[i].offset,
                      (struct conf_origin){0, 0});
    lex_init(&p->lex, text, &p->scratch);
    if (going(p))
        advance(p);
    read_top(p);
    if (going(p) && !conf_derive(&p->reader, p->conf))
        p->reader.out_of_memory = true;
    if (going(p) && !has_errors(p->reader.errors))
        conf_check(p->conf, p->reader.errors);
}

enum conf_err conf_parse(slice text, slice file, slice directory, struct conf_errors *errors,
                         struct conf **ret)
{
    struct parse p = {0};
    struct arena arena;
    arena_init(&arena, SNAPSHOT_MAX);
    arena_init(&p.scratch, SCRATCH_MAX);
    arena_init(&p.words, SCRATCH_MAX);
    p.reader = (struct reader){.arena = &arena, .errors = errors, .directory = directory};
    p.conf = ARENA_NEW(&arena, struct conf);
    if (p.conf == NULL || !arena_copy(&arena, file, &p.conf->file))
        p.reader.out_of_memory = true;
    if (!p.reader.out_of_memory && is_readable(text, errors))
        parse_text(&p, text);
    arena_release(&p.scratch);
    arena_release(&p.words);
    enum conf_err err = p.reader.out_of_memory ? CONF_NO_MEMORY
                        : has_errors(errors)   ? CONF_INVALID
                        : p.stop               ? CONF_NO_MEMORY
                                               : CONF_OK;
    if (err != CONF_OK) {
        arena_release(&arena);
        return err;
    }
    p.conf->arena = arena;
    p.conf->refs = 1;
    *ret = p.conf;
    return CONF_OK;
}

struct conf *conf_ref(struct conf *c)
{
    c->refs++;
    return c;
}

void conf_unref(struct conf *c)
{
    if (c == NULL || --c->refs > 0)
        return;
    struct arena arena = c->arena; /* c itself lies in it */
    arena_release(&arena);
}

struct conf *conf_read_print(slice text)
{
    struct conf_errors errors;
    struct conf *conf = NULL;
    conf_errors_init(&errors);
    if (conf_parse(text, SLICE_LIT("configuration"), SLICE_LIT("/"), &errors, &conf) != CONF_OK)
        conf = NULL;
    conf_errors_release(&errors);
    return conf;
}
