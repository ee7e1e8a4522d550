/* candor setup: from a domain's name to a server that can be started. Each step is done only where
 * its result is missing, and the configuration comes last: what was interrupted is simply run
 * again, and a server that was set up is never touched. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/certificate.h"
#include "cli/configuration.h"
#include "cli/dns_records.h"
#include "cli/folders.h"
#include "cli/manual.h"
#include "cli/setup_accounts.h"
#include "lib/route/recipient.h"

#define PEM_MAX ((size_t)1 << 20)

struct setup {
    struct cli *cli;
    struct arena arena;
    const char *dir; /* absolute; NULL: the system's places */
    const char *certificate_given, *key_given;
    bool is_demo;
    slice domain; /* ASCII */
    slice host;
    const char *conf, *tls, *certificate, *key, *database;
    struct setup_accounts accounts;
    bool is_self_signed, is_certificate_new;
    struct buf text; /* of the configuration */
};

/* --- names ---------------------------------------------------------------------------------- */

/* NULL when there is no memory. */
static const char *joined(struct setup *s, const char *a, const char *b)
{
    struct buf path;
    slice copy = {NULL, 0};
    buf_init(&path, 2 * PATH_MAX);
    buf_addf(&path, "%s%s", a, b);
    bool ok = path.err == BUF_OK && arena_copy(&s->arena, buf_slice(&path), &copy);
    buf_release(&path);
    return ok ? copy.p : NULL;
}

static int choose_paths(struct setup *s)
{
    bool is_own = s->dir != NULL;
    const char *base = is_own ? s->dir : "";
    s->conf = joined(s, base, is_own ? "/candor.conf" : CONFIGURATION_DEFAULT);
    s->tls = joined(s, base, is_own ? "/tls" : "/etc/candor/tls");
    s->certificate = joined(s, base, is_own ? "/tls/cert.pem" : "/etc/candor/tls/cert.pem");
    s->key = joined(s, base, is_own ? "/tls/key.pem" : "/etc/candor/tls/key.pem");
    s->database = joined(s, base, is_own ? "/candor.db" : "/var/lib/candor/candor.db");
    bool ok = s->conf && s->tls && s->certificate && s->key && s->database;
    return ok ? CLI_OK : cli_error(s->cli, CLI_TEMPFAIL, "out of memory");
}

static int choose_names(struct setup *s, const char *domain, const char *host)
{
    enum recipient_err err = recipient_domain(&s->arena, slice_cstr(domain), &s->domain);
    if (err != RECIPIENT_OK)
        return cli_error(s->cli, CLI_USAGE, "\"%s\" is no domain: %.*s", domain,
                         SLICE_ARG(recipient_err_text(err)));
    struct buf name;
    buf_init(&name, 1024);
    if (host != NULL)
        buf_adds(&name, host);
    else
        buf_addf(&name, "mx.%.*s", SLICE_ARG(s->domain));
    bool ok = arena_copy(&s->arena, buf_slice(&name), &s->host);
    buf_release(&name);
    return ok ? CLI_OK : cli_error(s->cli, CLI_TEMPFAIL, "out of memory");
}

/* --- files ---------------------------------------------------------------------------------- */

static bool write_all(int fd, slice text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text = slice_tail(text, (size_t)n);
    }
    return true;
}

/* All of it or nothing, and not over another file. */
static int write_file(struct setup *s, const char *path, slice text, mode_t mode)
{
    const char *half = joined(s, path, ".new");
    if (half == NULL)
        return cli_error(s->cli, CLI_TEMPFAIL, "out of memory");
    (void)!unlink(half); /* of a setup that was interrupted */
    int fd = open(half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return folder_error(s->cli, "cannot write", half, errno);
    bool ok = fchmod(fd, mode) == 0 && write_all(fd, text) && fsync(fd) == 0;
    int err = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        err = errno;
    }
    if (ok && link(half, path) != 0) {
        ok = false;
        err = errno;
    }
    unlink(half);
    return ok ? CLI_OK : folder_error(s->cli, "cannot write", path, err);
}

static int read_file(const struct setup *s, const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return folder_error(s->cli, "cannot read", path, errno);
    for (;;) {
        char *to = buf_reserve(ret, 4096);
        size_t n = to == NULL ? 0 : fread(to, 1, 4096, f);
        if (n == 0)
            break;
        ret->n += n;
    }
    bool ok = ferror(f) == 0 && ret->err == BUF_OK;
    int err = errno;
    if (fclose(f) != 0 || !ok)
        return folder_error(s->cli, "cannot read", path, ret->err == BUF_OK ? err : EFBIG);
    return CLI_OK;
}

