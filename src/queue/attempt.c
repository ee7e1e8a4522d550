#include "src/queue/attempt.h"

#include <stdlib.h>

#include "lib/route/recipient.h"

/* ---- what is known ---- */

bool attempt_read_rcpts(struct attempt *a, const struct envelope *e)
{
    uint32_t n = e->rcpt_count;
    if (n > a->rcpt_room) {
        struct rcpt_try *p = realloc(a->rcpts, n * sizeof *p);
        if (p == NULL)
            return false;
        a->rcpts = p;
        a->rcpt_room = n;
    }
    slice rest = e->tlvs;
    struct envelope_rcpt rcpt;
    while (a->rcpt_count < n && envelope_next(&rest, &rcpt)) {
        struct rcpt_try *r = &a->rcpts[a->rcpt_count++];
        *r = (struct rcpt_try){.status = OUTCOME_WAITING};
        if (!arena_copy(&a->arena, rcpt.forward_path, &r->path))
            return false;
    }
    return true;
}

bool attempt_read_outcomes(struct attempt *a, slice state)
{
    struct outcome o;
    if (!outcomes_open(&state))
        return true;
    while (outcomes_take(&state, &o)) {
        if (o.rcpt >= a->rcpt_count)
            continue;
        if (o.status != OUTCOME_REACHED) {
            struct rcpt_try *r = &a->rcpts[o.rcpt];
            r->status = o.status;
            if (!arena_copy(&a->arena, o.text, &r->detail))
                return false;
            continue;
        }
        struct reached *h = ARENA_NEW(&a->arena, struct reached);
        if (h == NULL || !arena_copy(&a->arena, o.text, &h->key))
            return false;
        h->rcpt = o.rcpt;
        h->next = a->reached;
        a->reached = h;
    }
    return true;
}

/* ---- where it goes ---- */

