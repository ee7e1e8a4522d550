/* directory_request: what candor domain, account, app-password and alias share: a request to the
 * directory goes to the server when one runs, else it is carried out on the database itself. */
#ifndef CANDOR_CLI_DIRECTORY_REQUEST_H
#define CANDOR_CLI_DIRECTORY_REQUEST_H

#include "cli/cli.h"
#include "lib/base/slice.h"

struct json_t;

/* Where requests go: the server, or the database. Opened by the first request. */
struct directory_desk;

#define DIRECTORY_WORDS_MAX 3

/* One word behind the command (or two: "sender add"): its request (sys/directory/admin.h), what of
 * the command line becomes which member of it, and what is done with the answer for people (--json
 * prints it as it is). */
struct directory_verb {
    const char *word;
    const char *request;
    const char *first; /* the member that the first argument becomes; NULL: there are none */
    bool needs_first;  /* it must be there */
    const char *second;
    bool needs_second;
    const char *rest;                         /* the array of the other arguments; NULL: none */
    const char *options[DIRECTORY_WORDS_MAX]; /* "name": --name VALUE */
    const char *flags[DIRECTORY_WORDS_MAX];   /* "force": --force */
    const char *list; /* the array of an answer that comes in pages; NULL: it does not */
    bool (*show)(const struct json_t *answer); /* false: no memory */
    /* What this verb does in place of all that; it ends with directory_show. */
    int (*run)(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb);
};

/* Runs the verb that the first argument names. The exit status. */
int directory_run(struct cli *cli, const struct directory_verb *verbs, size_t count);

/* One verb; its word has been taken off. */
int directory_run_verb(struct directory_desk *desk, const struct directory_verb *verb);
/* One request (still the caller's) and its answer (the caller's), "ok" or not. CLI_OK, or the exit
 * status after having said what is wrong. */
int directory_ask(struct directory_desk *desk, struct json_t *request, struct json_t **ret)
    __attribute__((warn_unused_result));
/* The same; an answer that is not "ok" is shown and given up too. */
int directory_get(struct directory_desk *desk, struct json_t *request, struct json_t **ret)
    __attribute__((warn_unused_result));
/* Prints the answer (still the caller's) with verb->show, or as JSON, or what is wrong. */
int directory_show(struct cli *cli, const struct directory_verb *verb, struct json_t *answer);
/* Sets a member to text from the command line; false (said) when that is no UTF-8. NULL: none. */
bool directory_put(struct cli *cli, struct json_t *request, const char *key, const char *value);

/* The text under a key; empty when there is none. */
slice directory_text(const struct json_t *object, const char *key);
uint64_t directory_number(const struct json_t *object, const char *key);

#endif