/* --- certificate ---------------------------------------------------------------------------- */

static int report_certificate(const struct setup *s, enum certificate_err err)
{
    switch (err) {
    case CERTIFICATE_OK:
        return CLI_OK;
    case CERTIFICATE_UNREADABLE:
        return cli_error(s->cli, CLI_NO, "there is no PEM certificate in %s", s->certificate);
    case CERTIFICATE_NO_KEY:
        return cli_error(s->cli, CLI_NO,
                         "there is no PEM private key in %s, or it has a pass phrase, which nobody "
                         "could type when the server starts",
                         s->key);
    case CERTIFICATE_MISMATCH:
        return cli_error(s->cli, CLI_NO, "%s is not the key of %s", s->key, s->certificate);
    case CERTIFICATE_OTHER_HOST:
        fprintf(stderr, "note: the certificate is not for %.*s; --host names the server\n",
                SLICE_ARG(s->host));
        return CLI_OK;
    case CERTIFICATE_EXPIRED:
        fprintf(stderr, "note: the certificate has expired\n");
        return CLI_OK;
    case CERTIFICATE_FAILED:
        break;
    }
    return cli_error(s->cli, CLI_TEMPFAIL, "the certificate could not be worked on: no memory?");
}

static int look_at_certificate(struct setup *s)
{
    struct buf certificate, key;
    buf_init(&certificate, PEM_MAX);
    buf_init(&key, PEM_MAX);
    int status = read_file(s, s->certificate, &certificate);
    if (status == CLI_OK)
        status = read_file(s, s->key, &key);
    if (status == CLI_OK)
        status = report_certificate(s, certificate_check(buf_slice(&certificate), buf_slice(&key),
                                                         s->host));
    buf_release(&certificate);
    buf_release(&key);
    return status;
}

static int make_certificate(struct setup *s)
{
    struct buf certificate, key;
    buf_init(&certificate, PEM_MAX);
    buf_init(&key, PEM_MAX);
    int status =
        report_certificate(s, certificate_make(s->host, s->dir != NULL, &certificate, &key));
    /* A key without its certificate is what an interrupted setup leaves. */
    if (status == CLI_OK && unlink(s->key) != 0 && errno != ENOENT)
        status = folder_error(s->cli, "cannot replace", s->key, errno);
    if (status == CLI_OK)
        status = write_file(s, s->key, buf_slice(&key), 0600);
    if (status == CLI_OK)
        status = write_file(s, s->certificate, buf_slice(&certificate), 0644);
    buf_release(&certificate);
    buf_release(&key);
    s->is_self_signed = s->is_certificate_new = true;
    return status;
}

static int find_certificate(struct setup *s)
{
    if (s->certificate_given == NULL)
        return access(s->certificate, F_OK) == 0 ? look_at_certificate(s) : make_certificate(s);
    char *certificate = realpath(s->certificate_given, NULL), *key = realpath(s->key_given, NULL);
    int status = CLI_OK;
    if (certificate == NULL || key == NULL) {
        status = folder_error(s->cli, "cannot find",
                              certificate == NULL ? s->certificate_given : s->key_given, errno);
    } else {
        s->certificate = joined(s, certificate, "");
        s->key = joined(s, key, "");
        status = s->certificate != NULL && s->key != NULL
                     ? look_at_certificate(s)
                     : cli_error(s->cli, CLI_TEMPFAIL, "out of memory");
    }
    free(certificate);
    free(key);
    return status;
}

/* --- configuration -------------------------------------------------------------------------- */

static void add_quoted(struct buf *out, const char *path)
{
    buf_addc(out, '"');
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *p);
    }
    buf_addc(out, '"');
}

static void add_tls(struct setup *s)
{
    buf_adds(&s->text, "tls {\n    certificate ");
    if (s->certificate_given != NULL)
        add_quoted(&s->text, s->certificate);
    else
        buf_adds(&s->text, "tls/cert.pem");
    buf_adds(&s->text, "\n    key         ");
    if (s->certificate_given != NULL)
        add_quoted(&s->text, s->key);
    else
        buf_adds(&s->text, "tls/key.pem");
    buf_adds(&s->text, "\n}\n\n");
}

