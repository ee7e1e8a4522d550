#include "lib/catalogue/compare.h"

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
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

void percent_text(struct buf *out, const struct language *lang, unsigned percent)
{
    slice text = slice_cstr(ui_text(lang, UI_PERCENT));
    size_t at = slice_find_slice(text, SLICE_LIT("{n}"));
    buf_add(out, slice_head(text, at));
    buf_addu(out, percent);
    buf_add(out, slice_tail(text, at + 3));
}

/* ---- The two, as they are spoken of ---- */

enum { NAME_MAX_BYTES = 40 };

enum side_sort {
    SIDE_DEFINED,
    SIDE_CAUSE,     /* a cause without a number: it may stand behind replies of several kinds */
    SIDE_UNDEFINED, /* a number that no document knows */
    SIDE_NOTHING    /* neither a number nor words that are known */
};

struct side {
    const struct explanation *e;
    slice name;  /* as it was asked for: "mailbox-full" */
    slice codes; /* as it is spoken of: "452 4.2.2" */
    enum side_sort sort;
};

/* A composition speaks of the better kind, then of the smaller code first, in whatever order the
 * two were asked for. */
struct pair {
    struct arena *arena;
    const struct language *lang;
    struct side a;
    struct side b;
    bool is_same;  /* it is the same thing twice */
    bool is_alike; /* two names with one title */
};

static enum side_sort sort_of(const struct explanation *e)
{
    bool has_number = e->code != 0 || e->enhanced.n > 0;
    if (!e->is_known)
        return has_number ? SIDE_UNDEFINED : SIDE_NOTHING;
    return !has_number && e->kind >= KIND_TEMPORARY ? SIDE_CAUSE : SIDE_DEFINED;
}

static bool is_printable(slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_BYTES && utf8_is_valid(s);
}

static slice digits_of(const struct explanation *e, char room[3])
{
    for (unsigned i = 3, rest = e->code; i-- > 0; rest /= 10)
        room[i] = (char)('0' + rest % 10);
    return slice_of(room, e->code != 0 ? 3 : 0);
}

/* "550 5.1.1"; nothing where there is neither of them. */
static bool codes_of(struct arena *arena, const struct explanation *e, slice *ret)
{
    char room[3];
    const slice parts[2] = {digits_of(e, room), e->enhanced};
    return compose_join(arena, SLICE_LIT(" "), parts, 2, ret);
}

/* As it was asked for where that is a name; a whole reply goes by its codes. */
static bool name_side(struct arena *arena, slice asked, struct side *s)
{
    const struct explanation *e = s->e;
    asked = slice_trim(asked);
    if (!codes_of(arena, e, &s->codes))
        return false;
    if (e->reason != NULL && slice_is_ci(asked, e->reason))
        s->name = slice_cstr(e->reason);
    else if (e->cause != NULL && (slice_is_ci(asked, e->cause) || s->codes.n == 0))
        s->name = slice_cstr(e->cause);
    else if (e->enhanced.n > 0 && slice_eq_ci(asked, e->enhanced))
        s->name = s->codes = e->enhanced;
    else if (s->codes.n > 0)
        s->name = s->codes;
    else if (!is_printable(asked))
        s->name = SLICE_LIT("?");
    else if (!arena_copy(arena, asked, &s->name))
        return false;
    if (s->codes.n == 0)
        s->codes = s->name;
    return true;
}

/* Two with the same codes are told apart by what they are about. */
static bool add_id(struct arena *arena, struct side *s)
{
    const char *id = s->e->reason != NULL ? s->e->reason : s->e->cause;
    const slice parts[] = {s->codes, SLICE_LIT(" ("), slice_cstr(id), SLICE_LIT(")")};
    bool is_name = slice_eq(s->name, s->codes);
    if (id == NULL)
        return true;
    if (!compose_join(arena, (slice){0}, parts, sizeof parts / sizeof parts[0], &s->codes))
        return false;
    if (is_name)
        s->name = s->codes;
    return true;
}

