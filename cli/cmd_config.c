/* candor config: the configuration checked, shown with its origins, compared, documented. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/certificate.h"
#include "cli/configuration.h"
#include "cli/control_client.h"
#include "cli/manual.h"
#include "lib/route/recipient.h"

#define OUT_MAX (64 * CONF_TEXT_MAX)

static json_t *json_slice(slice s)
{
    return json_stringn(s.p != NULL ? s.p : "", s.n);
}

static void print(const struct buf *out, FILE *to)
{
    if (out->n > 0)
        fwrite(out->p, 1, out->n, to);
}

/* --- check ---------------------------------------------------------------------------------- */

/* What the parser cannot see. */
struct outside {
    const struct configuration *c;
    json_t *list; /* NULL: to standard error */
    bool is_good;
};

static void report(struct outside *o, struct conf_origin at, bool is_warning, const char *before,
                   const char *what, const char *after)
{
    if (!is_warning)
        o->is_good = false;
    if (o->list == NULL) {
        fprintf(stderr, "%s:%u:%u: %s%s%s%s\n", o->c->path.p, at.line, at.column,
                is_warning ? "warning: " : "", before, what, after);
        return;
    }
    json_t *error = json_pack("{s:I,s:I,s:s,s:s++,s:s}", "line", (json_int_t)at.line, "column",
                              (json_int_t)at.column, "severity", is_warning ? "warning" : "error",
                              "message", before, what, after, "hint", "");
    json_array_append_new(o->list, error);
}

static bool is_there(struct outside *o, struct conf_origin at, const char *before, slice path)
{
    if (access(path.p, F_OK) == 0 || errno != ENOENT)
        return true;
    report(o, at, false, before, path.p, "");
    return false;
}

static void check_certificate(struct outside *o, slice certificate, slice key)
{
    const struct conf *conf = o->c->conf;
    const struct conf_origin *at = conf->tls.node.key_at;
    bool both = is_there(o, at[CONF_tls_certificates], "there is no certificate ", certificate);
    both = is_there(o, at[CONF_tls_keys], "there is no key ", key) && both;
    if (!both)
        return;
    enum certificate_err err = certificate_check_files(certificate.p, key.p, conf->server.host);
    /* With several, each is for another name. */
    if (err == CERTIFICATE_OK || (err == CERTIFICATE_OTHER_HOST && conf->tls.certificates.n > 1))
        return;
    struct buf after;
    buf_init(&after, 256);
    buf_addf(&after, " %s", certificate_err_text(err));
    buf_addc(&after, '\0');
    report(o, at[CONF_tls_certificates],
           err == CERTIFICATE_OTHER_HOST || err == CERTIFICATE_EXPIRED, "the certificate ",
           certificate.p, after.err == BUF_OK ? after.p : "");
    buf_release(&after);
}

/* Whether a domain with letters outside of ASCII can be one. */
static void check_domains(struct outside *o)
{
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < o->c->conf->domain.n; i++) {
        const struct conf_domain *d = &o->c->conf->domain.v[i];
        slice name;
        arena_reset(&arena);
        if (recipient_domain(&arena, d->name, &name) != RECIPIENT_OK)
            report(o, d->node.key_at[CONF_domain_name], false,
                   "IDNA 2008 does not allow the domain ", d->name.p, "");
    }
    arena_release(&arena);
}

static bool check_outside(const struct configuration *c, json_t *list)
{
    struct outside o = {c, list, true};
    const struct conf_tls *tls = &c->conf->tls;
    for (size_t i = 0; i < tls->certificates.n; i++)
        check_certificate(&o, tls->certificates.v[i], tls->keys.v[i]);
    if (tls->ciphers.n > 0 && !certificate_is_cipher_list(tls->ciphers.p))
        report(&o, tls->node.key_at[CONF_tls_ciphers], false, "OpenSSL knows no cipher of ",
               tls->ciphers.p, "");
    if (c->conf->resolver.trust_anchor.n > 0)
        (void)is_there(&o, c->conf->resolver.node.key_at[CONF_resolver_trust_anchor],
                       "there is no trust anchor ", c->conf->resolver.trust_anchor);
    check_domains(&o);
    return o.is_good;
}

static json_t *json_errors(const struct conf_errors *errors)
{
    json_t *list = json_array();
    for (size_t i = 0; i < errors->n; i++) {
        const struct conf_error *e = &errors->v[i];
        json_array_append_new(list,
                              json_pack("{s:I,s:I,s:s,s:o,s:o}", "line", (json_int_t)e->at.line,
                                        "column", (json_int_t)e->at.column, "severity",
                                        e->is_warning ? "warning" : "error", "message",
                                        json_slice(e->message), "hint", json_slice(e->hint)));
    }
    return list;
}

