/* BDAT (RFC 3030 2): the text in counted chunks, without dots.
 *
 * The octets of a chunk follow its line whatever we think of it, so they are always taken, and only
 * then comes the reply; a line whose count cannot be read ends the session, for nobody could tell
 * what follows from commands. */
#include "lib/session/session_int.h"

/* Lines end in CRLF here as they do in DATA, unless MAIL said that there are none (RFC 3030 3). */
static void look_at_line_ends(struct transaction *txn, slice piece)
{
    bool after_cr = txn->is_after_cr;
    txn->dot.size_bytes += piece.n;
    if (txn->mail.body == BODY_BINARYMIME)
        return;
    for (size_t i = 0; i < piece.n; i++) {
        char c = piece.p[i];
        if (after_cr && c != '\n')
            txn->dot.seen |= DOT_SEEN_BARE_CR;
        if (!after_cr && c == '\n')
            txn->dot.seen |= DOT_SEEN_BARE_LF;
        if (c == '\0')
            txn->dot.seen |= DOT_SEEN_NUL;
        after_cr = c == '\r';
    }
    txn->is_after_cr = after_cr;
}

/* Why the chunk is not wanted; REASON_NONE: it is. */
static enum reason_id refusal(const struct session *s)
{
    switch (s->state) {
    case STATE_REFUSED:
        return REASON_SERVICE_REFUSED;
    case STATE_CONNECTING:
    case STATE_GREETED:
    case ANY_GREETED:
        return s->policy->is_lmtp ? REASON_LHLO_FIRST : REASON_HELO_FIRST;
    case STATE_READY:
        break;
    case STATE_IN_MAIL:
        return no_recipients(s);
    case STATE_IN_RCPT:
    case STATE_IN_CHUNKS:
        return REASON_NONE;
    }
    return s->policy->tls_required && !s->has_tls ? REASON_STARTTLS_FIRST : REASON_MAIL_FIRST;
}

static void end_chunk(struct session *s, const struct turn *t)
{
    struct transaction *txn = s->txn;
    s->mode = MODE_COMMAND;
    session_wait_for_command(s, t);
    if (s->chunk_refusal != REASON_NONE) {
        say(s, t, s->chunk_refusal, SLICE_LIT("BDAT"));
    } else if (s->chunk.is_last) {
        if (txn->is_after_cr)
            txn->dot.seen |= DOT_SEEN_BARE_CR;
        text_end(s, t);
    } else if (txn->fault != REASON_NONE) {
        /* The message is lost already: further chunks find no transaction. */
        say_decision(s, t, txn->fault, (slice){0});
        transaction_end(s, t);
    } else {
        struct buf count;
        buf_init(&count, 32);
        buf_addu(&count, s->chunk_bytes);
        say(s, t, REASON_CHUNK_OK, buf_slice(&count));
        buf_release(&count);
    }
}

void verb_bdat(struct session *s, const struct turn *t, slice args)
{
    if (bdat_parse(args, &s->chunk) != BDAT_OK) {
        say(s, t, REASON_PARAMETER_VALUE_BAD, s->verb);
        s->mode = MODE_ENDED;
        t->fx->close = true;
        return;
    }
    s->chunk_bytes = s->chunk.left_bytes;
    s->chunk_refusal = refusal(s);
    if (s->chunk_refusal == REASON_NONE && s->state != STATE_IN_CHUNKS) {
        text_begin(s, t);
        s->state = STATE_IN_CHUNKS;
        s->chunks_until_ms = s->txn->text_until_ms;
    } else if (s->chunk_refusal != REASON_NONE) {
        s->chunks_until_ms = t->now_ms + s->policy->times.message_ms;
    }
    s->mode = MODE_CHUNK;
    if (s->chunk.left_bytes == 0)
        end_chunk(s, t);
}

void chunk_feed(struct session *s, const struct turn *t, slice *in)
{
    slice piece = bdat_take(&s->chunk, in);
    if (s->chunk_refusal == REASON_NONE) {
        look_at_line_ends(s->txn, piece);
        text_take(s, t, piece);
    }
    if (s->chunk.left_bytes == 0) {
        end_chunk(s, t);
        return;
    }
    uint64_t block = t->now_ms + s->policy->times.data_block_ms;
    s->deadline_ms = block < s->chunks_until_ms ? block : s->chunks_until_ms;
}
