/* tls_sign: the signatures that are being waited for. An id is (number of the request, place in
 * `waiting`). */
#include <openssl/async.h>

#include "sys/tls_parts.h"

static void queue_push(struct tls *t, struct tls_session *s)
{
    s->queued = true;
    s->next = NULL;
    if (t->queue_tail != NULL)
        t->queue_tail->next = s;
    else
        t->queue_head = s;
    t->queue_tail = s;
}

static void queue_remove(struct tls *t, struct tls_session *s)
{
    struct tls_session **at = &t->queue_head, *before = NULL;
    while (*at != s) {
        before = *at;
        at = &before->next;
    }
    *at = s->next;
    if (t->queue_tail == s)
        t->queue_tail = before;
    s->queued = false;
}

void tls_sign_wake(struct tls *t)
{
    struct tls_session *s = t->queue_head;
    if (s == NULL || t->waiting_n >= TLS_JOBS_MAX)
        return;
    queue_remove(t, s);
    s->wake(s->owner);
}

static struct waiting *waiting_find(struct tls *t, struct tls_session *s)
{
    for (size_t i = 0; i < TLS_JOBS_MAX; i++) {
        if (t->waiting[i].session == s)
            return &t->waiting[i];
    }
    return NULL;
}

size_t tls_session_sign(slice key_id, uint16_t scheme, slice tbs, char *ret_sig, size_t max)
{
    ASYNC_JOB *job = ASYNC_get_current_job();
    ASYNC_callback_fn fn = NULL;
    void *ssl = NULL;
    if (job == NULL || tbs.n > TLS_SIGN_MAX_BYTES ||
        ASYNC_WAIT_CTX_get_callback(ASYNC_get_wait_ctx(job), &fn, &ssl) != 1 || ssl == NULL)
        return 0;
    struct tls_session *s = SSL_get_app_data((SSL *)ssl);
    struct tls *t = s->tls;
    struct waiting *w = waiting_find(t, NULL);
    struct signing signing = {.sig = ret_sig, .max = max};
    if (w == NULL)
        return 0;
    uint64_t id = ++t->asked * TLS_JOBS_MAX + (uint64_t)(w - t->waiting);
    if (t->ops->sign(t->user, id, key_id, scheme, tbs) != 0)
        return 0;
    *w = (struct waiting){.session = s, .id = id};
    t->waiting_n++;
    s->signing = &signing;
    while (!signing.answered) {
        if (ASYNC_pause_job() != 1)
            signing.answered = true;
    }
    s->signing = NULL;
    return signing.n;
}

/* The place is free again; the session goes on when its owner calls it the next time. */
static void waiting_end(struct tls *t, struct waiting *w, slice signature)
{
    struct signing *g = w->session->signing;
    g->answered = true;
    if (signature.n <= g->max && signature.n > 0) {
        memcpy(g->sig, signature.p, signature.n);
        g->n = signature.n;
    }
    *w = (struct waiting){0};
    t->waiting_n--;
}

void tls_signed(struct tls *t, uint64_t id, slice signature)
{
    struct waiting *w = &t->waiting[id % TLS_JOBS_MAX];
    struct tls_session *s = w->session;
    if (s == NULL || w->id != id)
        return;
    waiting_end(t, w, signature);
    s->wake(s->owner);
    tls_sign_wake(t);
}

bool tls_sign_may_go_on(struct tls_session *s)
{
    struct tls *t = s->tls;
    if (s->signing != NULL && !s->signing->answered)
        return false;
    if (s->signing == NULL && t->waiting_n >= TLS_JOBS_MAX) {
        if (!s->queued)
            queue_push(t, s);
        return false;
    }
    if (s->queued)
        queue_remove(t, s);
    return true;
}

void tls_sign_forget(struct tls_session *s)
{
    struct waiting *w = s->signing == NULL ? NULL : waiting_find(s->tls, s);
    if (s->queued)
        queue_remove(s->tls, s);
    if (w != NULL)
        waiting_end(s->tls, w, (slice){0});
}
