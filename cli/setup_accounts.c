#include "cli/setup_accounts.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "cli/folders.h"
#include "cli/password.h"
#include "sys/directory/admin.h"

struct adding {
    struct cli *cli;
    const struct setup_accounts *s;
    struct directory_db *db;
    const char *name;
    json_t *address;
};

/* An answer that is not there or not "ok" ends the setup, but what exists may exist. */
static int check(const struct adding *x, const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "error"));

    if (answer == NULL)
        return cli_error(x->cli, CLI_TEMPFAIL, "the account %s cannot be added: out of memory",
                         x->name);
    if (json_is_true(json_object_get(answer, "ok")) ||
        (error != NULL && strcmp(error, "exists") == 0))
        return CLI_OK;
    return cli_error(x->cli, CLI_TEMPFAIL, "the account %s cannot be added: %s", x->name,
                     json_string_value(json_object_get(answer, "message")));
}

/* Carries out a request, given up here. *ret is the caller's on CLI_OK. */
static int ask(const struct adding *x, json_t *request, json_t **ret)
{
    const struct directory_rules_domain domain = {.name = x->s->domain};
    const struct directory_rules rules = {.recipient.separators = SLICE_LIT("+"),
                                          .host = x->s->host,
                                          .way.maildir = SLICE_LIT("/{domain}/{local}"),
                                          .domains = &domain,
                                          .domain_count = 1};
    struct directory_change change;
    struct buf out;
    json_t *answer = NULL;
    int status;

    buf_init(&out, 65536);
    json_object_set(request, "address", x->address);
    char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    if (text != NULL &&
        directory_admin(x->db, &rules, slice_cstr(text), (int64_t)time(NULL), &out, &change) == 0)
        answer = json_loadb(out.p, out.n, 0, NULL);
    free(text);
    json_decref(request);
    buf_release(&out);
    status = check(x, answer);
    if (status == CLI_OK)
        *ret = answer;
    else
        json_decref(answer);
    return status;
}

static int set_password(const struct adding *x, slice password)
{
    json_t *salts = NULL, *answer = NULL, *made = json_object();
    int status = ask(x, json_pack("{s:s, s:s}", "do", "account-salts", "for", "password"), &salts);

    if (status == CLI_OK)
        status = password_add_hash(x->cli, password, made);
    if (status == CLI_OK)
        status = password_add_scram(x->cli, password, json_object_get(salts, "salts"), made);
    if (status == CLI_OK)
        status =
            ask(x, json_pack("{s:s, s:O}", "do", "account-password", "password", made), &answer);
    json_decref(answer);
    json_decref(salts);
    json_decref(made);
    return status;
}

static int add_one(struct cli *cli, struct arena *a, struct setup_accounts *s,
                   struct directory_db *db, size_t which)
{
    struct adding x = {.cli = cli, .s = s, .db = db, .name = s->names[which]};
    json_t *answer = NULL;
    struct buf address;
    int status;

    buf_init(&address, 1024);
    buf_addf(&address, "%s@%.*s", x.name, SLICE_ARG(s->domain));
    x.address = json_stringn(address.p, address.n);
    buf_release(&address);
    status = ask(&x, json_pack("{s:s}", "do", "account-add"), &answer);
    json_decref(answer);
    if (status == CLI_OK && s->has_passwords) {
        status = password_make(a, &s->passwords[which])
                     ? set_password(&x, s->passwords[which])
                     : cli_error(cli, CLI_TEMPFAIL, "there are no random numbers");
    }
    json_decref(x.address);
    return status;
}

int setup_accounts_add(struct cli *cli, struct arena *a, struct setup_accounts *s)
{
    struct directory_db *db = NULL;
    int status = CLI_OK, err = directory_db_open(s->database, &db);

    if (err != 0)
        return folder_error(cli, "cannot open the database", s->database, -err);
    for (size_t i = 0; i < s->count && status == CLI_OK; i++)
        status = add_one(cli, a, s, db, i);
    directory_db_close(db);
    return status != CLI_OK ? status : folder_give(cli, s->database, "candor-directory");
}
