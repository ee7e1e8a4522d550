/* manual: pages made from the tables: the configuration's (lib/conf/keys.def) and the commands'. */
#ifndef CANDOR_CLI_MANUAL_H
#define CANDOR_CLI_MANUAL_H

#include "lib/base/buf.h"

/* candor(1), from commands.def, for man. */
void manual_candor_page(struct buf *out);
/* candor.conf(5), for man. */
void manual_conf_page(struct buf *out);
/* For a terminal of so many columns. */
void manual_conf_text(struct buf *out, size_t width);
/* Words at an indent, none beyond the width if it can be helped; ends the line. */
void manual_add_wrapped(struct buf *out, slice s, size_t indent, size_t width);

#endif
