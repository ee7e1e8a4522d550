/* body: the way of a message's body into its store and with the commit to queue. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/smtp/envelope.h"
#include "src/smtpd/client_int.h"

enum { MEMFD_BYTES = 1024 * 1024 };

/* One commit has an envelope, a header section (limits header-size in keys.def) and Received; a
 * body is beside them only when it and the header section are small. */
enum { HEADER_SIZE_MAX = 96 * 1024, ADDED_ROOM = 16 * 1024 };
_Static_assert(ENVELOPE_MAX_BYTES + HEADER_SIZE_MAX + ADDED_ROOM <= IPC_DATAGRAM_MAX,
               "the largest commit fits a datagram");

int body_ask_queue(struct client *c, struct rpc *queue, uint32_t id)
{
    const struct session_commit *m = &c->commit;
    struct ipc_commit fields = {
        .file = m->stored ? c->store.file : 0,
        .body_bytes = m->body_bytes,
        .envelope = m->envelope,
        .added = m->added,
        .header = m->header,
        .body = m->body,
        .fd = m->stored && c->store.file == 0 ? c->store.fd : -1,
    };
    int err = rpc_call_commit(queue, client_token(c, id), &fields);
    if (err == 0) {
        if (fields.fd >= 0)
            c->store.fd = -1; /* the channel's now */
        c->store.file = 0;
        store_release(&c->store);
    }
    return err;
}

static void lose_store(struct client *c, int err)
{
    session_store_failed(c->session, err == -ENOSPC || err == -EDQUOT);
    store_release(&c->store);
    c->store_failed = true;
}

/* Not asked for yet, since the channel was full: its slices go with the transaction. */
void body_forget_commit(struct client *c)
{
    struct waiting_ask **at = &c->waiting;
    c->has_commit = false;
    c->commit = (struct session_commit){0};
    while (*at != NULL) {
        struct waiting_ask *w = *at;
        if (w->kind == QUESTION_COMMIT) {
            *at = w->next;
            free(w);
        } else {
            at = &w->next;
        }
    }
}

void body_drop(struct client *c)
{
    struct rpc *queue = role_peer(c->server->role, ROLE_QUEUE, 0);
    /* A full channel is no harm: queue drops its files when it or we end. */
    if (c->store.file != 0 && queue != NULL)
        (void)!rpc_send_file_drop(queue, &(struct ipc_file_drop){c->store.file});
    store_release(&c->store);
    c->store_failed = false;
    c->open_file_ask = 0;
    conn_set_bulk(c->conn, false);
}

void body_append(struct client *c, slice bytes)
{
    conn_set_bulk(c->conn, true);
    if (c->store_failed)
        return;
    int err = store_append(&c->store, bytes);
    if (err == 0 && c->store.file == 0 && c->open_file_ask == 0 && c->store.bytes > MEMFD_BYTES) {
        struct rpc *queue = role_peer(c->server->role, ROLE_QUEUE, 0);
        uint32_t id = ++c->file_asks;
        err = queue == NULL
                  ? -EPIPE
                  : rpc_call_file_open(queue, client_token(c, id), &(struct ipc_file_open){});
        c->open_file_ask = err == 0 ? id : 0;
    }
    if (err != 0)
        lose_store(c, err);
}

/* The whole message is here: to queue, once its file is there. */
void body_commit(struct client *c)
{
    int err = 0;
    if (c->open_file_ask != 0)
        return;
    if (c->commit.stored)
        err = c->store_failed ? -EIO : store_finish(&c->store);
    if (err == 0) {
        client_ask(c, c->commit.ask_id, QUESTION_COMMIT, (slice){0});
        return;
    }
    const struct answer failed = {.state = ANSWER_GIVEN, .code = COMMIT_FAILED};
    body_drop(c);
    client_give(c, c->commit.ask_id, &failed);
}

void client_file(struct server *s, uint64_t token, uint64_t file, int fd, int err)
{
    struct client *c = server_client(s, (uint32_t)(token >> 32));
    if (c == NULL || c->open_file_ask != (uint32_t)token) {
        struct rpc *queue = role_peer(s->role, ROLE_QUEUE, 0);
        if (fd >= 0)
            (void)close(fd); /* nothing was written to it */
        if (file != 0 && queue != NULL)
            (void)!rpc_send_file_drop(queue, &(struct ipc_file_drop){file});
        return;
    }
    c->open_file_ask = 0;
    if (err == 0)
        err = store_move(&c->store, file, fd);
    if (err != 0)
        lose_store(c, err);
    if (c->has_commit)
        body_commit(c);
    client_go_on(c);
}
