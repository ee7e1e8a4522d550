#include "lib/catalogue/needles.h"

#include "lib/base/ascii.h"

enum { RUN_MAX_BYTES = 64, DEPTH_MAX = 12 };

struct reader {
    struct arena *arena;
    slice rest;
    unsigned depth;
    bool is_full; /* the arena */
};

/* The octets that stand one after the other so far, and the best two sets of the branch: of
 * different places in it, so a text needs one of each. */
struct branch {
    char run[RUN_MAX_BYTES];
    size_t run_n;
    struct needles best;
    struct needles second;
};

static void read_alternatives(struct reader *r, struct needles *ret);

/* Words that stand in so many replies that they spare hardly a try. */
static const char *const common[] = {
    "account",   "address", "client",   "denied",  "domain",  "email", "e-mail", "error",  "from",
    "host",      "http",    "mail",     "mailbox", "message", "name",  "not",    "on the", "receiv",
    "recipient", "reject",  "rejected", "sender",  "server",  "the",   "this",   "user",   "your",
};

static bool is_common(slice needle)
{
    needle = slice_trim(needle);
    for (size_t i = 0; i < sizeof common / sizeof common[0] && needle.n > 0; i++) {
        if (common[i][0] == needle.p[0] && slice_is(needle, common[i]))
            return true;
    }
    return false;
}

/* How much a set is worth: what its worst literal is. */
static size_t worth(const struct needles *set)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < set->n; i++) {
        size_t one = is_common(set->texts[i]) ? NEEDLE_MIN_BYTES - 1 : set->texts[i].n;
        least = one < least ? one : least;
    }
    return least;
}

/* One long literal is better than many, and many better than short or common ones. */
static bool is_better(const struct needles *one, const struct needles *other)
{
    if (one->n == 0 || other->n == 0)
        return one->n > 0;
    size_t a = worth(one), b = worth(other);
    return a >= 5 && b >= 5 ? one->n < other->n : a > b;
}

static void branch_add(struct branch *b, const struct needles *set)
{
    if (is_better(set, &b->best)) {
        b->second = b->best;
        b->best = *set;
    } else if (is_better(set, &b->second)) {
        b->second = *set;
    }
}

static void run_end(struct reader *r, struct branch *b)
{
    struct needles set = {.n = 1};
    if (b->run_n >= NEEDLE_MIN_BYTES) {
        if (!arena_copy(r->arena, slice_of(b->run, b->run_n), &set.texts[0]))
            r->is_full = true;
        else
            branch_add(b, &set);
    }
    b->run_n = 0;
}

static void run_add(struct reader *r, struct branch *b, char c)
{
    if (b->run_n == RUN_MAX_BYTES)
        run_end(r, b);
    b->run[b->run_n++] = c;
}

static char take_char(struct reader *r)
{
    char c = r->rest.n > 0 ? r->rest.p[0] : '\0';
    r->rest = slice_tail(r->rest, r->rest.n > 0);
    return c;
}

/* What follows an atom: whether it may be missing, and whether it may come again. */
static void take_quantifier(struct reader *r, bool *ret_is_optional, bool *ret_repeats)
{
    char c = r->rest.n > 0 ? r->rest.p[0] : '\0';
    *ret_is_optional = c == '?' || c == '*';
    *ret_repeats = c == '+' || c == '*' || c == '{';
    if (c == '{') {
        *ret_is_optional = r->rest.n > 1 && r->rest.p[1] == '0';
        r->rest = slice_tail(r->rest, slice_find(r->rest, '}'));
    }
    if (*ret_is_optional || *ret_repeats) {
        (void)take_char(r);
        if (r->rest.n > 0 && (r->rest.p[0] == '?' || r->rest.p[0] == '+'))
            (void)take_char(r); /* lazy or possessive: the same text */
    }
}

/* "[.]" is a literal; any other class is a gap. '\0': a gap. */
static char take_class(struct reader *r)
{
    size_t n = 0;
    char first = '\0', c;
    while ((c = take_char(r)) != '\0' && (c != ']' || n == 0)) {
        if (c == '\\')
            (void)take_char(r);
        first = n == 0 && c != '\\' && c != '^' ? c : '\0';
        n++;
    }
    return n == 1 ? first : '\0';
}

