/* json: explanations as JSON, the same for the command and for the pages; keys as documented in
 * docs/json.md, stable. What is no UTF-8 is left out, so the objects can always be printed. */
#ifndef CANDOR_PAGE_JSON_H
#define CANDOR_PAGE_JSON_H

#include "lib/base/buf.h"
#include "lib/catalogue/compare.h"

/* All return a new object, NULL when there is no memory. */
struct json_t *explanation_json(const struct explanation *e);
/* Texts with '\n' between them, as an array. */
struct json_t *lines_json(slice lines);
/* Where to learn more, one a line: documents with their addresses, commands that explain what is
 * related, and those that show the written comparisons of self (may be empty). */
void learn_lines(struct buf *out, slice rfc, slice related, slice self);
/* What to read on about both: documents as in explanation.rfc, and what `candor explain` takes. */
void comparison_learn(const struct comparison *c, struct buf *rfc, struct buf *names);
struct json_t *comparison_json(const struct comparison *c);

/* Prints the object, indented, with a line end, and gives it back. False: no memory (object may be
 * NULL), or out is full. */
bool json_print(struct buf *out, struct json_t *object) __attribute__((warn_unused_result));

#endif
