/* lex: the text of a configuration as tokens (the grammar is in conf.h). For lib/conf alone. */
#ifndef CANDOR_CONF_LEX_H
#define CANDOR_CONF_LEX_H

#include "lib/conf/conf.h"

enum token_kind {
    TOKEN_END,  /* of the text */
    TOKEN_STOP, /* of a statement: a new line or ';' */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_WORD,
    TOKEN_BAD, /* message says why; the lexer is at its end */
};

struct token {
    enum token_kind kind;
    bool is_quoted;
    slice text; /* of a word, unquoted; in the text itself or in the arena */
    struct conf_origin at;
    const char *message;
};

struct lex {
    slice rest;
    struct conf_origin at; /* of the first byte of rest */
    struct arena *arena;   /* for words with \" or \\ in them */
};

void lex_init(struct lex *l, slice text, struct arena *arena);
struct token lex_next(struct lex *l);
/* Whether the print must quote the word. */
bool lex_needs_quotes(slice word);

#endif
