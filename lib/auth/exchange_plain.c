/* PLAIN (RFC 4616) and LOGIN: the client sends the password itself. */
#include "lib/auth/app_password.h"
#include "lib/auth/sasl_int.h"
#include "lib/base/secret.h"
#include "lib/base/utf8.h"

enum { NAME_MAX_BYTES = 1024 };

/* Which of the account's app passwords it is; NULL when none. All are looked at, whichever fits. */
static const struct sasl_credential *find_app_password(const struct sasl_answer *kept, slice typed)
{
    const struct sasl_credential *found = NULL;
    struct app_password password;
    struct digest_value digest;
    if (!app_password_read(typed, &password))
        return NULL;
    bool ok = app_password_digest(&password, &digest);
    secret_wipe(&password, sizeof password);
    for (size_t i = 0; ok && i < kept->count; i++)
        if (kept->credentials[i].kind == SASL_CREDENTIAL_APP &&
            secret_eq(kept->credentials[i].text, digest_slice(&digest)))
            found = &kept->credentials[i];
    secret_wipe(&digest, sizeof digest);
    return found;
}

static const struct sasl_credential *find_hash(const struct sasl_answer *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        if (kept->credentials[i].kind == SASL_CREDENTIAL_HASH ||
            kept->credentials[i].kind == SASL_CREDENTIAL_REMOTE)
            return &kept->credentials[i];
    return NULL;
}

/* Why a password was not good, as the log shall know it. */
static enum sasl_cause cause_of(const struct sasl_answer *kept, const struct sasl_credential *hash,
                                enum sasl_answer_code said)
{
    if (kept->code == SASL_ANSWER_DISABLED || (hash != NULL && said == SASL_ANSWER_DISABLED))
        return SASL_CAUSE_DISABLED;
    if (kept->code != SASL_ANSWER_YES || (hash != NULL && said == SASL_ANSWER_UNKNOWN))
        return SASL_CAUSE_UNKNOWN_USER;
    return hash == NULL ? SASL_CAUSE_NO_SECRET : SASL_CAUSE_WRONG_SECRET;
}

static enum sasl_step check_password(struct sasl *s, slice name, slice typed, slice identity)
{
    slice password;
    if (!sasl_prep(s, name, &s->name) || !sasl_prep(s, typed, &password))
        return s->step;
    const struct sasl_answer *kept =
        sasl_ask(s, &(struct sasl_question){.kind = SASL_ASK_CREDENTIALS, .name = s->name});
    if (kept == NULL)
        return s->step;
    struct sasl_result result = {.account = kept->account};
    const struct sasl_credential *fits = find_app_password(kept, password);
    if (fits != NULL && kept->code == SASL_ANSWER_YES) {
        result.credential = fits->id;
        return sasl_settle(s, &result, s->name, identity);
    }
    /* Whether there is an account, and whether it may sign in, costs the same hash. */
    const struct sasl_credential *hash =
        kept->code == SASL_ANSWER_YES || kept->code == SASL_ANSWER_DISABLED ? find_hash(kept)
                                                                            : NULL;
    const struct sasl_answer *said =
        sasl_ask(s,
                 &(struct sasl_question){.kind = SASL_ASK_PASSWORD,
                                         .is_fake = hash == NULL,
                                         .name = kept->account,
                                         .secret = password,
                                         .as_sent = slice_eq(typed, password) ? (slice){0} : typed,
                                         .hash = hash == NULL ? s->facts->fake_hash : hash->text});
    if (said == NULL)
        return s->step;
    if (hash == NULL || kept->code != SASL_ANSWER_YES || said->code != SASL_ANSWER_YES)
        return sasl_fail(s, cause_of(kept, hash, said->code));
    result.credential = hash->id;
    if (hash->kind == SASL_CREDENTIAL_REMOTE && said->account.n > 0)
        result.account = said->account;
    return sasl_settle(s, &result, s->name, identity);
}

/* RFC 4616 2: [authzid] NUL authcid NUL passwd. */
enum sasl_step sasl_plain(struct sasl *s)
{
    slice rest = s->response;
    size_t first = slice_find(rest, '\0');
    slice identity = slice_head(rest, first), name, password;
    if (first == rest.n)
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    rest = slice_tail(rest, first + 1);
    size_t second = slice_find(rest, '\0');
    name = slice_head(rest, second);
    password = slice_tail(rest, second + 1);
    if (second == rest.n || name.n == 0 || password.n == 0 || identity.n > NAME_MAX_BYTES ||
        name.n > NAME_MAX_BYTES || slice_find(password, '\0') < password.n ||
        !utf8_is_valid(s->response))
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    return check_password(s, name, password, identity);
}

static bool is_text(slice s)
{
    return s.n > 0 && slice_find(s, '\0') == s.n && utf8_is_valid(s);
}

static enum sasl_step login_password(struct sasl *s)
{
    if (!is_text(s->response))
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    return check_password(s, s->login_name, s->response, (slice){0});
}

/* The draft has "User Name" and "Password" for challenges; clients look for these, if at all. */
enum sasl_step sasl_login_name(struct sasl *s)
{
    if (!is_text(s->response) || s->response.n > NAME_MAX_BYTES)
        return sasl_fail(s, SASL_CAUSE_SYNTAX);
    s->login_name = s->response;
    return sasl_say(s, SLICE_LIT("Password:"), login_password);
}
