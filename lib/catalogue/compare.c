#include "lib/catalogue/compare.h"

#include "lib/catalogue/lookup_int.h"

const char *kind_text(const struct language *lang, enum reply_kind kind)
{
    static const enum ui_id ids[] = {
        [KIND_SUCCESS] = UI_KIND_SUCCESS,     [KIND_INTERMEDIATE] = UI_KIND_INTERMEDIATE,
        [KIND_TEMPORARY] = UI_KIND_TEMPORARY, [KIND_PERMANENT] = UI_KIND_PERMANENT,
        [KIND_PSEUDO] = UI_KIND_PSEUDO,
    };
    return ui_text(lang, ids[kind]);
}

const char *who_text(const struct language *lang, enum who who)
{
    static const enum ui_id ids[] = {
        [WHO_NOBODY] = UI_WHO_NOBODY,
        [WHO_SENDER_USER] = UI_WHO_SENDER_USER,
        [WHO_SENDER_ADMIN] = UI_WHO_SENDER_ADMIN,
        [WHO_RECIPIENT] = UI_WHO_RECIPIENT,
        [WHO_RECIPIENT_ADMIN] = UI_WHO_RECIPIENT_ADMIN,
    };
    return ui_text(lang, ids[who]);
}

const char *for_text(const struct language *lang, enum who who)
{
    static const enum ui_id ids[] = {
        [WHO_NOBODY] = UI_COUNT,
        [WHO_SENDER_USER] = UI_FOR_SENDER_USER,
        [WHO_SENDER_ADMIN] = UI_FOR_SENDER_ADMIN,
        [WHO_RECIPIENT] = UI_FOR_RECIPIENT,
        [WHO_RECIPIENT_ADMIN] = UI_FOR_RECIPIENT_ADMIN,
    };
    return ids[who] == UI_COUNT ? "" : ui_text(lang, ids[who]);
}

static const char *retry_text(const struct language *lang, enum reply_kind kind)
{
    static const enum ui_id ids[] = {
        [KIND_SUCCESS] = UI_RETRY_SUCCESS,     [KIND_INTERMEDIATE] = UI_RETRY_INTERMEDIATE,
        [KIND_TEMPORARY] = UI_RETRY_TEMPORARY, [KIND_PERMANENT] = UI_RETRY_PERMANENT,
        [KIND_PSEUDO] = UI_RETRY_PSEUDO,
    };
    return ui_text(lang, ids[kind]);
}

static const char *stage_text(const struct language *lang, enum code_stage stage)
{
    static const enum ui_id ids[] = {
        [STAGE_GREETING] = UI_STAGE_GREETING, [STAGE_LOGIN] = UI_STAGE_LOGIN,
        [STAGE_ENVELOPE] = UI_STAGE_ENVELOPE, [STAGE_CONTENT] = UI_STAGE_CONTENT,
        [STAGE_ANYWHERE] = UI_STAGE_ANYWHERE,
    };
    return ui_text(lang, ids[stage]);
}

static const char *scope_text(const struct language *lang, enum code_scope scope)
{
    static const enum ui_id ids[] = {
        [SCOPE_CONNECTION] = UI_SCOPE_CONNECTION, [SCOPE_LOGIN] = UI_SCOPE_LOGIN,
        [SCOPE_ADDRESS] = UI_SCOPE_ADDRESS,       [SCOPE_MESSAGE] = UI_SCOPE_MESSAGE,
        [SCOPE_COMMAND] = UI_SCOPE_COMMAND,
    };
    return ui_text(lang, ids[scope]);
}

/* As short as tells it from the other. */
static bool name_of(struct arena *arena, const struct explanation *e, slice asked, slice *ret)
{
    char digits[3] = {(char)('0' + e->code / 100), (char)('0' + e->code / 10 % 10),
                      (char)('0' + e->code % 10)};
    slice parts[2] = {slice_of(digits, e->code != 0 ? 3 : 0), e->enhanced};
    if (e->reason != NULL && slice_is_ci(slice_trim(asked), e->reason)) {
        *ret = slice_cstr(e->reason);
        return true;
    }
    if (parts[0].n + parts[1].n == 0) {
        *ret = SLICE_LIT("?");
        return true;
    }
    return compose_join(arena, SLICE_LIT(" "), parts, 2, ret);
}

/* "Kind: 250 = success; 554 = permanent failure" */
static bool facet(struct arena *arena, const struct comparison *c, enum ui_id label, slice a,
                  slice b, slice *ret)
{
    const slice parts[] = {slice_cstr(ui_text(c->lang, label)),
                           SLICE_LIT(": "),
                           c->name_a,
                           SLICE_LIT(" = "),
                           a,
                           SLICE_LIT("; "),
                           c->name_b,
                           SLICE_LIT(" = "),
                           b};
    return compose_join(arena, (slice){0}, parts, sizeof parts / sizeof parts[0], ret);
}

