/* rows: keys.def as data, for the parser, the print and the documentation. For lib/conf alone. */
#ifndef CANDOR_CONF_ROWS_H
#define CANDOR_CONF_ROWS_H

#include "lib/conf/conf.h"

enum kind {
    KIND_NOTHING,
    KIND_COUNT,
    KIND_SIZE,
    KIND_DURATION,
    KIND_HOST,
    KIND_DOMAIN,
    KIND_NAME,
    KIND_TEXT,
    KIND_URL,
    KIND_PATH,
    KIND_PATHS,
    KIND_TEXTS,
    KIND_SOCKET,
    KIND_LISTEN,
    KIND_ENDPOINT,
    KIND_ENDPOINTS,
    KIND_NETS,
    KIND_DELIVER,
    KIND_VIA,
    KIND_PICK,
    KIND_PICKS,
};

struct word_row {
    const char *word;
    unsigned value;
    const char *doc;
};

struct key_row {
    const char *word;
    enum kind kind;
    bool is_argument;
    size_t offset;                /* of the field in its block's structure */
    const char *fallback;         /* NULL: worked out afterwards; "": none */
    uint64_t min, max;            /* max 0: no bounds */
    const struct word_row *words; /* of PICK and PICKS; ends with word NULL */
    const char *doc;
};

struct block_row {
    const char *word;
    bool is_many;
    const char *doc;
    const struct key_row *keys;
    size_t n_keys;
    size_t size;   /* of its structure */
    size_t offset; /* of the structure or the list in struct conf */
};

struct check_row {
    const char *word;
    enum kind kind;
    const char *doc;
};

/* The first is the top level. */
extern const struct block_row conf_block_rows[];
extern const size_t conf_block_rows_n;
/* By enum conf_check_id. */
extern const struct check_row conf_check_rows[CONF_CHECKS];

/* Lists add up when their key is repeated. */
bool kind_is_list(enum kind kind);
/* How a value is called in documentation and errors. */
const char *kind_name(enum kind kind);

/* What all struct conf_X_list look like. */
struct any_list {
    void *v;
    size_t n;
};

#endif
