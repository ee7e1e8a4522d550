/* The whole session, twice: once with the bytes in one piece and every answer at once, once cut
 * into pieces and with late answers. What it says and what it stores must be the same.
 *
 * The first byte chooses the pieces and the world; the rest is what the client sends. With 0xa0 in
 * it the client is on port 465, where it has to sign in (sasl_host.h has the accounts) and may ask
 * who is on a list; with 0x60 LMTP is spoken; with 0xc0 the bytes begin with a PROXY header, and
 * XCLIENT and XFORWARD are taken from 192.0.2.0/24.
 *
 * 0xff and a letter in the bytes is something that happens meanwhile: t, f the TLS handshake ends
 * well or not; w time passes; r what the client signed in with is taken back; s the server goes
 * down. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/smtp/proxy.h"
#include "tests/support/session_host.h"

enum { WORLD = 0xe0, SUBMISSION = 0xa0, LMTP = 0x60, PROXIED = 0xc0 };

/* What a load balancer says first, cut as the rest is; false: there is no session. */
static bool take_header(slice *in, size_t piece, struct session_client *client)
{
    struct proxy_reader r;
    struct proxy_header header;
    enum proxy_event event = PROXY_MORE;
    proxy_reader_init(&r);
    while (event == PROXY_MORE && in->n > 0) {
        slice one = slice_head(*in, piece == 0 ? in->n : piece);
        size_t n = one.n;
        event = proxy_take(&r, &one, &header);
        *in = slice_tail(*in, n - one.n);
    }
    if (event == PROXY_DONE && !header.is_local) {
        client->ip = header.source;
        client->port = header.source_port;
    }
    return event == PROXY_DONE;
}

static void begin(struct session_host *h, uint8_t choice, bool late, slice *in, size_t piece)
{
    session_host_init(h);
    h->answers_late = late;
    h->policy.max_message_bytes = 40000;
    h->directory_is_dead = (choice & 0x40) != 0;
    h->policy.tls_required = (choice & 0x20) != 0;
    h->commit = (choice & 0x80) != 0 ? COMMIT_FULL : COMMIT_DONE;
    bool is_submission = (choice & SUBMISSION) == SUBMISSION;
    if ((choice & WORLD) == LMTP) {
        h->policy.is_lmtp = true;
        h->policy.tls_required = h->directory_is_dead = false;
    }
    if ((choice & WORLD) == PROXIED) {
        h->proxies[0] = (struct ip_net){{.family = IP_V4, .bytes = {192, 0, 2, 0}}, 24};
        h->policy.proxies_count = 1;
        h->directory_is_dead = false;
        h->commit = COMMIT_DONE;
        if (!take_header(in, piece, &h->client)) {
            *in = (slice){0};
            return;
        }
    }
    if (is_submission) {
        h->client.tls = true;
        h->policy.tls_required = false;
        h->policy.auth_mechanisms = (1U << SASL_MECHANISM_COUNT) - 1;
        h->policy.auth_required = true;
        h->commit = COMMIT_DONE;
        h->has_binding = h->has_certificate = true;
        h->policy.has_expn = true;
        h->senders[0].address = SLICE_LIT("limited@example.org");
        h->senders[0].answer =
            (struct answer){.code = SENDER_LIMITED, .number = 5, .window_s = 3600};
        h->senders[1].address = SLICE_LIT("boss@example.org");
        h->senders[1].answer = (struct answer){.code = SENDER_NOT_OWN};
        h->sender_count = 2;
    }
    session_host_begin(h);
    if (is_submission)
        session_host_tls(h, true);
}

/* The bytes up to the next event, and it. */
static slice take_until_event(slice *in, char *event)
{
    slice head = slice_head(*in, slice_find(*in, '\xff'));
    *in = slice_tail(*in, head.n + 1);
    *event = in->n > 0 ? in->p[0] : '\0';
    *in = slice_tail(*in, 1);
    return head;
}

static void happen(struct session_host *h, char event)
{
    if (h->is_closed)
        return;
    if (event == 't' || event == 'f') {
        if (h->wants_tls)
            session_host_tls(h, event == 't');
    } else if (event == 'w') {
        session_host_wait(h, 301000);
    } else if (event == 'r') {
        session_host_revoke(h);
    } else if (event == 's') {
        session_host_shutdown(h);
    }
}

static void run(struct session_host *h, slice in, size_t piece)
{
    while (in.n > 0 && !h->is_closed) {
        char event;
        slice bytes = take_until_event(&in, &event);
        if (!h->wants_tls)
            session_host_feed(h, bytes, piece);
        happen(h, event);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 65536)
        return 0;
    struct session_host whole, cut;
    slice in = slice_of(data + 1, n - 1);
    slice in_whole = in, in_cut = in;
    size_t piece = 1 + (data[0] & 0x1f);
    begin(&whole, data[0], false, &in_whole, 0);
    begin(&cut, data[0], true, &in_cut, piece);
    if (in_whole.n != in_cut.n || (whole.session == NULL) != (cut.session == NULL))
        abort();
    if (whole.session != NULL) {
        run(&whole, in_whole, 0);
        run(&cut, in_cut, piece);
    }
    if (!slice_eq(buf_slice(&whole.said), buf_slice(&cut.said)) ||
        !slice_eq(buf_slice(&whole.messages), buf_slice(&cut.messages)) ||
        whole.is_closed != cut.is_closed || whole.wants_tls != cut.wants_tls)
        abort();
    session_host_release(&whole);
    session_host_release(&cut);
    return 0;
}
