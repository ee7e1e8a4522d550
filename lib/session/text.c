/* The text of a message, from 354 to CRLF.CRLF, and what its own form says. */
#include "lib/session/session_int.h"

/* RFC 5321 4.5.3.1.6 has 998; real mail is full of longer lines, and to carry it unchanged harms
 * nobody. DEVIATES: only a line that no buffer should meet is refused. */
enum { HEADER_FIELDS = 4096 };

void text_begin(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    dot_decoder_init(&txn->dot, SESSION_TEXT_LINE_BYTES);
    header_walk_init(&txn->walk, s->policy->max_header_bytes, HEADER_FIELDS);
    buf_init(&txn->header, s->policy->max_header_bytes + 1000);
    buf_init(&txn->body, SESSION_INLINE_BYTES);
    txn->is_in_header = true;
    s->mode = MODE_TEXT;
    txn->text_until_ms = t->now_ms + s->policy->times.message_ms;
    s->deadline_ms = t->now_ms + s->policy->times.data_block_ms;
}

static void fault(struct transaction *txn, enum reason_id reason)
{
    if (txn->fault == REASON_NONE)
        txn->fault = reason;
}

/* Body bytes go to the transaction while they are few, then to the store. */
static void take_body(struct session *s, const struct turn *t, slice piece)
{
    struct transaction *txn = s->txn;
    txn->body_bytes += piece.n;
    if (!txn->is_stored && txn->body.n + txn->header.n + piece.n <= SESSION_INLINE_BYTES) {
        buf_add(&txn->body, piece);
        if (txn->body.err != BUF_OK)
            fault(txn, REASON_OUT_OF_MEMORY);
        return;
    }
    txn->is_stored = true;
    buf_add(&t->fx->store, buf_slice(&txn->body));
    buf_release(&txn->body);
    buf_add(&t->fx->store, piece);
    if (t->fx->store.err != BUF_OK)
        fault(txn, REASON_OUT_OF_MEMORY);
}

/* The walk is over: what was taken for the header but is body goes there. */
static void end_header(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    txn->is_in_header = false;
    size_t header_bytes = (size_t)txn->walk.body_at;
    slice rest = slice_tail(buf_slice(&txn->header), header_bytes);
    if (rest.n > 0) {
        txn->header.n = header_bytes;
        take_body(s, t, rest);
    }
}

static void take_header(struct session *s, const struct turn *t, slice *piece)
{
    struct transaction *txn = s->txn;
    struct header_field field;
    slice before = *piece;
    enum header_event event;
    while ((event = header_walk_feed(&txn->walk, piece, &field)) == HEADER_FIELD)
        ;
    buf_add(&txn->header, slice_head(before, before.n - piece->n));
    if (event == HEADER_TOO_BIG || txn->header.err == BUF_FULL)
        fault(txn, REASON_HEADER_TOO_LARGE);
    else if (txn->header.err != BUF_OK)
        fault(txn, REASON_OUT_OF_MEMORY);
    else if (event == HEADER_END)
        end_header(s, t);
}

void text_take(struct session *s, const struct turn *t, slice piece)
{
    struct transaction *txn = s->txn;
    if (txn->dot.size_bytes > s->policy->max_message_bytes)
        fault(txn, REASON_MESSAGE_TOO_BIG);
    if (txn->fault != REASON_NONE)
        return; /* the client says it all before it hears the answer: nothing is kept */
    if (txn->is_in_header)
        take_header(s, t, &piece);
    if (txn->fault == REASON_NONE && piece.n > 0)
        take_body(s, t, piece);
}

/* RFC 5321 2.3.8: a CR or LF that is not in a CRLF must not be sent; to read it as a line end would
 * let one message pass for two elsewhere. */
static enum reason_id form_fault(const struct dot_decoder *dot)
{
    if ((dot->seen & DOT_SEEN_BARE_CR) != 0)
        return REASON_BARE_CR;
    if ((dot->seen & DOT_SEEN_BARE_LF) != 0)
        return REASON_BARE_LF;
    if ((dot->seen & DOT_SEEN_NUL) != 0)
        return REASON_NUL_IN_MESSAGE;
    if ((dot->seen & DOT_SEEN_LONG_LINE) != 0)
        return REASON_LINE_TOO_LONG_IN_MESSAGE;
    return REASON_NONE;
}

void text_end(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    s->mode = MODE_COMMAND;
    if (txn->is_in_header && txn->fault == REASON_NONE) {
        struct header_field field;
        enum header_event event;
        while ((event = header_walk_finish(&txn->walk, &field)) == HEADER_FIELD)
            ;
        end_header(s, t);
    }
    if (txn->fault == REASON_NONE || txn->fault == REASON_HEADER_TOO_LARGE)
        txn->fault = form_fault(&txn->dot) != REASON_NONE ? form_fault(&txn->dot) : txn->fault;
    struct check_facts facts = {
        .received_fields = (uint32_t)txn->walk.received,
        .text_bytes = txn->dot.size_bytes,
        .text_fault = txn->fault,
    };
    if (!policy_begin(s, t, PHASE_MESSAGE, &facts)) {
        text_decided(s, t, (struct verdict){.kind = VERDICT_DEFER, .reason = REASON_OUT_OF_MEMORY});
        return;
    }
    session_decide(s, t);
}

void text_feed(struct session *s, const struct turn *t, slice *in)
{
    slice piece;
    struct transaction *txn = s->txn;
    for (;;) {
        enum dot_event event = dot_decode(&txn->dot, in, &piece);
        if (event == DOT_END) {
            text_end(s, t);
            return;
        }
        if (event == DOT_MORE)
            break;
        text_take(s, t, piece);
        if (t->fx->store.n >= SESSION_STORE_BYTES)
            break;
    }
    uint64_t block = t->now_ms + s->policy->times.data_block_ms;
    s->deadline_ms = block < txn->text_until_ms ? block : txn->text_until_ms;
}

void text_decided(struct session *s, const struct turn *t, struct verdict v)
{
    session_wait_for_command(s, t);
    if (v.kind == VERDICT_NEXT && s->is_revoked) {
        transaction_end(s, t);
        say_and_close(s, t, REASON_SESSION_REVOKED);
        return;
    }
    if (v.kind == VERDICT_NEXT) {
        commit_ask(s, t);
        return;
    }
    say_of_message(s, t, v.reason, &(struct reply_facts){.incident = session_id(s)});
    transaction_end(s, t);
}
