#include "tests/support/sasl_host.h"

#include <stdlib.h>

#include "lib/auth/app_password.h"

static const char sha1_keys[] =
    "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
static const char sha256_keys[] =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
static const char sha1_crayon[] =
    "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$2m1d851GMcNXaA/i41+mmQeK/H4=:PAn+gyutw1eyAHJ49VKzbo6DbLY=";
static const char sha256_crayon[] =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$0t5b4oF2tQeSKpSUzRoqnrGCIiYINpEXwahzgpe5RCc=:"
    "4U8zylKANWQGsA9e+VLOGsj4E77bo4erneYJu/UpIY0=";

static const char *const kinds[] = {"credentials", "password", "certificate", "token", "act-as"};

static slice nonce_of(enum sasl_mechanism m)
{
    return sasl_mechanism_get(m)->digest == DIGEST_SHA1
               ? SLICE_LIT("3rfcNHYJY1ZVvWVs7j")
               : SLICE_LIT("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
}

void sasl_host_init(struct sasl_host *h)
{
    static const unsigned char zeros[APP_PASSWORD_RANDOM_BYTES] = {0};
    struct app_password app;
    *h = (struct sasl_host){
        .facts = {.offered = (1U << SASL_MECHANISM_COUNT) - 1,
                  .is_tls = true,
                  .fake_secret = SLICE_LIT("0123456789abcdef0123456789abcdef"),
                  .fake_hash = SLICE_LIT("hash:that nobody has"),
                  .tls_exporter = SLICE_LIT("EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"),
                  .tls_end_point = SLICE_LIT("PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"),
                  .certificate = SLICE_LIT("cert of user"),
                  .token_scope = SLICE_LIT("mail"),
                  .token_configuration = SLICE_LIT("https://id.x.example/\"\\")},
        .dead = SASL_QUESTION_COUNT,
    };
    app_password_make(zeros, &app);
    if (!app_password_digest(&app, &h->app_digest))
        abort();
    buf_init(&h->said, 1 << 20);
    buf_init(&h->asked, 1 << 20);
    sasl_init(&h->s, &h->facts);
}

void sasl_host_release(struct sasl_host *h)
{
    sasl_clear(&h->s);
    buf_release(&h->said);
    buf_release(&h->asked);
}

enum { CREDENTIALS = 6 };

/* What is kept of a name; the account is its comparable form, into lower. */
static struct sasl_answer look_up(const struct sasl_host *h, slice name, char *lower,
                                  struct sasl_credential credentials[CREDENTIALS])
{
    const struct sasl_credential all[CREDENTIALS] = {
        {SASL_CREDENTIAL_SCRAM, 1, slice_cstr(sha256_keys)},
        {SASL_CREDENTIAL_SCRAM, 1, slice_cstr(sha1_keys)},
        {SASL_CREDENTIAL_SCRAM, 8, slice_cstr(sha256_crayon)},
        {SASL_CREDENTIAL_SCRAM, 8, slice_cstr(sha1_crayon)},
        {SASL_CREDENTIAL_HASH, 1, SLICE_LIT("hash:pencil")},
        {SASL_CREDENTIAL_APP, 7, digest_slice(&h->app_digest)},
    };
    struct sasl_answer a = {.code = SASL_ANSWER_UNKNOWN, .credentials = credentials};
    for (size_t i = 0; i < name.n; i++)
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    a.account = slice_of(lower, name.n);
    memcpy(credentials, all, sizeof all);
    if (slice_is(a.account, "user") || slice_is(a.account, "off")) {
        a.code = slice_is(a.account, "off") ? SASL_ANSWER_DISABLED : SASL_ANSWER_YES;
        a.count = CREDENTIALS;
    } else if (slice_is(a.account, "app") || slice_is(a.account, "weak")) {
        a.code = SASL_ANSWER_YES;
        a.credentials = credentials + (slice_is(a.account, "app") ? 5 : 4);
        a.count = 1;
    } else if (slice_is(a.account, "far") || slice_is(a.account, "faroff")) {
        a.code = SASL_ANSWER_YES;
        credentials[0] = (struct sasl_credential){.kind = SASL_CREDENTIAL_REMOTE, .id = 9};
        a.count = 1;
    }
    return a;
}

static enum sasl_answer_code verify(const struct sasl_question *q)
{
    if (q->hash.n == 0 && slice_is(q->name, "faroff"))
        return SASL_ANSWER_DISABLED;
    if (q->hash.n == 0)
        return slice_is(q->as_sent.n > 0 ? q->as_sent : q->secret, "pencil") ? SASL_ANSWER_YES
                                                                             : SASL_ANSWER_NO;
    return slice_eq(slice_tail(q->hash, 5), q->secret) ? SASL_ANSWER_YES : SASL_ANSWER_NO;
}

static struct sasl_answer certificate_of(slice secret)
{
    if (slice_is(secret, "cert of user"))
        return (struct sasl_answer){.code = SASL_ANSWER_YES, .account = SLICE_LIT("user")};
    return (struct sasl_answer){.code = slice_is(secret, "cert of off") ? SASL_ANSWER_DISABLED
                                                                        : SASL_ANSWER_UNKNOWN};
}

static struct sasl_answer token_of(slice secret)
{
    static const struct {
        const char *token;
        enum sasl_answer_code code;
    } tokens[] = {
        {"good==", SASL_ANSWER_YES},   {"narrow", SASL_ANSWER_SCOPE},
        {"off", SASL_ANSWER_DISABLED}, {"nobody", SASL_ANSWER_UNKNOWN},
        {"lost", SASL_ANSWER_FAILED},
    };
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        if (slice_is(secret, tokens[i].token))
            return (struct sasl_answer){.code = tokens[i].code, .account = SLICE_LIT("user")};
    if (slice_is(secret, "unnamed"))
        return (struct sasl_answer){.code = SASL_ANSWER_YES};
    return (struct sasl_answer){.code = SASL_ANSWER_NO};
}

static enum sasl_step answer(struct sasl_host *h)
{
    struct sasl_question q = h->s.question;
    struct sasl_credential credentials[CREDENTIALS];
    struct sasl_answer a = {0};
    char *lower = malloc(q.name.n + 1);
    if (lower == NULL)
        abort();
    buf_addf(&h->asked, "%s %.*s%s;", kinds[q.kind], SLICE_ARG(q.name), q.is_fake ? " fake" : "");
    switch (q.kind) {
    case SASL_ASK_CREDENTIALS:
        a = look_up(h, q.name, lower, credentials);
        break;
    case SASL_ASK_PASSWORD:
        a.code = verify(&q);
        break;
    case SASL_ASK_CERTIFICATE:
        a = certificate_of(q.secret);
        break;
    case SASL_ASK_TOKEN:
        a = token_of(q.secret);
        break;
    case SASL_ASK_ACT_AS:
        a.code = slice_is(q.name, "user") && slice_is(q.identity, "list@x.example")
                     ? SASL_ANSWER_YES
                     : SASL_ANSWER_NO;
        break;
    case SASL_QUESTION_COUNT:
        abort();
    }
    if (q.kind == h->dead)
        a.code = SASL_ANSWER_FAILED;
    enum sasl_step step = sasl_answer(&h->s, &a);
    memset(credentials, 0x5a, sizeof credentials);
    memset(lower, 0x5a, q.name.n);
    free(lower);
    return step;
}

static enum sasl_step go_on(struct sasl_host *h, enum sasl_step step)
{
    while (step == SASL_NEED)
        step = answer(h);
    if (step != h->s.step)
        abort();
    const struct sasl_result *r = &h->s.result;
    if (step == SASL_CHALLENGE) {
        buf_adds(&h->said, "S: ");
        buf_add(&h->said, h->s.challenge);
    } else if (step == SASL_OK) {
        buf_addf(&h->said, "OK %.*s as %.*s id=%u bound=%u", SLICE_ARG(r->account),
                 SLICE_ARG(r->authorization), (unsigned)r->credential, (unsigned)r->is_bound);
    } else {
        buf_addf(&h->said, "FAIL %u ", (unsigned)h->s.reason);
        buf_add(&h->said, sasl_cause_word(h->s.cause));
    }
    buf_addc(&h->said, '\n');
    return step;
}

/* In memory of exactly its size, so that a sanitizer sees each byte too far, and each one late. */
static char *own_copy(slice s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);
    if (p == NULL)
        abort();
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

enum sasl_step sasl_host_start(struct sasl_host *h, slice mechanism, const slice *initial)
{
    enum sasl_mechanism m = sasl_mechanism_find(mechanism);
    if (m < SASL_MECHANISM_COUNT)
        h->facts.nonce = nonce_of(m);
    if (h->knows != NULL) {
        memcpy(h->s.is_answered, h->knows->s.is_answered, sizeof h->s.is_answered);
        memcpy(h->s.answers, h->knows->s.answers, sizeof h->s.answers);
    }
    if (initial == NULL)
        return go_on(h, sasl_start(&h->s, mechanism, NULL));
    char *p = own_copy(*initial);
    slice copy = slice_of(p, initial->n);
    enum sasl_step step = sasl_start(&h->s, mechanism, &copy);
    memset(p, 0x5a, initial->n);
    free(p);
    return go_on(h, step);
}

enum sasl_step sasl_host_feed(struct sasl_host *h, slice response)
{
    char *p = own_copy(response);
    enum sasl_step step = sasl_feed(&h->s, slice_of(p, response.n));
    memset(p, 0x5a, response.n);
    free(p);
    return go_on(h, step);
}
