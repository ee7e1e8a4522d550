/* answer: what a page says, as an answer of HTTP. */
#ifndef CANDOR_WEB_ANSWER_H
#define CANDOR_WEB_ANSWER_H

#include "src/web/http.h"

/* Both return MHD_NO when the connection has to be closed without an answer. */

/* The page that was asked for; plain text when it cannot be made. */
enum MHD_Result answer_page(struct web *w, struct MHD_Connection *c, struct request *q,
                            const char *method);
/* A few words about a request that no page was asked for; the connection ends with them. */
enum MHD_Result answer_plain(struct web *w, struct MHD_Connection *c, struct request *q,
                             unsigned status);

#endif
