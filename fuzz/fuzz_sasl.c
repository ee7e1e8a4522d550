/* A whole SASL exchange, twice: once with late answers, once with all of them there beforehand.
 * What is said must be the same, and nobody signs in who has not proven anything.
 *
 * The first byte chooses the mechanism, the second the world; the rest is the client's responses,
 * a line each. */
#include "fuzz/fuzz.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 40000)
        return 0;
    struct sasl_host late, prompt;
    slice mechanism = sasl_mechanism_get(data[0] % 16 % SASL_MECHANISM_COUNT)->name;
    bool has_initial = (data[0] & 0x10) == 0;
    choose(&late, data[1]);
    run(&late, mechanism, has_initial, slice_of(data + 2, n - 2));
    choose(&prompt, data[1]);
    prompt.knows = &late;
    run(&prompt, mechanism, has_initial, slice_of(data + 2, n - 2));
    FUZZ_CHECK(prompt.asked.n == 0);
    FUZZ_CHECK(slice_eq(buf_slice(&late.said), buf_slice(&prompt.said)));
    sasl_host_release(&prompt);
    sasl_host_release(&late);
    return 0;
}