static uint64_t hash_of(slice s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool has_reached(const struct attempt *a, uint32_t which, slice key)
{
    for (const struct reached *h = a->reached; h != NULL; h = h->next)
        if (h->rcpt == which && slice_eq(h->key, key))
            return true;
    return false;
}

/* A Maildir gets one copy, an address at another server too. */
static bool make_key(struct attempt *a, struct item *item)
{
    struct buf text;
    bool ok = true;
    if (item->kind == TARGET_MAILBOX) {
        item->key = item->path;
    } else {
        buf_init(&text, 4096);
        buf_addf(&text, "%.*s ", SLICE_ARG(item->path));
        recipient_print(&text, item->local, item->domain);
        ok = text.err == BUF_OK && arena_copy(&a->arena, buf_slice(&text), &item->key);
        buf_release(&text);
    }
    item->hash = hash_of(item->key);
    return ok;
}

bool attempt_add_item(struct attempt *a, uint32_t which, const struct target *t)
{
    if (a->item_count == a->item_room) {
        uint32_t room = a->item_room == 0 ? 4 : a->item_room * 2;
        struct item *p = room > ATTEMPT_WHICH_MAX ? NULL : realloc(a->items, room * sizeof *p);
        if (p == NULL)
            return false;
        a->items = p;
        a->item_room = room;
    }
    struct item item = {.kind = t->kind,
                        .rcpt = which,
                        .transfer = UINT32_MAX,
                        .quota_bytes = t->quota_bytes};
    if (!arena_copy(&a->arena, t->path, &item.path) ||
        !arena_copy(&a->arena, t->local, &item.local) ||
        !arena_copy(&a->arena, t->domain, &item.domain) || !make_key(a, &item))
        return false;
    if (has_reached(a, which, item.key))
        item.state = ITEM_DONE;
    for (uint32_t i = 0; i < a->item_count && item.state == ITEM_TO_SEND; i++)
        if (a->items[i].hash == item.hash && a->items[i].state != ITEM_SAME &&
            slice_eq(a->items[i].key, item.key)) {
            item.state = ITEM_SAME;
            item.same_as = i;
        }
    a->items[a->item_count++] = item;
    return true;
}

/* ---- what became of it ---- */

static void settle_rcpt(struct attempt *a, uint32_t which)
{
    struct rcpt_try *r = &a->rcpts[which];
    uint32_t done = 0, later = 0, refused = 0;
    for (uint32_t i = 0; i < a->item_count; i++) {
        const struct item *item = &a->items[i];
        if (item->rcpt != which)
            continue;
        const struct item *real = item->state == ITEM_SAME ? &a->items[item->same_as] : item;
        done += real->state == ITEM_DONE;
        refused += real->state == ITEM_REFUSED;
        later += real->state != ITEM_DONE && real->state != ITEM_REFUSED;
        if (real->state != ITEM_DONE && real->detail.n > 0)
            r->detail = real->detail;
    }
    if (later > 0)
        r->status = OUTCOME_WAITING;
    else if (refused > 0)
        r->status = OUTCOME_FAILED;
    else if (done > 0)
        r->status = OUTCOME_DONE;
    /* None: what expand said stands. */
}

struct attempt_sums attempt_settle(struct attempt *a)
{
    struct attempt_sums sums = {0};
    for (uint32_t i = 0; i < a->rcpt_count; i++) {
        struct rcpt_try *r = &a->rcpts[i];
        if (r->is_tried)
            settle_rcpt(a, i);
        sums.done += r->status == OUTCOME_DONE;
        sums.waiting += r->status == OUTCOME_WAITING;
        sums.failed += r->status == OUTCOME_FAILED || r->status == OUTCOME_NO_ROUTE;
    }
    return sums;
}

/* Words above max_words bytes are cut; what has its copy is written whole. */
static void write_outcomes(const struct attempt *a, size_t max_words, struct buf *out)
{
    outcomes_begin(out);
    for (uint32_t i = 0; i < a->rcpt_count; i++) {
        const struct rcpt_try *r = &a->rcpts[i];
        if (r->status != OUTCOME_WAITING || r->detail.n > 0)
            outcomes_add(out, &(struct outcome){r->status, (uint16_t)i,
                                                slice_head(r->detail, max_words)});
    }
    for (const struct reached *h = a->reached; h != NULL; h = h->next)
        if (a->rcpts[h->rcpt].status != OUTCOME_DONE)
            outcomes_add(out, &(struct outcome){OUTCOME_REACHED, (uint16_t)h->rcpt, h->key});
    for (uint32_t i = 0; i < a->item_count; i++) {
        const struct item *item = &a->items[i];
        if (item->state == ITEM_DONE && a->rcpts[item->rcpt].status != OUTCOME_DONE)
            outcomes_add(out, &(struct outcome){OUTCOME_REACHED, (uint16_t)item->rcpt, item->key});
    }
}

/* A thousand refusals in many words are more than the spool keeps: rather fewer words than a second
 * copy for somebody who has one. */
void attempt_write_outcomes(const struct attempt *a, struct buf *out)
{
    static const size_t words[] = {OUTCOME_TEXT_MAX, 200, 40, 0};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        buf_clear(out);
        write_outcomes(a, words[i], out);
        if (out->err != BUF_FULL)
            return;
    }
}

bool attempt_has_news(const struct attempt *a)
{
    for (uint32_t i = 0; i < a->item_count; i++)
        if (a->items[i].state == ITEM_DONE || a->items[i].state == ITEM_LATER ||
            a->items[i].state == ITEM_REFUSED)
            return true;
    for (uint32_t i = 0; i < a->rcpt_count; i++)
        if (a->rcpts[i].is_tried && a->rcpts[i].detail.n > 0)
            return true;
    return false;
}

bool attempt_waits_for_lmtp(const struct attempt *a)
{
    for (uint32_t i = 0; i < a->item_count; i++)
        if (a->items[i].state == ITEM_LATER && a->items[i].kind == TARGET_LMTP)
            return true;
    return false;
}
