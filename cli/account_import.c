/* candor account import: accounts with the hashes that another server has of their passwords. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/account_words.h"
#include "lib/base/buf.h"
#include "sys/directory/hash.h"

struct import {
    struct cli *cli;
    struct directory_desk *desk;
    const char *file;   /* "-": standard input */
    const char *domain; /* of names without one; NULL: none */
    uint64_t line, added, changed;
    json_t *refused;
};

static void refuse(struct import *m, slice name, const char *why, slice detail)
{
    if (!m->cli->is_json)
        fprintf(stderr, "%s:%llu: %.*s: %s%.*s\n", strcmp(m->file, "-") == 0 ? "line" : m->file,
                (unsigned long long)m->line, SLICE_ARG(name), why, SLICE_ARG(detail));
    json_array_append_new(m->refused, json_pack("{s:I, s:s%, s:s}", "line", (json_int_t)m->line,
                                                "name", name.p, name.n, "message", why));
}

/* CLI_OK also for one that is refused: the next line is another matter. */
static int import_one(struct import *m, slice name, slice hash)
{
    bool is_bare = slice_find(name, '@') == name.n && m->domain != NULL;
    json_t *request = json_pack("{s:s, s:{s:s%}}", "do", "account-import", "password", "hash",
                                hash.n > 0 ? hash.p : "", hash.n);
    json_t *answer = NULL;
    struct buf address;
    int status;

    buf_init(&address, 4096);
    buf_addf(&address, "%.*s%s%s", SLICE_ARG(name), is_bare ? "@" : "", is_bare ? m->domain : "");
    if (request == NULL ||
        json_object_set_new(request, "address", json_stringn(address.p, address.n)) != 0) {
        json_decref(request);
        buf_release(&address);
        refuse(m, SLICE_LIT("?"), "it is not valid UTF-8", slice_of(NULL, 0));
        return CLI_OK;
    }
    status = directory_ask(m->desk, request, &answer);
    if (status == CLI_OK && !json_is_true(json_object_get(answer, "ok")))
        refuse(m, name, json_string_value(json_object_get(answer, "message")), slice_of(NULL, 0));
    else if (status == CLI_OK && json_is_true(json_object_get(answer, "added")))
        m->added++;
    else if (status == CLI_OK)
        m->changed++;
    json_decref(answer);
    json_decref(request);
    buf_release(&address);
    return status;
}

/* name:hash, and whatever the other server keeps behind it. */
static int import_line(struct import *m, slice line)
{
    slice name, hash, scheme = {0};

    line = slice_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return CLI_OK;
    if (slice_find(line, ':') == line.n) {
        refuse(m, slice_head(line, 60), "there is no colon; a line is ADDRESS:HASH",
               slice_of(NULL, 0));
        return CLI_OK;
    }
    slice_split(&line, ':', &name);
    slice_split(&line, ':', &hash);
    if (!directory_hash_strip(&hash, &scheme)) {
        refuse(m, name, "crypt(3) does not know the scheme ", scheme);
        return CLI_OK;
    }
    return import_one(m, name, hash);
}

static int import_lines(struct import *m, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int status = CLI_OK;

    while (status == CLI_OK && (n = getline(&line, &room, f)) >= 0) {
        m->line++;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        status = import_line(m, slice_of(line, (size_t)n));
    }
    free(line);
    if (status == CLI_OK && ferror(f))
        status = cli_error(m->cli, CLI_TEMPFAIL, "cannot read %s", m->file);
    return status;
}

static int report(struct import *m)
{
    size_t refused = json_array_size(m->refused);
    json_t *object;

    if (m->cli->is_json) {
        object =
            json_pack("{s:b, s:I, s:I, s:O}", "ok", refused == 0, "added", (json_int_t)m->added,
                      "changed", (json_int_t)m->changed, "refused", m->refused);
        if (!cli_print_json(m->cli, object))
            return CLI_TEMPFAIL;
    } else {
        printf("%llu added, %llu changed, %zu refused.\n", (unsigned long long)m->added,
               (unsigned long long)m->changed, refused);
    }
    return refused == 0 ? CLI_OK : CLI_NO;
}

int account_import(struct cli *cli, struct directory_desk *desk, const struct directory_verb *verb)
{
    struct import m = {.cli = cli, .desk = desk};
    FILE *f;
    int status;

    (void)verb;
    if (!cli_take_option(cli, "--domain", &m.domain) || !cli_check_args(cli, 1, 1))
        return CLI_USAGE;
    m.file = cli->args[0];
    f = strcmp(m.file, "-") == 0 ? stdin : fopen(m.file, "re");
    if (f == NULL)
        return cli_error(cli, CLI_NO, "cannot open %s: %s", m.file,
                         errno == ENOENT ? "there is no such file" : strerrorname_np(errno));
    m.refused = json_array();
    status = import_lines(&m, f);
    if (status == CLI_OK)
        status = report(&m);
    if (f != stdin)
        fclose(f);
    json_decref(m.refused);
    return status;
}
