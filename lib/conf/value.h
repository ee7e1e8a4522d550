/* value: one value of the configuration, from words and back. For lib/conf alone. */
#ifndef CANDOR_CONF_VALUE_H
#define CANDOR_CONF_VALUE_H

#include "lib/conf/lex.h"
#include "lib/conf/rows.h"

/* Without its NUL, as Linux has it (unix(7)). */
#define SOCKET_PATH_MAX 107
#define PATH_MAX_LENGTH 1024

/* What reading needs to know and where it reports. */
struct reader {
    struct arena *arena; /* the snapshot's */
    struct conf_errors *errors;
    slice directory;
    bool out_of_memory;
};

/* Both messages are formats; a hint may be NULL. */
void conf_error(struct conf_errors *e, struct conf_origin at, const char *hint, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
void conf_warning(struct conf_errors *e, struct conf_origin at, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The value of `key` at field, whose type is that of the key's kind. The words are those behind the
 * key, key_at is where it stands. Lists are added to. False: an error was reported, or
 * out_of_memory is set. */
bool value_read(struct reader *r, const struct key_row *key, struct conf_origin key_at,
                const struct token *words, size_t n, void *field)
    __attribute__((warn_unused_result));
/* As it is read. */
void value_print(struct buf *out, const struct key_row *key, const void *field);
/* An empty list or text, which is not printed where that is the default. */
bool value_is_empty(const struct key_row *key, const void *field);

/* A count, size or duration, by the key's kind and within its bounds; and as it is read. */
bool number_read(struct reader *r, const struct key_row *key, const struct token *word,
                 uint64_t *ret) __attribute__((warn_unused_result));
void number_print(struct buf *out, enum kind kind, uint64_t v);

/* Room for one more element of `size` bytes; NULL: out_of_memory is set. */
void *list_add(struct reader *r, struct any_list *list, size_t size);

/* The nearest of the candidates that the callback offers, if it is near enough. */
struct spelling {
    slice word;
    slice best;
    size_t best_distance;
};
void spelling_init(struct spelling *g, slice word);
void spelling_offer(struct spelling *g, const char *candidate);
/* "did you mean X?" in the room given; NULL when nothing is near. */
const char *spelling_hint(const struct spelling *g, char *room, size_t n);

#endif
