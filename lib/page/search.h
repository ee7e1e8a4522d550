/* search: whether a text holds all words that somebody looks for, whatever their case. */
#ifndef CANDOR_PAGE_SEARCH_H
#define CANDOR_PAGE_SEARCH_H

#include "lib/base/buf.h"

enum { SEARCH_WORDS_MAX = 8 };

struct search {
    struct buf words; /* folded, the words' own room */
    struct buf text;  /* folded, of the text that is looked at */
    slice word[SEARCH_WORDS_MAX];
    size_t words_n;
};

/* query: any bytes. What is behind the eighth word is let pass. False: no memory. */
bool search_init(struct search *s, slice query) __attribute__((warn_unused_result));
void search_release(struct search *s);
bool search_is_empty(const struct search *s);
/* All words occur in it. */
bool search_finds(struct search *s, slice text);
/* One word, and id begins with it ("5.7", "55", "mailbox"). */
bool search_finds_id(const struct search *s, slice id);

#endif
