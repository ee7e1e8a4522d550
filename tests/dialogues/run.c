/* run [--all] FILE...: holds each conversation against the session, cut and answered in several
 * ways. With --all the files are all that there are, and together they have to show everything that
 * coverage.h knows of.
 *
 *   # comment
 *   = KEY VALUE        before the first line of the conversation: what the world is like (below)
 *   C: line            the client sends it, with CRLF
 *   C| text            the client sends exactly this: \r \n \t \0 \\ \xHH are understood
 *   C* COUNT text      the same, COUNT times over
 *   S: line            the server answers this line; '*' stands for anything
 *   S+ line            ... this line and all further ones that fit it
 *   S  (closed)        ... and has closed the connection
 *   T: ok | fails      the TLS handshake ends
 *   R: revoke          what the client signed in with is taken back
 *   R: shutdown        the server goes down
 *   W: SECONDS         time passes
 *   M: text            the last message that was stored has this line ('*' as above)
 *   M| text            ... with the escapes of C|
 *   N: text            no stored message has it
 *
 * Every line that the server says must stand there. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/ascii.h"
#include "tests/dialogues/coverage.h"
#include "tests/support/session_host.h"

struct run {
    struct session_host host;
    const char *file;
    size_t line_number;
    size_t said_at; /* what of host.said was compared */
    size_t chunk;
    bool has_begun;
    bool has_bytes_together; /* what it is about is seen in one piece alone */
    bool failed;
};

static void fail(struct run *r, const char *what, slice text)
{
    fprintf(stderr, "%s:%zu: (chunk %zu, answers %s) %s: %.*s\n", r->file, r->line_number, r->chunk,
            r->host.answers_late ? "late" : "prompt", what, SLICE_ARG(text));
    r->failed = true;
}

/* Does text fit the pattern, in which '*' stands for any run of bytes? */
static bool fits(slice pattern, slice text)
{
    size_t star = slice_find(pattern, '*');
    if (star == pattern.n)
        return slice_eq(pattern, text);
    if (!slice_starts(text, slice_head(pattern, star)))
        return false;
    slice rest = slice_tail(pattern, star + 1);
    for (size_t i = star; i <= text.n; i++)
        if (fits(rest, slice_tail(text, i)))
            return true;
    return false;
}

static void unescape(struct buf *out, slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\\' || i + 1 == s.n) {
            buf_addc(out, s.p[i]);
            continue;
        }
        char c = s.p[++i];
        if (c == 'x' && i + 2 < s.n && ascii_is_hex(s.p[i + 1]) && ascii_is_hex(s.p[i + 2])) {
            buf_addc(out, (char)(ascii_hex_value(s.p[i + 1]) * 16 + ascii_hex_value(s.p[i + 2])));
            i += 2;
        } else {
            buf_addc(out, c == 'r'   ? '\r'
                          : c == 'n' ? '\n'
                          : c == 't' ? '\t'
                          : c == '0' ? '\0'
                                     : c);
        }
    }
}

static bool number(slice s, uint64_t *ret)
{
    return slice_to_u64(s, UINT64_MAX, ret);
}

/* "= auth optional|required|without MECHANISM", "= sign-in WHAT" as directory may answer,
 * "= client shown|hidden|with-certificate|with-binding", "= sender ADDRESS WHAT [NUMBER SECONDS]".
 */
