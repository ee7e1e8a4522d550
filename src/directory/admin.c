#include "src/directory/admin.h"

#include "src/directory/notes.h"
#include "src/directory/revocations.h"
#include "sys/clock.h"
#include "sys/directory/admin.h"

/* The request itself holds hashes and digests: a summary is logged. */
static void log_change(struct directory *d, slice request)
{
    struct log_line line;

    buf_clear(&d->canonical);
    directory_admin_summary(request, &d->canonical);
    log_begin(&line, d->log, LOG_INFO, "directory.changed");
    log_slice(&line, "request", buf_slice(&d->canonical));
    log_end(&line);
}

static void revoke(struct directory *d, const struct directory_change *change)
{
    slice account = slice_of(change->account, change->account_n);
    struct log_line line;

    log_begin(&line, d->log, LOG_INFO, "auth.revoked");
    log_slice(&line, "account", account);
    if (change->credential != 0)
        log_u64(&line, "credential", change->credential);
    log_end(&line);
    revocations_add(d->revocations, account, change->credential);
}

void admin_carry_out(struct directory *d, struct rpc *control, const struct ipc_message *m)
{
    struct ipc_admin_answer answer;
    struct directory_change change = {0};

    /* What it asks for shall be as it is now. */
    notes_write(d->notes);
    buf_clear(&d->out);
    if (directory_admin(d->db, &d->rules, m->admin.json, (int64_t)(clock_wall_ms() / 1000), &d->out,
                        &change) != 0) {
        buf_clear(&d->out);
        buf_adds(&d->out, "{\"ok\":false,\"error\":\"unavailable\",\"message\":\"out of memory\","
                          "\"hint\":\"\"}");
    }
    if (change.is_changed) {
        genpage_raise(&d->page);
        log_change(d, m->admin.json);
    }
    if (change.is_revoked)
        revoke(d, &change);
    answer.json = buf_slice(&d->out);
    directory_replied(d, rpc_reply_admin_answer(control, m->call, &answer));
}