static void write_text(struct setup *s)
{
    struct buf *out = &s->text;
    buf_addf(out,
             "# Made by `candor setup`. What else may stand here: candor.conf(5), `candor config "
             "keys`.\n\nhost     %.*s\n",
             SLICE_ARG(s->host));
    if (s->dir != NULL)
        buf_adds(out, "\n# Paths begin where this file is.\n"
                      "spool    spool\n"
                      "database candor.db\n"
                      "control  control.sock\n"
                      "deliver  maildir mail/{domain}/{local}\n");
    buf_addc(out, '\n');
    if (s->is_demo)
        buf_adds(out, "listen 127.0.0.1:2525 { tls optional }\n"
                      "listen 127.0.0.1:2587 { tls required }\n"
                      "listen 127.0.0.1:2465 { tls implicit }\n"
                      "web    127.0.0.1:8025\n\n");
    else
        buf_adds(out,
                 "listen [::]:25  { tls optional }\n"
                 "listen [::]:587 { tls required }\n"
                 "listen [::]:465 { tls implicit }\n"
                 "# Pages about every SMTP reply, for a TLS proxy on this machine to pass on.\n"
                 "# web  127.0.0.1:8025\n\n");
    add_tls(s);
    buf_addf(out, "domain %.*s\n", SLICE_ARG(s->domain));
    if (s->is_demo)
        buf_adds(out, "\n# Alone on this machine.\n"
                      "limits { unlimited 127.0.0.0/8 ::1 }\n"
                      "queue  { min-free 16M; min-free-inodes 100 }\n");
}

/* The text must pass what every start will ask of it; then come the folders that it names. */
static int check_text(struct setup *s)
{
    struct conf_errors errors;
    struct conf *conf = NULL;
    conf_errors_init(&errors);
    slice file = slice_cstr(s->conf);
    enum conf_err err =
        conf_parse(buf_slice(&s->text), file, slice_cstr(s->dir != NULL ? s->dir : "/etc/candor"),
                   &errors, &conf);
    if (err == CONF_INVALID) {
        struct buf shown;
        buf_init(&shown, CONF_TEXT_MAX);
        conf_errors_print(&shown, &errors, file, buf_slice(&s->text));
        fwrite(shown.p, 1, shown.n, stderr);
        buf_release(&shown);
    }
    conf_errors_release(&errors);
    int status = err == CONF_OK        ? folders_make(s->cli, conf)
                 : err == CONF_INVALID ? CLI_NO
                                       : cli_error(s->cli, CLI_TEMPFAIL, "out of memory");
    conf_unref(conf);
    return status;
}

/* --- what to do next ------------------------------------------------------------------------ */

static int print_json(struct setup *s)
{
    json_t *accounts = json_array(), *passwords = json_object();
    for (size_t i = 0; i < s->accounts.count; i++) {
        slice password = s->accounts.passwords[i];
        struct buf address;
        buf_init(&address, 1024);
        buf_addf(&address, "%s@%.*s", s->accounts.names[i], SLICE_ARG(s->domain));
        json_array_append_new(accounts, json_stringn(address.p, address.n));
        if (password.n > 0)
            json_object_setn_new(passwords, address.p, address.n,
                                 json_stringn(password.p, password.n));
        buf_release(&address);
    }
    json_t *object = json_pack("{s:s,s:s%,s:s,s:s,s:b,s:o,s:o,s:o}", "configuration", s->conf,
                               "host", s->host.p, s->host.n, "certificate", s->certificate, "key",
                               s->key, "self_signed", s->is_self_signed, "accounts", accounts,
                               "passwords", passwords, "dns", dns_records_json(s->domain, s->host));
    return cli_print_json(s->cli, object) ? CLI_OK : CLI_TEMPFAIL;
}

