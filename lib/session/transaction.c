#include <stdlib.h>

#include "lib/session/session_int.h"

struct transaction *transaction_new(void)
{
    struct transaction *txn = malloc(sizeof *txn);
    if (txn == NULL)
        return NULL;
    *txn = (struct transaction){.fault = REASON_NONE};
    arena_init(&txn->arena, TRANSACTION_ARENA_BYTES);
    buf_init(&txn->header, 0);
    buf_init(&txn->body, 0);
    buf_init(&txn->envelope, ENVELOPE_MAX_BYTES);
    buf_init(&txn->added, 65536);
    return txn;
}

void transaction_free(struct transaction *txn)
{
    if (txn == NULL)
        return;
    arena_release(&txn->arena);
    buf_release(&txn->header);
    buf_release(&txn->body);
    buf_release(&txn->envelope);
    buf_release(&txn->added);
    free(txn);
}

void transaction_end(struct session *s, const struct turn *t)
{
    /* Also after a commit, and when its answer did not come in time: its slices end here. */
    if (s->commit_ask != 0 || (s->txn != NULL && s->txn->is_stored))
        t->fx->discard = true;
    if (s->txn != NULL)
        forwarded_drop(s);
    transaction_free(s->txn);
    s->txn = NULL;
    s->commit_ask = 0;
    if (s->state == STATE_IN_MAIL || s->state == STATE_IN_RCPT || s->state == STATE_IN_CHUNKS)
        s->state = STATE_READY;
    s->mode = s->mode == MODE_TEXT ? MODE_COMMAND : s->mode;
}
