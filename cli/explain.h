/* explain: an explanation as JSON and on a terminal; shared by `explain`, `compare` and others. */
#ifndef CANDOR_CLI_EXPLAIN_H
#define CANDOR_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "lib/catalogue/lookup.h"

/* The language asked for. One that Candor does not speak is an error (printed, NULL) when --lang
 * names it; from the environment it becomes English. */
const struct language *explain_language(const struct cli *cli);

/* The keys of DESIGN: a new object, NULL when there is no memory. */
struct json_t *explanation_json(const struct explanation *e);
/* Steps or differences, '\n' between them, as an array. */
struct json_t *explain_lines_json(slice lines);
/* Where to learn more: an array of documents with their addresses and of commands. */
struct json_t *explain_learn_json(slice rfc, slice related);
void explain_learn_print(struct buf *out, size_t width, slice rfc, slice related);

#endif
