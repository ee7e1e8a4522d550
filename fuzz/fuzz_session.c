/* The whole session, twice: once with the bytes in one piece and every answer at once, once cut
 * into pieces and with late answers. What it says and what it stores must be the same.
 *
 * The first byte chooses the pieces and the world; the rest is what the client sends. */
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
    session_host_begin(h);
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
