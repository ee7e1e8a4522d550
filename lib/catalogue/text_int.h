/* The shape of the tables that tools/texts writes from po/, one language each. */
#ifndef CANDOR_CATALOGUE_TEXT_INT_H
#define CANDOR_CATALOGUE_TEXT_INT_H

#include "lib/catalogue/text.h"

enum text_table {
    TABLE_REASON,
    TABLE_CODE,
    TABLE_ENHANCED,
    TABLE_CAUSE,
    TABLE_CLASS,
    TABLE_PAIR,
    TABLE_UI,
    TABLE_COUNT
};

/* A table is rows times fields; NULL is a text that the language lacks. */
struct language {
    const char *code;
    const char *const *tables[TABLE_COUNT];
};

/* English is not among them. */
extern const struct language translations[];
extern const size_t translations_n;

#endif
