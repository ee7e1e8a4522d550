#include "tests/dialogues/coverage.h"

#include <stdio.h>

#include "lib/session/session_int.h"

enum place {
    BEFORE_HELLO,
    READY,
    AFTER_MAIL,
    AFTER_RCPT,
    BETWEEN_CHUNKS,
    AFTER_REFUSAL,
    WITHOUT_TLS,     /* which is required */
    WITHOUT_SIGN_IN, /* which is required */
    OVER_LMTP,
    PLACES
};
static const char *const place_names[PLACES] = {
    "before EHLO",          "between messages",   "after MAIL",    "after RCPT", "between chunks",
    "after a 554 greeting", "without needed TLS", "not signed in", "over LMTP",
};

static const struct {
    const char *word;
    enum args_rule args;
} verbs[VERB_COUNT] = {
#define VERB(id, word, states, args, handler, source) {word, args},
#include "lib/session/verbs.def"
#undef VERB
};

/* RFC 1870, 6152 and 3030, 6531, 8689, 4954 5 */
static const char *const parameters[] = {"SIZE", "BODY", "SMTPUTF8", "REQUIRETLS", "AUTH"};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };
static const enum reason_id parameter_ends[] = {REASON_SENDER_OK, REASON_PARAMETER_VALUE_BAD,
                                                REASON_PARAMETER_REPEATED,
                                                REASON_MAIL_PARAMETER_UNKNOWN};
enum { PARAMETER_ENDS = sizeof parameter_ends / sizeof parameter_ends[0] };

static const enum reason_id mechanism_ends[] = {
    REASON_AUTH_SUCCEEDED, REASON_AUTH_FAILED,    REASON_AUTH_CANCELLED,
    REASON_AUTH_MALFORMED, REASON_AUTH_TEMPORARY, REASON_AUTH_MECHANISM_UNKNOWN};
enum { MECHANISM_ENDS = sizeof mechanism_ends / sizeof mechanism_ends[0] };

static const char *const keywords[] = {"PIPELINING", "SIZE",
                                       "8BITMIME",   "SMTPUTF8",
                                       "CHUNKING",   "BINARYMIME",
                                       "LIMITS",     "ENHANCEDSTATUSCODES",
                                       "STARTTLS",   "REQUIRETLS",
                                       "AUTH",       "EXPN",
                                       "XCLIENT",    "XFORWARD"};
enum { KEYWORDS = sizeof keywords / sizeof keywords[0] };

/* What no conversation here can show, and why. What Candor only explains has no reply and needs no
 * row. */
static const struct {
    enum reason_id reason;
    const char *why;
} unseen[] = {
    {REASON_PROXY_HEADER_BAD, "src/smtpd says it before there is a session: tests/test_proxy.py"},
    {REASON_TLS_NEEDED_HERE, "src/smtpd says it under no session: tests/test_out_of_turn.py"},
    {REASON_OUT_OF_MEMORY, "nothing here runs out of memory"},
};
enum { UNSEEN = sizeof unseen / sizeof unseen[0] };

struct seen {
    bool reasons[REASON_COUNT];
    bool verbs[VERB_COUNT][PLACES];
    bool arguments[VERB_COUNT];
    bool parameters[PARAMETERS][PARAMETER_ENDS];
    bool mechanisms[SASL_MECHANISM_COUNT][MECHANISM_ENDS];
    bool keywords[KEYWORDS];
};
static struct seen now, all;

/* The command that is being answered. */
static enum verb_id verb = VERB_COUNT;
static enum sasl_mechanism mechanism = SASL_MECHANISM_COUNT;
static bool has_parameter[PARAMETERS];

static void see_places(const struct session *s, enum verb_id v)
{
    bool *seen = now.verbs[v];
    if (s->policy->is_lmtp) {
        seen[OVER_LMTP] = true;
        return;
    }
    bool is_ready = s->state == STATE_READY;
    seen[BEFORE_HELLO] |= s->state == STATE_GREETED;
    seen[READY] |= is_ready;
    seen[AFTER_MAIL] |= s->state == STATE_IN_MAIL;
    seen[AFTER_RCPT] |= s->state == STATE_IN_RCPT;
    seen[BETWEEN_CHUNKS] |= s->state == STATE_IN_CHUNKS;
    seen[AFTER_REFUSAL] |= s->state == STATE_REFUSED;
    seen[WITHOUT_TLS] |= is_ready && s->policy->tls_required && !s->has_tls;
    seen[WITHOUT_SIGN_IN] |= is_ready && s->policy->auth_required && s->sign_in == NULL;
}

static void look_at_mail(slice args)
{
    slice one;
    while (slice_split(&args, ' ', &one))
        for (size_t i = 0; i < PARAMETERS; i++)
            if (slice_is_ci(slice_head(one, slice_find(one, '=')), parameters[i]))
                has_parameter[i] = true;
}

