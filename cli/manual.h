/* manual: the vocabulary of the configuration as pages, from lib/conf/keys.def. */
#ifndef CANDOR_CLI_MANUAL_H
#define CANDOR_CLI_MANUAL_H

#include "lib/base/buf.h"

/* candor.conf(5), for man. */
void manual_conf_page(struct buf *out);
/* For a terminal of so many columns. */
void manual_conf_text(struct buf *out, size_t width);
/* Words at an indent, none beyond the width if it can be helped; ends the line. */
void manual_add_wrapped(struct buf *out, slice s, size_t indent, size_t width);

#endif
