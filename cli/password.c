#include "cli/password.h"

#include <crypt.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "lib/auth/prep.h"
#include "lib/auth/scram.h"
#include "lib/base/base64.h"
#include "lib/base/secret.h"

/* What people can remember is guessed sooner than this; no law, but a word of warning. */
#define SHORT_LETTERS 10

bool password_has_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* ---- reading ---- */

/* A line without its end, byte by byte: what follows is somebody else's. mask: the signals blocked
 * while it waits (NULL: as they are). -1: none, too long, or interrupted. */
static ssize_t read_line(char *line, size_t size, const sigset_t *mask)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t n = 0;
    char c;

    for (;;) {
        ssize_t got =
            mask != NULL && ppoll(&in, 1, NULL, mask) < 0 ? -1 : read(STDIN_FILENO, &c, 1);
        if (got < 0)
            return -1;
        if (got == 0 || c == '\n')
            break;
        if (n == size)
            return -1;
        line[n++] = c;
    }
    return n > 0 && line[n - 1] == '\r' ? (ssize_t)n - 1 : (ssize_t)n;
}

static int prepare(struct cli *cli, slice typed, struct arena *a, slice *ret)
{
    enum prep_err err = prep_sasl(a, typed, PREP_STORED, ret);

    if (err == PREP_NOMEM)
        return cli_error(cli, CLI_TEMPFAIL, "out of memory");
    if (err != PREP_OK)
        return cli_error(cli, CLI_NO, "the password cannot be used: %.*s",
                         SLICE_ARG(prep_err_text(err)));
    if (ret->n < SHORT_LETTERS)
        fprintf(stderr, "note: this password is short; four words are harder to guess and easier "
                        "to type\n");
    return CLI_OK;
}

int password_read(struct cli *cli, struct arena *a, slice *ret)
{
    char line[PREP_MAX_BYTES];
    ssize_t n = read_line(line, sizeof line, NULL);
    int status =
        n < 0 ? cli_error(cli, CLI_NO, "no password could be read, or it is longer than %d bytes",
                          (int)PREP_MAX_BYTES)
              : prepare(cli, slice_of(line, (size_t)n), a, ret);

    secret_wipe(line, sizeof line);
    return status;
}

static void be_interrupted(int number)
{
    (void)number; /* ppoll() ends, that is all */
}

/* Ctrl-C in the middle shall not leave a terminal that shows nothing. */
static ssize_t read_hidden(const char *prompt, const char *about, char *line, size_t size)
{
    const struct sigaction interrupted = {.sa_handler = be_interrupted};
    struct sigaction old;
    struct termios before, hidden;
    sigset_t blocked, mask;
    ssize_t n;

    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return -1;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    hidden.c_lflag |= ICANON;
    /* It is let through while ppoll() waits and never else, so that none is missed. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    sigdelset(&mask, SIGINT);
    sigaction(SIGINT, &interrupted, &old);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fprintf(stderr, "%s%s: ", prompt, about);
    n = read_line(line, size, &mask);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    sigaction(SIGINT, &old, NULL);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    fputc('\n', stderr);
    return n;
}

int password_ask(struct cli *cli, const char *address, struct arena *a, slice *ret)
{
    char first[PREP_MAX_BYTES], second[PREP_MAX_BYTES];
    ssize_t n = read_hidden("New password of ", address, first, sizeof first);
    ssize_t again = n <= 0 ? n : read_hidden("The same once more", "", second, sizeof second);
    int status;

    if (n <= 0 || again < 0)
        status = cli_error(cli, CLI_NO, "no password was given; nothing was changed");
    else if (!secret_eq(slice_of(first, (size_t)n), slice_of(second, (size_t)again)))
        status = cli_error(cli, CLI_NO, "the two differ; nothing was changed");
    else
        status = prepare(cli, slice_of(first, (size_t)n), a, ret);
    secret_wipe(first, sizeof first);
    secret_wipe(second, sizeof second);
    return status;
}

/* ---- making ---- */

bool password_make(struct arena *a, slice *ret)
{
    unsigned char bytes[APP_PASSWORD_RANDOM_BYTES];
    char shown[APP_PASSWORD_SHOWN];
    struct app_password p;
    bool ok = getrandom(bytes, sizeof bytes, 0) == sizeof bytes;

    if (ok) {
        app_password_make(bytes, &p);
        app_password_show(&p, shown);
        ok = arena_copy(a, slice_of(shown, 29), ret); /* five groups: 80 bits */
    }
    secret_wipe(bytes, sizeof bytes);
    secret_wipe(shown, sizeof shown);
    secret_wipe(&p, sizeof p);
    return ok;
}

int password_add_hash(struct cli *cli, slice password, json_t *object)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], text[PREP_MAX_BYTES * 4];
    struct crypt_data *data = calloc(1, sizeof *data);
    const char *hash = NULL;
    bool ok = false;

    if (data != NULL && password.n < sizeof text && slice_find(password, '\0') == password.n &&
        crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) != NULL) {
        memcpy(text, password.p, password.n);
        text[password.n] = '\0';
        if (password.n >= CRYPT_MAX_PASSPHRASE_SIZE) {
            free(data);
            return cli_error(cli, CLI_NO, "the password is too long for crypt(3)");
        }
        hash = crypt_r(text, setting, data);
        ok = hash != NULL && hash[0] == '$' &&
             json_object_set_new(object, "hash", json_string(hash)) == 0;
        secret_wipe(text, sizeof text);
    }
    if (data != NULL)
        secret_wipe(data, sizeof *data);
    free(data);
    return ok ? CLI_OK
              : cli_error(cli, CLI_TEMPFAIL, "crypt(3) could not make a yescrypt hash: no memory?");
}

