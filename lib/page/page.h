/* page: what the web role answers: HTML and JSON made from the catalogue, without a socket in
 * sight.
 *
 * One request in, one answer out; nothing is kept between two but the phrasebook. Pages work
 * without JavaScript, ask nothing of other hosts, and are whole documents in one language:
 *
 *   /codes            all codes, enhanced codes, reasons and causes; ?q= searches
 *   /codes/554        one of them; also /codes/5.7.1, /codes/mailbox-full
 *   /compare/250/554  two of them side by side; /compare?a=250&b=554 goes there
 *   /explain          a reply or bounce to paste (POST, or ?q=)
 *   /style.css and what else a page needs
 *
 * /tr/codes/554 is Turkish whatever the browser says; without it Accept-Language decides (RFC 9110
 * 12.5.4), and English where nothing fits. ".json" behind the path, or Accept: application/json
 * before text/html, gives JSON. */
#ifndef CANDOR_PAGE_PAGE_H
#define CANDOR_PAGE_PAGE_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct page;

/* Of a request's body, in octets: more is answered with 413 by who reads it. */
enum { PAGE_BODY_MAX_BYTES = 64 * 1024 };

struct page_request {
    slice method; /* "GET", "HEAD", "POST" */
    slice path;   /* still percent-encoded, without the query */
    slice query;  /* behind the '?', still encoded; may be empty */
    slice body;   /* of a POST: application/x-www-form-urlencoded */
    slice accept; /* header fields as they came, empty when there was none */
    slice accept_language;
};

struct page_answer {
    unsigned status;
    const char *type;     /* Content-Type */
    const char *language; /* Content-Language; NULL: none */
    const char *allow;    /* with 405, else NULL */
    slice location;       /* with 3xx, an absolute path; in the page until the next request */
    unsigned cache_s;     /* how long it may be kept, 0: not at all */
    bool varies;          /* by Accept and Accept-Language */
};

/* NULL: no memory. Belongs to one thread. */
struct page *page_new(void) __attribute__((warn_unused_result));
/* NULL is let pass. */
void page_free(struct page *p);

/* out: the body is appended. False: no memory or out is full; then *ret is untouched. Any bytes may
 * come in. */
bool page_answer(struct page *p, const struct page_request *q, struct buf *out,
                 struct page_answer *ret) __attribute__((warn_unused_result));

/* Header fields that every answer carries ("Name: value"), NULL at the end: the content security
 * policy, no sniffing, no referrer. Static. */
const char *const *page_headers(void);

#endif