static int config_check(struct cli *cli, struct configuration *c)
{
    int status = configuration_find(cli, c);
    if (status != CLI_OK || !cli_check_args(cli, 0, 0))
        return CLI_USAGE;
    status = configuration_read(cli, c->path.p, true, c);
    if (status != CLI_OK && c->errors.n == 0)
        return status; /* not readable; said already */
    json_t *list = cli->is_json ? json_errors(&c->errors) : NULL;
    if (!cli->is_json) {
        struct buf shown;
        buf_init(&shown, OUT_MAX);
        conf_errors_print(&shown, &c->errors, slice_cstr(c->path.p), buf_slice(&c->text));
        print(&shown, stderr);
        buf_release(&shown);
    }
    if (status == CLI_OK && !check_outside(c, list))
        status = CLI_NO;
    if (!cli->is_json) {
        if (status == CLI_OK)
            printf("%s: good\n", c->path.p);
        return status;
    }
    json_t *object =
        json_pack("{s:b,s:s,s:o}", "ok", status == CLI_OK, "file", c->path.p, "errors", list);
    return cli_print_json(cli, object) ? status : CLI_TEMPFAIL;
}

/* --- show ----------------------------------------------------------------------------------- */

static void add_json(void *context, const struct conf_item *item)
{
    json_t *object = json_object();
    if (item->block.n > 0)
        json_object_set_new(object, "block", json_slice(item->block));
    if (item->argument.n > 0)
        json_object_set_new(object, "argument", json_slice(item->argument));
    json_object_set_new(object, "key", json_slice(item->key));
    json_object_set_new(object, "value", json_slice(item->value));
    if (item->at.line > 0)
        json_object_set_new(object, "line", json_integer(item->at.line));
    json_object_set_new(object, "origin", json_string(item->at.line > 0 ? "file" : "default"));
    json_array_append_new(context, object);
}

static int config_show(struct cli *cli, struct configuration *c)
{
    int status = configuration_load(cli, c);
    if (status != CLI_OK)
        return status;
    if (!cli_check_args(cli, 0, 0))
        return CLI_USAGE;
    if (cli->is_json) {
        json_t *values = json_array();
        conf_each(c->conf, add_json, values);
        return cli_print_json(cli, json_pack("{s:s,s:o}", "file", c->path.p, "values", values))
                   ? CLI_OK
                   : CLI_TEMPFAIL;
    }
    struct buf out;
    buf_init(&out, OUT_MAX);
    buf_addf(&out, "# %s\n", c->path.p);
    conf_show(&out, c->conf);
    print(&out, stdout);
    buf_release(&out);
    return CLI_OK;
}

/* --- diff ----------------------------------------------------------------------------------- */

/* Every value as one line: limits { sessions 10 } */
static void add_line(void *context, const struct conf_item *item)
{
    struct buf line;
    buf_init(&line, 4 * CONF_TEXT_MAX);
    if (item->block.n > 0)
        buf_addf(&line, "%.*s%s%.*s { ", SLICE_ARG(item->block), item->argument.n > 0 ? " " : "",
                 SLICE_ARG(item->argument));
    buf_addf(&line, "%.*s%s%.*s", SLICE_ARG(item->key), item->value.n > 0 ? " " : "",
             SLICE_ARG(item->value));
    if (item->block.n > 0)
        buf_adds(&line, " }");
    json_array_append_new(context, json_slice(buf_slice(&line)));
    buf_release(&line);
}

/* The lines of a that are not in b, each as often as it is there once more. */
static json_t *lines_without(json_t *a, json_t *b)
{
    json_t *left = json_array(), *counts = json_object(), *line;
    size_t i;
    json_array_foreach(b, i, line)
    {
        const char *text = json_string_value(line);
        json_int_t n = json_integer_value(json_object_get(counts, text));
        json_object_set_new(counts, text, json_integer(n + 1));
    }
    json_array_foreach(a, i, line)
    {
        const char *text = json_string_value(line);
        json_int_t n = json_integer_value(json_object_get(counts, text));
        if (n == 0)
            json_array_append(left, line);
        else
            json_object_set_new(counts, text, json_integer(n - 1));
    }
    json_decref(counts);
    return left;
}

