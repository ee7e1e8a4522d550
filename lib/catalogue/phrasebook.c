#include "lib/catalogue/phrasebook.h"

#include "lib/catalogue/cause.h"

#include <assert.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lib/base/ascii.h"
#include "lib/base/ip.h"
#include "lib/base/utf8.h"
#include "lib/catalogue/needles.h"

static const struct phrase_row phrases[] = {
#define PHRASE(system, codes, needles, pattern, cause, who, percent, ...)                          \
    {system, codes, needles, pattern,                                                              \
     cause,  who,   percent, (const char *const[]){__VA_ARGS__, NULL}},
#define BY_CAUSE PHRASE_BY_CAUSE
#define SENDER_USER WHO_SENDER_USER
#define SENDER_ADMIN WHO_SENDER_ADMIN
#define RECIPIENT WHO_RECIPIENT
#define RECIPIENT_ADMIN WHO_RECIPIENT_ADMIN
#define NOBODY WHO_NOBODY
#include "lib/catalogue/phrasebook.def"
#undef PHRASE
#undef BY_CAUSE
#undef SENDER_USER
#undef SENDER_ADMIN
#undef RECIPIENT
#undef RECIPIENT_ADMIN
#undef NOBODY
};

static const struct speaker_row {
    const char *system;
    const char *needles;
    const char *pattern;
} speakers[] = {
#define SPEAKER(system, needles, pattern) {system, needles, pattern},
#include "lib/catalogue/speakers.def"
#undef SPEAKER
};

static const struct value_row {
    const char *needles;
    const char *pattern;
} value_rows[] = {
#define VALUE(needles, pattern, example, value) {needles, pattern},
#include "lib/catalogue/values.def"
#undef VALUE
};

/* Rows of all three tables are numbered one after the other. */
enum {
    PHRASES_N = sizeof phrases / sizeof phrases[0],
    SPEAKERS_N = sizeof speakers / sizeof speakers[0],
    VALUES_N = sizeof value_rows / sizeof value_rows[0],
    SPEAKERS_END = PHRASES_N + SPEAKERS_N,
    ROWS_N = SPEAKERS_END + VALUES_N,
    WORDS_N = (ROWS_N + 63) / 64,
    CLAUSES_MAX = 4096,
    CLAUSE_WORDS = CLAUSES_MAX / 64,
    BUCKETS_N = 8192,
    ARENA_MAX_BYTES = 1 << 20,
    /* What hostile text can cost: a pattern gives up after so many steps at one place, which are
     * fewer the more places there are. */
    STEPS = 1000 * 1000,
    STEPS_MIN = 400,
    STEPS_MAX = 10000,
    DEPTH_LIMIT = 1000,
    HEAP_LIMIT_KIB = 512,
};

/* A clause that a needle is for; it holds where a needle of each half occurs. */
struct needle_use {
    struct needle_use *next;
    unsigned clause;
    unsigned half;
};

struct needle {
    struct needle *next;
    slice text; /* at least three octets, lower case; no two needles have the same */
    struct needle_use *uses;
};

struct phrasebook {
    struct arena arena; /* holds this struct too */
    struct needle *buckets[BUCKETS_N];
    uint64_t always[2][CLAUSE_WORDS]; /* halves without needles */
    unsigned row_of[CLAUSES_MAX];     /* a row has a clause for each alternative of its pattern */
    unsigned clauses_n;
    pcre2_code *compiled[ROWS_N];
    pcre2_match_data *data;
    pcre2_match_context *limits;
    char text[PHRASE_MAX_BYTES]; /* of the reply that is looked at, lower case, valid UTF-8 */
};

size_t phrase_count(void)
{
    return PHRASES_N;
}

const struct phrase_row *phrase_row_of(size_t i)
{
    return &phrases[i];
}

enum who cause_who(const char *cause)
{
    enum cause_id id;
    return cause_find(slice_cstr(cause), &id) ? cause_of(id)->who : WHO_NOBODY;
}

enum who phrase_who(const struct phrase_row *row)
{
    return row->who == PHRASE_BY_CAUSE ? cause_who(row->cause) : (enum who)row->who;
}

