/* html: text made safe for a page. All append to out, whose error is sticky. */
#ifndef CANDOR_PAGE_HTML_H
#define CANDOR_PAGE_HTML_H

#include "lib/base/buf.h"

/* For between tags and inside double quotes; what is no UTF-8 and control characters become U+FFFD,
 * line ends and tabs stay. */
void html_text(struct buf *out, slice text);
void html_cstr(struct buf *out, const char *text);
/* A text of the catalogue: `words` are code, and an address of the web is a link unless it is
 * unlinked, which stood in a reply and may lead anywhere. */
void html_prose(struct buf *out, slice text, slice unlinked);
/* A path segment or a query's value: all but letters, digits and -._~ percent-encoded. */
void html_url(struct buf *out, slice text);

/* "%41" and, where plus_is_blank, '+'; a '%' that is no escape stays. */
void url_decode(struct buf *out, slice text, bool plus_is_blank);
/* The value of a field of application/x-www-form-urlencoded, decoded; false when it is not there.
 */
bool form_value(slice form, const char *name, struct buf *out);

#endif
