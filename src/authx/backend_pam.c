#include "src/authx/backend_pam.h"

#include <stdlib.h>

#include "lib/auth/person.h"

enum { USER_MAX_BYTES = 1024 };

struct pam {
    struct backend backend;
    struct role *role;
    struct requests *requests;
    const struct conf_pam *conf;
};

static void ask(struct backend *b, struct request *q)
{
    struct pam *p = CONTAINER_OF(b, struct pam, backend);
    struct rpc *peer = role_peer(p->role, ROLE_PAM, 0);
    struct buf user;
    buf_init(&user, USER_MAX_BYTES);
    person_print(&user, p->conf->user, q->name, PERSON_PLAIN);
    const struct ipc_pam_check m = {.user = buf_slice(&user),
                                    .secret = request_secret(q),
                                    .ip = ip_bytes(&q->ip)};
    bool is_name = user.err == BUF_OK && user.n > 0;
    if (is_name && peer != NULL)
        q->is_sent = rpc_call_pam_check(peer, q->id, &m) == 0;
    buf_release(&user);
    if (!is_name)
        request_done(q, SASL_ANSWER_NO, (slice){0});
    else if (peer != NULL && !q->is_sent)
        request_done(q, SASL_ANSWER_FAILED, (slice){0});
    /* Else the role is about to come: pam_is_there, or the request's time is over. */
}

void pam_is_there(struct backend *b)
{
    struct pam *p = CONTAINER_OF(b, struct pam, backend);
    for (struct request *q = p->requests->first, *next; q != NULL; q = next) {
        next = q->next; /* a question may end at once */
        if (q->backend == b && !q->is_sent)
            ask(b, q);
    }
}

/* Its process ends by itself. */
static void forget(struct backend *b, struct request *q)
{
    (void)b;
    (void)q;
}

struct backend *pam_new(struct role *role, struct requests *requests, const struct conf_pam *conf)
{
    enum { LATER_MS = 1000 }; /* than the role pam, which knows why */
    struct pam *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct pam){.backend = {.name = "pam",
                                  .limit_ms = conf->timeout + LATER_MS,
                                  .can_find = false, /* PAM knows passwords, not people */
                                  .ask = ask,
                                  .forget = forget},
                      .role = role,
                      .requests = requests,
                      .conf = conf};
    return &p->backend;
}

void pam_free(struct backend *b)
{
    if (b != NULL)
        free(CONTAINER_OF(b, struct pam, backend));
}

void pam_checked(struct backend *b, uint64_t token, const struct ipc_message *m)
{
    struct pam *p = CONTAINER_OF(b, struct pam, backend);
    struct request *q = request_by_id(p->requests, (uint32_t)token);
    if (q != NULL && q->backend == b)
        request_done(q, m != NULL ? (enum sasl_answer_code)m->pam_checked.code : SASL_ANSWER_FAILED,
                     (slice){0});
}