static const char *needles_given(unsigned row)
{
    return row < PHRASES_N      ? phrases[row].needles
           : row < SPEAKERS_END ? speakers[row - PHRASES_N].needles
                                : value_rows[row - SPEAKERS_END].needles;
}

static const char *pattern_of(unsigned row)
{
    return row < PHRASES_N      ? phrases[row].pattern
           : row < SPEAKERS_END ? speakers[row - PHRASES_N].pattern
                                : value_rows[row - SPEAKERS_END].pattern;
}

/* ---- Needles ---- */

static unsigned bucket_of(const char *p)
{
    unsigned a = (unsigned char)p[0], b = (unsigned char)p[1], c = (unsigned char)p[2];
    return (a * 31 * 31 + b * 31 + c * 17 + (a ^ b) * 257) % BUCKETS_N;
}

static struct needle *needle_of(struct phrasebook *b, slice text)
{
    struct needle **bucket = &b->buckets[bucket_of(text.p)];
    for (struct needle *needle = *bucket; needle != NULL; needle = needle->next) {
        if (slice_eq(needle->text, text))
            return needle;
    }
    struct needle *needle = ARENA_NEW(&b->arena, struct needle);
    if (needle != NULL) {
        *needle = (struct needle){*bucket, text, NULL};
        *bucket = needle;
    }
    return needle;
}

static bool needle_add(struct phrasebook *b, unsigned half, slice text)
{
    assert(text.n >= NEEDLE_MIN_BYTES);
    struct needle *needle = needle_of(b, text);
    struct needle_use *use = ARENA_NEW(&b->arena, struct needle_use);
    if (needle == NULL || use == NULL)
        return false;
    *use = (struct needle_use){needle->uses, b->clauses_n, half};
    needle->uses = use;
    return true;
}

static bool half_add(struct phrasebook *b, unsigned half, const struct needles *set)
{
    bool is_ok = true;
    if (set->n == 0)
        b->always[half][b->clauses_n / 64] |= UINT64_C(1) << b->clauses_n % 64;
    for (size_t i = 0; i < set->n && is_ok; i++)
        is_ok = needle_add(b, half, set->texts[i]);
    return is_ok;
}

/* The needles that the row gives come first, then those that its pattern needs. */
static bool clause_add(struct phrasebook *b, unsigned row, slice alternative)
{
    slice given = slice_cstr(needles_given(row)), one;
    struct needles best, second;
    if (b->clauses_n == CLAUSES_MAX || !needles_of(&b->arena, alternative, &best, &second))
        return false;
    if (given.n > 0) {
        bool is_ok = half_add(b, 1, &best);
        while (is_ok && slice_split(&given, '|', &one))
            is_ok = needle_add(b, 0, one);
        if (!is_ok)
            return false;
    } else if (!half_add(b, 0, &best) || !half_add(b, 1, &second)) {
        return false;
    }
    b->row_of[b->clauses_n++] = row;
    return true;
}

static bool clauses_add(struct phrasebook *b, unsigned row)
{
    slice pattern = slice_cstr(pattern_of(row)), one;
    bool is_ok = true;
    while (is_ok && alternative_take(&pattern, &one))
        is_ok = clause_add(b, row, one);
    return is_ok;
}

static void clause_hits(const struct phrasebook *b, unsigned word, uint64_t clauses, uint64_t *hits)
{
    while (clauses != 0) {
        unsigned row = b->row_of[word * 64 + (unsigned)__builtin_ctzll(clauses)];
        hits[row / 64] |= UINT64_C(1) << row % 64;
        clauses &= clauses - 1;
    }
}

/* The rows of which a clause holds. */
static void needles_find(const struct phrasebook *b, slice text, uint64_t *hits)
{
    uint64_t halves[2][CLAUSE_WORDS];
    memcpy(halves, b->always, sizeof halves);
    for (; text.n >= NEEDLE_MIN_BYTES; text = slice_tail(text, 1)) {
        for (const struct needle *n = b->buckets[bucket_of(text.p)]; n != NULL; n = n->next) {
            if (!slice_starts(text, n->text))
                continue;
            for (const struct needle_use *u = n->uses; u != NULL; u = u->next)
                halves[u->half][u->clause / 64] |= UINT64_C(1) << u->clause % 64;
        }
    }
    memset(hits, 0, WORDS_N * sizeof *hits);
    for (unsigned word = 0; word <= b->clauses_n / 64 && word < CLAUSE_WORDS; word++)
        clause_hits(b, word, halves[0][word] & halves[1][word], hits);
}

