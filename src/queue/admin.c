#include "src/queue/admin.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/ip.h"
#include "lib/smtp/envelope.h"
#include "lib/smtp/queueid.h"
#include "src/queue/outcomes.h"

/* Messages in one answer. */
#define PAGE 200
/* What an answer may hold at most, with room for one more message. */
#define ANSWER_BYTES ((size_t)96 << 10)

static json_t *text_of(slice s)
{
    json_t *t = json_stringn(s.p == NULL ? "" : s.p, s.n);
    /* Not UTF-8: byte for byte as Latin-1 is better than nothing. */
    if (t == NULL) {
        struct buf b;
        buf_init(&b, s.n * 2 + 1);
        for (size_t i = 0; i < s.n; i++) {
            unsigned char c = (unsigned char)s.p[i];
            if (c >= 0x80) {
                buf_addc(&b, (char)(0xc0 | c >> 6));
                c = 0x80 | (c & 0x3f);
            }
            buf_addc(&b, (char)c);
        }
        t = json_stringn(b.p == NULL ? "" : b.p, b.n);
        buf_release(&b);
    }
    return t;
}

static json_t *failure(const char *key, const char *message, const char *hint)
{
    return json_pack("{s:b,s:s,s:s,s:s}", "ok", 0, "error", key, "message", message, "hint", hint);
}

struct message {
    struct entry *entry;
    struct spool_loaded loaded;
    struct envelope envelope;
};

static bool load(struct spool *s, uint64_t id, struct buf *into, struct message *ret)
{
    ret->entry = spool_find(s, id);
    if (ret->entry == NULL || spool_load(s, ret->entry, into, &ret->loaded) != 0)
        return false;
    if (ret->loaded.file >= 0)
        close(ret->loaded.file);
    return envelope_decode(ret->loaded.envelope, &ret->envelope) == ENVELOPE_OK;
}

static slice last_said(slice state)
{
    struct outcome o;
    slice last = {NULL, 0};
    if (outcomes_open(&state))
        while (outcomes_take(&state, &o))
            if (o.status != OUTCOME_REACHED && o.text.n > 0)
                last = o.text;
    return last;
}

static json_t *summary_of(const struct message *m, bool is_held)
{
    char id[QUEUEID_CHARS];
    const struct entry *e = m->entry;
    json_t *j = json_object();
    uint64_t bytes = m->loaded.added.n + m->loaded.header.n + m->loaded.body_bytes;
    json_object_set_new(j, "id", text_of(queueid_print(e->id, id)));
    json_object_set_new(j, "size", json_integer((json_int_t)bytes));
    json_object_set_new(j, "received_at",
                        json_integer((json_int_t)(m->envelope.received_at_ms / 1000)));
    json_object_set_new(j, "sender", text_of(m->envelope.reverse_path));
    if (m->envelope.account.n > 0)
        json_object_set_new(j, "account", text_of(m->envelope.account));
    json_object_set_new(j, "recipients", json_integer(m->envelope.rcpt_count));
    json_object_set_new(j, "attempts", json_integer(e->attempts));
    json_object_set_new(j, "next_try_at", json_integer((json_int_t)(e->next_try_ms / 1000)));
    json_object_set_new(j, "held", json_boolean(is_held));
    json_object_set_new(j, "last", text_of(last_said(m->loaded.state)));
    return j;
}

/* ---- list ---- */

struct page {
    uint64_t after;
    uint64_t ids[PAGE + 1]; /* the least ones behind `after`, in order */
    size_t n, max;
};

static int pick(void *owner, struct entry *e)
{
    struct page *p = owner;
    if (e->id <= p->after || (p->n == p->max && e->id > p->ids[p->n - 1]))
        return 0;
    size_t i = p->n < p->max ? p->n++ : p->n - 1;
    for (; i > 0 && p->ids[i - 1] > e->id; i--)
        p->ids[i] = p->ids[i - 1];
    p->ids[i] = e->id;
    return 0;
}

static json_t *list(struct spool *s, const json_t *request, bool is_held)
{
    struct page p = {.max = PAGE + 1};
    const json_t *after = json_object_get(request, "after"),
                 *limit = json_object_get(request, "limit");
    if (json_is_string(after) &&
        !queueid_parse(slice_of(json_string_value(after), json_string_length(after)), &p.after))
        return failure("bad-request", "\"after\" is no queue id", "");
    if (json_is_integer(limit) && json_integer_value(limit) > 0 && json_integer_value(limit) < PAGE)
        p.max = (size_t)json_integer_value(limit) + 1;
    (void)spool_each(s, pick, &p);
    json_t *messages = json_array();
    struct buf into;
    buf_init(&into, SPOOL_SEGMENT_MAX);
    size_t i = 0, bytes = 0;
    for (; i < p.n && i + 1 < p.max && bytes < ANSWER_BYTES; i++) {
        struct message m;
        if (!load(s, p.ids[i], &into, &m))
            continue;
        json_t *j = summary_of(&m, is_held);
        /* Escapes make six bytes of one at most; most mail has none. */
        bytes += 250 + 2 * (m.envelope.reverse_path.n + m.envelope.account.n +
                            last_said(m.loaded.state).n);
        json_array_append_new(messages, j);
    }
    buf_release(&into);
    return json_pack("{s:b,s:o,s:b}", "ok", 1, "messages", messages, "more", i < p.n);
}

/* ---- show ---- */

