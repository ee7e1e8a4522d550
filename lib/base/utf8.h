/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef CANDOR_BASE_UTF8_H
#define CANDOR_BASE_UTF8_H

#include "lib/base/buf.h"

/* Takes one code point off *s. False (nothing changed) when *s is empty or does not begin with a
 * well-formed one. */
bool utf8_take(slice *s, uint32_t *ret) __attribute__((warn_unused_result));
bool utf8_is_valid(slice s);
bool utf8_is_ascii(slice s);
/* cp must be a scalar value (not a surrogate, at most U+10FFFF). */
void utf8_add(struct buf *out, uint32_t cp);
/* The number of code points; every byte that is not part of a well-formed one counts as one. */
size_t utf8_count(slice s);
/* The columns that a terminal takes for it: 0 for combining marks and joiners, 2 for wide East
 * Asian letters and emoji, else 1. */
size_t utf8_width(slice s);

#endif
