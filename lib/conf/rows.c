#include "lib/conf/rows.h"

#define CHOICE(choice) static const struct word_row words_##choice[] = {
#define WORD(choice, constant, word, doc) {word, constant, doc},
#define END_CHOICE(choice)                                                                         \
    {                                                                                              \
        NULL, 0, NULL                                                                              \
    }                                                                                              \
    }                                                                                              \
    ;
#include "lib/conf/keys.def"

#define BLOCK(block, word, many, doc) static const struct key_row keys_##block[] = {
#define ARGUMENT(block, field, kind, doc)                                                          \
    {"", KIND_##kind, true, offsetof(struct conf_##block, field), NULL, 0, 0, NULL, doc},
#define KEY(block, field, kind, word, fallback, min, max, doc)                                     \
    {word, KIND_##kind, false, offsetof(struct conf_##block, field), fallback, min, max, NULL, doc},
#define PICK(block, field, choice, word, fallback, doc)                                            \
    {word, KIND_PICK,      false, offsetof(struct conf_##block, field), fallback, 0,               \
     0,    words_##choice, doc},
#define PICKS(block, field, choice, word, fallback, doc)                                           \
    {word, KIND_PICKS,     false, offsetof(struct conf_##block, field), fallback, 0,               \
     0,    words_##choice, doc},
#define END_BLOCK(block)                                                                           \
    }                                                                                              \
    ;
#include "lib/conf/keys.def"

#define IS_MANY_ONE false
#define IS_MANY_MANY true
const struct block_row conf_block_rows[] = {
#define BLOCK(block, word, many, doc)                                                              \
    {word,                                                                                         \
     IS_MANY_##many,                                                                               \
     doc,                                                                                          \
     keys_##block,                                                                                 \
     CONF_##block##_KEYS,                                                                          \
     sizeof(struct conf_##block),                                                                  \
     offsetof(struct conf, block)},
#include "lib/conf/keys.def"
};
const size_t conf_block_rows_n = sizeof(conf_block_rows) / sizeof(conf_block_rows[0]);

const struct check_row conf_check_rows[CONF_CHECKS] = {
#define CHECK(phase, constant, word, kind, doc) [constant] = {word, KIND_##kind, doc},
#include "lib/conf/keys.def"
};

/* value.c writes every PICK through an unsigned. */
#define CHOICE(choice) _Static_assert(sizeof(enum conf_##choice) == sizeof(unsigned), #choice);
#include "lib/conf/keys.def"

bool kind_is_list(enum kind kind)
{
    return kind == KIND_PATHS || kind == KIND_TEXTS || kind == KIND_ENDPOINTS || kind == KIND_NETS;
}

const char *kind_name(enum kind kind)
{
    switch (kind) {
    case KIND_COUNT:
        return "NUMBER";
    case KIND_SIZE:
        return "SIZE";
    case KIND_DURATION:
        return "DURATION";
    case KIND_HOST:
        return "HOST";
    case KIND_DOMAIN:
        return "DOMAIN";
    case KIND_NAME:
        return "NAME";
    case KIND_TEXT:
        return "TEXT";
    case KIND_URL:
        return "URL";
    case KIND_PATH:
        return "PATH";
    case KIND_PATHS:
        return "PATH...";
    case KIND_TEXTS:
        return "TEXT...";
    case KIND_LISTEN:
        return "ADDRESS:PORT | unix:PATH";
    case KIND_SOCKET:
        return "unix:PATH|ADDRESS:PORT";
    case KIND_ENDPOINT:
        return "ADDRESS:PORT";
    case KIND_ENDPOINTS:
        return "ADDRESS[:PORT]...";
    case KIND_NETS:
        return "ADDRESS[/BITS]...";
    case KIND_DELIVER:
        return "maildir PATH | lmtp SOCKET";
    case KIND_VIA:
        return "lmtp:SOCKET";
    case KIND_NOTHING:
    case KIND_PICK:
    case KIND_PICKS:
        return "";
    }
    return "";
}