static void set_auth(struct run *r, slice key, slice value)
{
    struct session_host *h = &r->host;
    slice word = {0}, what;
    uint64_t number_of = 0, window_s = 0;
    (void)slice_split(&value, ' ', &word);
    if (slice_is(key, "auth")) {
        if (h->policy.auth_mechanisms == 0)
            h->policy.auth_mechanisms = (1U << SASL_MECHANISM_COUNT) - 1;
        h->policy.auth_required = h->policy.auth_required || slice_is(word, "required");
        if (slice_is(word, "without"))
            h->policy.auth_mechanisms &= ~(1U << sasl_mechanism_find(value));
    } else if (slice_is(key, "client")) {
        h->policy.hides_client = h->policy.hides_client || slice_is(word, "hidden");
        h->has_certificate = h->has_certificate || slice_is(word, "with-certificate");
        h->has_binding = h->has_binding || slice_is(word, "with-binding");
    } else if (slice_is(key, "sign-in")) {
        h->has_auth = true;
        h->auth.state = slice_is(word, "fails") ? ANSWER_FAILED : ANSWER_GIVEN;
        h->auth.code = slice_is(word, "too-weak")   ? AUTH_TOO_WEAK
                       : slice_is(word, "too-many") ? AUTH_TOO_MANY
                       : slice_is(word, "in-clear") ? AUTH_IN_CLEAR
                       : slice_is(word, "unknown")  ? AUTH_UNKNOWN
                                                    : AUTH_UNAVAILABLE;
    } else if (h->sender_count < HOST_SENDERS) {
        struct answer *a = &h->senders[h->sender_count].answer;
        h->senders[h->sender_count++].address = slice_is(word, "<>") ? (slice){0} : word;
        (void)slice_split(&value, ' ', &what);
        if (slice_split(&value, ' ', &word))
            (void)number(word, &number_of);
        (void)number(value, &window_s);
        *a = (struct answer){.state = slice_is(what, "fails") ? ANSWER_FAILED : ANSWER_GIVEN,
                             .code = slice_is(what, "yes")       ? SENDER_YES
                                     : slice_is(what, "limited") ? SENDER_LIMITED
                                     : slice_is(what, "over")    ? SENDER_OVER
                                                                 : SENDER_NOT_OWN,
                             .number = number_of,
                             .window_s = (uint32_t)window_s};
    }
}

/* "= KEY VALUE" */
static void set(struct run *r, slice key, slice value)
{
    struct session_host *h = &r->host;
    struct session_policy *p = &h->policy;
    uint64_t n = 0;
    bool is_number = number(value, &n);
    slice word;
    if (slice_is(key, "size") && is_number)
        p->max_message_bytes = n;
    else if (slice_is(key, "header") && is_number)
        p->max_header_bytes = (uint32_t)n;
    else if (slice_is(key, "recipients") && is_number)
        p->max_recipients = (uint32_t)n;
    else if (slice_is(key, "errors") && is_number)
        p->max_errors = (uint32_t)n;
    else if (slice_is(key, "commands") && is_number)
        p->max_commands = (uint32_t)n;
    else if (slice_is(key, "messages") && is_number)
        p->max_messages = (uint32_t)n;
    else if (slice_is(key, "link"))
        p->link = value;
    else if (slice_is(key, "starttls"))
        p->starttls = slice_is(value, "no")            ? STARTTLS_NO
                      : slice_is(value, "unavailable") ? STARTTLS_UNAVAILABLE
                                                       : STARTTLS_OFFERED;
    else if (slice_is(key, "tls") && slice_is(value, "required"))
        p->tls_required = true;
    else if (slice_is(key, "name"))
        h->client_name = value;
    else if (slice_is(key, "refuse") && ip_net_parse(value, &h->refused[p->refused_count]) == IP_OK)
        p->refused_count++;
    else if (slice_is(key, "proxy") && ip_net_parse(value, &h->proxies[p->proxies_count]) == IP_OK)
        p->proxies_count++;
    else if (slice_is(key, "expn"))
        p->has_expn = true;
    else if (slice_is(key, "protocol"))
        p->is_lmtp = slice_is(value, "lmtp");
    else if (slice_is(key, "pause") && is_number)
        p->times.pause_ms = (uint32_t)n * 1000;
    else if (slice_is(key, "session") && is_number)
        p->times.session_ms = (uint32_t)n * 1000;
    else if (slice_is(key, "early-commands") && slice_is(value, "refused"))
        p->refuses_early = r->has_bytes_together = true;
    else if (slice_is(key, "sessions"))
        h->admit = slice_is(value, "too-many-here") ? ADMIT_TOO_MANY_HERE : ADMIT_TOO_MANY;
    else if (slice_is(key, "space"))
        h->space = SPACE_LOW;
    else if (slice_is(key, "commit") && slice_is(value, "lost"))
        h->commit_is_lost = true;
    else if (slice_is(key, "store"))
        h->store_fails = slice_is(value, "fails");
    else if (slice_is(key, "commit"))
        h->commit = slice_is(value, "full")        ? COMMIT_FULL
                    : slice_is(value, "not-asked") ? COMMIT_NOT_ASKED
                                                   : COMMIT_FAILED;
    else if (slice_is(key, "dead")) {
        h->directory_is_dead = slice_is(value, "directory");
        h->queue_is_dead = slice_is(value, "queue");
        h->counters_are_dead = slice_is(value, "counters");
    } else if (slice_is(key, "answers") && slice_is(value, "never"))
        h->answers_never = true;
    else if (slice_is(key, "auth") || slice_is(key, "sign-in") || slice_is(key, "sender") ||
             slice_is(key, "client"))
        set_auth(r, key, value);
    else if (slice_is(key, "mailbox") && slice_split(&value, ' ', &word)) {
        h->recipients[h->recipient_count].address = word;
        (void)slice_split(&value, ' ', &word);
        h->recipients[h->recipient_count].moved_to = value;
        h->recipients[h->recipient_count++].code = slice_is(word, "disabled") ? RECIPIENT_DISABLED
                                                   : slice_is(word, "forwarded")
                                                       ? RECIPIENT_FORWARDED
                                                   : slice_is(word, "moved")    ? RECIPIENT_MOVED
                                                   : slice_is(word, "full")     ? RECIPIENT_FULL
                                                   : slice_is(word, "overfull") ? RECIPIENT_OVERFULL
                                                                                : RECIPIENT_YES;
    } else
        fail(r, "not understood", key);
}