static bool set_sides(struct arena *arena, struct comparison *c, slice a, slice b,
                      struct side *ret_a, struct side *ret_b)
{
    *ret_a = (struct side){.e = &c->a, .sort = sort_of(&c->a)};
    *ret_b = (struct side){.e = &c->b, .sort = sort_of(&c->b)};
    if (!name_side(arena, a, ret_a) || !name_side(arena, b, ret_b))
        return false;
    if (slice_eq(ret_a->codes, ret_b->codes) && !slice_eq(c->a.title, c->b.title) &&
        (!add_id(arena, ret_a) || !add_id(arena, ret_b)))
        return false;
    c->name_a = ret_a->name;
    c->name_b = ret_b->name;
    return true;
}

/* ---- Sentences ---- */

static bool fill_one(const struct pair *p, enum ui_id id, const struct side *side, slice *ret)
{
    const struct compose_value values[] = {{"code", side->codes}, {"title", side->e->title}};
    return compose_fill(p->arena, slice_cstr(ui_text(p->lang, id)), values, 2, ret);
}

static bool fill_names(const struct pair *p, enum ui_id id, slice a, slice b, slice *ret)
{
    const struct compose_value values[] = {{"a", a},
                                           {"b", b},
                                           {"title-a", p->a.e->title},
                                           {"title-b", p->b.e->title}};
    return compose_fill(p->arena, slice_cstr(ui_text(p->lang, id)), values, 4, ret);
}

static bool fill_both(const struct pair *p, enum ui_id id, slice *ret)
{
    return fill_names(p, id, p->a.codes, p->b.codes, ret);
}

/* A sentence for each of the two, side by side. */
static bool fill_each(const struct pair *p, enum ui_id a, enum ui_id b, slice *ret)
{
    slice parts[2];
    return fill_one(p, a, &p->a, &parts[0]) && fill_one(p, b, &p->b, &parts[1]) &&
           compose_join(p->arena, SLICE_LIT(" "), parts, 2, ret);
}

/* ---- Title and opening ---- */

static bool is_number(slice name)
{
    return (name.n > 0 && ascii_is_digit(name.p[0])) || slice_starts_ci(name, SLICE_LIT("X."));
}

/* "mailbox-full, 452 4.2.2": the title has to name what the sentences below speak of. */
static bool label_of(const struct pair *p, const struct side *s, slice *ret)
{
    const slice parts[] = {s->name, s->codes};
    *ret = s->name;
    return slice_find_slice(s->codes, s->name) < s->codes.n ||
           compose_join(p->arena, SLICE_LIT(", "), parts, 2, ret);
}

static bool compose_title(const struct pair *p, slice *ret)
{
    slice a, b;
    enum ui_id id = UI_COMPARE_TITLE_IDS;
    if (p->is_same)
        id = UI_COMPARE_TITLE_SAME;
    else if (p->is_alike)
        id = UI_COMPARE_TITLE_ALIKE;
    else if (is_number(p->a.name) && is_number(p->b.name))
        id = UI_COMPARE_TITLE;
    return label_of(p, &p->a, &a) && label_of(p, &p->b, &b) && fill_names(p, id, a, b, ret);
}

/* What is said of a side where the other, or itself, has no kind to speak of. */
static enum ui_id alone_text(enum side_sort sort)
{
    static const enum ui_id ids[] = {
        [SIDE_DEFINED] = UI_COMPARE_KNOWN,
        [SIDE_CAUSE] = UI_COMPARE_KNOWN,
        [SIDE_UNDEFINED] = UI_COMPARE_UNDEFINED,
        [SIDE_NOTHING] = UI_COMPARE_NOTHING,
    };
    return ids[sort];
}