/* ---- Life ---- */

struct phrasebook *phrasebook_new(void)
{
    struct arena arena;
    arena_init(&arena, ARENA_MAX_BYTES);
    struct phrasebook *b = ARENA_NEW(&arena, struct phrasebook);
    if (b == NULL)
        return NULL;
    b->arena = arena;
    b->data = pcre2_match_data_create(8, NULL);
    b->limits = pcre2_match_context_create(NULL);
    bool is_ok = b->data != NULL && b->limits != NULL;
    for (unsigned i = 0; i < ROWS_N && is_ok; i++)
        is_ok = clauses_add(b, i);
    if (!is_ok) {
        phrasebook_free(b);
        return NULL;
    }
    pcre2_set_depth_limit(b->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(b->limits, HEAP_LIMIT_KIB);
    return b;
}

void phrasebook_free(struct phrasebook *b)
{
    if (b == NULL)
        return;
    for (unsigned i = 0; i < ROWS_N; i++)
        pcre2_code_free(b->compiled[i]);
    pcre2_match_data_free(b->data);
    pcre2_match_context_free(b->limits);
    struct arena arena = b->arena;
    arena_release(&arena);
}

/* ---- One row ---- */

/* For the rows that are tried on a text of n octets. */
static void limit_steps(struct phrasebook *b, size_t n)
{
    size_t steps = STEPS / (n + 1);
    steps = steps < STEPS_MIN ? STEPS_MIN : steps > STEPS_MAX ? STEPS_MAX : steps;
    pcre2_set_match_limit(b->limits, (uint32_t)steps);
}

/* A list of beginnings of the basic code ("4", "55") or, with a dot, of the enhanced ("5.7."):
 * true when one fits, or when there is none. Words without any code are taken for a refusal. */
static bool codes_fit(const char *codes, const struct recognised *seen)
{
    slice list = slice_cstr(codes), one;
    char digits[3] = {(char)('0' + seen->code / 100 % 10), (char)('0' + seen->code / 10 % 10),
                      (char)('0' + seen->code % 10)};
    if (list.n == 0)
        return true;
    while (slice_split(&list, ' ', &one)) {
        bool is_enhanced = slice_find(one, '.') < one.n;
        if (slice_starts(is_enhanced ? seen->enhanced : slice_of(digits, sizeof digits), one))
            return true;
        /* Without a basic code the class of the enhanced one has to do. */
        char class = seen->enhanced.n > 0 ? seen->class : '5';
        if (!is_enhanced && one.n == 1 && seen->code == 0 && class == one.p[0])
            return true;
    }
    return false;
}

static bool pattern_fits(struct phrasebook *b, unsigned row, slice text)
{
    const char *pattern = pattern_of(row);
    if (*pattern == '\0')
        return true; /* its needle says it all */
    if (b->compiled[row] == NULL) {
        int err;
        size_t at;
        b->compiled[row] = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                         PCRE2_NO_AUTO_CAPTURE, &err, &at, NULL);
        if (b->compiled[row] == NULL)
            return false; /* no memory: that all patterns compile is tested */
    }
    return pcre2_match(b->compiled[row], (PCRE2_SPTR)text.p, text.n, 0, 0, b->data, b->limits) > 0;
}

/* ---- What stands in the text ---- */

static bool is_host_char(char c)
{
    return ascii_is_alnum(c) || c == '.' || c == '-' || c == ':' || c == '_';
}

static bool is_address_char(char c)
{
    return ascii_is_graphic(c) && strchr("<>()[]{},;:\"'`|\\", c) == NULL;
}