static int print_text(struct setup *s)
{
    printf("%s is written: candor serve -c %s\n\n", s->conf, s->conf);
    printf("Accounts:\n");
    for (size_t i = 0; i < s->accounts.count; i++) {
        printf("  %s@%.*s", s->accounts.names[i], SLICE_ARG(s->domain));
        if (s->accounts.passwords[i].n > 0)
            printf("  password %.*s  (shown this once)\n", SLICE_ARG(s->accounts.passwords[i]));
        else
            printf("  no password yet: candor account password %s@%.*s -c %s\n",
                   s->accounts.names[i], SLICE_ARG(s->domain), s->conf);
    }
    printf("More: candor account add NAME@%.*s -c %s\n\n", SLICE_ARG(s->domain), s->conf);
    struct buf out;
    buf_init(&out, 65536);
    if (s->is_self_signed)
        manual_add_wrapped(&out,
                           SLICE_LIT("The certificate is self-signed. Other servers take it, "
                                     "people's mail programs warn: give a real one with --cert "
                                     "and --key, or change the block tls later."),
                           0, cli_width());
    if (!s->is_demo) {
        buf_adds(&out, "\nPublish in the DNS:\n\n");
        dns_records_print(&out, s->domain, s->host, cli_width());
    }
    fwrite(out.p, 1, out.n, stdout);
    buf_release(&out);
    return CLI_OK;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int run(struct setup *s)
{
    struct stat there;
    if (lstat(s->conf, &there) == 0)
        return cli_error(s->cli, CLI_NO,
                         "there is a server already: %s\n  To begin anew, move it away first.",
                         s->conf);
    int status = s->dir != NULL ? folder_make(s->cli, s->dir, 0755, NULL) : CLI_OK;
    if (status == CLI_OK)
        status = folder_make(s->cli, s->tls, 0700, NULL);
    if (status == CLI_OK)
        status = find_certificate(s);
    if (status == CLI_OK) {
        write_text(s);
        status = s->text.err != BUF_OK ? cli_error(s->cli, CLI_TEMPFAIL, "out of memory")
                                       : check_text(s);
    }
    if (status == CLI_OK) {
        s->accounts.domain = s->domain;
        s->accounts.host = s->host;
        s->accounts.database = s->database;
        s->accounts.has_passwords = s->is_demo;
        status = setup_accounts_add(s->cli, &s->arena, &s->accounts);
    }
    if (status == CLI_OK)
        status = write_file(s, s->conf, buf_slice(&s->text), 0644);
    if (status == CLI_OK)
        status = s->cli->is_json ? print_json(s) : print_text(s);
    return status;
}

/* A folder that may not be there yet, as an absolute path without a slash at its end. */
static int choose_dir(struct setup *s, const char *dir)
{
    slice name = slice_cstr(dir);
    while (name.n > 1 && name.p[name.n - 1] == '/')
        name.n--;
    struct buf path;
    buf_init(&path, 2 * PATH_MAX);
    if (name.n > 0 && name.p[0] != '/') {
        char *here = getcwd(NULL, 0);
        buf_addf(&path, "%s/", here == NULL ? "" : here);
        free(here);
    }
    buf_add(&path, name);
    slice copy;
    bool ok = name.n > 0 && path.err == BUF_OK && arena_copy(&s->arena, buf_slice(&path), &copy);
    buf_release(&path);
    if (!ok)
        return cli_usage(s->cli, "--dir needs the name of a folder");
    s->dir = copy.p;
    return CLI_OK;
}

int cmd_setup(struct cli *cli)
{
    struct setup s = {.cli = cli, .accounts = {.names = {"postmaster"}, .count = 1}};
    const char *dir = NULL, *host = NULL;
    s.is_demo = cli_take_flag(cli, "--demo");
    if (!cli_take_option(cli, "--dir", &dir) || !cli_take_option(cli, "--host", &host) ||
        !cli_take_option(cli, "--cert", &s.certificate_given) ||
        !cli_take_option(cli, "--key", &s.key_given) || !cli_check_args(cli, 1, 1))
        return CLI_USAGE;
    if ((s.certificate_given == NULL) != (s.key_given == NULL))
        return cli_usage(cli, "--cert and --key go together");
    if (s.is_demo && dir == NULL)
        return cli_usage(cli, "--demo needs --dir");
    if (s.is_demo) {
        s.accounts.names[0] = "alice";
        s.accounts.names[1] = "bob";
        s.accounts.count = 2;
    }
    arena_init(&s.arena, 65536);
    buf_init(&s.text, CONF_TEXT_MAX);
    int status = dir != NULL ? choose_dir(&s, dir) : CLI_OK;
    if (status == CLI_OK)
        status = choose_names(&s, cli->args[0], host);
    if (status == CLI_OK)
        status = choose_paths(&s);
    if (status == CLI_OK)
        status = run(&s);
    buf_release(&s.text);
    arena_wipe(&s.arena); /* passwords */
    arena_release(&s.arena);
    return status;
}