/* The kind of a is never greater than that of b. */
static enum ui_id kinds_text(enum reply_kind a, enum reply_kind b)
{
    static const enum ui_id ids[KIND_PSEUDO + 1][KIND_PSEUDO + 1] = {
        [KIND_SUCCESS] = {[KIND_SUCCESS] = UI_COMPARE_SUCCESS,
                          [KIND_INTERMEDIATE] = UI_COMPARE_SUCCESS_INTERMEDIATE,
                          [KIND_TEMPORARY] = UI_COMPARE_SUCCESS_TEMPORARY,
                          [KIND_PERMANENT] = UI_COMPARE_SUCCESS_PERMANENT,
                          [KIND_PSEUDO] = UI_COMPARE_SUCCESS_PSEUDO},
        [KIND_INTERMEDIATE] = {[KIND_INTERMEDIATE] = UI_COMPARE_INTERMEDIATE,
                               [KIND_TEMPORARY] = UI_COMPARE_INTERMEDIATE_TEMPORARY,
                               [KIND_PERMANENT] = UI_COMPARE_INTERMEDIATE_PERMANENT,
                               [KIND_PSEUDO] = UI_COMPARE_INTERMEDIATE_PSEUDO},
        [KIND_TEMPORARY] = {[KIND_TEMPORARY] = UI_COMPARE_TEMPORARY,
                            [KIND_PERMANENT] = UI_COMPARE_TEMPORARY_PERMANENT,
                            [KIND_PSEUDO] = UI_COMPARE_TEMPORARY_PSEUDO},
        [KIND_PERMANENT] =
            {[KIND_PERMANENT] = UI_COMPARE_PERMANENT, [KIND_PSEUDO] = UI_COMPARE_PERMANENT_PSEUDO},
        [KIND_PSEUDO] = {[KIND_PSEUDO] = UI_COMPARE_PSEUDO},
    };
    return ids[a][b];
}

static bool compose_intro(const struct pair *p, slice *ret)
{
    if (p->is_same)
        return fill_both(p, UI_COMPARE_SAME, ret);
    if (p->a.sort >= SIDE_UNDEFINED || p->b.sort >= SIDE_UNDEFINED)
        return fill_each(p, alone_text(p->a.sort), alone_text(p->b.sort), ret);
    if (p->is_alike)
        return fill_both(p, UI_COMPARE_ALIKE, ret);
    if (p->a.sort == SIDE_CAUSE || p->b.sort == SIDE_CAUSE)
        return fill_both(p, UI_COMPARE_CAUSES, ret);
    return fill_both(p, kinds_text(p->a.e->kind, p->b.e->kind), ret);
}

/* ---- Differences ---- */

static const enum ui_id kind_ids[] = {
    [KIND_SUCCESS] = UI_DIFFERS_KIND_SUCCESS,
    [KIND_INTERMEDIATE] = UI_DIFFERS_KIND_INTERMEDIATE,
    [KIND_TEMPORARY] = UI_DIFFERS_KIND_TEMPORARY,
    [KIND_PERMANENT] = UI_DIFFERS_KIND_PERMANENT,
    [KIND_PSEUDO] = UI_DIFFERS_KIND_PSEUDO,
};

static const enum ui_id retry_ids[] = {
    [KIND_SUCCESS] = UI_DIFFERS_RETRY_SUCCESS,
    [KIND_INTERMEDIATE] = UI_DIFFERS_RETRY_INTERMEDIATE,
    [KIND_TEMPORARY] = UI_DIFFERS_RETRY_TEMPORARY,
    [KIND_PERMANENT] = UI_DIFFERS_RETRY_PERMANENT,
    [KIND_PSEUDO] = UI_DIFFERS_RETRY_PSEUDO,
};

static const enum ui_id stage_ids[] = {
    [STAGE_GREETING] = UI_DIFFERS_STAGE_GREETING, [STAGE_LOGIN] = UI_DIFFERS_STAGE_LOGIN,
    [STAGE_ENVELOPE] = UI_DIFFERS_STAGE_ENVELOPE, [STAGE_CONTENT] = UI_DIFFERS_STAGE_CONTENT,
    [STAGE_ANYWHERE] = UI_DIFFERS_STAGE_ANYWHERE,
};

static const enum ui_id scope_ids[] = {
    [SCOPE_CONNECTION] = UI_DIFFERS_SCOPE_CONNECTION, [SCOPE_LOGIN] = UI_DIFFERS_SCOPE_LOGIN,
    [SCOPE_ADDRESS] = UI_DIFFERS_SCOPE_ADDRESS,       [SCOPE_MESSAGE] = UI_DIFFERS_SCOPE_MESSAGE,
    [SCOPE_COMMAND] = UI_DIFFERS_SCOPE_COMMAND,
};

