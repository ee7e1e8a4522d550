/* client_log: the lines that a client leaves in the log. */
#include "lib/smtp/queueid.h"
#include "src/smtpd/client_int.h"

void client_log_finding(struct client *c, const struct finding *f)
{
    struct log_line line;
    const struct reason *r = reason_of(f->reason);
    c->server->refusals += !f->is_notice;
    log_begin(&line, c->server->role->log, LOG_INFO,
              f->is_notice ? "smtp.noticed" : "smtp.refused");
    log_slice(&line, "session", session_id(c->session));
    log_cstr(&line, "reason", r->id);
    log_u64(&line, "code", r->basic);
    if (f->about_n > 0)
        log_slice(&line, "about", slice_of(f->about, f->about_n));
    log_end(&line);
}

/* Where a trusted proxy says that it comes from (XFORWARD). */
static void log_origin(struct log_line *line, slice origin)
{
    struct ip ip;
    struct buf text;
    buf_init(&text, 64);
    if (ip_from_bytes(origin, &ip)) {
        ip_print(&text, &ip);
        log_slice(line, "origin", buf_slice(&text));
    }
    buf_release(&text);
}

void client_log_accepted(struct client *c, uint64_t id)
{
    char text[QUEUEID_CHARS];
    struct log_line line;
    c->server->messages++;
    log_begin(&line, c->server->role->log, LOG_INFO, "smtp.accepted");
    log_slice(&line, "session", session_id(c->session));
    log_slice(&line, "queue_id", queueid_print(id, text));
    log_slice(&line, "from", c->commit.reverse_path);
    if (session_account(c->session).n > 0)
        log_slice(&line, "account", session_account(c->session));
    log_u64(&line, "recipients", c->commit.recipients);
    log_u64(&line, "bytes", c->commit.header.n + c->commit.body_bytes);
    log_origin(&line, c->commit.origin);
    log_end(&line);
}

void client_log_closed(struct client *c, enum conn_end end, slice detail)
{
    static const char *const ends[] = {
        [CONN_END_DONE] = "done",       [CONN_END_PEER] = "peer",       [CONN_END_TLS] = "tls",
        [CONN_END_TIMEOUT] = "timeout", [CONN_END_ABORTED] = "aborted", [CONN_END_LOCAL] = "local",
    };
    struct log_line line;
    struct buf ip;
    buf_init(&ip, 64);
    ip_print(&ip, &c->ip);
    log_begin(&line, c->server->role->log, LOG_INFO, "smtp.end");
    log_slice(&line, "client", buf_slice(&ip));
    log_u64(&line, "port", c->port);
    if (c->session != NULL) {
        log_slice(&line, "session", session_id(c->session));
        log_u64(&line, "messages", session_messages(c->session));
    }
    log_cstr(&line, "end", ends[end]);
    if (detail.n > 0)
        log_slice(&line, "detail", detail);
    log_end(&line);
    buf_release(&ip);
}
