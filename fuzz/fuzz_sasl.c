/* A whole SASL exchange, twice: once with late answers, once with all of them there beforehand.
 * What is said must be the same, and nobody signs in who has not proven anything.
 *
 * The first byte chooses the mechanism, the second the world; the rest is the client's responses,
 * a line each. Where there is no such mechanism, the rest is read as each of the texts that have a
 * form of their own: what is read can be printed, and is then read as the same. */
#include "fuzz/fuzz.h"
#include "lib/auth/app_password.h"
#include "lib/auth/prep.h"
#include "lib/auth/scram.h"
#include "lib/auth/wire.h"
#include "lib/base/base64.h"
#include "lib/base/utf8.h"
#include "tests/support/sasl_host.h"

static void choose(struct sasl_host *h, uint8_t world)
{
    sasl_host_init(h);
    h->facts.is_tls = (world & 1) == 0;
    if ((world & 2) != 0)
        h->facts.offered &= ~(1U << SASL_SCRAM_SHA_256_PLUS | 1U << SASL_SCRAM_SHA_1_PLUS);
    if ((world & 4) != 0)
        h->facts.tls_exporter = (slice){0};
    if ((world & 8) != 0)
        h->facts.certificate = SLICE_LIT("cert of off");
    h->dead = (world >> 4) % (SASL_QUESTION_COUNT + 1);
    if (world >> 4 == 0)
        h->dead = SASL_QUESTION_COUNT;
}

static void run(struct sasl_host *h, slice mechanism, bool has_initial, slice rest)
{
    slice line = {0};
    enum sasl_step step;
    if (has_initial && slice_split(&rest, '\n', &line))
        step = sasl_host_start(h, mechanism, &line);
    else
        step = sasl_host_start(h, mechanism, NULL);
    while (step == SASL_CHALLENGE && slice_split(&rest, '\n', &line))
        step = sasl_host_feed(h, line);
    if (step == SASL_CHALLENGE)
        sasl_abandon(&h->s, SASL_CAUSE_CANCELLED);
    const struct sasl_result *r = &h->s.result;
    FUZZ_CHECK(step != SASL_NEED);
    FUZZ_CHECK((h->s.step == SASL_FAIL) == (h->s.reason != SASL_REASON_NONE));
    FUZZ_CHECK((h->s.step == SASL_OK) == (r->authorization.n > 0));
    FUZZ_CHECK(h->s.step != SASL_OK || !slice_is(r->account, "off"));
    FUZZ_CHECK(!r->is_bound || (sasl_mechanism_get(h->s.mechanism)->flags & SASL_BINDS_FLAG) != 0);
}

static void read_keys(slice in)
{
    struct scram_keys keys, again;
    struct buf out;
    buf_init(&out, SCRAM_TEXT_MAX_BYTES);
    if (scram_read(in, &keys)) {
        scram_print(&out, &keys);
        FUZZ_CHECK(out.err == BUF_OK && scram_read(buf_slice(&out), &again));
        FUZZ_CHECK(keys.digest == again.digest && keys.iterations == again.iterations &&
                   slice_eq(scram_salt(&keys), scram_salt(&again)) &&
                   slice_eq(digest_slice(&keys.stored_key), digest_slice(&again.stored_key)) &&
                   slice_eq(digest_slice(&keys.server_key), digest_slice(&again.server_key)));
    }
    buf_release(&out);
}

static void read_app_password(slice in)
{
    struct app_password password, again;
    char shown[APP_PASSWORD_SHOWN];
    if (!app_password_read(in, &password))
        return;
    app_password_show(&password, shown);
    FUZZ_CHECK(app_password_read(slice_of(shown, sizeof shown), &again));
    FUZZ_CHECK(memcmp(&password, &again, sizeof password) == 0);
}

static void read_wire(slice in)
{
    struct buf bytes, text;
    buf_init(&bytes, AUTH_LINE_MAX_BYTES);
    buf_init(&text, AUTH_LINE_MAX_BYTES);
    if (auth_response_read(in, &bytes) == AUTH_WIRE_OK) {
        base64_encode(&text, buf_slice(&bytes));
        FUZZ_CHECK(slice_eq(buf_slice(&text), in));
    }
    buf_release(&bytes);
    buf_release(&text);
}

static void read_prep(slice in)
{
    struct arena arena;
    slice stored = {0}, query = {0};
    arena_init(&arena, 1 << 20);
    enum prep_err e = prep_sasl(&arena, in, PREP_QUERY, &query);
    FUZZ_CHECK((e == PREP_OK) == (query.n > 0) && utf8_is_valid(query));
    if (prep_sasl(&arena, in, PREP_STORED, &stored) == PREP_OK)
        FUZZ_CHECK(slice_eq(stored, query));
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 40000)
        return 0;
    struct sasl_host late, prompt;
    slice in = slice_of(data + 2, n - 2);
    if (data[0] % 16 >= SASL_MECHANISM_COUNT) {
        read_keys(in);
        read_app_password(in);
        read_wire(in);
        read_prep(in);
        return 0;
    }
    slice mechanism = sasl_mechanism_get(data[0] % 16)->name;
    bool has_initial = (data[0] & 0x10) == 0;
    choose(&late, data[1]);
    run(&late, mechanism, has_initial, in);
    choose(&prompt, data[1]);
    prompt.knows = &late;
    run(&prompt, mechanism, has_initial, in);
    FUZZ_CHECK(prompt.asked.n == 0);
    FUZZ_CHECK(slice_eq(buf_slice(&late.said), buf_slice(&prompt.said)));
    sasl_host_release(&prompt);
    sasl_host_release(&late);
    return 0;
}
