/* json: explanations as JSON, the same for the command and for the pages; keys as documented in
 * docs/json.md, stable. What is no UTF-8 is left out, so the objects can always be printed. */
#ifndef CANDOR_PAGE_JSON_H
#define CANDOR_PAGE_JSON_H

#include "lib/catalogue/lookup.h"

/* All return a new object, NULL when there is no memory. */
struct json_t *explanation_json(const struct explanation *e);
/* Texts with '\n' between them, as an array. */
struct json_t *lines_json(slice lines);
/* Where to learn more: an array of documents with their addresses and of commands. */
struct json_t *learn_json(slice rfc, slice related);

#endif
