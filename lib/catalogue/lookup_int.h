/* What lookup.c, explain_code.c and compare.c share: texts put together in an arena, and what the
 * tables say of a code. */
#ifndef CANDOR_CATALOGUE_LOOKUP_INT_H
#define CANDOR_CATALOGUE_LOOKUP_INT_H

#include "lib/catalogue/lookup.h"
#include "lib/catalogue/recognise.h"

/* The parts that are not empty with glue between them. False: the arena is full. */
bool compose_join(struct arena *a, slice glue, const slice *parts, size_t n, slice *ret)
    __attribute__((warn_unused_result));

struct compose_value {
    const char *name; /* without braces */
    slice value;
};

/* text with every {name} replaced. False: the arena is full. */
bool compose_fill(struct arena *a, slice text, const struct compose_value *values, size_t n,
                  slice *ret) __attribute__((warn_unused_result));

/* ---- What one explanation is made with ---- */

enum { EXAMPLE_MAX_BYTES = 8192 };

struct lookup {
    struct arena *a;
    struct phrasebook *book; /* or NULL */
    const struct language *lang;
    struct explanation e;
    bool is_waiting; /* a bounce or log says that it is tried again */
};

bool code_find(unsigned number, enum code_id *ret) __attribute__((warn_unused_result));
/* class '2', '4' or '5'; of id only what follows its own class counts ("X.1.1"). */
bool enhanced_find(char class, slice id, enum enhanced_id *ret) __attribute__((warn_unused_result));
const char *enhanced_cause(enum enhanced_id id);
unsigned code_percent(enum code_id id);
enum class_id class_of(enum reply_kind kind);
slice class_slice(const struct lookup *l, enum class_id id, enum text_field field);
void set_stage(struct explanation *e);

/* They fill l->e; what stood in the text already (code, enhanced code, kind) is kept. False: the
 * arena is full. */
bool explain_reason(struct lookup *l, enum reason_id id, unsigned percent)
    __attribute__((warn_unused_result));
void explain_cause(struct lookup *l, enum cause_id id);
bool explain_enhanced(struct lookup *l, const struct recognised *seen)
    __attribute__((warn_unused_result));
bool explain_code(struct lookup *l) __attribute__((warn_unused_result));
/* Adds the steps that the values of the text allow; text is what the reply says. */
bool advise(struct lookup *l, slice text) __attribute__((warn_unused_result));

#endif
