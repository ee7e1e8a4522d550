/* The whole session, twice: once with the bytes in one piece and every answer at once, once cut
 * into pieces and with late answers. What it says and what it stores must be the same.
 *
 * The first byte chooses the pieces and the world; the rest is what the client sends. With 0xa0 in
 * it the client is on port 465, where it has to sign in (sasl_host.h has the accounts). */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "tests/support/session_host.h"

static void begin(struct session_host *h, uint8_t choice, bool late)
{
    session_host_init(h);
    h->answers_late = late;
    h->policy.max_message_bytes = 40000;
    h->directory_is_dead = (choice & 0x40) != 0;
    h->policy.tls_required = (choice & 0x20) != 0;
    h->commit = (choice & 0x80) != 0 ? COMMIT_FULL : COMMIT_DONE;
    bool is_submission = (choice & 0xa0) == 0xa0;
    if (is_submission) {
        h->client.tls = true;
        h->policy.tls_required = false;
        h->policy.auth_mechanisms = (1U << SASL_MECHANISM_COUNT) - 1;
        h->policy.auth_required = true;
        h->commit = COMMIT_DONE;
        h->has_binding = h->has_certificate = true;
    }
    session_host_begin(h);
    if (is_submission)
        session_host_tls(h, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 65536)
        return 0;
    struct session_host whole, cut;
    slice in = slice_of(data + 1, n - 1);
    begin(&whole, data[0], false);
    begin(&cut, data[0], true);
    session_host_feed(&whole, in, 0);
    session_host_feed(&cut, in, 1 + (data[0] & 0x1f));
    if (!slice_eq(buf_slice(&whole.said), buf_slice(&cut.said)) ||
        !slice_eq(buf_slice(&whole.messages), buf_slice(&cut.messages)) ||
        whole.is_closed != cut.is_closed || whole.wants_tls != cut.wants_tls)
        abort();
    session_host_release(&whole);
    session_host_release(&cut);
    return 0;
}