static const enum ui_id who_ids[] = {
    [WHO_NOBODY] = UI_DIFFERS_WHO_NOBODY,
    [WHO_SENDER_USER] = UI_DIFFERS_WHO_SENDER_USER,
    [WHO_SENDER_ADMIN] = UI_DIFFERS_WHO_SENDER_ADMIN,
    [WHO_RECIPIENT] = UI_DIFFERS_WHO_RECIPIENT,
    [WHO_RECIPIENT_ADMIN] = UI_DIFFERS_WHO_RECIPIENT_ADMIN,
};

/* Kind, place, scope, who acts, trying again: a line for each in which the two differ. */
static bool compose_facets(const struct pair *p, slice *ret)
{
    const struct explanation *a = p->a.e, *b = p->b.e;
    bool have_numbers = p->a.sort != SIDE_CAUSE && p->b.sort != SIDE_CAUSE;
    bool are_defined = p->a.sort != SIDE_UNDEFINED && p->b.sort != SIDE_UNDEFINED;
    bool is_met = have_numbers && are_defined && a->kind != KIND_PSEUDO && b->kind != KIND_PSEUDO;
    const struct {
        bool is_known;
        enum ui_id a;
        enum ui_id b;
    } rows[] = {
        {have_numbers, kind_ids[a->kind], kind_ids[b->kind]},
        {is_met, stage_ids[a->stage], stage_ids[b->stage]},
        {is_met, scope_ids[a->scope], scope_ids[b->scope]},
        {are_defined, who_ids[a->who], who_ids[b->who]},
        {have_numbers, retry_ids[a->kind], retry_ids[b->kind]},
    };
    slice lines[sizeof rows / sizeof rows[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].is_known && rows[i].a != rows[i].b &&
            !fill_each(p, rows[i].a, rows[i].b, &lines[n++]))
            return false;
    }
    if (n == 0 && !are_defined) /* all that is known of a number without a document */
        return fill_each(p, kind_ids[a->kind], kind_ids[b->kind], ret);
    if (n == 0)
        return fill_both(p, p->is_alike ? UI_DIFFERS_NOTHING : UI_DIFFERS_CAUSE, ret);
    return compose_join(p->arena, SLICE_LIT("\n"), lines, n, ret);
}

static bool compose_differences(const struct pair *p, slice *ret)
{
    if (p->is_same)
        return fill_both(p, UI_DIFFERS_SAME, ret);
    if (p->a.sort == SIDE_NOTHING || p->b.sort == SIDE_NOTHING)
        return fill_both(p, UI_DIFFERS_UNRECOGNISED, ret);
    return compose_facets(p, ret);
}

/* ---- When which is right ---- */

static enum ui_id right_text(const struct side *side)
{
    static const enum ui_id sorts[] = {
        [SIDE_DEFINED] = UI_COUNT,
        [SIDE_CAUSE] = UI_RIGHT_CAUSE,
        [SIDE_UNDEFINED] = UI_RIGHT_UNDEFINED,
        [SIDE_NOTHING] = UI_RIGHT_NOTHING,
    };
    static const enum ui_id ids[KIND_PSEUDO + 1][SCOPE_COMMAND + 1] = {
        [KIND_SUCCESS] = {[SCOPE_CONNECTION] = UI_RIGHT_SUCCESS_CONNECTION,
                          [SCOPE_LOGIN] = UI_RIGHT_SUCCESS_LOGIN,
                          [SCOPE_ADDRESS] = UI_RIGHT_SUCCESS_ADDRESS,
                          [SCOPE_MESSAGE] = UI_RIGHT_SUCCESS_MESSAGE,
                          [SCOPE_COMMAND] = UI_RIGHT_SUCCESS_COMMAND},
        [KIND_INTERMEDIATE] = {[SCOPE_CONNECTION... SCOPE_COMMAND] = UI_RIGHT_INTERMEDIATE},
        [KIND_TEMPORARY] = {[SCOPE_CONNECTION] = UI_RIGHT_TEMPORARY_CONNECTION,
                            [SCOPE_LOGIN] = UI_RIGHT_TEMPORARY_LOGIN,
                            [SCOPE_ADDRESS] = UI_RIGHT_TEMPORARY_ADDRESS,
                            [SCOPE_MESSAGE] = UI_RIGHT_TEMPORARY_MESSAGE,
                            [SCOPE_COMMAND] = UI_RIGHT_TEMPORARY_COMMAND},
        [KIND_PERMANENT] = {[SCOPE_CONNECTION] = UI_RIGHT_PERMANENT_CONNECTION,
                            [SCOPE_LOGIN] = UI_RIGHT_PERMANENT_LOGIN,
                            [SCOPE_ADDRESS] = UI_RIGHT_PERMANENT_ADDRESS,
                            [SCOPE_MESSAGE] = UI_RIGHT_PERMANENT_MESSAGE,
                            [SCOPE_COMMAND] = UI_RIGHT_PERMANENT_COMMAND},
        [KIND_PSEUDO] = {[SCOPE_CONNECTION... SCOPE_COMMAND] = UI_RIGHT_PSEUDO},
    };
    return sorts[side->sort] != UI_COUNT ? sorts[side->sort] : ids[side->e->kind][side->e->scope];
}