static bool add_key(slice password, enum digest d, const char *name, const json_t *salts,
                    json_t *object)
{
    const json_t *given = json_object_get(salts, name), *salt = json_object_get(given, "salt");
    json_int_t iterations = json_integer_value(json_object_get(given, "iterations"));
    slice encoded = slice_of(json_string_value(salt), json_string_length(salt));
    struct scram_keys k;
    struct buf raw, text;
    bool ok;

    buf_init(&raw, 256);
    buf_init(&text, SCRAM_TEXT_MAX_BYTES);
    ok = base64_decode(&raw, encoded) == BASE64_OK && raw.n > 0 && raw.n <= SCRAM_SALT_MAX_BYTES &&
         iterations > 0 && iterations <= SCRAM_ITERATIONS_MAX &&
         scram_derive(d, password, buf_slice(&raw), (uint32_t)iterations, &k);
    if (ok) {
        scram_print(&text, &k);
        ok = text.err == BUF_OK &&
             json_object_set_new(object, name, json_stringn(text.p, text.n)) == 0;
        secret_wipe(&k, sizeof k);
    }
    buf_release(&raw);
    secret_release(&text);
    return ok;
}

int password_add_scram(struct cli *cli, slice password, const json_t *salts, json_t *object)
{
    if (add_key(password, DIGEST_SHA256, "scram-sha-256", salts, object) &&
        add_key(password, DIGEST_SHA1, "scram-sha-1", salts, object))
        return CLI_OK;
    return cli_error(cli, CLI_TEMPFAIL, "the SCRAM keys could not be made: no memory?");
}

int password_make_app(struct cli *cli, char ret_shown[APP_PASSWORD_SHOWN], json_t *object)
{
    unsigned char bytes[APP_PASSWORD_RANDOM_BYTES];
    struct digest_value digest;
    struct app_password p;
    char hex[2 * DIGEST_MAX_BYTES + 1];
    bool ok = getrandom(bytes, sizeof bytes, 0) == sizeof bytes;

    if (ok) {
        app_password_make(bytes, &p);
        app_password_show(&p, ret_shown);
        ok = app_password_digest(&p, &digest);
        for (size_t i = 0; ok && i < digest.n; i++)
            snprintf(hex + 2 * i, 3, "%02x", (unsigned)digest.bytes[i]);
        ok = ok && json_object_set_new(object, "digest", json_stringn(hex, 2 * digest.n)) == 0;
        secret_wipe(&digest, sizeof digest);
    }
    secret_wipe(bytes, sizeof bytes);
    secret_wipe(&p, sizeof p);
    secret_wipe(hex, sizeof hex);
    return ok ? CLI_OK : cli_error(cli, CLI_TEMPFAIL, "there are no random numbers");
}