/* The run of such characters that begins at `at`. */
static slice run_at(slice text, size_t at, bool (*is)(char))
{
    size_t end = at;
    while (end < text.n && is(text.p[end]))
        end++;
    while (end > at && (text.p[end - 1] == '.' || text.p[end - 1] == ':'))
        end--;
    return slice_of(text.p + at, end - at);
}

static bool is_url_char(char c)
{
    return ascii_is_graphic(c) && strchr("<>\"')(]`", c) == NULL;
}

/* A local part and a domain around the '@' at `at`. */
static slice address_at(slice text, size_t at)
{
    size_t from = at;
    while (from > 0 && is_address_char(text.p[from - 1]))
        from--;
    slice address = run_at(text, from, is_address_char);
    bool is_whole = from < at && address.n > at - from + 1;
    return is_whole ? address : (slice){0};
}

static slice url_at(slice text, size_t at)
{
    slice url = run_at(text, at, is_url_char);
    while (url.n > 0 && strchr(".,;:!?", url.p[url.n - 1]) != NULL)
        url.n--;
    return url;
}

/* The first of each kind that is known by its form; addresses that nobody is asked about
 * (loopback) are passed over. */
static void forms_find(slice text, struct phrase_values *v)
{
    for (size_t i = 0; i < text.n; i++) {
        char before = i > 0 ? text.p[i - 1] : ' ';
        if (text.p[i] == '@' && v->address.n == 0)
            v->address = address_at(text, i);
        if (is_host_char(before) || !ascii_is_alnum(text.p[i]))
            continue;
        slice word = run_at(text, i, is_host_char);
        struct ip ip;
        if (v->ip.n == 0 && ip_parse(word, &ip) == IP_OK && !ip_is_loopback(&ip) && !ip_is_any(&ip))
            v->ip = word;
        if (v->url.n == 0 && (text.p[i] | 0x20) == 'h' &&
            (slice_starts_ci(slice_tail(text, i), SLICE_LIT("http://")) ||
             slice_starts_ci(slice_tail(text, i), SLICE_LIT("https://"))))
            v->url = url_at(text, i);
    }
}

static void capture(const struct phrasebook *b, const pcre2_code *code, slice text,
                    const char *name, slice *ret)
{
    int n = pcre2_substring_number_from_name(code, (PCRE2_SPTR)name);
    if (n <= 0 || ret->n > 0)
        return;
    const size_t *o = pcre2_get_ovector_pointer(b->data);
    if (o[2 * n] == PCRE2_UNSET || o[2 * n + 1] <= o[2 * n] || o[2 * n + 1] > text.n)
        return;
    *ret = slice_of(text.p + o[2 * n], o[2 * n + 1] - o[2 * n]);
}

static void captures_take(const struct phrasebook *b, unsigned row, slice text,
                          struct phrase_values *v)
{
    const pcre2_code *code = b->compiled[row];
    uint32_t names = 0;
    if (code == NULL || pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &names) != 0 || names == 0)
        return;
    capture(b, code, text, "ip", &v->ip);
    capture(b, code, text, "address", &v->address);
    capture(b, code, text, "domain", &v->domain);
    capture(b, code, text, "list", &v->list);
    capture(b, code, text, "url", &v->url);
    capture(b, code, text, "size", &v->size);
    capture(b, code, text, "limit", &v->limit);
}

/* ---- A reply ---- */

/* The lower case of a letter of two octets, in place: Latin with marks and Cyrillic, whose small
 * letters are as long. */
static void letter_lower(char *p)
{
    unsigned char first = (unsigned char)p[0], second = (unsigned char)p[1];
    if (first == 0xC3 && second >= 0x80 && second <= 0x9E && second != 0x97)
        p[1] = (char)(second + 0x20);
    else if (first == 0xC4 || first == 0xC5) {
        /* U+0139..0148 and U+0179..017E begin with an odd capital, the others with an even one. */
        unsigned cp = (first & 0x1Fu) << 6 | (second & 0x3Fu);
        bool is_odd = (cp >= 0x139 && cp <= 0x148) || (cp >= 0x179 && cp <= 0x17E);
        if (cp != 0x138 && cp != 0x149 && cp != 0x178 && cp != 0x17F && cp % 2 == is_odd) {
            p[0] = (char)(0xC0 | (cp + 1) >> 6);
            p[1] = (char)(0x80 | ((cp + 1) & 0x3F));
        }
    } else if (first == 0xD0 && second >= 0x90 && second <= 0x9F)
        p[1] = (char)(second + 0x20);
    else if (first == 0xD0 && second >= 0xA0 && second <= 0xAF) {
        p[0] = (char)0xD1;
        p[1] = (char)(second - 0x20);
    }
}

