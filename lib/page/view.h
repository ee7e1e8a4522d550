/* view: one answer in the making, and the pages that it may become. For lib/page alone. */
#ifndef CANDOR_PAGE_VIEW_H
#define CANDOR_PAGE_VIEW_H

#include "lib/catalogue/compare.h"
#include "lib/page/page.h"

struct view {
    struct arena *a;
    struct phrasebook *book;
    const struct language *lang;
    bool is_prefixed; /* the path named the language: links do so too */
    bool is_json;
    slice path;  /* without language and ".json", decoded: "/codes/554" */
    slice query; /* what was asked or searched for, decoded; may be empty */
    struct buf *out;
    unsigned status; /* 200 until somebody knows better */
};

/* ---- The frame (frame.c) ---- */

/* Up to <main>; title is plain text, about for search engines (may be empty). */
void frame_begin(struct view *v, slice title, slice about);
void frame_end(struct view *v);
/* "<a href=..." to a path of ours, in the page's language, '>' included; segments "" end the list.
 */
void frame_link(struct view *v, const char *page, slice segment, slice segment2);
void frame_ui(struct view *v, enum ui_id id);

/* ---- The pages. False: no memory ---- */

bool view_home(struct view *v) __attribute__((warn_unused_result));
bool view_codes(struct view *v) __attribute__((warn_unused_result));
bool view_code(struct view *v, slice what) __attribute__((warn_unused_result));
bool view_explain(struct view *v) __attribute__((warn_unused_result));
bool view_compare(struct view *v, slice a, slice b) __attribute__((warn_unused_result));
/* The form and the written pairs. */
bool view_compare_form(struct view *v) __attribute__((warn_unused_result));

/* A page that says why there is none. */
void view_error(struct view *v, unsigned status, enum ui_id title, enum ui_id text);

/* ---- Parts ---- */

void part_paste_form(struct view *v);
void part_search_form(struct view *v);
void part_compare_form(struct view *v, slice a);
/* "550 5.1.1", or a name: what one calls the thing explained. */
void part_name(struct view *v, const struct explanation *e);
void part_facts(struct view *v, const struct explanation *e);
/* The steps under the headings of those who can do them; level of these headings. */
void part_fix(struct view *v, const struct explanation *e, unsigned level);
void part_learn(struct view *v, slice rfc, slice related, slice self);
void part_explanation(struct view *v, const struct explanation *e);

#endif
