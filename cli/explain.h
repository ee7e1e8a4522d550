/* explain: an explanation as JSON and on a terminal; shared by `explain`, `compare` and others. */
#ifndef CANDOR_CLI_EXPLAIN_H
#define CANDOR_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "lib/catalogue/lookup.h"

/* The language asked for. One that Candor does not speak is an error (printed, NULL) when --lang
 * names it; from the environment it becomes English. */
const struct language *explain_language(const struct cli *cli);

/* The steps, numbered, under the names of those who can do them. */
void explain_fix_print(struct buf *out, size_t width, const struct explanation *e);
/* Where to learn more, as in learn_lines(). */
void explain_learn_print(struct buf *out, size_t width, slice rfc, slice related, slice self);

#endif