/* ---- Written or composed ---- */

static const char *const pair_ids[PAIR_COUNT] = {
#define PAIR(a, b, id, title, intro, differences, when_a, when_b) [PAIR_##a##_##b] = (id),
#include "lib/catalogue/compare.def"
#undef PAIR
};

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

bool compare_with(slice self, size_t n, enum pair_id *ret)
{
    slice a, b;
    for (size_t i = 0; compare_nth(i, &a, &b); i++) {
        if ((slice_eq(a, self) || slice_eq(b, self)) && n-- == 0) {
            *ret = (enum pair_id)i;
            return true;
        }
    }
    return false;
}

slice compare_self(const struct explanation *e, char room[3])
{
    return e->enhanced.n > 0 ? e->enhanced : digits_of(e, room);
}

static bool find_pair(slice a, slice b, enum pair_id *ret)
{
    slice first, second;
    for (size_t i = 0; compare_nth(i, &first, &second); i++) {
        if (slice_eq(first, a) && slice_eq(second, b)) {
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

static bool comes_before(const struct side *a, const struct side *b)
{
    if (a->sort != b->sort)
        return a->sort < b->sort;
    if (a->e->kind != b->e->kind)
        return a->e->kind < b->e->kind;
    if (a->e->code != b->e->code)
        return a->e->code < b->e->code;
    return slice_cmp(a->name, b->name) <= 0;
}

static bool compose_comparison(struct arena *arena, struct comparison *c, struct side a,
                               struct side b)
{
    bool is_in_order = comes_before(&a, &b);
    bool have_one_title = slice_eq(c->a.title, c->b.title);
    const struct pair p = {
        .arena = arena,
        .lang = c->lang,
        .a = is_in_order ? a : b,
        .b = is_in_order ? b : a,
        .is_same = slice_eq(a.name, b.name) && have_one_title,
        .is_alike = a.sort == b.sort && c->a.kind == c->b.kind && have_one_title,
    };
    return compose_title(&p, &c->title) && compose_intro(&p, &c->intro) &&
           compose_differences(&p, &c->differences) &&
           fill_one(&p, right_text(&a), &a, &c->when_a) &&
           fill_one(&p, right_text(&b), &b, &c->when_b);
}

bool compare(struct arena *arena, struct phrasebook *book, const struct language *lang, slice a,
             slice b, struct comparison *ret)
{
    struct comparison c = {.lang = lang};
    struct side first, second;
    enum pair_id pair;
    if (!explain(arena, book, lang, a, &c.a) || !explain(arena, book, lang, b, &c.b) ||
        !set_sides(arena, &c, a, b, &first, &second))
        return false;
    if (find_pair(c.name_a, c.name_b, &pair))
        set_pair(&c, pair, false);
    else if (find_pair(c.name_b, c.name_a, &pair))
        set_pair(&c, pair, true);
    else if (!compose_comparison(arena, &c, first, second))
        return false;
    *ret = c;
    return true;
}