/* The next line that the server has said; false when there is none. */
static bool take_said(struct run *r, slice *ret)
{
    slice left = slice_tail(buf_slice(&r->host.said), r->said_at);
    size_t end = slice_find_slice(left, SLICE_LIT("\r\n"));
    if (end == left.n)
        return false;
    *ret = slice_head(left, end);
    r->said_at += end + 2;
    return true;
}

static void expect(struct run *r, slice pattern)
{
    slice said;
    if (!take_said(r, &said))
        fail(r, "the server says nothing, wanted", pattern);
    else if (!fits(pattern, said))
        fail(r, "the server says something else", said);
}

static void expect_some(struct run *r, slice pattern)
{
    expect(r, pattern);
    for (;;) {
        size_t at = r->said_at;
        slice said;
        if (!take_said(r, &said))
            return;
        if (!fits(pattern, said)) {
            r->said_at = at;
            return;
        }
    }
}

static void expect_silence(struct run *r)
{
    slice said;
    if (!r->failed && take_said(r, &said))
        fail(r, "not expected", said);
}

static void send(struct run *r, slice bytes)
{
    if (!r->host.wants_tls)
        session_host_feed(&r->host, bytes, r->chunk);
}

static void send_escaped(struct run *r, slice text, uint64_t times)
{
    struct buf bytes;
    buf_init(&bytes, 16 * 1024 * 1024);
    while (times-- > 0)
        unescape(&bytes, text);
    send(r, buf_slice(&bytes));
    buf_release(&bytes);
}

