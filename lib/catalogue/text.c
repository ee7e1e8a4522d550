#include "lib/catalogue/text.h"

#include "lib/base/ascii.h"
#include "lib/catalogue/text_int.h"

/* The four fields of a row. */
#define ROW(at, title, meaning, when, fix)                                                         \
    [(at)*TEXT_FIELDS + TEXT_TITLE] = (title), [(at)*TEXT_FIELDS + TEXT_MEANING] = (meaning),      \
                        [(at)*TEXT_FIELDS + TEXT_WHEN] = (when),                                   \
                        [(at)*TEXT_FIELDS + TEXT_FIX] = (fix),

static const char *const english_reasons[REASON_COUNT * TEXT_FIELDS] = {
#define REASON(name, id, basic, enhanced, wire, cause, who, reply, example, title, meaning, when,  \
               fix, rfc, related)                                                                  \
    ROW(REASON_##name, title, meaning, when, fix)
#include "lib/catalogue/reasons.def"
#undef REASON
};

static const char *const english_codes[CODE_COUNT * TEXT_FIELDS] = {
#define CODE(number, sort, stage, scope, cause, percent, who, rfc, related, example, title,        \
             meaning, when, fix)                                                                   \
    ROW(CODE_##number, title, meaning, when, fix)
#include "lib/catalogue/codes.def"
#undef CODE
};

static const char *const english_enhanced[ENHANCED_COUNT * TEXT_FIELDS] = {
#define ENHANCED(name, id, basic, cause, percent, who, rfc, related, example, title, meaning,      \
                 when, fix)                                                                        \
    ROW(ENHANCED_##name, title, meaning, when, fix)
#include "lib/catalogue/enhanced.def"
#undef ENHANCED
};

static const char *const english_causes[CAUSE_COUNT * TEXT_FIELDS] = {
#define CAUSE(name, id, who, rfc, related, example, title, meaning, when, fix)                     \
    ROW(CAUSE_##name, title, meaning, when, fix)
#include "lib/catalogue/causes.def"
#undef CAUSE
};

static const char *const english_classes[CLASS_COUNT * TEXT_FIELDS] = {
#define CLASS(name, id, title, meaning, when, fix) ROW(CLASS_##name, title, meaning, when, fix)
#include "lib/catalogue/classes.def"
#undef CLASS
};

static const char *const english_pairs[PAIR_COUNT * PAIR_FIELDS] = {
#define PAIR(a, b, id, title, intro, differences, when_a, when_b)                                  \
    [PAIR_##a##_##b * PAIR_FIELDS + PAIR_TITLE] = (title),                                         \
                                    [PAIR_##a##_##b * PAIR_FIELDS + PAIR_INTRO] = (intro),         \
                                    [PAIR_##a##_##b * PAIR_FIELDS + PAIR_DIFFERENCES] =            \
                                        (differences),                                             \
                                    [PAIR_##a##_##b * PAIR_FIELDS + PAIR_WHEN_A] = (when_a),       \
                                    [PAIR_##a##_##b * PAIR_FIELDS + PAIR_WHEN_B] = (when_b),
#include "lib/catalogue/compare.def"
#undef PAIR
};

static const char *const english_ui[UI_COUNT] = {
#define UI(name, id, text) [UI_##name] = (text),
#include "lib/catalogue/ui.def"
#undef UI
};

static const struct language english = {
    .code = "en",
    .tables = {[TABLE_REASON] = english_reasons,
               [TABLE_CODE] = english_codes,
               [TABLE_ENHANCED] = english_enhanced,
               [TABLE_CAUSE] = english_causes,
               [TABLE_CLASS] = english_classes,
               [TABLE_PAIR] = english_pairs,
               [TABLE_UI] = english_ui},
};

const struct language *language_english(void)
{
    return &english;
}

const char *language_code(const struct language *lang)
{
    return lang->code;
}

const struct language *language_nth(size_t n)
{
    if (n == 0)
        return &english;
    return n <= translations_n ? &translations[n - 1] : NULL;
}

const struct language *language_find(slice tag)
{
    size_t n = 0;
    while (n < tag.n && ascii_is_alpha(tag.p[n]))
        n++;
    if (n < tag.n && slice_find(SLICE_LIT("_-.@"), tag.p[n]) == 4)
        return NULL;
    slice primary = slice_head(tag, n);
    if (n == 0 || slice_is_ci(primary, "C") || slice_is_ci(primary, "POSIX"))
        return &english;
    const struct language *lang;
    for (size_t i = 0; (lang = language_nth(i)) != NULL; i++) {
        if (slice_is_ci(primary, lang->code))
            return lang;
    }
    return NULL;
}

static bool row_is_there(const struct language *lang, enum text_table table, size_t row)
{
    for (size_t at = row * TEXT_FIELDS; at < (row + 1) * TEXT_FIELDS; at++) {
        const char *const *texts = lang->tables[table];
        if (english.tables[table][at][0] != '\0' && (texts == NULL || texts[at] == NULL))
            return false;
    }
    return true;
}

bool reason_is_translated(const struct language *lang, enum reason_id id)
{
    return row_is_there(lang, TABLE_REASON, id);
}

bool code_is_translated(const struct language *lang, enum code_id id)
{
    return row_is_there(lang, TABLE_CODE, id);
}

bool enhanced_is_translated(const struct language *lang, enum enhanced_id id)
{
    return row_is_there(lang, TABLE_ENHANCED, id);
}

bool cause_is_translated(const struct language *lang, enum cause_id id)
{
    return row_is_there(lang, TABLE_CAUSE, id);
}

static const char *text_at(const struct language *lang, enum text_table table, size_t at)
{
    const char *const *texts = lang->tables[table];
    const char *text = texts == NULL ? NULL : texts[at];
    return text != NULL ? text : english.tables[table][at];
}

const char *reason_text(const struct language *lang, enum reason_id id, enum text_field field)
{
    return text_at(lang, TABLE_REASON, id * (size_t)TEXT_FIELDS + field);
}

const char *code_text(const struct language *lang, enum code_id id, enum text_field field)
{
    return text_at(lang, TABLE_CODE, id * (size_t)TEXT_FIELDS + field);
}

const char *enhanced_text(const struct language *lang, enum enhanced_id id, enum text_field field)
{
    return text_at(lang, TABLE_ENHANCED, id * (size_t)TEXT_FIELDS + field);
}

const char *cause_text(const struct language *lang, enum cause_id id, enum text_field field)
{
    return text_at(lang, TABLE_CAUSE, id * (size_t)TEXT_FIELDS + field);
}

const char *class_text(const struct language *lang, enum class_id id, enum text_field field)
{
    return text_at(lang, TABLE_CLASS, id * (size_t)TEXT_FIELDS + field);
}

const char *pair_text(const struct language *lang, enum pair_id id, enum pair_field field)
{
    return text_at(lang, TABLE_PAIR, id * (size_t)PAIR_FIELDS + field);
}

const char *ui_text(const struct language *lang, enum ui_id id)
{
    return text_at(lang, TABLE_UI, id);
}