static json_t *recipients_of(const struct message *m)
{
    json_t *all = json_array();
    slice rest = m->envelope.tlvs;
    struct envelope_rcpt rcpt;
    size_t bytes = 0;
    while (envelope_next(&rest, &rcpt)) {
        json_t *j = json_object();
        json_object_set_new(j, "address", text_of(rcpt.forward_path));
        json_object_set_new(j, "state", text_of(outcome_status_text(OUTCOME_WAITING)));
        json_object_set_new(j, "last", text_of((slice){NULL, 0}));
        json_array_append_new(all, j);
    }
    slice state = m->loaded.state;
    struct outcome o;
    if (outcomes_open(&state))
        while (outcomes_take(&state, &o)) {
            json_t *j = json_array_get(all, o.rcpt);
            if (j == NULL || o.status == OUTCOME_REACHED)
                continue;
            json_object_set_new(j, "state", text_of(outcome_status_text(o.status)));
            bytes += o.text.n;
            if (bytes < ANSWER_BYTES / 8)
                json_object_set_new(j, "last", text_of(o.text));
        }
    return all;
}

static json_t *ip_of(slice bytes)
{
    struct ip ip;
    struct buf b;
    buf_init(&b, 64);
    if (ip_from_bytes(bytes, &ip))
        ip_print(&b, &ip);
    json_t *t = text_of(buf_slice(&b));
    buf_release(&b);
    return t;
}

/* As MAIL has them (BODY=). */
static slice body_word(uint8_t body)
{
    return body == ENVELOPE_BODY_BINARY     ? SLICE_LIT("BINARYMIME")
           : body == ENVELOPE_BODY_8BITMIME ? SLICE_LIT("8BITMIME")
                                            : SLICE_LIT("7BIT");
}

static json_t *show(struct spool *s, const json_t *request, bool is_held)
{
    const json_t *wanted = json_object_get(request, "id");
    uint64_t id;
    struct message m;
    if (!json_is_string(wanted) ||
        !queueid_parse(slice_of(json_string_value(wanted), json_string_length(wanted)), &id))
        return failure("bad-request", "that is no queue id",
                       "A queue id has 13 letters and digits: see `candor queue list`.");
    struct buf into;
    buf_init(&into, SPOOL_SEGMENT_MAX);
    json_t *answer;
    if (load(s, id, &into, &m)) {
        json_t *j = summary_of(&m, is_held);
        json_object_set_new(j, "recipients", recipients_of(&m));
        json_object_set_new(j, "client",
                            json_pack("{s:o,s:o,s:o}", "ip", ip_of(m.envelope.client_ip), "name",
                                      text_of(m.envelope.client_name), "helo",
                                      text_of(m.envelope.helo)));
        json_object_set_new(j, "tls", text_of(m.envelope.tls));
        json_object_set_new(j, "incident", text_of(m.envelope.incident));
        /* What MAIL asked for. */
        json_object_set_new(j, "body", text_of(body_word(m.envelope.body)));
        json_object_set_new(j, "requiretls", json_boolean(m.envelope.requiretls != 0));
        json_object_set_new(j, "auth", text_of(m.envelope.auth));
        answer = json_pack("{s:b,s:o}", "ok", 1, "message", j);
    } else {
        answer = failure("not-found", "no such message waits",
                         "It was delivered already, or its id is another one: see `candor queue "
                         "list`.");
    }
    buf_release(&into);
    return answer;
}

/* ---- summary ---- */

struct totals {
    uint64_t retried, bodies;
    uint64_t oldest_id;
};

static int add_up(void *owner, struct entry *e)
{
    struct totals *t = owner;
    t->retried += e->attempts > 0;
    t->bodies += e->has_file;
    if (t->oldest_id == 0 || e->id < t->oldest_id)
        t->oldest_id = e->id;
    return 0;
}

static json_t *summary(struct spool *s, bool is_held)
{
    struct spool_stats st;
    struct totals t = {0};
    spool_stats(s, &st);
    (void)spool_each(s, add_up, &t);
    return json_pack("{s:b,s:{s:I,s:I,s:I,s:I,s:b},s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}", "ok", 1,
                     "messages", "waiting", (json_int_t)st.messages, "retried",
                     (json_int_t)t.retried, "bytes", (json_int_t)st.message_bytes,
                     /* an id begins with the milliseconds of its birth */
                     "oldest_at", (json_int_t)(t.oldest_id / 1000 >> 20), "held", is_held, "spool",
                     "segments", (json_int_t)st.segments, "spares", (json_int_t)st.spares, "groups",
                     (json_int_t)st.groups, "records", (json_int_t)st.records, "copied",
                     (json_int_t)st.copied, "torn", (json_int_t)st.torn, "damaged",
                     (json_int_t)st.damaged, "memory", (json_int_t)st.memory_bytes);
}

void queue_admin(struct spool *s, slice request, bool is_held, struct buf *out)
{
    json_t *j = json_loadb(request.p, request.n, 0, NULL), *answer = NULL;
    slice verb = slice_cstr(json_string_value(json_object_get(j, "do")));
    if (slice_is(verb, "queue-list"))
        answer = list(s, j, is_held);
    else if (slice_is(verb, "queue-show"))
        answer = show(s, j, is_held);
    else if (slice_is(verb, "queue-summary"))
        answer = summary(s, is_held);
    else
        answer = failure("bad-request", "queue does not know this request", "");
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
    if (text == NULL)
        buf_adds(out, "{\"ok\":false,\"error\":\"unavailable\",\"message\":\"out of memory\","
                      "\"hint\":\"\"}");
    else
        buf_adds(out, text);
    free(text);
    json_decref(answer);
    json_decref(j);
}
