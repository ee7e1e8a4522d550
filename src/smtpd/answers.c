#include "src/smtpd/answers.h"

#include <errno.h>

#include "lib/route/targets.h"
#include "src/smtpd/client.h"
#include "sys/answers.h"

static struct answer recipient_answer(const struct ipc_rcpt_verdict *v)
{
    struct answer a = {.state = ANSWER_GIVEN};
    switch ((enum recipient_verdict)v->verdict) {
    case RECIPIENT_IS_OK:
        a.code = RECIPIENT_YES;
        return a;
    case RECIPIENT_IS_UNKNOWN:
        a.code = RECIPIENT_UNKNOWN;
        return a;
    case RECIPIENT_IS_DISABLED:
        a.code = RECIPIENT_DISABLED;
        return a;
    case RECIPIENT_IS_REMOTE:
        a.code = RECIPIENT_NOT_LOCAL;
        return a;
    case RECIPIENT_IS_MALFORMED:
        a.code = RECIPIENT_MALFORMED;
        return a;
    case RECIPIENT_IS_FORWARDED:
        a.code = RECIPIENT_FORWARDED;
        a.text = v->moved_to;
        return a;
    case RECIPIENT_IS_MOVED:
        a.code = RECIPIENT_MOVED;
        a.text = v->moved_to;
        return a;
    case RECIPIENT_IS_FULL:
        a.code = RECIPIENT_FULL;
        return a;
    case RECIPIENT_IS_OVERFULL:
        a.code = RECIPIENT_OVERFULL;
        return a;
    case RECIPIENT_IS_TEMPFAIL:
        break;
    }
    return (struct answer){.state = ANSWER_FAILED};
}

static uint32_t admit_code(enum admit_verdict verdict)
{
    switch (verdict) {
    case ADMIT_IS_YES:
        return ADMIT_YES;
    case ADMIT_IS_TOO_MANY_HERE:
        return ADMIT_TOO_MANY_HERE;
    case ADMIT_IS_TOO_MANY:
        break;
    }
    return ADMIT_TOO_MANY;
}

static struct answer auth_answer(const struct ipc_auth_step *step)
{
    static const enum auth_code codes[] = {
        [AUTH_IS_DONE] = AUTH_DONE,
        [AUTH_IS_CHALLENGE] = AUTH_CHALLENGE,
        [AUTH_IS_WRONG] = AUTH_WRONG,
        [AUTH_IS_MALFORMED] = AUTH_MALFORMED,
        [AUTH_IS_CANCELLED] = AUTH_CANCELLED,
        [AUTH_IS_UNKNOWN] = AUTH_UNKNOWN,
        [AUTH_IS_UNSUPPORTED] = AUTH_UNSUPPORTED,
        [AUTH_IS_IN_CLEAR] = AUTH_IN_CLEAR,
        [AUTH_IS_UNAVAILABLE] = AUTH_UNAVAILABLE,
        [AUTH_IS_TOO_WEAK] = AUTH_TOO_WEAK,
        [AUTH_IS_TOO_MANY] = AUTH_TOO_MANY,
    };
    struct answer a = {.state = ANSWER_GIVEN};
    if (step->result >= sizeof codes / sizeof codes[0])
        return (struct answer){.state = ANSWER_FAILED};
    a.code = codes[step->result];
    a.number = step->credential;
    a.text = a.code == AUTH_DONE ? step->account : step->challenge;
    a.token = step->pass;
    return a;
}

static struct answer sender_answer(const struct ipc_sender_verdict *v)
{
    struct answer a = {.state = ANSWER_GIVEN};
    switch ((enum sender_verdict)v->verdict) {
    case SENDER_IS_OK:
        a.code = SENDER_YES;
        a.number = v->recipients;
        a.token = v->grant;
        return a;
    case SENDER_IS_NOT_OWN:
        a.code = SENDER_NOT_OWN;
        return a;
    case SENDER_IS_LIMITED:
        a.code = SENDER_LIMITED;
        a.number = v->limit;
        a.window_s = v->window_s;
        return a;
    case SENDER_IS_OVER:
        a.code = SENDER_OVER;
        return a;
    case SENDER_IS_TEMPFAIL:
        break;
    }
    return (struct answer){.state = ANSWER_FAILED};
}

/* A list's verdict is a recipient's. */
static struct answer expn_answer(const struct ipc_expn_list *list)
{
    const struct ipc_rcpt_verdict verdict = {.verdict = list->verdict};
    struct answer a = recipient_answer(&verdict);
    a.text = list->lines;
    return a;
}

void answers_take(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                  enum rpc_result result, struct ipc_message *m)
{
    struct server *s = r->self;
    struct answer a = {.state = result == RPC_ANSWER ? ANSWER_GIVEN : ANSWER_FAILED};
    bool is_given = result == RPC_ANSWER;
    (void)peer;
    if (call == IPC_SIGN) {
        bool is_signed = is_given && m->sign_answer.result == SIGN_DONE;
        tls_signed(s->tls, token, is_signed ? m->sign_answer.signature : (slice){0});
        return;
    }
    if (call == IPC_FILE_OPEN) {
        int fd = is_given ? ipc_take_fd(&m->file_opened.fd) : -1;
        client_file(s, token, is_given ? m->file_opened.file : 0, fd,
                    fd >= 0                                                     ? 0
                    : is_given && m->file_opened.result == SPOOL_RESULT_NO_ROOM ? -ENOSPC
                                                                                : -EIO);
        return;
    }
    if (is_given && call == IPC_SESSION_OPEN) {
        a.code = admit_code((enum admit_verdict)m->session_admit.verdict);
        client_admitted(s, token, a.code == ADMIT_YES);
    } else if (is_given && call == IPC_DNS_PTR) {
        a.text = m->dns_name.name;
    } else if (is_given && call == IPC_RCPT_CHECK) {
        a = recipient_answer(&m->rcpt_verdict);
        if (m->rcpt_verdict.verdict == RECIPIENT_IS_OK)
            client_remember_recipient(s, token, &m->rcpt_verdict);
    } else if (is_given && call == IPC_AUTH) {
        a = auth_answer(&m->auth_step);
    } else if (is_given && call == IPC_SENDER_CHECK) {
        a = sender_answer(&m->sender_verdict);
    } else if (is_given && call == IPC_EXPN) {
        a = expn_answer(&m->expn_list);
    } else if (is_given && call == IPC_COMMIT) {
        a.code = m->committed.result == SPOOL_RESULT_DONE      ? COMMIT_DONE
                 : m->committed.result == SPOOL_RESULT_NO_ROOM ? COMMIT_FULL
                                                               : COMMIT_FAILED;
        a.number = m->committed.id;
    }
    client_answer(s, token, &a);
}
