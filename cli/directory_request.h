/* directory_request: what candor domain, account and alias share: a request to the directory goes
 * to the server when one runs, else it is carried out on the database itself. */
#ifndef CANDOR_CLI_DIRECTORY_REQUEST_H
#define CANDOR_CLI_DIRECTORY_REQUEST_H

#include "cli/cli.h"
#include "lib/base/slice.h"

struct json_t;

/* One word behind the command: its request (sys/directory/admin.h), what of the command line
 * becomes which member of it, and what is done with the answer for people (--json prints it as it
 * is). */
struct directory_verb {
    const char *word; /* "add" */
    const char *request;
    const char *first;  /* the member that the first argument becomes; NULL: there are none */
    bool needs_first;   /* it must be there */
    const char *rest;   /* the array of the other arguments; NULL: there are none */
    const char *option; /* "name": --name VALUE; NULL: none */
    const char *flag;   /* "force": --force; NULL: none */
    const char *list;   /* the array of an answer that comes in pages; NULL: it does not */
    bool (*show)(const struct json_t *answer); /* false: no memory */
};

/* Runs the verb that the first argument names. The exit status. */
int directory_run(struct cli *cli, const struct directory_verb *verbs, size_t count);

/* The text under a key; empty when there is none. */
slice directory_text(const struct json_t *object, const char *key);
uint64_t directory_number(const struct json_t *object, const char *key);

#endif