static bool is_in_message(const struct run *r, slice pattern)
{
    slice all = buf_slice(&r->host.messages), line;
    while (slice_split(&all, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (fits(pattern, line))
            return true;
    }
    return false;
}

static void expect_in_message(struct run *r, slice pattern, bool is_wanted)
{
    if (is_in_message(r, pattern) != is_wanted)
        fail(r, is_wanted ? "no such line in a stored message" : "such a line in a stored message",
             pattern);
}

static void step(struct run *r, slice line)
{
    char kind = line.p[0], form = line.n > 1 ? line.p[1] : ' ';
    slice text = slice_tail(line, line.n > 2 ? 3 : 2);
    if (kind == '=') {
        slice key;
        text = slice_tail(line, 2);
        if (slice_split(&text, ' ', &key))
            set(r, key, text);
        return;
    }
    if (!r->has_begun) {
        r->has_begun = true;
        session_host_begin(&r->host);
    }
    if (kind == 'S' && form == ':') {
        expect(r, text);
        return;
    }
    if (kind == 'S' && form == '+') {
        expect_some(r, text);
        return;
    }
    if (kind == 'S') {
        if (!r->host.is_closed)
            fail(r, "the server has not closed", text);
        return;
    }
    if (kind != 'C' || form == ':')
        expect_silence(r);
    if (kind == 'C' && form == ':') {
        struct buf bytes;
        buf_init(&bytes, 1024 * 1024);
        buf_add(&bytes, text);
        buf_adds(&bytes, "\r\n");
        send(r, buf_slice(&bytes));
        buf_release(&bytes);
    } else if (kind == 'C') {
        uint64_t times = 1;
        slice count;
        if (form == '*' && (!slice_split(&text, ' ', &count) || !number(count, &times)))
            fail(r, "not understood", line);
        send_escaped(r, text, times);
    } else if (kind == 'T') {
        session_host_tls(&r->host, slice_is(text, "ok"));
    } else if (kind == 'R') {
        if (slice_is(text, "shutdown"))
            session_host_shutdown(&r->host);
        else
            session_host_revoke(&r->host);
    } else if (kind == 'M' || kind == 'N') {
        struct buf pattern;
        buf_init(&pattern, 65536);
        if (form == '|')
            unescape(&pattern, text);
        expect_in_message(r, form == '|' ? buf_slice(&pattern) : text, kind == 'M');
        buf_release(&pattern);
    } else {
        uint64_t seconds = 0;
        if (kind != 'W' || !number(text, &seconds))
            fail(r, "not understood", line);
        session_host_wait(&r->host, seconds * 1000);
    }
}

static bool run_once(const char *file, slice text, size_t chunk, bool late)
{
    struct run r = {.file = file, .chunk = chunk};
    slice line;
    session_host_init(&r.host);
    r.host.answers_late = late;
    while (!r.failed && !(r.has_bytes_together && chunk != 0) && slice_split(&text, '\n', &line)) {
        r.line_number++;
        if (line.n > 0 && line.p[0] != '#')
            step(&r, line);
    }
    if (!r.has_begun && !r.has_bytes_together)
        fail(&r, "an empty conversation", (slice){0});
    expect_silence(&r);
    session_host_release(&r.host);
    return !r.failed;
}

static bool read_file(const char *name, struct buf *out)
{
    FILE *f = fopen(name, "rb");
    if (f == NULL)
        return false;
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_add(out, slice_of(piece, n));
    return fclose(f) == 0 && out->err == BUF_OK;
}

int main(int argc, char **argv)
{
    static const struct {
        size_t chunk;
        bool late;
    } ways[] = {{0, false}, {1, false}, {1, true}, {7, true}, {0, true}};
    size_t passed = 0, failed = 0;
    bool is_all = argc > 1 && slice_is(slice_cstr(argv[1]), "--all");
    for (int i = is_all ? 2 : 1; i < argc; i++) {
        struct buf text;
        buf_init(&text, 1024 * 1024);
        bool ok = read_file(argv[i], &text);
        for (size_t w = 0; ok && w < sizeof ways / sizeof ways[0]; w++)
            ok = run_once(argv[i], buf_slice(&text), ways[w].chunk, ways[w].late);
        coverage_take(ok);
        *(ok ? &passed : &failed) += 1;
        if (!ok)
            fprintf(stderr, "FAILED %s\n", argv[i]);
        buf_release(&text);
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    if (is_all && !coverage_print())
        failed++;
    return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