static bool compose_differences(struct arena *arena, struct comparison *c)
{
    const struct explanation *a = &c->a, *b = &c->b;
    const struct language *lang = c->lang;
    const struct {
        enum ui_id label;
        slice a;
        slice b;
    } rows[] = {
        {UI_LABEL_REASON, a->title, b->title},
        {UI_LABEL_KIND, slice_cstr(kind_text(lang, a->kind)), slice_cstr(kind_text(lang, b->kind))},
        {UI_LABEL_STAGE, slice_cstr(stage_text(lang, a->stage)),
         slice_cstr(stage_text(lang, b->stage))},
        {UI_LABEL_SCOPE, slice_cstr(scope_text(lang, a->scope)),
         slice_cstr(scope_text(lang, b->scope))},
        {UI_LABEL_WHO, slice_cstr(who_text(lang, a->who)), slice_cstr(who_text(lang, b->who))},
        {UI_LABEL_RETRY, slice_cstr(retry_text(lang, a->kind)),
         slice_cstr(retry_text(lang, b->kind))},
    };
    slice lines[sizeof rows / sizeof rows[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (i > 0 && slice_eq(rows[i].a, rows[i].b))
            continue;
        if (!facet(arena, c, rows[i].label, rows[i].a, rows[i].b, &lines[n++]))
            return false;
    }
    return compose_join(arena, SLICE_LIT("\n"), lines, n, &c->differences);
}

static const char *const pair_ids[PAIR_COUNT] = {
#define PAIR(a, b, id, title, intro, differences, when_a, when_b) [PAIR_##a##_##b] = (id),
#include "lib/catalogue/compare.def"
#undef PAIR
};

static bool find_pair(slice a, slice b, enum pair_id *ret)
{
    for (unsigned i = 0; i < PAIR_COUNT; i++) {
        slice id = slice_cstr(pair_ids[i]), first;
        if (slice_split(&id, '-', &first) && slice_eq(first, a) && slice_eq(id, b)) {
            *ret = (enum pair_id)i;
            return true;
        }
    }
    return false;
}

static void set_pair(struct comparison *c, enum pair_id id, bool is_swapped)
{
    c->title = slice_cstr(pair_text(c->lang, id, PAIR_TITLE));
    c->intro = slice_cstr(pair_text(c->lang, id, PAIR_INTRO));
    c->differences = slice_cstr(pair_text(c->lang, id, PAIR_DIFFERENCES));
    c->when_a = slice_cstr(pair_text(c->lang, id, is_swapped ? PAIR_WHEN_B : PAIR_WHEN_A));
    c->when_b = slice_cstr(pair_text(c->lang, id, is_swapped ? PAIR_WHEN_A : PAIR_WHEN_B));
}

static bool compose_comparison(struct arena *arena, struct comparison *c)
{
    const struct compose_value names[] = {{"a", c->name_a},
                                          {"b", c->name_b},
                                          {"title-a", c->a.title},
                                          {"title-b", c->b.title}};
    enum ui_id intro = c->a.kind != c->b.kind ? UI_COMPARE_INTRO_KIND : UI_COMPARE_INTRO_SAME;
    c->when_a = c->a.when;
    c->when_b = c->b.when;
    return compose_fill(arena, slice_cstr(ui_text(c->lang, UI_COMPARE_TITLE)), names, 4,
                        &c->title) &&
           compose_fill(arena, slice_cstr(ui_text(c->lang, intro)), names, 2, &c->intro) &&
           compose_differences(arena, c);
}

bool compare(struct arena *arena, const struct language *lang, slice a, slice b,
             struct comparison *ret)
{
    struct comparison c = {.lang = lang};
    if (!explain(arena, NULL, lang, a, &c.a) || !explain(arena, NULL, lang, b, &c.b) ||
        !name_of(arena, &c.a, a, &c.name_a) || !name_of(arena, &c.b, b, &c.name_b))
        return false;
    enum pair_id pair;
    if (find_pair(c.name_a, c.name_b, &pair))
        set_pair(&c, pair, false);
    else if (find_pair(c.name_b, c.name_a, &pair))
        set_pair(&c, pair, true);
    else if (!compose_comparison(arena, &c))
        return false;
    *ret = c;
    return true;
}

void percent_text(struct buf *out, const struct language *lang, unsigned percent)
{
    slice text = slice_cstr(ui_text(lang, UI_PERCENT));
    size_t at = slice_find_slice(text, SLICE_LIT("{n}"));
    buf_add(out, slice_head(text, at));
    buf_addu(out, percent);
    buf_add(out, slice_tail(text, at + 3));
}

/* ---- The written pairs ---- */

bool compare_nth(size_t n, slice *ret_a, slice *ret_b)
{
    if (n >= PAIR_COUNT)
        return false;
    slice id = slice_cstr(pair_ids[n]);
    size_t cut = slice_find(id, '-');
    *ret_a = slice_head(id, cut);
    *ret_b = slice_tail(id, cut + 1);
    return true;
}

bool compare_with(slice self, size_t n, slice *ret)
{
    slice a, b;
    for (size_t i = 0; compare_nth(i, &a, &b); i++) {
        if (!slice_eq(a, self) && !slice_eq(b, self))
            continue;
        if (n-- == 0) {
            *ret = slice_eq(a, self) ? b : a;
            return true;
        }
    }
    return false;
}
