/* form: application/x-www-form-urlencoded, to be sent. */
#ifndef CANDOR_SRC_FETCH_FORM_H
#define CANDOR_SRC_FETCH_FORM_H

#include "lib/base/buf.h"

/* All but the letters that RFC 3986 2.3 leaves alone as %XX, which every reader takes. */
void form_add(struct buf *out, slice value);

#endif