void __real_verb_dispatch(struct session *s, const struct turn *t, const struct line *line);
void __wrap_verb_dispatch(struct session *s, const struct turn *t, const struct line *line);
void __wrap_verb_dispatch(struct session *s, const struct turn *t, const struct line *line)
{
    struct command c = command_split(line->text);
    verb = VERB_COUNT;
    mechanism = SASL_MECHANISM_COUNT;
    memset(has_parameter, 0, sizeof has_parameter);
    for (enum verb_id v = 0; v < VERB_COUNT; v++)
        if (slice_is_ci(c.verb, verbs[v].word)) {
            verb = v;
            see_places(s, v);
        }
    if (verb == VERB_AUTH)
        mechanism = sasl_mechanism_find(command_split(c.args).verb);
    if (verb == VERB_MAIL)
        look_at_mail(c.args);
    __real_verb_dispatch(s, t, line);
}

static void see_keywords(const slice *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < KEYWORDS; k++)
            if (slice_is(slice_head(lines[i], slice_find(lines[i], ' ')), keywords[k]))
                now.keywords[k] = true;
}

enum reply_made __real_reply_make(struct buf *out, enum reason_id id,
                                  const struct reply_facts *facts);
enum reply_made __wrap_reply_make(struct buf *out, enum reason_id id,
                                  const struct reply_facts *facts);
enum reply_made __wrap_reply_make(struct buf *out, enum reason_id id,
                                  const struct reply_facts *facts)
{
    now.reasons[id] = true;
    if (verb < VERB_COUNT && ((verbs[verb].args == ARGS_NONE && id == REASON_ARGUMENT_UNEXPECTED) ||
                              (verbs[verb].args == ARGS_NEEDED && id == REASON_ARGUMENT_MISSING) ||
                              verbs[verb].args == ARGS_FREE))
        now.arguments[verb] = true;
    for (size_t e = 0; verb == VERB_MAIL && e < PARAMETER_ENDS; e++)
        for (size_t p = 0; p < PARAMETERS; p++)
            now.parameters[p][e] |= has_parameter[p] && parameter_ends[e] == id;
    for (size_t e = 0; mechanism < SASL_MECHANISM_COUNT && e < MECHANISM_ENDS; e++)
        now.mechanisms[mechanism][e] |= mechanism_ends[e] == id;
    if (id == REASON_EHLO_OK)
        see_keywords(facts->lines, facts->lines_n);
    return __real_reply_make(out, id, facts);
}

void coverage_take(bool is_good)
{
    bool *to = (bool *)&all, *from = (bool *)&now;
    for (size_t i = 0; is_good && i < sizeof all / sizeof *to; i++)
        to[i] |= from[i];
    now = (struct seen){0};
    verb = VERB_COUNT;
    mechanism = SASL_MECHANISM_COUNT;
}

struct sum {
    size_t seen, empty;
};

static void count(struct sum *sum, bool is_seen, const char *what, const char *where)
{
    *(is_seen ? &sum->seen : &sum->empty) += 1;
    if (!is_seen)
        printf("no conversation shows %s %s\n", what, where);
}

static void count_reasons(struct sum *sum)
{
    bool is_left_out[REASON_COUNT] = {false};
    for (size_t i = 0; i < UNSEEN; i++) {
        is_left_out[unseen[i].reason] = true;
        if (all.reasons[unseen[i].reason])
            printf("shown after all: %s\n", reason_of(unseen[i].reason)->id);
    }
    for (enum reason_id r = 0; r < REASON_COUNT; r++)
        if (!is_left_out[r] && reason_of(r)->reply[0] != '\0')
            count(sum, all.reasons[r], reason_of(r)->id, "");
}

bool coverage_print(void)
{
    struct sum sum = {0};
    count_reasons(&sum);
    for (enum verb_id v = 0; v < VERB_COUNT; v++) {
        for (enum place p = 0; p < PLACES; p++)
            count(&sum, all.verbs[v][p], verbs[v].word, place_names[p]);
        count(&sum, all.arguments[v], verbs[v].word,
              verbs[v].args == ARGS_NONE ? "with an argument" : "without an argument");
    }
    for (size_t p = 0; p < PARAMETERS; p++)
        for (size_t e = 0; e < PARAMETER_ENDS; e++)
            count(&sum, all.parameters[p][e], parameters[p], reason_of(parameter_ends[e])->id);
    for (enum sasl_mechanism m = 0; m < SASL_MECHANISM_COUNT; m++)
        for (size_t e = 0; e < MECHANISM_ENDS; e++)
            count(&sum, all.mechanisms[m][e], sasl_mechanism_get(m)->name.p,
                  reason_of(mechanism_ends[e])->id);
    for (size_t k = 0; k < KEYWORDS; k++)
        count(&sum, all.keywords[k], "EHLO with", keywords[k]);
    printf("%zu of %zu things shown\n", sum.seen, sum.seen + sum.empty);
    return sum.empty == 0;
}