static int print_difference(struct cli *cli, const struct conf *from, const struct conf *to)
{
    json_t *from_lines = json_array(), *to_lines = json_array(), *line;
    conf_each(from, add_line, from_lines);
    conf_each(to, add_line, to_lines);
    json_t *removed = lines_without(from_lines, to_lines);
    json_t *added = lines_without(to_lines, from_lines);
    json_decref(from_lines);
    json_decref(to_lines);
    bool same = json_array_size(removed) == 0 && json_array_size(added) == 0;
    int status = same ? CLI_OK : CLI_NO;
    if (cli->is_json) {
        json_t *object =
            json_pack("{s:b,s:o,s:o}", "same", same, "removed", removed, "added", added);
        return cli_print_json(cli, object) ? status : CLI_TEMPFAIL;
    }
    size_t i;
    json_array_foreach(removed, i, line) printf("- %s\n", json_string_value(line));
    json_array_foreach(added, i, line) printf("+ %s\n", json_string_value(line));
    if (same)
        printf("no difference\n");
    json_decref(removed);
    json_decref(added);
    return status;
}

/* The configuration that the server runs with. */
static int running(struct cli *cli, const struct conf *file, struct configuration *ret)
{
    struct control_client client;
    enum control_err err = control_open(file->server.control.p, &client);
    json_t *request = json_pack("{s:s}", "do", "config-show"), *answer = NULL;
    int status = CLI_TEMPFAIL;
    if (err == CONTROL_OK)
        err = control_ask(&client, request, NULL, NULL, &answer);
    if (err != CONTROL_OK) {
        status = control_report(cli, &client, err);
        goto out;
    }
    status = control_check(cli, answer);
    if (status != CLI_OK)
        goto out;
    json_t *text = json_object_get(answer, "text");
    slice s = slice_of(json_string_value(text), json_string_length(text));
    if (conf_parse(s, SLICE_LIT("the server's configuration"), SLICE_LIT("/"), &ret->errors,
                   &ret->conf) != CONF_OK)
        status =
            cli_error(cli, CLI_TEMPFAIL,
                      "the server's configuration is not understood: is it of another version?");
out:
    control_close(&client);
    json_decref(request);
    json_decref(answer);
    return status;
}

static int config_diff(struct cli *cli, struct configuration *c)
{
    struct configuration other;
    configuration_init(&other);
    int status = configuration_load(cli, c);
    if (status == CLI_OK && !cli_check_args(cli, 0, 1))
        status = CLI_USAGE;
    if (status == CLI_OK)
        status = cli->args_n == 1 ? configuration_read(cli, cli->args[0], false, &other)
                                  : running(cli, c->conf, &other);
    if (status == CLI_OK)
        status = cli->args_n == 1 ? print_difference(cli, c->conf, other.conf)
                                  : print_difference(cli, other.conf, c->conf);
    configuration_release(&other);
    return status;
}

/* --- keys ----------------------------------------------------------------------------------- */

static void add_json_doc(void *context, const struct conf_doc *doc)
{
    json_t *object = json_pack("{s:o,s:o,s:o,s:o,s:o}", "block", json_slice(doc->block), "key",
                               json_slice(doc->key), "value", json_slice(doc->value), "default",
                               json_slice(doc->fallback), "text", json_slice(doc->text));
    json_array_append_new(context, object);
}

static int config_keys(struct cli *cli)
{
    bool is_man = cli_take_flag(cli, "--man");
    if (!cli_check_args(cli, 0, 0))
        return CLI_USAGE;
    if (cli->is_json) {
        json_t *keys = json_array();
        conf_each_doc(add_json_doc, keys);
        return cli_print_json(cli, json_pack("{s:o}", "keys", keys)) ? CLI_OK : CLI_TEMPFAIL;
    }
    struct buf out;
    buf_init(&out, OUT_MAX);
    if (is_man)
        manual_conf_page(&out);
    else
        manual_conf_text(&out, cli_width());
    print(&out, stdout);
    buf_release(&out);
    return CLI_OK;
}

int cmd_config(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*run)(struct cli *cli, struct configuration *c);
    } verbs[] = {{"check", config_check}, {"show", config_show}, {"diff", config_diff}};
    if (cli->args_n == 0)
        return cli_usage(cli, "what is to be done with it?");
    const char *verb = cli->args[0];
    cli->args++;
    cli->args_n--;
    if (strcmp(verb, "keys") == 0)
        return config_keys(cli);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verb, verbs[i].name) != 0)
            continue;
        struct configuration c;
        configuration_init(&c);
        int status = verbs[i].run(cli, &c);
        configuration_release(&c);
        return status;
    }
    return cli_usage(cli, "config does not know \"%s\"", verb);
}
