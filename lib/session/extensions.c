/* What EHLO announces, and which parameters MAIL has thereby. Only what acts is announced. */
#include "lib/session/session_int.h"

unsigned extension_mail_params(const struct session *s)
{
    if (!s->is_extended)
        return 0; /* parameters belong to EHLO (RFC 5321 4.1.1.1) */
    unsigned params = MAIL_PARAM_SIZE | MAIL_PARAM_BODY | MAIL_PARAM_SMTPUTF8;
    /* RFC 8689 2: the promise is made under TLS alone. */
    if (s->has_tls)
        params |= MAIL_PARAM_REQUIRETLS;
    /* RFC 4954 5. AUTH itself is not announced any more to who has signed in. */
    if (s->has_tls && s->policy->auth_mechanisms != 0)
        params |= MAIL_PARAM_AUTH;
    return params;
}

/* RFC 9422: what a client may count on; more recipients get 452 all the same. */
static void add_limits(struct buf *line, const struct session_policy *p)
{
    uint64_t recipients =
        p->max_recipients < ENVELOPE_MAX_RCPTS ? p->max_recipients : ENVELOPE_MAX_RCPTS;
    buf_addf(line, "LIMITS RCPTMAX=%llu", (unsigned long long)recipients);
    if (p->max_messages > 0)
        buf_addf(line, " MAILMAX=%u", p->max_messages);
}

void extensions_announce(struct session *s, const struct turn *t)
{
    const struct session_policy *p = s->policy;
    struct buf size, limits, auth;
    buf_init(&size, 32);
    buf_init(&limits, 64);
    buf_init(&auth, 256);
    buf_addf(&size, "SIZE %llu", (unsigned long long)p->max_message_bytes);
    add_limits(&limits, p);
    slice lines[EXTENSIONS_MAX] = {SLICE_LIT("PIPELINING"), buf_slice(&size),
                                   SLICE_LIT("8BITMIME"),   SLICE_LIT("SMTPUTF8"),
                                   SLICE_LIT("CHUNKING"),   SLICE_LIT("BINARYMIME"),
                                   buf_slice(&limits),      SLICE_LIT("ENHANCEDSTATUSCODES")};
    size_t count = 8;
    if (p->starttls == STARTTLS_OFFERED && !s->has_tls)
        lines[count++] = SLICE_LIT("STARTTLS");
    if (s->has_tls)
        lines[count++] = SLICE_LIT("REQUIRETLS");
    if (auth_offer(s) != 0) {
        buf_adds(&auth, "AUTH ");
        sasl_offer_print(&auth, auth_offer(s));
        lines[count++] = buf_slice(&auth);
    }
    /* RFC 5321 3.5.2: where it is served it is announced. */
    if (session_may_expand(s))
        lines[count++] = SLICE_LIT("EXPN");
    if (session_trusts_peer(s)) {
        lines[count++] = SLICE_LIT("XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT");
        lines[count++] = SLICE_LIT("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE");
    }
    struct reply_facts facts = {.lines = lines, .lines_n = count, .is_greeting = true};
    say_facts(s, t, REASON_EHLO_OK, buf_slice(&s->helo), &facts);
    buf_release(&size);
    buf_release(&limits);
    buf_release(&auth);
}
