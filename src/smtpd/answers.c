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
    } else if (is_given && call == IPC_COMMIT) {
        a.code = m->committed.result == SPOOL_RESULT_DONE      ? COMMIT_DONE
                 : m->committed.result == SPOOL_RESULT_NO_ROOM ? COMMIT_FULL
                                                               : COMMIT_FAILED;
        a.number = m->committed.id;
    }
    client_answer(s, token, &a);
}
