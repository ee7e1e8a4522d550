/* text: what the catalogue says to people, by language.
 *
 * English stands in the .def tables and is complete; the other languages come from po/LANG.po,
 * compiled in at build time. A text that a language lacks is given in English, never left empty
 * where English has one. All texts are static, NUL-terminated UTF-8. */
#ifndef CANDOR_CATALOGUE_TEXT_H
#define CANDOR_CATALOGUE_TEXT_H

#include "lib/catalogue/cause.h"
#include "lib/catalogue/reason.h"

struct language;

/* By a tag or a locale's name: "de", "de-AT", "de_DE.UTF-8@euro". "C", "POSIX" and the empty slice
 * are English. NULL when it is none of ours. */
const struct language *language_find(slice tag);
const struct language *language_english(void);
/* "en", "de", ... */
const char *language_code(const struct language *lang);
/* All of them, English first; NULL at the end. */
const struct language *language_nth(size_t n);

/* What an explanation is made of. FIX: steps, one a line, each beginning with who can do it
 * (step_take). */
enum text_field { TEXT_TITLE, TEXT_MEANING, TEXT_WHEN, TEXT_FIX };
enum { TEXT_FIELDS = TEXT_FIX + 1 };
enum pair_field { PAIR_TITLE, PAIR_INTRO, PAIR_DIFFERENCES, PAIR_WHEN_A, PAIR_WHEN_B };
enum { PAIR_FIELDS = PAIR_WHEN_B + 1 };

enum code_id {
#define CODE(number, ...) CODE_##number,
#include "lib/catalogue/codes.def"
#undef CODE
    CODE_COUNT
};

enum enhanced_id {
#define ENHANCED(name, ...) ENHANCED_##name,
#include "lib/catalogue/enhanced.def"
#undef ENHANCED
    ENHANCED_COUNT
};

enum class_id {
#define CLASS(name, ...) CLASS_##name,
#include "lib/catalogue/classes.def"
#undef CLASS
    CLASS_COUNT
};

enum pair_id {
#define PAIR(a, b, ...) PAIR_##a##_##b,
#include "lib/catalogue/compare.def"
#undef PAIR
    PAIR_COUNT
};

enum ui_id {
#define UI(name, ...) UI_##name,
#include "lib/catalogue/ui.def"
#undef UI
    UI_COUNT
};

/* "" where English has none either (codes without a text of their own, digits without steps). */
const char *reason_text(const struct language *lang, enum reason_id id, enum text_field field);
const char *code_text(const struct language *lang, enum code_id id, enum text_field field);
const char *enhanced_text(const struct language *lang, enum enhanced_id id, enum text_field field);
const char *cause_text(const struct language *lang, enum cause_id id, enum text_field field);
const char *class_text(const struct language *lang, enum class_id id, enum text_field field);
const char *pair_text(const struct language *lang, enum pair_id id, enum pair_field field);
const char *ui_text(const struct language *lang, enum ui_id id);

/* True when lang has all texts of it that English has, so that nothing mixes two languages. */
bool reason_is_translated(const struct language *lang, enum reason_id id);
bool code_is_translated(const struct language *lang, enum code_id id);
bool enhanced_is_translated(const struct language *lang, enum enhanced_id id);
bool cause_is_translated(const struct language *lang, enum cause_id id);

#endif