/* The text in lower case. An octet outside of ASCII that is no UTF-8 becomes a '?'; so places in
 * the copy are places in the text. */
static slice text_lower(struct phrasebook *b, slice text)
{
    slice rest = text;
    size_t n = 0;
    while (rest.n > 0) {
        slice after = rest;
        uint32_t cp;
        size_t taken = utf8_take(&after, &cp) ? rest.n - after.n : 0;
        if (taken <= 1)
            b->text[n++] = taken == 1 ? ascii_lower(rest.p[0]) : '?';
        for (size_t i = 0; taken > 1 && i < taken; i++)
            b->text[n++] = rest.p[i];
        if (taken == 2)
            letter_lower(b->text + n - 2);
        rest = slice_tail(rest, taken == 0 ? 1 : taken);
    }
    return slice_of(b->text, n);
}

static bool is_hit(const uint64_t *hits, unsigned row)
{
    return (hits[row / 64] >> row % 64 & 1) != 0;
}

/* Causes that speak of the domain of the address that they name. */
static bool is_about_domain(const char *cause)
{
    return strcmp(cause, "dns-recipient-domain") == 0 || strcmp(cause, "dns-sender-domain") == 0 ||
           strcmp(cause, "null-mx") == 0;
}

/* What values.def finds in the text and the phrase has not said. */
static void values_find(struct phrasebook *b, const uint64_t *hits, slice text, slice original,
                        struct phrase_match *m)
{
    struct phrase_values *v = &m->values;
    for (unsigned row = SPEAKERS_END; row < ROWS_N; row++) {
        if (is_hit(hits, row) && pattern_fits(b, row, text))
            captures_take(b, row, original, v);
    }
    forms_find(original, v);
    if (v->domain.n == 0 && v->address.n > 0 && m->row != NULL && is_about_domain(m->row->cause))
        v->domain = slice_tail(v->address, slice_find(v->address, '@') + 1);
}

/* The first row from..to that has a hit, whose codes are right and whose pattern fits; else to. */
static unsigned row_find(struct phrasebook *b, const uint64_t *hits, unsigned from, unsigned to,
                         const struct recognised *seen, slice text)
{
    for (unsigned row = from; row < to; row++) {
        if (row % 64 == 0 && hits[row / 64] == 0) {
            row += 63;
            continue;
        }
        if (is_hit(hits, row) && (row >= PHRASES_N || codes_fit(phrases[row].codes, seen)) &&
            pattern_fits(b, row, text))
            return row;
    }
    return to;
}

bool phrasebook_find(struct phrasebook *b, const struct recognised *seen, struct phrase_match *ret)
{
    slice original = slice_head(seen->text, PHRASE_MAX_BYTES);
    slice text = text_lower(b, original);
    uint64_t hits[WORDS_N];
    struct phrase_match m = {.row = NULL};
    needles_find(b, text, hits);
    limit_steps(b, text.n);
    unsigned row = row_find(b, hits, 0, PHRASES_N, seen, text);
    if (row < PHRASES_N) {
        m.row = &phrases[row];
        captures_take(b, row, original, &m.values);
        if (m.row->system[0] != '\0')
            m.system = m.row->system;
    }
    if (m.system == NULL) {
        unsigned speaker = row_find(b, hits, PHRASES_N, SPEAKERS_END, seen, text);
        if (speaker < SPEAKERS_END)
            m.system = speakers[speaker - PHRASES_N].system;
    }
    if (m.row == NULL && m.system == NULL)
        return false;
    values_find(b, hits, text, original, &m);
    *ret = m;
    return true;
}