/* The "?:", "?=" ... that a group begins with. True: it looks around and holds no text. */
static bool take_group_kind(struct reader *r)
{
    if (r->rest.n < 2 || r->rest.p[0] != '?')
        return false;
    (void)take_char(r);
    char c = take_char(r);
    if (c == '=' || c == '!')
        return true;
    if (c == '<' && r->rest.n > 0 && (r->rest.p[0] == '=' || r->rest.p[0] == '!'))
        return true;
    if (c == '<')
        r->rest = slice_tail(r->rest, slice_find(r->rest, '>') + 1);
    return false;
}

static void read_group(struct reader *r, struct branch *b)
{
    struct needles inner = {.n = 0};
    bool looks_around = take_group_kind(r), is_optional, repeats;
    run_end(r, b);
    read_alternatives(r, &inner);
    (void)take_char(r); /* the bracket */
    take_quantifier(r, &is_optional, &repeats);
    if (!looks_around && !is_optional)
        branch_add(b, &inner);
}

/* One character or gap, with its quantifier. */
static void read_atom(struct reader *r, struct branch *b)
{
    bool is_optional, repeats, is_literal = true;
    char c = take_char(r);
    if (c == '[') {
        c = take_class(r);
        is_literal = c != '\0';
    } else if (c == '\\') {
        c = take_char(r);
        is_literal = !ascii_is_alnum(c);
    } else {
        is_literal = c != '.' && c != '^' && c != '$';
    }
    take_quantifier(r, &is_optional, &repeats);
    if (is_literal && !is_optional)
        run_add(r, b, ascii_lower(c));
    if (!is_literal || is_optional || repeats)
        run_end(r, b);
}

static void read_branch(struct reader *r, struct branch *b)
{
    while (r->rest.n > 0 && r->rest.p[0] != '|' && r->rest.p[0] != ')') {
        if (r->rest.p[0] == '(') {
            (void)take_char(r);
            read_group(r, b);
        } else {
            read_atom(r, b);
        }
    }
    run_end(r, b);
}

/* The union of what the alternatives need; nothing when one of them needs nothing. */
static void read_alternatives(struct reader *r, struct needles *ret)
{
    struct needles all = {.n = 0};
    bool is_none = ++r->depth > DEPTH_MAX;
    do {
        struct branch b = {.run_n = 0};
        read_branch(r, &b);
        is_none |= b.best.n == 0 || all.n + b.best.n > NEEDLES_MAX;
        for (size_t i = 0; i < b.best.n && !is_none; i++)
            all.texts[all.n++] = b.best.texts[i];
    } while (r->rest.n > 0 && r->rest.p[0] == '|' && take_char(r) == '|');
    r->depth--;
    if (is_none)
        all.n = 0;
    *ret = all;
}

bool alternative_take(slice *pattern, slice *ret)
{
    if (pattern->p == NULL)
        return false;
    struct reader r = {.rest = *pattern};
    unsigned depth = 0;
    while (r.rest.n > 0 && (depth > 0 || r.rest.p[0] != '|')) {
        char c = take_char(&r);
        if (c == '\\')
            (void)take_char(&r);
        else if (c == '[')
            (void)take_class(&r);
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
    }
    *ret = slice_head(*pattern, pattern->n - r.rest.n);
    *pattern = r.rest.n > 0 ? slice_tail(r.rest, 1) : (slice){0};
    return true;
}

bool needles_of(struct arena *a, slice pattern, struct needles *ret_best,
                struct needles *ret_second)
{
    struct reader r = {.arena = a, .rest = pattern};
    struct branch b = {.run_n = 0};
    read_branch(&r, &b);
    if (r.rest.n > 0) { /* several alternatives: the places in them cannot be told apart */
        r.rest = pattern;
        b.second.n = 0;
        read_alternatives(&r, &b.best);
    }
    if (r.is_full)
        return false;
    *ret_best = b.best;
    *ret_second = b.second;
    return true;
}
